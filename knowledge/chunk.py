"""A Document → Chunks: spans that follow its headings, sentences, lists, tables and definitions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from knowledge.blocks import sections
from knowledge.code_blocks import code_sections
from knowledge.parts import Part, Section
from knowledge.pieces import Context, Run, pack, pieces, with_more
from knowledge.records import Chunk, Document
from knowledge.tokens import Tokens, TokenStarts, trimmed, word_starts

# MiniLM reads 256; `word_starts` may count a sixth too few.
MOST_TOKENS = 200
LEAST_TOKENS = 8
_BETWEEN = " > "  # headings


class _Head(NamedTuple):
    shown: tuple[str, ...]  # headings
    room: int  # tokens that they leave


def chunk(
    document: Document, *, most_tokens: int = MOST_TOKENS, token_starts: TokenStarts = word_starts
) -> list[Chunk]:
    """Cut a document into pieces of about equal length that each stand under one heading.

    A list with the sentence that leads to it, a table, a definition in code: what fits stays
    whole. What is too long is cut between items, rows, statements or sentences, and between words
    only where one of these alone is too long. A later piece of it has as its context what it is
    read by: the table's header, the class's first line. Headings that take more than half of a
    chunk lose the first of them.

    Args:
        document: Markdown or plain text, or code if its format says so.
        most_tokens: Longest chunk as a search sees it, headings and context counted; 8 or more.
        token_starts: Where the tokens of a text begin: offsets in characters, ascending.

    Returns:
        Chunks in the order they stand; at least one. Chunk.text == document.text[start:end].

    Raises:
        ValueError: most_tokens is below 8.

    >>> from knowledge.documents import make_document
    >>> page = make_document(id="a.md", text="# Fees\\n\\nA.\\n\\n## Abroad\\n\\nB.")
    >>> [piece.heading for piece in chunk(page)]
    [('Fees',), ('Fees', 'Abroad')]
    """
    if most_tokens < LEAST_TOKENS:
        raise ValueError(f"most_tokens is {most_tokens}, expected {LEAST_TOKENS} or more")
    tokens = Tokens(document.text, token_starts)

    @cache
    def head(heading: tuple[str, ...]) -> _Head:
        return _head(tokens, heading, most_tokens)

    def fits(heading: tuple[str, ...], start: int, end: int) -> bool:
        return tokens.count(start, end) <= head(heading).room

    is_code = document.format == "code"
    found = code_sections(document, fits) if is_code else list(sections(document))
    if not found:  # headings alone: they are what it says
        whole = Part(0, len(document.text), "text")
        found = [Section((document.title,), whole.start, whole.end, [whole])]
    return [
        _chunk(document, head(section.heading).shown, section, run)
        for section in found
        for run in _runs(tokens, section, head(section.heading).room)
    ]


def searchable(chunk: Chunk) -> str:
    """What a search sees of a chunk: the headings it stands under, its context, then its text."""
    return "\n".join(filter(None, [_BETWEEN.join(chunk.heading), chunk.context, chunk.text]))


def _head(tokens: Tokens, heading: tuple[str, ...], most: int) -> _Head:
    """The last headings that fit into half of a chunk; of the very last at least the beginning."""
    for first in range(len(heading)):
        size = tokens.of(_BETWEEN.join(heading[first:]))
        if size <= most // 2:
            return _Head(heading[first:], most - size)
    beginning = tokens.beginning(heading[-1], most // 2)
    return _Head((beginning,), most - tokens.of(beginning))


def _runs(tokens: Tokens, section: Section, room: int) -> Iterator[Run]:
    context = Context()
    for text in section.context:
        context = with_more(tokens, context, text, room)
    found = [piece for part in section.parts for piece in pieces(tokens, part, room, context)]
    yield from pack(found, room)


def _chunk(document: Document, heading: tuple[str, ...], section: Section, run: Run) -> Chunk:
    name = "\0".join([document.id, document.version, str(run.start), str(run.end)])
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) >> 1
    return Chunk(
        id=number or 1,
        document=document.id,
        version=document.version,
        start=run.start,
        end=run.end,
        text=document.text[run.start : run.end],
        heading=heading,
        kind=run.kind,
        context="\n".join(run.context.texts),
        section=trimmed(document.text, section.start, section.end),
    )
