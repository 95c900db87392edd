"""Questions are made evenly, checked there and back, kept with their origin, and once."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest

from knowledge.chunk import chunk
from knowledge.errors import RatchetError
from loop.answer.handover import ABSTENTION
from loop.curate.rows import said
from loop.synthesize.drafts import VARIANTS
from loop.synthesize.targets import targets
from tests.answer.fakes import FakeEngine, document
from tests.curate.conftest import suite
from tests.synthesize.conftest import HANDBOOK


def test_an_accepted_question_says_all_of_where_it_came_from(made, store):
    done = made(kinds=["question"])
    assert done.accepted
    assert [row["id"] for row in store.query("synthetics", assistant="desk")] == sorted(
        row.id for row in done.accepted
    )
    texts = {one.id: one.text for one in HANDBOOK}
    for row in done.accepted:
        assert (row.generator, row.endpoint, row.seed, row.licence) == (
            "rules@1",
            "local",
            7,
            "cc0",
        )
        assert row.instruction.startswith("rules@1: ")
        assert all(fact in texts[row.document][row.start : row.end] for fact in row.facts)
        assert said(row.messages) == [row.question]
        assert row.answer.endswith(f"[{row.checks['rank']}].")
        assert row.checks["agrees"]


def test_every_document_and_section_gets_its_turn():
    order = targets(
        HANDBOOK, lambda id: chunk(next(d for d in HANDBOOK if d.id == id)),
        licences=["cc0"], on=date(2026, 11, 24),
    )  # fmt: skip
    first = order.order[:4]
    assert Counter(one.document.id for one in first) == {"wires.md": 2, "cards.md": 2}
    assert len({(one.document.id, one.chunk.heading) for one in first}) == 4
    assert order.left_out == {"access": 1}


def test_what_is_shown_least_comes_first():
    order = targets(
        HANDBOOK, lambda id: chunk(next(d for d in HANDBOOK if d.id == id)),
        licences=["cc0"], on=date(2026, 11, 24), shown={"cards.md": 9, "wires.md": 2},
    )  # fmt: skip
    assert order.order[0].document.id == "wires.md"


def test_closed_documents_are_left_alone_unless_a_setting_says_otherwise(made):
    assert {row.document for row in made(count=20, kinds=["question"]).rows} == {
        "wires.md",
        "cards.md",
    }
    done = made(count=20, kinds=["question"], restricted=True)
    assert "staff.md" in {row.document for row in done.accepted}


def test_documents_of_another_licence_or_day_are_left_out(made):
    text = HANDBOOK[0].text
    closed = document("closed.md", text, licence="proprietary")
    old = document("old.md", text, valid_until=date(2020, 1, 1))
    done = made(documents=(*HANDBOOK, closed, old), kinds=["question"])
    assert done.left_out == {"access": 1, "licence_proprietary": 1, "not_valid": 1}


def test_where_no_document_may_be_used_the_error_says_why(made):
    closed = document("closed.md", HANDBOOK[0].text, licence="proprietary")
    with pytest.raises(RatchetError, match=r"may be made from \(licence_proprietary: 1\)"):
        made(documents=(closed,))


def test_each_accepted_question_has_a_variant_and_all_kinds_come_up(made):
    done = made(count=30)
    kinds = Counter(row.kind for row in done.accepted)
    assert set(kinds) == {"question", *VARIANTS}
    by_id = {row.id: row for row in done.rows}
    for row in done.accepted:
        if row.kind != "question":
            of = by_id[row.parent]
            assert of.accepted
            assert (row.document, row.start) == (of.document, of.start)
    assert done.funnel["question"]["kept"] == kinds["question"]


def test_where_information_is_missing_the_passage_is_not_shown_and_the_answer_says_so(made):
    rows = [row for row in made(count=30, kinds=["missing"]).accepted if row.kind == "missing"]
    assert rows
    for row in rows:
        assert row.answer == ABSTENTION
        assert row.passages
        for passage in row.passages:
            same = passage["document"] == row.document
            assert not (same and passage["start"] < row.end and row.start < passage["end"])


def test_a_question_that_the_assistant_answers_with_another_figure_is_refused(made):
    done = made(kinds=["question"], engine=FakeEngine(says="It is 99 dollars [1]."))
    assert not done.accepted
    assert "other_figures" in done.funnel["question"]
    done = made(kinds=["question"], engine=FakeEngine(says=ABSTENTION), seed=8)
    assert "abstained" in done.funnel["question"]


def test_eval_cases_are_never_made_up(made):
    exam = suite("What is the fee for an outgoing wire?")
    done = made(count=20, kinds=["question"], suites=[exam])
    [row] = [row for row in done.rows if row.question == "What is the fee for an outgoing wire?"]
    assert (row.accepted, row.reason) == (False, "eval_exam")


def test_the_same_said_in_two_documents_is_asked_once(made):
    copy = document("copy.md", HANDBOOK[0].text, title="Wires", licence="cc0")
    done = made(count=40, kinds=["question"], documents=(*HANDBOOK, copy))
    asked = [row.question for row in done.accepted]
    assert len(asked) == len(set(asked))
    assert "duplicate" in done.funnel["question"]


def test_personal_data_is_not_asked_for(made):
    text = (
        "## Desk\n\nThe phone number of Mrs Anna Berg of the wire desk is 415 555 0132 at noon.\n"
    )
    text += "\n## Fee\n\nThe fee of Mrs. Anna Berg for a wire is 35 dollars.\n"
    done = made(count=40, kinds=["question"], documents=(document("people.md", text),))
    assert "personal_data" in done.funnel["question"]


class Killed(Exception):
    pass


class DyingStore:
    """A store whose process is killed after so many appends."""

    def __init__(self, store, appends: int) -> None:
        self._store, self._left = store, appends

    def append(self, rows) -> None:
        if not self._left:
            raise Killed
        self._left -= 1
        self._store.append(rows)

    def query(self, name, /, **more):
        return self._store.query(name, **more)


@pytest.mark.parametrize("appends", [0, 1])
def test_a_killed_run_goes_on_and_makes_nothing_twice(made, store, monkeypatch, appends):
    monkeypatch.setattr("loop.synthesize.run.BATCH", 3)
    with pytest.raises(Killed):
        made(into=DyingStore(store, appends))
    before = {row["id"] for row in store.query("synthesized", assistant="desk")}
    done = made()
    assert done.fresh == len(done.rows) - len(before)
    assert before <= {row.id for row in done.rows}
    again = made()
    assert again.fresh == 0
    assert [row.id for row in again.rows] == [row.id for row in done.rows]
    assert len(store.query("synthesized", assistant="desk")) == len(done.rows)


def test_a_larger_count_adds_to_what_there_is(made):
    few, more = made(count=3, kinds=["question"]), made(count=6, kinds=["question"])
    assert [row.id for row in more.rows[:3]] == [row.id for row in few.rows]
    assert more.fresh == 3


def test_an_unknown_kind_and_a_count_of_nothing_are_refused(made):
    with pytest.raises(RatchetError, match="'riddle' is none of"):
        made(kinds=["riddle"])
    with pytest.raises(RatchetError, match="at least 1"):
        made(count=0)


def test_nothing_of_the_run_is_logged_as_asked(made, store):
    made()
    assert store.query("interactions", assistant="desk") == []
