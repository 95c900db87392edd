"""Documents that came in together, their chunks and both indexes over these. Never changes.

A collection is a row of segments; a change adds one, and compaction makes one of several. Rows
are chunks, those of documents that everyone may read first: see knowledge/dense.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from knowledge.chunk import searchable
from knowledge.dense import Vectors
from knowledge.gpu import Gpu
from knowledge.lexical import Postings
from knowledge.records import Chunk, Document, Kind, may_read

_DICTIONARY = pa.dictionary(pa.int32(), pa.string())
DOCUMENTS = pa.schema(
    {
        "id": pa.string(),
        "version": pa.string(),
        "title": pa.string(),
        "text": pa.large_string(),
        "source": pa.string(),
        "licence": _DICTIONARY,
        "format": _DICTIONARY,
        "rights": _DICTIONARY,  # JSON: labels, first and last day
        "searched": pa.bool_(),  # False: a version kept for the answers that cite it
    }
)
CHUNKS = pa.schema(
    {
        "id": pa.int64(),
        "document": pa.int32(),  # row in the table of documents
        "start": pa.int32(),
        "end": pa.int32(),
        "heading": pa.list_(pa.string()),
        "kind": _DICTIONARY,
        "context": pa.string(),
        "section_start": pa.int32(),
        "section_end": pa.int32(),
        "instructions": pa.int32(),
    }
)


class Rights(NamedTuple):
    """Who may see a document, and when. Many documents share few of these."""

    access: frozenset[str]
    valid_from: date | None
    valid_until: date | None


class Embedded(NamedTuple):
    """A document with its chunks and their vectors, float32, shape (chunks, dimension)."""

    document: Document
    chunks: Sequence[Chunk]
    vectors_nd: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Segment:
    """One segment in memory, most of it mapped from disk."""

    documents: pa.Table
    chunks: pa.Table
    postings: Postings
    vectors: Vectors
    name: str = ""  # of its folder; empty before it is written
    _columns: dict[str, NDArray[np.int32]] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return int(self.chunks.num_rows)

    @cached_property
    def document_of(self) -> NDArray[np.int32]:
        """The row of each chunk's document, shape (chunks,)."""
        return self._numbers("document")

    @cached_property
    def ids(self) -> NDArray[np.int64]:
        """The ids of the chunks, shape (chunks,)."""
        ids: NDArray[np.int64] = _one(self.chunks["id"]).to_numpy()
        return ids

    @cached_property
    def searched(self) -> NDArray[np.bool_]:
        """Which documents were to be searched when this was made, shape (documents,)."""
        flags: NDArray[np.bool_] = _one(self.documents["searched"]).to_numpy(zero_copy_only=False)
        return flags

    @cached_property
    def places(self) -> Mapping[str, list[int]]:
        """The rows of a document's versions, by its id; the one that was searched comes last."""
        found: dict[str, list[int]] = {}
        ids = self.documents["id"].to_pylist()
        for row in np.argsort(self.searched, kind="stable").tolist():
            found.setdefault(ids[row], []).append(row)
        return found

    @cached_property
    def searched_ids(self) -> frozenset[str]:
        """The ids of the documents that were to be searched."""
        return frozenset(id for id, rows in self.places.items() if self.searched[rows[-1]])

    @cached_property
    def kinds_of_rights(self) -> list[Rights]:
        """Each combination of labels and days that a document here has."""
        return [_rights(text) for text in _one(self.documents["rights"]).dictionary.to_pylist()]

    @cached_property
    def rights_of(self) -> NDArray[np.int32]:
        """Which of `kinds_of_rights` each document has, shape (documents,)."""
        codes: NDArray[np.int32] = _one(self.documents["rights"]).indices.to_numpy()
        return codes

    @cached_property
    def _kinds(self) -> tuple[list[Kind], NDArray[np.int32]]:
        """What chunks are made of: the kinds there are, and which one each chunk is."""
        column = _one(self.chunks["kind"])
        return column.dictionary.to_pylist(), column.indices.to_numpy()

    @cached_property
    def instructions(self) -> NDArray[np.int32]:
        """Sentences in each chunk that speak to a model, shape (chunks,)."""
        return self._numbers("instructions")

    def allowed(self, labels: frozenset[str], on: date) -> NDArray[np.bool_]:
        """Which documents such a reader may see that day, shape (documents,)."""
        kinds = [may_read(rights, labels, on) for rights in self.kinds_of_rights]
        return np.array(kinds, dtype=bool)[self.rights_of]

    def document(self, row: int) -> Document:
        """The document in a row of its table."""
        values = {name: self.documents[name][row].as_py() for name in DOCUMENTS.names}
        rights = _rights(values.pop("rights"))
        values.pop("searched")
        return Document(**values, **rights._asdict())

    def version(self, row: int) -> str:
        """The version of the document in a row."""
        version: str = self.documents["version"][row].as_py()
        return version

    def text(self, row: int, start: int, end: int) -> str:
        """A stretch of a document's text."""
        text: str = self.documents["text"][row].as_py()
        return text[start:end]

    def chunk(self, row: int) -> Chunk:
        """The chunk in a row."""
        names, codes = self._kinds
        place = int(self.document_of[row])
        start, end = int(self._numbers("start")[row]), int(self._numbers("end")[row])
        first, last = self._numbers("section_start")[row], self._numbers("section_end")[row]
        return Chunk(
            id=int(self.ids[row]),
            kind=names[codes[row]],
            context=self.chunks["context"][row].as_py(),
            heading=tuple(self.chunks["heading"][row].as_py()),
            document=self.documents["id"][place].as_py(),
            version=self.version(place),
            start=start,
            end=end,
            text=self.text(place, start, end),
            section=(int(first), int(last)),
            instructions=int(self.instructions[row]),
        )

    def rows_of(self, documents: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """The chunks of these documents, shape (chunks,)."""
        return documents[self.document_of]

    def _numbers(self, name: str) -> NDArray[np.int32]:
        if name not in self._columns:
            self._columns[name] = _one(self.chunks[name]).to_numpy()
        return self._columns[name]


def make(
    given: Sequence[Embedded],
    older: Sequence[Document] = (),
    *,
    dimension: int,
    gpu: Gpu | None = None,
) -> Segment:
    """A segment of these documents, and of versions that are kept but not searched."""
    ordered = sorted(given, key=lambda one: bool(one.document.access))
    chunks = [piece for one in ordered for piece in one.chunks]
    place = np.repeat(np.arange(len(ordered)), [len(one.chunks) for one in ordered])
    vectors = [np.zeros((0, dimension), dtype=np.float32), *(one.vectors_nd for one in ordered)]
    everyone = sum(len(one.chunks) for one in ordered if not one.document.access)
    return Segment(
        documents=_documents([one.document for one in ordered], older),
        chunks=_chunks(chunks, place),
        postings=Postings.of([searchable(piece) for piece in chunks]),
        vectors=Vectors.build(np.concatenate(vectors), everyone, gpu=gpu),
    )


def _documents(searched: Sequence[Document], older: Sequence[Document]) -> pa.Table:
    plain = [one.name for one in fields(Document) if one.name in DOCUMENTS.names]
    every = [*searched, *older]
    columns: dict[str, list[Any]] = {name: [getattr(d, name) for d in every] for name in plain}
    columns["rights"] = [_as_text(d) for d in every]
    columns["searched"] = [True] * len(searched) + [False] * len(older)
    return pa.table(columns, schema=DOCUMENTS)


def _chunks(chunks: Sequence[Chunk], place: NDArray[np.int64]) -> pa.Table:
    plain = [one.name for one in fields(Chunk) if one.name in CHUNKS.names]
    columns: dict[str, Any] = {name: [getattr(c, name) for c in chunks] for name in plain}
    columns["document"] = place.astype(np.int32)
    columns["section_start"] = [c.section[0] for c in chunks]
    columns["section_end"] = [c.section[1] for c in chunks]
    return pa.table(columns, schema=CHUNKS)


def _as_text(document: Document) -> str:
    days = [day and day.isoformat() for day in (document.valid_from, document.valid_until)]
    return json.dumps([sorted(document.access), *days])


def _rights(text: str) -> Rights:
    access, first, last = json.loads(text)
    return Rights(
        frozenset(access), first and date.fromisoformat(first), last and date.fromisoformat(last)
    )


def _one(column: pa.ChunkedArray) -> Any:
    """A column in one piece."""
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
