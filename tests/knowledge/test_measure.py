from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from knowledge.collection import Collection
from knowledge.documents import read_documents
from knowledge.errors import RatchetError
from knowledge.measure import evaluate_retrieval, ndcg
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
