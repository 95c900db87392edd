"""The search held against what people said: on real collections, with an embedder of words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from knowledge.collection import Collection
from knowledge.documents import make_document
from knowledge.records import Citation, Passage
from loop import project
from loop.cli import main
from loop.commands.live import evaluate_live as command
from loop.evaluate.judged import read_judged
from loop.evaluate.live_retrieval import (
    LiveRetrieval,
    compare_live,
    evaluate_live,
    evaluate_live_settings,
)
from loop.settings import AssistantSettings, KnowledgeSettings, Settings
from loop.store.records import Interaction, Rating
from loop.store.store import LocalStore
from tests.answer.fakes import FakeEmbedder

TODAY = date(2026, 11, 24)
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
TEXTS = {
    "wires": "An outgoing wire costs 35 dollars.",
    "checks": "Stopping a check costs 30 dollars.",
    "vault": "The vault opens at noon on Monday.",
    "hours": "Branches open at nine in the morning.",
}


class Desk:
    """A collection, a store, and people who ask and rate."""

    def __init__(self, root: Path) -> None:
        self.settings = Settings(root=root, assistant=AssistantSettings(passages=1))
        folder = self.settings.collections / self.settings.knowledge.collection
        self.collection = Collection.open(folder, FakeEmbedder())
        self.store = LocalStore(self.settings.store_path)
        self.count = 0

    def add(self, id: str, text: str, **fields: Any) -> None:
        self.collection.add([make_document(id=id, text=text, **fields)])

    def find(self, query: str, labels: frozenset[str] = frozenset()) -> Passage:
        [passage] = self.collection.search(query, labels=labels, on=TODAY, limit=1)
        return passage

    def answered(
        self, question: str, passage: Passage, *, user: str | None = None, **fields: Any
    ) -> str:
        """An answer that cites a passage; its id."""
        self.count += 1
        cited = Citation(
            number=1, document=passage.document, version=passage.version, start=passage.start,
            end=passage.end, text=passage.text,
        )  # fmt: skip
        turn = Interaction(
            id=f"turn-{self.count:03d}", at=NOW + timedelta(minutes=self.count), assistant="desk",
            user=user or f"person-{self.count}", conversation="talk", question=question,
            answer="So it is [1].", messages=[], adapter="base", base="pocket",
            passages=[asdict(passage)], citations=[asdict(cited)], **fields,
        )  # fmt: skip
        self.store.append([turn])
        return turn.id

    def rated(self, answer: str, kind: Any, **fields: Any) -> None:
        self.count += 1
        given = {"rater": "ann", "guideline": "g@1", **fields}
        at = NOW + timedelta(hours=1, minutes=self.count)
        one = Rating(id=f"r-{self.count:03d}", at=at, interaction=answer, kind=kind, **given)
        self.store.append([one])

    def confirmed(self, question: str, passage: Passage, **fields: Any) -> None:
        self.rated(self.answered(question, passage, **fields), "thumb", value=1.0)

    def live(self, settings: Settings | None = None) -> LiveRetrieval:
        answers = read_judged(self.store, "desk", 1000)
        return evaluate_live(self.collection, answers, settings or self.settings, on=TODAY)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    for id, text in TEXTS.items():
        made.add(id, text)
    yield made
    made.store.close()


def test_what_people_confirmed_is_looked_for_again(desk: Desk):
    desk.confirmed("What does an outgoing wire cost?", desk.find("outgoing wire costs"))
    desk.confirmed("Does the vault open at noon?", desk.find("branches open morning"))
    found = desk.live()
    assert (found.people.questions, found.people.people, found.k) == (2, 2, 1)
    assert found.people.found is not None
    assert found.people.found.mean == 0.5  # the vault is found first where branches were cited
    assert [one.document for one in found.missed] == ["hours"]
    assert found.people.mrr is not None
    assert 0.5 < found.people.mrr.mean < 1
    assert {d.document: (d.wanted, d.found) for d in found.documents} == {
        "hours": (1, 0),
        "wires": (1, 1),
    }


def test_an_interval_takes_people_for_independent_and_needs_two_of_them(desk: Desk):
    wire = desk.find("outgoing wire costs")
    for _ in range(5):
        desk.confirmed("What does an outgoing wire cost?", wire, user="eve")
    alone = desk.live().people
    assert alone.found is not None
    assert (alone.found.mean, alone.found.low, alone.found.high) == (1.0, None, None)
    assert "one person" in alone.says
    desk.confirmed("What does an outgoing wire cost?", wire, user="bob")
    two = desk.live().people
    assert two.found is not None
    assert two.found.low is not None
    assert two.found.low < 0.5  # two people who are both right prove little
    assert "Only 2 people" in two.says


def test_with_nothing_confirmed_there_is_no_figure(desk: Desk):
    desk.answered("What does an outgoing wire cost?", desk.find("outgoing wire costs"))
    found = desk.live()
    assert (found.people.found, found.people.mrr, found.people.still_first) == (None, None, None)
    assert "nothing to measure by" in found.people.says


def test_a_flag_or_a_bad_rating_denies_the_passage(desk: Desk):
    wire, hours = desk.find("outgoing wire costs"), desk.find("branches open morning")
    desk.rated(desk.answered("outgoing wire costs?", wire), "flag", text="wrong citation")
    desk.rated(desk.answered("Does the vault open on Monday?", hours), "stars", value=1.0)
    found = desk.live()
    assert (found.people.questions, found.people.denied) == (0, 2)
    assert found.people.still_first is not None
    assert found.people.still_first.mean == 0.5


def test_a_later_word_of_the_same_rater_replaces_the_earlier(desk: Desk):
    answer = desk.answered("outgoing wire costs?", desk.find("outgoing wire costs"))
    desk.rated(answer, "thumb", value=1.0)
    assert desk.live().people.questions == 1
    desk.rated(answer, "thumb", value=-1.0)
    found = desk.live().people
    assert (found.questions, found.denied) == (0, 1)


def test_a_correction_wants_the_passage_that_bears_it_out(desk: Desk):
    answer = desk.answered("When does it open at noon?", desk.find("branches open morning"))
    desk.rated(answer, "correction", text="The vault opens at noon on Monday.")
    desk.rated(answer, "thumb", value=-1.0, rater="bob")
    found = desk.live()
    assert (found.people.questions, found.people.corrected, found.people.denied) == (1, 1, 1)
    [wanted] = [one.wanted for one in found.looked if one.wanted.why == "corrected"]
    assert [passage.document for passage in wanted.passages] == ["vault"]


def test_an_answer_that_was_wrong_does_not_deny_the_passage_that_was_right(desk: Desk):
    answer = desk.answered("What does an outgoing wire cost?", desk.find("outgoing wire costs"))
    desk.rated(answer, "correction", text="An outgoing wire costs 35 dollars.")
    desk.rated(answer, "flag", text="wrong", rater="bob")
    assert (desk.live().people.corrected, desk.live().people.denied) == (1, 0)


def test_an_older_version_counts_by_document_and_text(desk: Desk):
    desk.confirmed("What does an outgoing wire cost?", desk.find("outgoing wire costs"))
    desk.add("wires", "# Fees\n\nPrices of today. An outgoing wire costs 35 dollars.")
    assert desk.live().people.questions == 1
    assert desk.live().people.found is not None
    desk.add("wires", "We no longer send money abroad.")
    found = desk.live().people
    assert (found.questions, found.gone) == (0, 1)
    assert found.found is None


def test_a_removed_or_expired_document_is_gone_and_not_a_miss(desk: Desk):
    desk.confirmed("What does an outgoing wire cost?", desk.find("outgoing wire costs"))
    desk.confirmed("What does stopping a check cost?", desk.find("stopping check"))
    desk.collection.remove(["wires"])
    desk.add("checks", TEXTS["checks"], valid_until=TODAY - timedelta(days=1))
    assert (desk.live().people.questions, desk.live().people.gone) == (0, 2)


def test_what_only_some_may_read_is_asked_as_one_of_them(desk: Desk):
    desk.add("limits", "Tellers may approve 5000 dollars.", access=["staff", "board"])
    passage = desk.find("tellers approve", frozenset({"staff"}))
    assert passage.document == "limits"
    desk.confirmed("How much may tellers approve?", passage)
    found = desk.live()
    assert found.people.found is not None
    assert found.people.found.mean == 1.0
    assert found.looked[0].wanted.labels == {"board"}


def test_simulated_people_are_counted_apart(desk: Desk):
    wire = desk.find("outgoing wire costs")
    desk.confirmed("What does an outgoing wire cost?", wire, simulated=True)
    found = desk.live()
    assert (found.people.questions, found.simulated.questions) == (0, 1)


def test_two_settings_are_compared_on_the_same_questions(desk: Desk):
    for text in TEXTS.values():
        desk.confirmed(text, desk.find(text))
    nothing = KnowledgeSettings(dense_weight=0.0, lexical_weight=0.0)
    answers = read_judged(desk.store, "desk", 1000)
    both = [desk.settings, replace(desk.settings, knowledge=nothing)]
    new, old = evaluate_live_settings(desk.collection, answers, both, on=TODAY)
    difference = compare_live(new, old)["found"]
    assert difference is not None
    assert difference.difference == 1
    assert compare_live(new, new)["mrr"] is not None


def test_the_command_tells_people_and_machines(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(project, "open_collection", lambda *_, **__: desk.collection)
    desk.confirmed("Ask maria@example.org what an outgoing wire costs", desk.find("vault noon"))
    desk.store.close()
    file = tmp_path / "each.jsonl"
    outcome = command([desk.settings, desk.settings], per_query=file)
    assert {"k", "answers", "people", "simulated", "documents", "missed", "against"} <= set(
        outcome.data
    )
    json.dumps(outcome.data)
    assert "judged answers" in outcome.text
    assert "maria@example.org" not in outcome.text
    [line] = [json.loads(line) for line in file.read_text().splitlines()]
    assert "maria@example.org" not in line["question"]
    assert line["why"] == "confirmed"
    assert line["rank"] == line["against_rank"]


def test_without_a_folder_the_ratings_are_the_test(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("knowledge.embed.load_embedder", lambda name: FakeEmbedder())
    root = str(desk.settings.root)
    (desk.settings.root / "ratchet.toml").write_text('[knowledge]\ncollection = "handbook"\n')
    desk.confirmed("What does an outgoing wire cost?", desk.find("outgoing wire costs"))
    desk.store.close()
    args = ["knowledge", "eval", "--project", root, "--json"]
    assert main([*args, "--against", "lexical_weight=0"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["people"]["found"] == {"mean": 1.0, "low": None, "high": None}
    assert told["comparison"] == {"found": None, "mrr": None}
    assert main([*args, "--against", "embedder=another"]) == 2
    assert main([*args, "--split", "dev"]) == 2
    assert "Name a folder or drop it" in capsys.readouterr().err
