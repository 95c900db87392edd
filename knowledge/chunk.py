"""A Document → Chunks: pieces that follow its headings, sentences and tables, with their spans."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from knowledge.records import Chunk, Document
from knowledge.text import normalise, sentences

_HEADING = re.compile(r"[ ]{0,3}(#{1,6})[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*")
_FENCE = re.compile(r"\s*(?:```|~~~)")
# Chinese and Japanese write without spaces: two characters count as a word, as do 24 of others.
_HAN = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_HAN}]{{1,2}}|[^\W_{_HAN}][^\s{_HAN}]{{0,23}}")
_TABLE_RULE = re.compile(r"\s*\|[\s|:-]*\|\s*")


class _Section(NamedTuple):
    heading: tuple[str, ...]
    start: int  # characters into the text, behind the heading's own line
    end: int


class _Piece(NamedTuple):
    """What is not cut: a sentence, a list item, a table or a row of a long one."""

    start: int
    end: int
    words: int


def chunk(document: Document, *, most_words: int = 120) -> list[Chunk]:
    """Cut a document into pieces of about equal length that each stand under one heading.

    A sentence or a table row is cut only if it alone is too long, and then between words. A table
    that is too long is cut between rows; as chunks are exact spans of the text, its header row
    stands in the first piece only.

    Args:
        document: Markdown or plain text.
        most_words: Longest chunk; its heading is not counted.

    Returns:
        Chunks in the order they stand; at least one. Chunk.text == document.text[start:end].
    """
    spans = [
        (section.heading, start, end)
        for section in _sections(document)
        for start, end in _pack(_pieces(document.text, section, most_words), most_words)
    ]
    if not spans:  # headings alone: they are what it says
        whole = _Section((document.title,), 0, len(document.text))
        lines = _cut(document.text, whole.start, whole.end, most_words)
        spans = [(whole.heading, start, end) for start, end in _pack(list(lines), most_words)]
    return [_chunk(document, *span) for span in spans]


def searchable(chunk: Chunk) -> str:
    """What a search sees of a chunk: the headings it stands under, then its text."""
    return f"{' > '.join(chunk.heading)}\n{chunk.text}"


def _chunk(document: Document, heading: tuple[str, ...], start: int, end: int) -> Chunk:
    name = "\0".join([document.id, document.version, str(start), str(end)])
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) >> 1
    return Chunk(
        id=number or 1,
        document=document.id,
        version=document.version,
        start=start,
        end=end,
        text=document.text[start:end],
        heading=heading,
    )


def _sections(document: Document) -> Iterator[_Section]:
    """The stretches between headings, each with the headings it stands under."""
    open_headings: list[tuple[int, str]] = []
    at = begun = 0
    fenced = False

    def section(end: int) -> _Section:
        names = [name for _, name in open_headings]
        if names and normalise(names[0]) == normalise(document.title):
            names = names[1:]  # the page says its title again
        return _Section((document.title, *names), begun, end)

    for line in document.text.splitlines(keepends=True):
        if _FENCE.match(line):
            fenced = not fenced
        found = None if fenced else _HEADING.fullmatch(line.rstrip("\r\n"))
        if found:
            yield section(at)
            level = len(found[1])
            open_headings = [h for h in open_headings if h[0] < level]
            if found[2]:
                open_headings.append((level, found[2]))
            begun = at + len(line)
        at += len(line)
    yield section(at)


def _pieces(text: str, section: _Section, most_words: int) -> list[_Piece]:
    """The section in pieces that fit. A table whose rows fit together is one of them."""
    found: list[_Piece] = []
    inside = sentences(text[section.start : section.end])
    for is_table, run in groupby(inside, key=lambda sentence: sentence.text.startswith("|")):
        lines = [(section.start + line.start, section.start + line.end) for line in run]
        if is_table:
            lines = _rows(text, lines, most_words)
        for start, end in lines:
            found += _cut(text, start, end, most_words)
    return found


def _rows(text: str, rows: list[tuple[int, int]], most_words: int) -> list[tuple[int, int]]:
    """A table as one if it fits; else its rows, with the first row kept below its header."""
    whole = (rows[0][0], rows[-1][1])
    if _count(text, *whole) <= most_words:
        return [whole]
    if len(rows) > 2 and _TABLE_RULE.fullmatch(text[slice(*rows[1])]):
        head = (rows[0][0], rows[2][1])
        if _count(text, *head) <= most_words:
            return [head, *rows[3:]]
    return rows


def _cut(text: str, start: int, end: int, most_words: int) -> Iterator[_Piece]:
    """A stretch of text whole, or cut between words where it is too long."""
    words = [match.start() for match in _WORD.finditer(text, start, end)]
    begins = [start, *words[most_words::most_words]]
    for number, begin in enumerate(begins):
        stop = begins[number + 1] if number + 1 < len(begins) else end
        piece = text[begin:stop]
        inner = begin + len(piece) - len(piece.lstrip())
        if piece.strip():
            size = min(most_words, len(words) - number * most_words)
            yield _Piece(inner, inner + len(piece.strip()), max(size, 0))


def _pack(pieces: list[_Piece], most_words: int) -> list[tuple[int, int]]:
    """Spans over pieces that follow each other: as few as can be, of about equal length."""
    total = sum(piece.words for piece in pieces)
    fair = total / max(-(-total // most_words), 1)
    spans: list[tuple[int, int]] = []
    size = 0
    for piece in pieces:
        if not spans or size + piece.words > most_words or size >= fair:
            spans.append((piece.start, piece.end))
            size = piece.words
        else:
            spans[-1] = (spans[-1][0], piece.end)
            size += piece.words
    return spans


def _count(text: str, start: int, end: int) -> int:
    return sum(1 for _ in _WORD.finditer(text, start, end))
