"""Who may read what today → dense and BM25 candidates among it → one ranking of Passages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from knowledge.dense import DenseIndex, Hits
from knowledge.lexical import LexicalIndex
from knowledge.records import Chunk, Document, Passage
from knowledge.text import words

K = 60  # ranks far down differ little; from the paper


class SearchSettings(Protocol):
    """How a search is done; loop.settings.KnowledgeSettings is one."""

    @property
    def dense_weight(self) -> float: ...

    @property
    def lexical_weight(self) -> float: ...

    @property
    def candidates(self) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """Both sides count the same."""

    dense_weight: float = 1.0
    lexical_weight: float = 1.0
    candidates: int = 50  # taken from each side before the fusion


@dataclass(frozen=True, kw_only=True)
class Indexed:
    """What is searched. Rows of both indexes are the chunks, in their order. Never changes."""

    documents: Mapping[str, Document]
    chunks: Sequence[Chunk]
    dense: DenseIndex
    lexical: LexicalIndex

    @cached_property
    def row_of(self) -> dict[int, int]:
        return {chunk.id: row for row, chunk in enumerate(self.chunks)}

    @cached_property
    def rights(self) -> Rights:
        kinds: dict[object, int] = {}
        kind_of: dict[str, int] = {}
        examples: list[Document] = []
        for document in self.documents.values():
            key = (document.access, document.valid_from, document.valid_until)
            if key not in kinds:
                kinds[key] = len(examples)
                examples.append(document)
            kind_of[document.id] = kinds[key]
        rows = np.array([kind_of[chunk.document] for chunk in self.chunks], dtype=np.int64)
        return Rights(examples, rows)


class Rights(NamedTuple):
    """Documents differ in text but rarely in who may read them, and when."""

    examples: list[Document]  # one for each combination of labels and days
    of_row: NDArray[np.int64]  # (chunks,) which of them a chunk is like


def may_read(document: Document, labels: frozenset[str], on: date) -> bool:
    """Whether a reader with these labels may see the document, and it holds that day."""
    if document.access and not document.access & labels:
        return False
    return (document.valid_from or on) <= on <= (document.valid_until or on)


def allowed_rows(indexed: Indexed, labels: frozenset[str], on: date) -> NDArray[np.bool_]:
    """Which chunks may be found, shape (chunks,)."""
    examples, of_row = indexed.rights
    readable = np.array([may_read(document, labels, on) for document in examples], dtype=bool)
    return readable[of_row]


def search(
    indexed: Indexed,
    queries: Sequence[str],
    vectors_qd: NDArray[np.float32],
    *,
    allowed: NDArray[np.bool_],
    limit: int,
    settings: SearchSettings,
) -> list[list[Passage]]:
    """The best passages for each query, best first.

    A chunk matches if its cosine to the query is above 0 or it shares a word with it; where
    nothing does, and for a query without words, nothing is found. What is not allowed is left out
    before anything is ranked.

    Args:
        queries: Plain words.
        vectors_qd: The queries as unit vectors.
        allowed: Which chunks may be found, shape (chunks,).
        limit: Passages per query, at most.
        settings: A side with weight 0 finds nothing.
    """
    most = max(settings.candidates, limit)
    nothing = Hits(indexed.dense.ids[:0], np.zeros(0, dtype=np.float32))
    dense = [nothing] * len(queries)
    if settings.dense_weight > 0:
        dense = [_above_0(hits) for hits in indexed.dense.search(vectors_qd, most, allowed)]
    lexical = [nothing] * len(queries)
    if settings.lexical_weight > 0:
        lexical = [indexed.lexical.search(query, most, allowed) for query in queries]
    return [
        _rank(indexed, vector, near, worded, limit, settings) if words(query) else []
        for query, vector, near, worded in zip(queries, vectors_qd, dense, lexical, strict=True)
    ]


def fuse(rankings: Sequence[tuple[float, Sequence[int]]], *, k: int = K) -> dict[int, float]:
    """Weighted reciprocal rank fusion: what stands high in several rankings scores highest.

    Args:
        rankings: Weights, each with ids from the best on.

    Source: Cormack, Clarke and Büttcher, SIGIR 2009.

    >>> fuse([(1.0, [7, 8]), (1.0, [8])])[8] == 1 / 62 + 1 / 61
    True
    """
    scores: dict[int, float] = {}
    for weight, ids in rankings:
        for rank, id in enumerate(ids, start=1):
            scores[id] = scores.get(id, 0.0) + weight / (k + rank)
    return scores


def _above_0(hits: Hits) -> Hits:
    kept = hits.scores > 0
    return Hits(hits.ids[kept], hits.scores[kept])


def _rank(
    indexed: Indexed,
    vector: NDArray[np.float32],
    near: Hits,
    worded: Hits,
    limit: int,
    settings: SearchSettings,
) -> list[Passage]:
    """One query's passages. Equal scores go by cosine, then by where the chunk stands."""
    dense_ids, lexical_ids = near.ids.tolist(), worded.ids.tolist()
    fused = fuse([(settings.dense_weight, dense_ids), (settings.lexical_weight, lexical_ids)])
    if not fused:
        return []
    rows = np.array([indexed.row_of[id] for id in fused], dtype=np.int64)
    cosines = (indexed.dense.vectors(rows) @ vector).clip(-1, 1).round(6).tolist()
    cosine = dict(zip(fused, cosines, strict=True))
    chunks = {id: indexed.chunks[row] for id, row in zip(fused, rows.tolist(), strict=True)}
    order = sorted(
        fused, key=lambda id: (-fused[id], -cosine[id], chunks[id].document, chunks[id].start)
    )
    ranks = {
        "dense_rank": {id: rank for rank, id in enumerate(dense_ids, start=1)},
        "lexical_rank": {id: rank for rank, id in enumerate(lexical_ids, start=1)},
    }
    return [
        Passage(
            document=chunks[id].document,
            version=chunks[id].version,
            start=chunks[id].start,
            end=chunks[id].end,
            text=chunks[id].text,
            heading=chunks[id].heading,
            source=indexed.documents[chunks[id].document].source,
            score=fused[id],
            similarity=cosine[id],
            why={name: float(rank[id]) for name, rank in ranks.items() if id in rank}
            | {"fused": fused[id]},
        )
        for id in order[:limit]
    ]
