from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from eval_suites.records import Case, Reply, Score
from eval_suites.run import run, summarise
from eval_suites.suites import Suite, version_of
from knowledge.errors import RatchetError
from tests.eval_suites.builders import make_case, make_passage, make_reply, silence, unanswerable

CASES = (
    make_case(id="a", cluster="one"),
    make_case(id="b", cluster="two", facts=(("31 dollars",),)),
    unanswerable(id="c", cluster="three"),
)
METRICS = ("facts_present", "abstained_rightly", "terse")


class Parrot:
    """Says the same to everyone and remembers what it was asked."""

    name = "parrot"

    def __init__(self, text: str = "It is 30 dollars [1].") -> None:
        self.text = text
        self.batches: list[list[str]] = []

    def __call__(self, cases: Sequence[Case]) -> list[Reply]:
        self.batches.append([case.id for case in cases])
        return [make_reply(self.text, make_passage(), cites=[1]) for _ in cases]


def make_suite(cases: Sequence[Case] = CASES) -> Suite:
    return Suite(
        name="test",
        version=version_of(METRICS, tuple(cases)),
        metrics=METRICS,
        primary="facts_present",
        cases=tuple(cases),
    )


def scores(values: Sequence[float], clusters: Sequence[str] | None = None) -> list[Score]:
    return [
        Score(case=str(n), metric="m", value=v, cluster=clusters[n] if clusters else str(n))
        for n, v in enumerate(values)
    ]


def test_a_report_holds_every_reply_and_every_score_that_applies() -> None:
    report = run(make_suite(), Parrot())
    assert list(report.replies) == ["a", "b", "c"]
    assert report.assistant == "parrot"
    assert report.version == make_suite().version
    found = {(s.case, s.metric): s.value for s in report.scores}
    assert found == {
        ("a", "facts_present"): 1.0,
        ("b", "facts_present"): 0.0,
        ("c", "abstained_rightly"): 0.0,
        ("a", "terse"): 1.0,
        ("b", "terse"): 1.0,
    }
    assert report.summary["facts_present"].mean == 0.5
    assert report.summary["facts_present"].n == 2


def test_cases_are_put_in_batches_and_progress_is_told() -> None:
    parrot, done = Parrot(), list[int]()
    run(make_suite(), parrot, batch=2, progress=done.append)
    assert parrot.batches == [["a", "b"], ["c"]]
    assert done == [2, 1]


def test_an_assistant_that_skips_a_case_is_an_error() -> None:
    def forgetful(cases: Sequence[Case]) -> list[Reply]:
        return [silence() for _ in cases][1:]

    forgetful.name = "forgetful"  # type: ignore[attr-defined]
    with pytest.raises(RatchetError, match="2 replies to 3 cases"):
        run(make_suite(), forgetful)  # type: ignore[arg-type]


def test_a_metric_that_applies_to_no_case_has_no_summary() -> None:
    report = run(make_suite([unanswerable(id="c")]), Parrot())
    assert set(report.summary) == {"abstained_rightly"}


def test_yes_or_no_on_cases_of_their_own_has_wilsons_interval() -> None:
    summary = summarise(scores([1.0] * 8 + [0.0] * 2))
    assert summary.mean == 0.8
    assert (summary.low, summary.high) == pytest.approx((0.4902, 0.9433), abs=1e-4)


def test_cases_of_one_cluster_count_as_one() -> None:
    values = [1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    alone = summarise(scores(values))
    grouped = summarise(scores(values, ["a"] * 4 + ["b"] * 4))
    assert grouped.mean == alone.mean
    assert grouped.high - grouped.low > alone.high - alone.low


@pytest.mark.parametrize("clusters", [None, ["a"] * 6, ["a", "a", "b", "b", "c", "c"]])
def test_a_perfect_score_is_never_a_certainty(clusters: list[str] | None) -> None:
    summary = summarise(scores([1.0] * 6, clusters))
    assert (summary.mean, summary.high) == (1.0, 1.0)
    assert summary.low < 0.75


def test_an_interval_holds_its_mean_and_stays_in_range() -> None:
    summary = summarise(scores([0.9, 1.0, 0.95, 0.1, 1.0], ["a", "a", "b", "b", "c"]))
    assert 0.0 <= summary.low <= summary.mean <= summary.high <= 1.0


def test_several_replies_are_drawn_and_their_mean_counts() -> None:
    cases = tuple(make_case(id=f"c{n}", cluster=f"c{n}") for n in range(4))
    suite = replace(make_suite(cases), samples=4, temperature=0.8)
    seen: list[tuple[str, int, float]] = []

    def reply(case: Case) -> Reply:
        assert case.draw is not None
        seen.append((case.id, case.draw.number, case.draw.temperature))
        return make_reply("30 dollars" if case.draw.number == 0 else "nothing")

    class Drawing(Parrot):
        def __call__(self, cases: Sequence[Case]) -> list[Reply]:
            return [reply(case) for case in cases]

    report = run(suite, Drawing())
    assert len(seen) == len(set(seen)) == 16
    assert {heat for _, _, heat in seen} == {0.8}
    assert report.samples == 4
    values = {s.case: s.value for s in report.scores if s.metric == "facts_present"}
    assert values == dict.fromkeys(["c0", "c1", "c2", "c3"], 0.25)
    assert report.replies["c0"].text == "30 dollars"
