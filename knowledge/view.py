"""One generation of a collection in memory: which documents are searched, and what one may see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from knowledge.errors import RatchetError
from knowledge.generations import Manifest, Stored
from knowledge.hits import Hits, best
from knowledge.lexical import Scope
from knowledge.records import Chunk, Description, Document
from knowledge.segment import Segment

_WITHINS = 32  # readers whose rows are remembered, besides the latest
FIELDS = ("document", "title", "source", "licence", "format")  # a search can be narrowed by


class Place(NamedTuple):
    """Where a version of a document is."""

    segment: int
    row: int


@dataclass(frozen=True, kw_only=True)
class View:
    """Segments in the order they came. Never changes: a search keeps the one it began with."""

    manifest: Manifest
    segments: Sequence[Segment] = ()
    current: Sequence[NDArray[np.bool_]] = ()  # for each, which documents are searched
    name: str | None = None  # of its generation on disk; None for an empty collection without any
    _withins: dict[object, Within] = field(default_factory=dict, repr=False)

    def find(self, id: str) -> Place | None:
        """Where the version is that is searched."""
        for at in range(len(self.segments) - 1, -1, -1):
            rows = self.segments[at].places.get(id, ())
            for row in rows:
                if self.current[at][row]:
                    return Place(at, row)
        return None

    def versions(self, id: str) -> Iterator[Place]:
        """Where every version is, newest first."""
        for at in range(len(self.segments) - 1, -1, -1):
            for row in reversed(self.segments[at].places.get(id, [])):
                yield Place(at, row)

    def version(self, id: str) -> str | None:
        """The version that is searched; None if the document is not known."""
        place = self.find(id)
        return self.segments[place.segment].version(place.row) if place else None

    def document(self, place: Place) -> Document:
        """The document there."""
        return self.segments[place.segment].document(place.row)

    def documents(self) -> Iterator[Document]:
        """All that are searched."""
        for segment, current in zip(self.segments, self.current, strict=True):
            for row in np.flatnonzero(current).tolist():
                yield segment.document(row)

    def ids(self) -> set[str]:
        """The ids of all that are searched."""
        found: set[str] = set()
        for segment, current in zip(self.segments, self.current, strict=True):
            ids = segment.documents["id"].to_pylist()
            found.update(ids[row] for row in np.flatnonzero(current).tolist())
        return found

    def every_version(self) -> dict[tuple[str, str], Place]:
        """Each version of each document by id and version, newest first."""
        found: dict[tuple[str, str], Place] = {}
        for at in range(len(self.segments) - 1, -1, -1):
            table = self.segments[at].documents
            pairs = zip(table["id"].to_pylist(), table["version"].to_pylist(), strict=True)
            for row, pair in enumerate(pairs):
                if pair[0]:  # what was removed has left an empty row
                    found.setdefault(pair, Place(at, row))
        return found

    def chunks_of(self, place: Place) -> list[Chunk]:
        """The chunks of a document, in order."""
        segment = self.segments[place.segment]
        rows = np.flatnonzero(segment.document_of == place.row).tolist()
        return sorted((segment.chunk(row) for row in rows), key=lambda piece: piece.start)

    def flagged(self) -> Iterator[Chunk]:
        """Chunks that are searched and hold text that speaks to a model."""
        for segment, current in zip(self.segments, self.current, strict=True):
            for row in np.flatnonzero((segment.instructions > 0) & segment.rows_of(current)):
                yield segment.chunk(int(row))

    def describe(self, embedder: str, size: int) -> Description:
        """What there is; `size` in bytes on disk."""
        largest = max(self.segments, key=len, default=None)
        pairs = list(zip(self.segments, self.current, strict=True))
        alive = [segment.rows_of(current) for segment, current in pairs]
        documents = sum(int(current.sum()) for current in self.current)
        flagged = (
            int((segment.instructions[rows] > 0).sum())
            for segment, rows in zip(self.segments, alive, strict=True)
        )
        return Description(
            documents=documents,
            chunks=sum(int(rows.sum()) for rows in alive),
            older_versions=len(self.every_version()) - documents,
            segments=len(self.segments),
            index=largest.vectors.plan.kind if largest else "none",
            reason=largest.vectors.plan.reason if largest else "there is nothing to search",
            flagged=sum(flagged),
            embedder=embedder,
            generation=self.name,
            bytes=size,
        )

    def within(
        self,
        labels: frozenset[str],
        on: date,
        where: Mapping[str, str] | None = None,
        *,
        instructed: bool = True,
    ) -> Within:
        """What such a reader may see that day.

        Args:
            labels: What the reader may see besides what everyone may.
            on: The day on which documents must hold.
            where: Narrows it further: a glob for each of some of FIELDS.
            instructed: Also chunks with text that speaks to a model.

        Raises:
            RatchetError: `where` names another field.
        """
        for name in where or {}:
            if name not in FIELDS:
                raise RatchetError(
                    f"A search can be narrowed by {', '.join(FIELDS)}, not by {name!r}. Mend it."
                )
        key = (labels, on, frozenset((where or {}).items()), instructed)
        found = self._withins.get(key)
        if found is None:
            allowed = [
                self._allowed(at, labels, on, where or {}, instructed)
                for at in range(len(self.segments))
            ]
            found = Within(self.segments, allowed)
            if len(self._withins) >= _WITHINS:
                self._withins.clear()  # other threads keep what they have of it
            self._withins[key] = found
        return found

    def _allowed(
        self,
        at: int,
        labels: frozenset[str],
        on: date,
        where: Mapping[str, str],
        instructed: bool,
    ) -> NDArray[np.bool_] | None:
        """Which chunks of a segment may be found; None for all."""
        segment = self.segments[at]
        documents = self.current[at] & segment.allowed(labels, on)
        for name, pattern in where.items():
            values = segment.documents["id" if name == "document" else name].to_pylist()
            documents &= np.array([fnmatchcase(str(v), pattern) for v in values], dtype=bool)
        rows = segment.rows_of(documents)
        if not instructed:
            rows = rows & (segment.instructions == 0)
        return None if rows.all() else rows


class Within:
    """The chunks one reader may see, all segments' rows counted through.

    Args:
        segments: Where they are.
        allowed: For each, which rows; None allows all.
    """

    def __init__(
        self, segments: Sequence[Segment], allowed: Sequence[NDArray[np.bool_] | None]
    ) -> None:
        self._segments, self._allowed = segments, allowed
        self._starts = np.cumsum([0, *(len(segment) for segment in segments)])
        self._documents = np.cumsum([0, *(s.documents.num_rows for s in segments)])
        self._scope = Scope([segment.postings for segment in segments], allowed)
        # Equal passages come in the same order in whichever order they were added.
        self._keys = np.concatenate([np.zeros(0, dtype=np.int64), *(s.ids for s in segments)])

    def __len__(self) -> int:
        return self._scope.counted.rows

    def nearest(self, queries_qd: NDArray[np.float32], k: int) -> list[Hits]:
        """The k nearest rows for each query."""
        found: list[list[Hits]] = [[] for _ in queries_qd]
        for segment, start, allowed in zip(
            self._segments, self._starts[:-1], self._allowed, strict=True
        ):
            for some, hits in zip(
                found, segment.vectors.search(queries_qd, k, allowed), strict=True
            ):
                some.append(Hits(hits.rows + start, hits.scores))
        return [best(k, *some, keys=self._keys) for some in found]

    def worded(self, weights: Mapping[str, float], k: int) -> Hits:
        """The k rows that fit weighted stems best, by BM25; see knowledge.lexical.Scope."""
        return self._scope.search(weights, k, keys=self._keys)

    def bm25(self, rows: NDArray[np.int64], weights: Mapping[str, float]) -> NDArray[np.float64]:
        """How well these rows fit weighted stems."""
        return self._scope.scores_of(rows, weights)

    def rarity(self, term: str) -> float:
        """How much a stem tells among what the reader may see."""
        return self._scope.rarity(term)

    def vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """The vectors of these rows, which ascend; shape (rows, dimension)."""
        parts = [
            segment.vectors.all_nd[rows[(rows >= start) & (rows < end)] - start]
            for segment, (start, end) in zip(self._segments, pairwise(self._starts), strict=True)
        ]
        # In double precision a product depends on nothing but the two vectors.
        return np.concatenate(parts).astype(np.float64)

    def documents_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """A number for the document of each of these rows, which ascend."""
        parts = [
            segment.document_of[rows[(rows >= start) & (rows < end)] - start] + first
            for segment, first, (start, end) in zip(
                self._segments, self._documents[:-1], pairwise(self._starts), strict=True
            )
        ]
        return np.concatenate(parts).astype(np.int64)

    def chunk(self, row: int) -> Chunk:
        """The chunk in a row."""
        segment, inside = self._at(row)
        return segment.chunk(inside)

    def document(self, row: int) -> Document:
        """The document of the chunk in a row."""
        segment, inside = self._at(row)
        return segment.document(int(segment.document_of[inside]))

    def source(self, row: int) -> str:
        """Where the document of the chunk in a row was read from."""
        segment, inside = self._at(row)
        source: str = segment.documents["source"][int(segment.document_of[inside])].as_py()
        return source

    def _at(self, row: int) -> tuple[Segment, int]:
        at = int(np.searchsorted(self._starts, row, side="right")) - 1
        return self._segments[at], row - int(self._starts[at])


def view_of(name: str | None, manifest: Manifest, segments: Sequence[Segment]) -> View:
    """The view of these segments: of each document the newest version is searched."""
    current = []
    newer: set[str] = set()
    for segment in reversed(segments):
        mask = segment.searched.copy()
        for id in segment.places.keys() & newer:
            mask[segment.places[id]] = False
        newer |= segment.searched_ids
        current.append(mask)
    return View(name=name, manifest=manifest, segments=segments, current=current[::-1])


def with_segment(view: View, stored: Stored, segment: Segment) -> View:
    """The view with a segment more, not yet named; its documents replace those of older ones."""
    current = []
    for older, mask in zip(view.segments, view.current, strict=True):
        rows = [
            row for id in older.places.keys() & segment.places.keys() for row in older.places[id]
        ]
        if rows:
            mask = mask.copy()
            mask[rows] = False
        current.append(mask)
    return View(
        manifest=replace(view.manifest, segments=(*view.manifest.segments, stored)),
        segments=[*view.segments, segment],
        current=[*current, segment.searched],
    )
