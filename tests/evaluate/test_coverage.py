"""Which documents somebody should write or mend: from what was asked, found and rated."""

from __future__ import annotations

import doctest
import json
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from knowledge.records import Document
from loop.answer.guards import REFUSAL
from loop.cli import main
from loop.evaluate import clusters, coverage_report
from loop.evaluate.coverage import Gap, Question, Use, gaps, stale, wrong_passages
from loop.evaluate.coverage_report import Coverage, report
from loop.evaluate.judged import read_judged
from loop.settings import Settings
from loop.store.store import LocalStore
from tests.answer.fakes import FakeEmbedder, document
from tests.evaluate.library import Library
from tests.factories import make_interaction, make_rating, make_ticket

TODAY = date(2026, 11, 24)
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def question(n: int, text: str, **fields: Any) -> Question:
    given: dict[str, Any] = {
        "id": f"q{n}", "at": NOW - timedelta(hours=n), "user": f"person-{n}", "question": text,
        "abstained": True, "refused": False, "best": None, "handed_over": False, "simulated": False,
    }  # fmt: skip
    return Question(**{**given, **fields})


def lacking(*questions: Question, denied: frozenset[str] = frozenset()) -> list[Gap]:
    return gaps(questions, below=0.3, denied=denied, embed=FakeEmbedder().encode)


def passage(doc: str, start: int = 0, similarity: float | None = 0.9) -> dict[str, Any]:
    return {
        "document": doc, "version": "v1", "start": start, "end": start + 20, "text": "A text.",
        "similarity": similarity,
    }  # fmt: skip


def test_questions_that_ask_the_same_are_one_gap_named_by_the_most_typical():
    [parking, pets] = lacking(
        question(1, "May I park my car at a branch?"),
        question(2, "May I bring my dog?"),
        question(3, "May I park my car at the branch?"),
        question(4, "May I park at the branch?"),
        question(5, "may I park at the branch", user="person-4"),
    )
    assert (parking.question, parking.count, parking.people) == (
        "May I park my car at the branch?", 4, 3,
    )  # fmt: skip
    assert parking.last == NOW - timedelta(hours=1)
    assert (pets.count, pets.examples) == (1, ())


@pytest.mark.parametrize(
    ("fields", "reasons"),
    [
        ({"abstained": True}, {"abstained": 1}),
        ({"best": 0.1}, {"nothing near": 1}),
        ({"handed_over": True, "best": 0.9}, {"handed over": 1}),
        ({"id": "denied", "best": 0.9}, {"rated bad": 1}),
        ({"best": 0.9}, None),
        ({"abstained": True, "refused": True}, None),  # by a guard: no document would help
    ],
)
def test_a_question_counts_when_it_found_no_good_passage(
    fields: dict[str, Any], reasons: dict[str, int] | None
):
    given = {"abstained": False, **fields}
    found = lacking(question(1, "May I park?", **given), denied=frozenset({"denied"}))
    assert [gap.reasons for gap in found] == ([reasons] if reasons else [])


def test_personal_data_in_questions_is_masked():
    [gap] = lacking(question(1, "Why was jo@home.example refused?"))
    assert gap.question == "Why was [EMAIL_ADDRESS] refused?"


def test_each_document_is_stale_for_the_reason_that_matters_most():
    days = timedelta
    documents: list[Document] = [
        document("expired", "x", valid_until=TODAY - days(1)),
        document("expiring", "x", valid_until=TODAY + days(30)),
        document("later", "x", valid_until=TODAY + days(31)),
        document("future", "x", valid_from=TODAY + days(1)),
        document("replaced", "x", version="v2"),
        document("unused", "x"),
        document("used", "x"),
    ]
    used = [
        Use(document=id, version="v1", shown=5, cited=2, last_used=NOW)
        for id in ("expired", "expiring", "later", "replaced", "used")
    ]
    found = {one.document: (one.why, one.answers) for one in stale(
        documents, used, today=TODAY, days=30
    )}  # fmt: skip
    assert found == {
        "expired": ("expired", 5),
        "expiring": ("expires", 5),
        "future": ("not_yet_valid", 0),
        "replaced": ("superseded", 2),
        "unused": ("never_found", 0),
    }


def reported(store: LocalStore, *documents: Document) -> Coverage:
    collection: Any = Library(documents or None)
    return report(Settings(), store, collection, now=NOW)


def test_nobody_asked_anything(store: LocalStore):
    found = reported(store)
    assert (found.documents, found.interactions, found.tasks) == (3, 0, ())


