"""Documents, their chunks, what a search finds in them and what an answer cites."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, Protocol

# What a chunk is made of.
Kind = Literal["text", "list", "table", "code"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One version of one document. The same id with other text is a new version."""

    id: str  # stable name: path below the folder it came from, or a URL
    version: str  # first 16 hex digits of the SHA-256 of the text and its metadata
    title: str
    text: str
    source: str  # where it was read from, for people
    licence: str = "unknown"
    access: frozenset[str] = frozenset()  # a reader needs one of these; empty means everyone
    valid_from: date | None = None  # first day it holds
    valid_until: date | None = None  # last day it holds
    format: str = "text"  # what it was read from: markdown, html, pdf, docx, pptx, xlsx, csv, code

    @property
    def content_hash(self) -> str:
        """SHA-256 of the text, hex: the same whatever it is called and whoever may read it."""
        return hashlib.sha256(self.text.encode()).hexdigest()


class Held(Protocol):
    """What has labels and days: a document, or the rights that many documents share."""

    @property
    def access(self) -> frozenset[str]: ...

    @property
    def valid_from(self) -> date | None: ...

    @property
    def valid_until(self) -> date | None: ...


def may_read(held: Held, labels: frozenset[str], on: date | None) -> bool:
    """Whether a reader with these labels may see it, and it holds that day; None is any day."""
    if held.access and not held.access & labels:
        return False
    return on is None or (held.valid_from or on) <= on <= (held.valid_until or on)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A piece of a document that is searched as one. text == document.text[start:end]."""

    id: int  # positive 63-bit hash of document, version, start, end: FAISS wants integers
    document: str
    version: str
    start: int  # characters into the document's text
    end: int
    text: str
    heading: tuple[str, ...] = ()  # document title first, then the headings above the chunk
    kind: Kind = "text"
    context: str = ""  # from elsewhere in the document, to read it by: table header, class line
    section: tuple[int, int] = (0, 0)  # span of what stands under its heading
    instructions: int = 0  # sentences in it that speak to a model instead of the reader


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A chunk that a search found, with why it was found."""

    document: str
    version: str
    start: int
    end: int
    text: str
    heading: tuple[str, ...] = ()
    context: str = ""  # from elsewhere in the document, to read it by: table header, class line
    source: str = ""
    score: float  # higher is better; comparable within one search only
    similarity: float | None = None  # cosine to the query in [-1, 1]; None if not from dense search
    why: dict[str, float] = field(default_factory=dict)  # e.g. {"dense_rank": 1, "lexical_rank": 3}


def passage_of(row: Mapping[str, Any]) -> Passage:
    """A passage as a file or a store holds it, read again. What it lacks is empty, its score 0.

    Raises:
        KeyError: It lacks the document, the span or the text.
    """
    known = {name: row[name] for name in Passage.__dataclass_fields__ if name in row}
    missing = {"document", "version", "start", "end", "text"} - known.keys()
    if missing:
        raise KeyError(f"a passage lacks {', '.join(sorted(missing))}")
    return Passage(**{"score": 0.0, **known, "heading": tuple(known.get("heading") or ())})


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """The passage behind a number [n] in an answer."""

    number: int  # as it stands in the answer, from 1
    document: str
    version: str
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Changes:
    """What a change did: ids of documents, in order."""

    added: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)  # there was an older version
    removed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """A collection at a glance."""

    documents: int  # that are searched
    chunks: int
    older_versions: int  # kept for the answers that cite them
    segments: int
    index: str  # how the largest segment is searched
    reason: str  # why so
    flagged: int  # chunks with text that speaks to a model
    embedder: str
    generation: str | None  # None for an empty collection
    bytes: int  # on disk
