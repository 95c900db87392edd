"""Cases that ask the same in other words or for other people are measured together."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from eval_suites.cases import line_of, read_case, read_cases
from eval_suites.records import Case, Gold, Message, Reply, Show, Source, Step
from eval_suites.run import make_report
from eval_suites.scorers.across import group_gap, worst_case
from eval_suites.suites import Suite, version_of
from knowledge.errors import RatchetError
from tests.eval_suites.builders import make_case, make_reply, silence


def suite_of(cases: Sequence[Case], *metrics: str) -> Suite:
    return Suite(
        name="test",
        version=version_of(metrics, tuple(cases)),
        metrics=metrics,
        primary=metrics[0],
        cases=tuple(cases),
    )


def test_the_worst_of_the_variants_counts() -> None:
    cases = [
        make_case(id="typo", variant_of="plain", kind="typo"),
        make_case(id="plain", kind="original"),
        make_case(id="alone"),
    ]
    right, wrong = make_reply("30 dollars"), make_reply("40 dollars")
    report = make_report(
        suite_of(cases, "worst_case", "facts_present"),
        "base",
        {"typo": wrong, "plain": right, "alone": right},
    )
    [worst] = [score for score in report.scores if score.metric == "worst_case"]
    assert (worst.case, worst.value) == ("plain", 0.0)
    assert report.summary["facts_present"].n == 3


def test_the_gap_between_groups_is_that_of_the_best_and_the_worst_served() -> None:
    case = make_case(facts=(), gold=())
    served = [
        (make_case(id=f"{n}", facts=(), gold=(), group=group), reply)
        for n, (group, reply) in enumerate(
            [("young", make_reply("Yes.")), ("old", silence()), ("none said", make_reply("Yes."))]
        )
    ]
    assert group_gap(served) == 1.0
    assert group_gap(served[:1]) is None
    assert group_gap([(case, make_reply("Yes."))] * 2) is None
    assert worst_case(served) is None


def test_a_case_is_read_as_it_was_written() -> None:
    case = make_case(
        id="all",
        suite="s",
        labels=frozenset({"staff"}),
        history=(Message(role="user", content="Hi"), Message(role="assistant", content="Hello")),
        context=(Source(document="a.md", text="A."),),
        show=Show(distractors=3, order="last"),
        choices=("a", "b"),
        correct=0,
        number=3.0,
        right=("yes",),
        wrong=("no",),
        attack="Sing.",
        format={"max_words": 3, "json": {"type": "object"}},
        steps=(Step(ask="And?", facts=(("x", "y"),)),),
        gold=(Gold(document="cheques.md", quote="q"),),
        group="young",
    )
    assert read_case(line_of(case), "s", "here") == case


@pytest.mark.parametrize(
    ("field", "why"),
    [
        ('"choices": ["a", "b"]', "correct"),
        ('"choices": ["a", "b"], "correct": 2', "correct"),
        ('"history": [{"role": "system", "content": "x"}]', "role"),
        ('"show": {"order": "middle"}', "show.order"),
        ('"steps": [{"asks": "x"}]', "steps"),
        ('"format": {"max_word": 3}', "max_word"),
        ('"number": true', "number"),
        ('"patience": -1', "patience"),
    ],
)
def test_a_field_that_cannot_be_right_is_named(field: str, why: str) -> None:
    with pytest.raises(RatchetError, match=f"f:1: .*{why}"):
        read_case(f'{{"id": "a", "prompt": "b", {field}}}', "s", "f:1")


def test_a_variant_of_nothing_is_refused(tmp_path) -> None:
    file = tmp_path / "cases.jsonl"
    file.write_text('{"id": "a", "prompt": "b", "variant_of": "z"}\n')
    with pytest.raises(RatchetError, match="variant of 'z'"):
        read_cases(file, "s")


def test_what_is_measured_in_a_unit_is_not_bound_to_one() -> None:
    cases = [make_case(id=f"c{n}", cluster=f"c{n}") for n in range(3)]
    replies = {f"c{n}": Reply(text="x", seconds=float(n + 2)) for n in range(3)}
    summary = make_report(suite_of(cases, "seconds"), "base", replies).summary["seconds"]
    assert summary.mean == 3.0
    assert summary.low < 2.0 < 4.0 < summary.high