def test_what_real_people_ran_into_comes_first(store: LocalStore):
    turns = [
        make_interaction(id="a", question="May I park?", abstained=True, user="ann"),
        *[
            make_interaction(
                id=f"s{n}", question="Do you sell stamps?", abstained=True, simulated=True,
                user=f"bot-{n}",
            )
            for n in range(9)
        ],
        make_interaction(id="w", question="A wire?", citations=[passage("wire.md")]),
        make_interaction(id="r", question="Launder money?", answer=REFUSAL, abstained=True),
        make_interaction(id="t", question="Open on Sunday?", passages=[passage("hours.md")]),
        make_ticket(interaction="t"),
        make_rating(interaction="w", value=-1.0, rater="bob"),
        make_rating(interaction="w", kind="flag", value=None, text="wrong citation", rater="cy"),
    ]  # fmt: skip
    store.append(turns)
    found = reported(store)
    told = [(task.do, task.what, task.weight, task.simulated) for task in found.tasks]
    assert told == [
        ("mend", "wire.md", 2, False),
        ("write", "A wire?", 1, False),
        ("write", "May I park?", 1, False),
        ("write", "Open on Sunday?", 1, False),
        ("check", "1 document", 0, False),
        ("write", "Do you sell stamps?", 9, True),
    ]
    assert "stop.md" in found.tasks[4].why
    assert (found.interactions, found.unanswered, found.simulated) == (13, 12, 9)
    assert [(one.document, one.bad, one.flags) for one in found.wrong] == [("wire.md", 2, 1)]


def test_what_an_answer_was_shown_counts_where_it_cites_nothing(store: LocalStore):
    store.append(
        [
            make_interaction(id="i1", passages=[passage("a.md"), passage("b.md", 40)]),
            make_rating(interaction="i1", value=-1.0),
        ]
    )
    found = wrong_passages(read_judged(store, "desk", 10))
    assert [(one.document, one.start, one.bad) for one in found] == [
        ("a.md", 0, 1),
        ("b.md", 40, 1),
    ]


def test_only_the_newest_answers_are_looked_at(store: LocalStore):
    for n in range(5):
        store.append([make_interaction(question=f"Question {n}", passages=[passage(f"{n}.md")])])
    rows = store.query("knowledge_used", assistant="desk", last=2)
    assert [row["document"] for row in rows] == ["3.md", "4.md"]
    rows = store.query("knowledge_questions", assistant="desk", last=2, refusal=REFUSAL)
    assert [row["question"] for row in rows] == ["Question 4", "Question 3"]


def test_similarities_that_are_no_numbers_are_none(store: LocalStore):
    odd = [{"similarity": "near"}, {"similarity": None}]
    store.append([make_interaction(passages=odd), make_interaction(passages=[passage("a.md")])])
    rows = store.query("knowledge_questions", assistant="desk", refusal=REFUSAL)
    assert [row["best"] for row in rows] == [0.9, None]


def test_a_document_shown_and_cited_in_one_answer_counts_once(store: LocalStore):
    store.append(
        [
            make_interaction(
                passages=[passage("a.md"), passage("a.md", 40)], citations=[passage("a.md")]
            )
        ]
    )
    [row] = store.query("knowledge_used", assistant="desk")
    assert (row["document"], row["shown"], row["cited"]) == ("a.md", 1, 1)


def test_the_report_is_kept_as_json(store: LocalStore, tmp_path: Path):
    store.append([make_interaction(abstained=True)])
    settings = Settings(root=tmp_path)
    file = coverage_report.write_report(reported(store), settings)
    assert file == tmp_path / ".ratchet" / "reports" / "knowledge.json"
    kept = json.loads(file.read_text())
    assert kept["tasks"][0]["do"] == "write"
    assert kept["at"] == "2026-11-24T12:00:00+00:00"
    assert set(kept) == set(asdict(reported(store)))


def test_every_row_is_in_one_cluster_and_the_same_again():
    random = np.random.default_rng(3)
    rows = random.normal(size=(300, 8)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    found = clusters.cluster(rows)
    assert sorted(n for one in found for n in one.members) == list(range(300))
    assert found == clusters.cluster(rows)
    for one in found:
        assert (rows[one.members] @ rows[one.members].T).min() >= clusters.ALIKE - 1e-6
    assert all(one.medoid in one.members for one in found)
    assert clusters.cluster(rows[:0]) == []
    assert doctest.testmod(clusters).failed == 0


def test_the_command_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("loop.project.open_collection", lambda settings: Library())
    with_questions = LocalStore(Settings(root=tmp_path).store_path)
    with_questions.append([make_interaction(question="May I park?", abstained=True)])
    with_questions.close()
    assert main(["knowledge", "report", "--project", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "1. write: May I park?" in out
    assert "Newest questions: 1, 1 of them without a good passage." in out
    assert main(["knowledge", "report", "--project", str(tmp_path), "--last", "0"]) == 2
    assert "--last is 0" in capsys.readouterr().err
