"""Passages into a prompt with numbers, and the numbers of an answer back to passages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape, unescape
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from knowledge.content import content_words
from knowledge.quote import Style, as_data
from knowledge.records import Citation, Passage
from knowledge.text import sentences, words

if TYPE_CHECKING:
    from knowledge.embed import Embedder

_MARK = re.compile(r"\[(\d{1,3})\]")
_RULE = re.compile(r"[\s|:-]+")  # the line under a table's header
_ELEMENT = re.compile(
    r'<passage number="\d+" document="([^"]*)" heading="[^"]*">(.*?)</passage>', re.DOTALL
)
_LINE = re.compile(r"^\[\d+\] (?:([^:\n]+): )?(.+)$", re.MULTILINE)
_LIST = re.compile(r"^\s*(?:[-*+•]|\d{1,3}[.)])\s+")
NEAR = 80  # characters before a mark that tell whether it was copied with them
LEXICAL = 0.5  # weight of shared words beside the cosine when sentences are chosen


class _Mark(NamedTuple):
    """A number in square brackets and the last words before it."""

    number: int
    after: tuple[str, ...]


def number_passages(
    passages: Sequence[Passage], excerpts: Sequence[str], style: Style = "lines"
) -> str:
    """Passages as a prompt shows them: numbered from 1, headed by where they stand, quoted as data.

    Args:
        passages: In the order to number them.
        excerpts: What is shown of each; same length.
        style: "lines" is one line each, "[1] Heading: text", which the pocket model has learnt;
            "tags" is an element each, with the document's id, for models that follow instructions.
    """
    pairs = enumerate(zip(passages, excerpts, strict=True), start=1)
    if style == "lines":
        return "\n".join(_line(number, passage, text) for number, (passage, text) in pairs)
    shown = "\n".join(_element(number, passage, text) for number, (passage, text) in pairs)
    return f"<passages>\n{shown}\n</passages>" if shown else ""


def numbered_passages(prompt: str) -> list[Passage]:
    """The passages that a prompt shows, read back: the inverse of `number_passages`, either style.

    Where each stands in its document is not known any more, nor, of the "lines" style, in which
    document: its heading stands for that.

    >>> [(p.document, p.text) for p in numbered_passages("[1] Fees: A wire costs 15 dollars.")]
    [('Fees', 'A wire costs 15 dollars.')]
    """
    elements = [(unescape(m[1]), unescape(m[2])) for m in _ELEMENT.finditer(prompt)]
    lines = [(m[1] or f"passage {n}", m[2]) for n, m in enumerate(_LINE.finditer(prompt), 1)]
    return [
        Passage(document=document, version="", start=0, end=len(text), text=text, score=0.0)
        for document, text in elements or lines
    ]


def check_citations(text: str, passages: Sequence[Passage]) -> list[Citation]:
    """The passages behind the numbers in an answer, each once, in the order they first appear.

    A number that no passage has is left out: it cites nothing. So is one that was copied with the
    words before it out of a passage, which may say "[2]" for reasons of its own.
    """
    foreign = {
        mark
        for own, passage in enumerate(passages, start=1)
        for mark in _marks(passage.text)
        if mark.number != own
    }
    numbers = dict.fromkeys(mark.number for mark in _marks(text) if mark not in foreign)
    return [
        Citation(
            number=number,
            document=passages[number - 1].document,
            version=passages[number - 1].version,
            start=passages[number - 1].start,
            end=passages[number - 1].end,
            text=passages[number - 1].text,
        )
        for number in numbers
        if 1 <= number <= len(passages)
    ]


def _line(number: int, passage: Passage, text: str) -> str:
    heading = as_data(" > ".join(passage.heading))
    return f"[{number}] {heading}: {as_data(text)}" if heading else f"[{number}] {as_data(text)}"


def _element(number: int, passage: Passage, text: str) -> str:
    """A passage whose own words are escaped: no tag in them opens or closes anything."""
    document = escape(as_data(passage.document))
    heading = escape(as_data(" > ".join(passage.heading)))
    opening = f'<passage number="{number}" document="{document}" heading="{heading}">'
    return f"{opening}{escape(as_data(text), quote=False)}</passage>"


def _marks(text: str) -> list[_Mark]:
    """The numbers in square brackets, each with the words before it."""
    found = []
    for match in _MARK.finditer(text):
        before = words(_MARK.sub(" ", text[max(0, match.start() - NEAR) : match.start()]))
        found.append(_Mark(int(match[1]), tuple(before[-3:]) or (f"at {match.start()}",)))
    return found


def excerpt(
    passage: Passage, query: str, *, sentences: int, embedder: Embedder | None = None
) -> str:
    """The sentences and table rows of a passage that fit the query best, best first.

    A table row is put as a sentence: "First cell: Header value; Header value.", also where the
    header stands in the passage's context.

    Args:
        passage: What was found.
        query: What is asked.
        sentences: How many to keep; 0 keeps all, in the order they stand.
        embedder: Compares meaning; None goes by shared words alone.
    """
    units = _units(passage)
    if sentences <= 0 or not units:
        return " ".join(units)
    fits = rank(units, query, embedder)
    best = sorted(range(len(units)), key=lambda n: (-fits[n], n))[:sentences]
    return " ".join(units[n] for n in best)


def best_first(passages: Sequence[Passage], query: str, embedder: Embedder | None) -> list[Passage]:
    """Passages by their best sentence: a chunk may fit a query as a whole and yet not answer it.

    The sort is stable: equal ones stay in the order of the search.
    """
    units = [_units(passage) or [passage.text] for passage in passages]
    fits = iter(rank([unit for some in units for unit in some], query, embedder))
    best = [max(next(fits) for _ in some) for some in units]
    order = sorted(range(len(passages)), key=lambda n: -best[n])
    return [passages[n] for n in order]


def rank(units: Sequence[str], query: str, embedder: Embedder | None) -> list[float]:
    """How well each unit fits the query; higher is better."""
    wanted = content_words(query)
    held = [content_words(unit) for unit in units]
    fits = [LEXICAL * _overlap(wanted, has) for has in held]
    if embedder is not None:
        vectors = embedder.encode([query, *units])
        cosines = np.asarray(vectors[1:] @ vectors[0], dtype=float)
        fits = [fit + cosine for fit, cosine in zip(fits, cosines.tolist(), strict=True)]
    return fits


def _units(passage: Passage) -> list[str]:
    """Sentences and table rows of a Markdown text; headings and context are shown elsewhere."""
    units: list[str] = []
    header = _header(passage.context)
    above: list[str] = []
    for found in sentences(passage.text):
        line = found.text
        if not line.startswith("|"):
            header = None
            plain = _LIST.sub("", line).strip()
            if plain and not plain.startswith("#") and not _RULE.fullmatch(plain):
                units.append(" ".join(plain.split()))
            continue
        if _RULE.fullmatch(line):
            if units and header is None:  # the row above was the header
                header = above
                units.pop()
        else:
            units.append(_row(_cells(line), header))
        above = _cells(line)
    return units


def _header(context: str) -> list[str] | None:
    """The cells of the table's header in what a passage is read by, if its rows go on there."""
    rows = context.split("\n")[-2:]
    if len(rows) == 2 and rows[0].startswith("|") and _RULE.fullmatch(rows[1]):
        return _cells(rows[0])
    return None


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip().strip("|").split("|")]


def _row(cells: Sequence[str], header: Sequence[str] | None) -> str:
    first, rest = cells[0], cells[1:]
    names = list(header[1:]) if header else []
    names += [""] * (len(rest) - len(names))
    named = [f"{name} {cell}".strip() for name, cell in zip(names, rest, strict=False) if cell]
    return f"{first}: {'; '.join(named)}." if named else f"{first}."


def _overlap(wanted: frozenset[str], has: frozenset[str]) -> float:
    return len(wanted & has) / len(wanted) if wanted else 0.0
