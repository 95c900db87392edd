"""How well a collection finds: nDCG@10, recall@100 and MRR over a folder in BEIR's format."""

from __future__ import annotations

import json
import math
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from knowledge.collection import Collection
from knowledge.documents import read_documents
from knowledge.errors import RatchetError
from knowledge.search import Defaults

if TYPE_CHECKING:
    from knowledge.search import SearchSettings

DEPTH = 100  # documents a ranking is judged by
CHUNKS = 300  # looked at to find that many documents
WARM_UP = 3  # queries not timed

Grades = Mapping[str, int]  # document → how relevant it is, from 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieval:
    """Means over the queries that have a relevant document."""

    ndcg_at_10: float
    recall_at_100: float
    mrr: float
    latency_p50_ms: float  # of one query, embedding included
    latency_p95_ms: float
    queries: int

    def as_json(self) -> dict[str, float | int | dict[str, float]]:
        """The figures under the names they have for machines."""
        return {
            "ndcg@10": self.ndcg_at_10,
            "recall@100": self.recall_at_100,
            "mrr": self.mrr,
            "latency_ms": {"p50": self.latency_p50_ms, "p95": self.latency_p95_ms},
            "queries": self.queries,
        }


def evaluate_retrieval(
    collection: Collection,
    folder: Path | str,
    *,
    labels: frozenset[str] = frozenset(),
    settings: SearchSettings | None = None,
    progress: bool = False,
) -> Retrieval:
    """Ask each query of the folder and hold what is found against what is relevant.

    A document ranks where its best chunk does. Asked is the collection itself if it holds the
    folder's documents; else one made of them for the occasion with the same embedder.

    Args:
        folder: queries.jsonl, qrels/test.tsv and, if the documents are not in the collection,
            corpus.jsonl.
        labels: What the reader may see besides what everyone may.
        settings: Weights and candidates of the search; at least 300 candidates are taken.

    Raises:
        RatchetError: A file is missing or cannot be read, or no query has a relevant document.
    """
    folder = Path(folder)
    grades = _grades(folder / "qrels" / "test.tsv")
    queries = {id: text for id, text in _queries(folder / "queries.jsonl").items() if id in grades}
    if not queries:
        raise RatchetError(f"{folder}: no query has a relevant document. Check qrels/test.tsv.")
    with tempfile.TemporaryDirectory(prefix="ratchet-measure-") as place:
        asked = _holding(collection, folder, Path(place), progress)
        return _measure(asked, queries, grades, labels, settings or Defaults(), progress)


def ndcg(ranking: Sequence[str], grades: Grades, k: int) -> float:
    """Gain of the first k, less the lower they stand, as a share of the best order's; in [0, 1].

    Source: Järvelin and Kekäläinen, TOIS 2002, with linear gain as trec_eval has it.

    >>> ndcg(["a", "x"], {"a": 1}, 10), round(ndcg(["x", "a"], {"a": 1}, 10), 3)
    (1.0, 0.631)
    """

    def gain(values: Sequence[int]) -> float:
        return sum(value / math.log2(rank + 1) for rank, value in enumerate(values[:k], start=1))

    return gain([grades.get(id, 0) for id in ranking]) / gain(sorted(grades.values())[::-1])


def _measure(
    collection: Collection,
    queries: Mapping[str, str],
    grades: Mapping[str, Grades],
    labels: frozenset[str],
    settings: SearchSettings,
    progress: bool,
) -> Retrieval:
    from tqdm import tqdm

    deep = Defaults(
        dense_weight=settings.dense_weight,
        lexical_weight=settings.lexical_weight,
        candidates=max(settings.candidates, CHUNKS),
    )
    for n in range(WARM_UP):
        collection.search(f"warm up {n}", limit=1)
    scores, seconds = [], []
    for id, text in tqdm(queries.items(), desc="Asking", unit="query", disable=not progress):
        begun = time.perf_counter()
        found = collection.search(text, labels=labels, limit=CHUNKS, settings=deep)
        seconds.append(time.perf_counter() - begun)
        ranking = list(dict.fromkeys(passage.document for passage in found))[:DEPTH]
        right = [rank for rank, name in enumerate(ranking, start=1) if name in grades[id]]
        recall = len(right) / len(grades[id])
        scores.append((ndcg(ranking, grades[id], 10), recall, 1 / right[0] if right else 0.0))
    means = np.mean(scores, axis=0).round(4).tolist()
    p50, p95 = (np.percentile(seconds, [50, 95]) * 1000).round(2).tolist()
    return Retrieval(
        ndcg_at_10=means[0],
        recall_at_100=means[1],
        mrr=means[2],
        latency_p50_ms=p50,
        latency_p95_ms=p95,
        queries=len(queries),
    )


def _holding(collection: Collection, folder: Path, place: Path, progress: bool) -> Collection:
    """A collection that holds the folder's documents, if it names any."""
    corpus = folder / "corpus.jsonl"
    if not corpus.exists():
        if collection.is_empty:
            raise RatchetError(f"{corpus}: no such file, and the collection is empty. Add one.")
        return collection
    documents = read_documents(corpus)
    if all(collection.document(one.id, one.version) for one in documents):
        return collection
    made = Collection.open(place, collection.embedder)
    made.add(documents, progress=progress)
    return made


def _queries(file: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, line in _lines(file):
        try:
            row = json.loads(line)
            found[str(row["_id"])] = str(row["text"])
        except (ValueError, KeyError, TypeError) as problem:
            raise RatchetError(
                f"{file}:{number}: expected an object with `_id` and `text`. Mend that line."
            ) from problem
    return found


def _grades(file: Path) -> dict[str, dict[str, int]]:
    """Query → what is relevant to it; grades of 0 and below are not."""
    found: dict[str, dict[str, int]] = {}
    for number, line in _lines(file):
        cells = line.split("\t")
        if number == 1 and cells[0] == "query-id":
            continue
        try:
            query, document, grade = cells[0], cells[1], int(cells[2])
        except (IndexError, ValueError) as problem:
            raise RatchetError(
                f"{file}:{number}: {line!r}, expected query-id, corpus-id and a whole number, "
                "separated by tabs. Mend that line."
            ) from problem
        if grade > 0:
            found.setdefault(query, {})[document] = grade
    return found


def _lines(file: Path) -> list[tuple[int, str]]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError as problem:
        raise RatchetError(f"{file}: no such file. Name a folder in BEIR's format.") from problem
    except UnicodeDecodeError as problem:
        raise RatchetError(f"{file}: byte {problem.start} is not UTF-8. Save it so.") from problem
    lines = enumerate(text.split("\n"), start=1)
    return [(number, line.rstrip("\r")) for number, line in lines if line.strip()]
