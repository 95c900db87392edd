"""Documents, their chunks, what a search finds in them and what an answer cites."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A chunk that a search found, with why it was found."""

    document: str
    version: str
    start: int
    end: int
    text: str
    heading: tuple[str, ...] = ()
    source: str = ""
    score: float  # higher is better; comparable within one search only
    similarity: float | None = None  # cosine to the query in [-1, 1]; None if not from dense search
    why: dict[str, float] = field(default_factory=dict)  # e.g. {"dense_rank": 1, "lexical_rank": 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """The passage behind a number [n] in an answer."""

    number: int  # as it stands in the answer, from 1
    document: str
    version: str
    start: int
    end: int
    text: str
