from __future__ import annotations

import doctest
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from knowledge import measure
from knowledge.collection import Collection
from knowledge.documents import read_documents
from knowledge.errors import RatchetError
from knowledge.gain import ndcg
from knowledge.measure import evaluate_retrieval, evaluate_settings, split_of
from knowledge.search import Defaults

CORPUS = {
    "1": "The wing in a slipstream. " * 40 + "Lift grows with the flap.",
    "2": "Heat transfer in a boundary layer.",
    "3": "Buckling of thin shells.",
}
QUERIES = {"q1": "flap lift", "q2": "shells buckling", "q3": "heat", "q4": "nothing relevant"}
QRELS = "query-id\tcorpus-id\tscore\nq1\t1\t3\nq2\t3\t1\nq2\t2\t0\nq3\t2\t2\nq3\t9\t1\nq5\t1\t1\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    beir = tmp_path / "beir"
    (beir / "qrels").mkdir(parents=True)
    for name, rows in (("corpus", CORPUS), ("queries", QUERIES)):
        lines = [json.dumps({"_id": id, "text": text}) for id, text in rows.items()]
        (beir / f"{name}.jsonl").write_text("\n".join(lines))
    (beir / "qrels" / "test.tsv").write_text(QRELS)
    return beir


@pytest.fixture
def collection(tmp_path: Path, embedder: Any) -> Collection:
    return Collection.open(tmp_path / "desk", embedder)


def test_a_document_ranks_where_its_best_chunk_does(folder: Path, collection: Collection):
    measured = evaluate_retrieval(collection, folder)
    assert measured.queries == 3
    assert measured.mrr == 1
    assert measured.recall_at_100 == round((1 + 1 + 1 / 2) / 3, 4)
    found, best = 2.0, 2 + 1 / 1.584962500721156  # of q3, one of two documents is found
    assert measured.ndcg_at_10 == round((1 + 1 + found / best) / 3, 4)
    assert measured.latency_p95_ms >= measured.latency_p50_ms > 0


def test_the_figures_have_their_names_for_machines(folder: Path, collection: Collection):
    figures = evaluate_retrieval(collection, folder).as_json()
    assert set(figures) == {"ndcg@10", "recall@100", "mrr", "latency_ms", "queries"}
    assert set(figures["latency_ms"]) == {"p50", "p95"}  # type: ignore[arg-type]


def test_a_collection_is_measured_without_being_changed(folder: Path, collection: Collection):
    evaluate_retrieval(collection, folder)
    assert collection.is_empty


def test_documents_that_are_there_are_asked_where_they_are(
    folder: Path, collection: Collection, embedder: Any
):
    collection.add(read_documents(folder / "corpus.jsonl"))
    embedder.asked.clear()
    evaluate_retrieval(collection, folder)
    assert not any("slipstream" in text for text in embedder.asked)
    (folder / "corpus.jsonl").unlink()
    assert evaluate_retrieval(collection, folder).queries == 3


def test_the_settings_of_the_search_are_measured(folder: Path, collection: Collection):
    nothing = Defaults(dense_weight=0.0, lexical_weight=0.0)
    assert evaluate_retrieval(collection, folder, settings=nothing).ndcg_at_10 == 0


def test_each_query_is_told_apart_from_the_mean(folder: Path, collection: Collection):
    measured = evaluate_retrieval(collection, folder)
    rows = {one.query: one for one in measured.per_query}
    assert list(rows) == ["q1", "q2", "q3"]
    assert rows["q3"].recall_at_100 == 0.5
    assert rows["q2"].documents[0] == "3"
    mean = sum(one.ndcg_at_10 for one in measured.per_query) / 3
    assert measured.ndcg_at_10 == round(mean, 4)
    kept = {"query", "text", "ndcg@10", "recall@100", "mrr", "ms", "documents"}
    assert set(rows["q1"].as_json()) == kept


def test_two_settings_are_asked_the_same_of_the_same_documents(
    folder: Path, collection: Collection, embedder: Any
):
    nothing = Defaults(dense_weight=0.0, lexical_weight=0.0)
    good, none = evaluate_settings(collection, folder, [Defaults(), nothing])
    assert [one.query for one in good.per_query] == [one.query for one in none.per_query]
    assert good.ndcg_at_10 > none.ndcg_at_10 == 0
    assert not good.embedding_timed  # the embedder may remember what it was asked
    assert sum("Buckling" in text for text in embedder.asked) == 1  # indexed once, for both


def test_the_search_is_measured_with_all_that_its_settings_say(
    folder: Path, collection: Collection, monkeypatch: pytest.MonkeyPatch
):
    @dataclass(frozen=True, kw_only=True)
    class Newer(Defaults):
        """Settings of a search that can do more than today's."""

        rerank: int = 0

    used: list[Any] = []
    search = Collection.search

    def spy(self: Collection, query: str, **given: Any) -> Any:
        used.append(given["settings"])
        return search(self, query, **given)

    monkeypatch.setattr(Collection, "search", spy)
    given = Newer(rerank=20, lexical_weight=0.5)
    evaluate_retrieval(collection, folder, settings=given)
    assert used
    assert all(one is given for one in used)


def test_every_query_is_in_one_half_and_stays_there(folder: Path, collection: Collection):
    dev, test, every = (
        {one.query for one in evaluate_retrieval(collection, folder, split=split).per_query}
        for split in ("dev", "test", "all")
    )
    assert dev | test == every == {"q1", "q2", "q3"}
    assert not dev & test
    dev_of_many = sum(split_of(f"query {n}", 0.3) == "dev" for n in range(10_000))
    assert 2800 < dev_of_many < 3200
    with pytest.raises(RatchetError, match=r"none of its 3 queries falls into 'test'"):
        evaluate_retrieval(collection, folder, split="test", share=0.99)
    with pytest.raises(RatchetError, match="between 0 and 1"):
        evaluate_retrieval(collection, folder, split="dev", share=1.0)


def test_examples_in_docstrings_hold():
    assert doctest.testmod(measure).failed == 0


def test_a_higher_grade_further_down_costs_more():
    grades = {"a": 3, "b": 1}
    assert ndcg(["a", "b"], grades, 10) == 1
    assert ndcg(["b", "a"], grades, 10) == pytest.approx(
        (1 + 3 / 1.58496) / (3 + 1 / 1.58496), abs=1e-4
    )
    assert ndcg(["x", "y"], grades, 10) == 0
    assert ndcg(["x", "a"], grades, 1) == 0


def test_a_folder_that_cannot_be_read_is_an_error_with_its_line(
    folder: Path, collection: Collection
):
    qrels = folder / "qrels" / "test.tsv"
    qrels.write_text("q1\t1\tgood\n")
    with pytest.raises(RatchetError, match=r"test\.tsv:1: .*expected query-id, corpus-id"):
        evaluate_retrieval(collection, folder)
    qrels.write_text("q9\t1\t1\n")
    with pytest.raises(RatchetError, match="no query has a relevant document"):
        evaluate_retrieval(collection, folder)
    (folder / "queries.jsonl").write_text("{}\n")
    with pytest.raises(RatchetError, match=r"queries\.jsonl:1: expected an object"):
        evaluate_retrieval(collection, folder)
    qrels.unlink()
    with pytest.raises(RatchetError, match=r"test\.tsv: no such file"):
        evaluate_retrieval(collection, folder)


def test_without_documents_there_is_nothing_to_measure(folder: Path, collection: Collection):
    (folder / "corpus.jsonl").unlink()
    with pytest.raises(RatchetError, match=r"corpus\.jsonl: no such file, and the collection"):
        evaluate_retrieval(collection, folder)
