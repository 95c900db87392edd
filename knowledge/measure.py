"""How well a collection finds: nDCG@10, recall@100 and MRR over a folder in BEIR's format."""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from knowledge.collection import Collection
from knowledge.documents import read_documents
from knowledge.errors import RatchetError
from knowledge.gain import Grades, ndcg

if TYPE_CHECKING:
    from knowledge.search import SearchSettings

DEPTH = 100  # documents a ranking is judged by
CHUNKS = 300  # asked for, to find that many documents
WARM_UP = 3  # queries not timed
SHOWN = 10  # documents that are kept of each query's ranking


Split = Literal["all", "dev", "test"]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryResult:
    """One query: what was found, and how good that is."""

    query: str  # its id
    text: str
    ndcg_at_10: float
    recall_at_100: float
    mrr: float  # 1 / rank of the first relevant document; 0 where none is found
    ms: float  # of ten passages; with or without its embedding, as the measurement says
    documents: tuple[str, ...]  # the first 10, best first

    def as_json(self) -> dict[str, object]:
        """The figures under the names they have for machines."""
        return {
            "query": self.query,
            "text": self.text,
            "ndcg@10": round(self.ndcg_at_10, 4),
            "recall@100": round(self.recall_at_100, 4),
            "mrr": round(self.mrr, 4),
            "ms": round(self.ms, 2),
            "documents": list(self.documents),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieval:
    """Means over the queries that have a relevant document."""

    ndcg_at_10: float
    recall_at_100: float
    mrr: float
    latency_p50_ms: float  # of one query
    latency_p95_ms: float
    queries: int
    embedding_timed: bool = True
    per_query: tuple[QueryResult, ...] = ()  # in order of the folder's queries

    def as_json(self) -> dict[str, float | int | dict[str, float]]:
        """The means under the names they have for machines."""
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
    split: Split = "all",
    share: float = 0.5,
    make: Callable[[Path], Collection] | None = None,
    progress: bool = False,
) -> Retrieval:
    """Ask each query of the folder and hold what is found against what is relevant.

    A document ranks where its best chunk does. Asked is the collection itself if it holds the
    folder's documents; else one made of them for the occasion.

    Args:
        folder: queries.jsonl, qrels/test.tsv and, if the documents are not in the collection,
            corpus.jsonl.
        labels: What the reader may see besides what everyone may.
        settings: How is searched, taken as it is; None takes the search's defaults.
        split: Only the queries of one half, so that the other can be kept aside.
        share: Of the queries that are "dev", in (0, 1).
        make: Opens the empty collection in a folder for the occasion; None takes the same
            embedder and the defaults.

    Raises:
        RatchetError: A file is missing or cannot be read, or no query has a relevant document.
    """
    [measured] = evaluate_settings(
        collection,
        folder,
        [settings],
        labels=labels,
        split=split,
        share=share,
        make=make,
        progress=progress,
    )
    return measured


def evaluate_settings(
    collection: Collection,
    folder: Path | str,
    settings: Sequence[SearchSettings | None],
    *,
    labels: frozenset[str] = frozenset(),
    split: Split = "all",
    share: float = 0.5,
    make: Callable[[Path], Collection] | None = None,
    progress: bool = False,
) -> list[Retrieval]:
    """The same queries of the same collection under several settings; see `evaluate_retrieval`.

    Several are timed without the embedding: after the first, the embedder remembers the query.

    Returns:
        One measurement for each of the settings, with the same queries in the same order.
    """
    folder = Path(folder)
    grades = _grades(folder / "qrels" / "test.tsv")
    queries = {id: text for id, text in _queries(folder / "queries.jsonl").items() if id in grades}
    if not queries:
        raise RatchetError(f"{folder}: no query has a relevant document. Check qrels/test.tsv.")
    chosen = {id: text for id, text in queries.items() if split in ("all", split_of(id, share))}
    if not chosen:
        raise RatchetError(
            f"{folder}: none of its {len(queries)} queries falls into {split!r} with a share of "
            f"{share:g}. Choose another share, or all of them."
        )
    make = make or (lambda place: Collection.open(place, collection.embedder))
    with tempfile.TemporaryDirectory(prefix="ratchet-measure-") as place:
        asked = _holding(collection, folder, lambda: make(Path(place)), progress)
        if len(settings) > 1:
            asked.embedder.encode(list(chosen.values()))
        measured = [_measure(asked, chosen, grades, labels, one, progress) for one in settings]
    return [replace(one, embedding_timed=len(settings) == 1) for one in measured]


def split_of(query: str, share: float) -> Literal["dev", "test"]:
    """Which half a query belongs to: drawn by hash from its id, the same in every run.

    Args:
        share: Of all queries that are "dev", in (0, 1).

    >>> split_of("q1", 0.5), split_of("q1", 0.9)
    ('test', 'dev')
    """
    if not 0 < share < 1:
        raise RatchetError(f"share is {share:g}, expected a number between 0 and 1.")
    digest = hashlib.sha256(f"split\n{query}".encode()).digest()
    return "dev" if int.from_bytes(digest[:8], "big") < share * 2**64 else "test"


def _measure(
    collection: Collection,
    queries: Mapping[str, str],
    grades: Mapping[str, Grades],
    labels: frozenset[str],
    settings: SearchSettings | None,
    progress: bool,
) -> Retrieval:
    """The settings stay as people have them; only more is asked for."""
    from tqdm import tqdm

    for n in range(WARM_UP):
        collection.search(f"warm up {n}", limit=1, settings=settings)
    results = []
    for id, text in tqdm(queries.items(), desc="Asking", unit="query", disable=not progress):
        begun = time.perf_counter()  # as people search; the whole ranking takes longer to put out
        collection.search(text, labels=labels, limit=SHOWN, settings=settings)
        seconds = time.perf_counter() - begun
        found = collection.search(text, labels=labels, limit=CHUNKS, settings=settings)
        ranking = list(dict.fromkeys(passage.document for passage in found))[:DEPTH]
        results.append(_result(id, text, ranking, grades[id], seconds))
    scores = [(one.ndcg_at_10, one.recall_at_100, one.mrr) for one in results]
    means = np.mean(scores, axis=0).round(4).tolist()
    p50, p95 = np.percentile([one.ms for one in results], [50, 95]).round(2).tolist()
    return Retrieval(
        ndcg_at_10=means[0],
        recall_at_100=means[1],
        mrr=means[2],
        latency_p50_ms=p50,
        latency_p95_ms=p95,
        queries=len(queries),
        per_query=tuple(results),
    )


def _result(
    id: str, text: str, ranking: Sequence[str], grades: Grades, seconds: float
) -> QueryResult:
    right = [rank for rank, name in enumerate(ranking, start=1) if name in grades]
    return QueryResult(
        query=id,
        text=text,
        ndcg_at_10=ndcg(ranking, grades, 10),
        recall_at_100=len(right) / len(grades),
        mrr=1 / right[0] if right else 0.0,
        ms=seconds * 1000,
        documents=tuple(ranking[:SHOWN]),
    )


def _holding(
    collection: Collection, folder: Path, make: Callable[[], Collection], progress: bool
) -> Collection:
    """A collection that holds the folder's documents, if it names any."""
    corpus = folder / "corpus.jsonl"
    if not corpus.exists():
        if collection.is_empty:
            raise RatchetError(f"{corpus}: no such file, and the collection is empty. Add one.")
        return collection
    documents = read_documents(corpus)
    if all(collection.document(one.id, one.version) for one in documents):
        return collection
    made = make()
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
