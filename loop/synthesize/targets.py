"""Which passages questions are made up from: every document and section in its turn."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from itertools import zip_longest
from typing import NamedTuple, TypeVar

from knowledge.records import Chunk, Document, Passage, may_read
from knowledge.text import words
from loop.curate.split import chance

T = TypeVar("T")
FEWEST_WORDS = 8  # of a chunk that something can be asked about


class Target(NamedTuple):
    """A chunk to make questions from, with the document that it is of."""

    document: Document
    chunk: Chunk

    @property
    def passage(self) -> Passage:
        """The chunk as the only passage there is."""
        chunk = self.chunk
        return Passage(
            document=chunk.document,
            version=chunk.version,
            start=chunk.start,
            end=chunk.end,
            text=chunk.text,
            heading=chunk.heading,
            context=chunk.context,
            source=self.document.source,
            score=1.0,
        )


class Targets(NamedTuple):
    """Chunks in the order to go through them, and documents left out, by reason."""

    order: list[Target]
    left_out: dict[str, int]


def targets(
    documents: Iterable[Document],
    chunks: Callable[[str], Sequence[Chunk]],
    *,
    licences: Sequence[str],
    on: date,
    restricted: bool = False,
    shown: Mapping[str, int] | None = None,
    seed: int = 0,
) -> Targets:
    """One chunk of each document, then another of each, of every section before a second of one.

    Args:
        documents: All there are.
        chunks: Of a document, by its id.
        licences: Those that allow training; case does not matter.
        on: The day on which a document must hold.
        restricted: Documents that only some may read count, too.
        shown: How often each document was shown lately: those least shown come first.
        seed: Decides between those that were shown as often.
    """
    left_out: Counter[str] = Counter()
    allowed = {licence.casefold() for licence in licences}
    queues: list[list[Target]] = []
    known = shown or {}
    for document in sorted(documents, key=lambda d: (known.get(d.id, 0), chance(seed, d.id))):
        if reason := _problem(document, allowed, on, restricted):
            left_out[reason] += 1
            continue
        usable = [c for c in chunks(document.id) if _usable(c)]
        if not usable:
            left_out["no_text"] += 1
            continue
        sections: defaultdict[tuple[str, ...], list[Target]] = defaultdict(list)
        for chunk in usable:
            sections[chunk.heading].append(Target(document, chunk))
        queues.append(in_turn(list(sections.values())))
    return Targets(in_turn(queues), dict(sorted(left_out.items())))


def in_turn(queues: Sequence[Sequence[T]]) -> list[T]:
    """The first of each queue, then the second of each, and so on.

    >>> in_turn([[1, 2, 3], [4], [5, 6]])
    [1, 4, 5, 2, 6, 3]
    """
    gone = object()
    rounds = zip_longest(*queues, fillvalue=gone)
    return [one for each in rounds for one in each if one is not gone]  # type: ignore[misc]


def _problem(document: Document, allowed: set[str], on: date, restricted: bool) -> str | None:
    if document.access and not restricted:
        return "access"
    if not may_read(document, document.access, on):
        return "not_valid"
    if document.licence.casefold() not in allowed:
        return f"licence_{document.licence}"
    return None


def _usable(chunk: Chunk) -> bool:
    """Whether something can be asked of it, and nothing in it speaks to a model."""
    return chunk.kind != "code" and not chunk.instructions and len(words(chunk.text)) > FEWEST_WORDS
