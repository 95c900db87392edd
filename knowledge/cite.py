"""Passages into a prompt with numbers, and the numbers of an answer back to passages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from knowledge.records import Citation, Passage
from knowledge.text import sentences, words

if TYPE_CHECKING:
    from knowledge.embed import Embedder

_MARK = re.compile(r"\[(\d{1,3})\]")
_RULE = re.compile(r"[\s|:-]+")  # the line under a table's header
_LIST = re.compile(r"^\s*(?:[-*+•]|\d{1,3}[.)])\s+")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
BORNE_OUT = 0.7  # share of a sentence's own words that must stand in the passage
LEXICAL = 0.5  # weight of shared words beside the cosine when sentences are chosen
_COMMON = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "by",
        "can",
        "do",
        "does",
        "for",
        "from",
        "has",
        "have",
        "how",
        "i",
        "if",
        "in",
        "into",
        "is",
        "it",
        "its",
        "me",
        "my",
        "of",
        "on",
        "or",
        "our",
        "that",
        "the",
        "their",
        "them",
        "they",
        "this",
        "to",
        "was",
        "we",
        "what",
        "when",
        "where",
        "which",
        "who",
        "will",
        "with",
        "you",
        "your",
    ]
)


class Support(NamedTuple):
    """A sentence of an answer and the passage that bears it out, if any."""

    sentence: str
    passage_number: int | None  # from 1


def number_passages(passages: Sequence[Passage], excerpts: Sequence[str]) -> str:
    """Passages as a prompt shows them: one line each, numbered from 1, headed by where they stand.

    Args:
        passages: In the order to number them.
        excerpts: What is shown of each; same length.
    """
    lines = []
    for number, (passage, text) in enumerate(zip(passages, excerpts, strict=True), start=1):
        heading = " > ".join(passage.heading)
        lines.append(f"[{number}] {heading}: {text}" if heading else f"[{number}] {text}")
    return "\n".join(lines)


def check_citations(text: str, passages: Sequence[Passage]) -> list[Citation]:
    """The passages behind the numbers in an answer, each once, in the order they first appear.

    A number that no passage has is left out: it cites nothing.
    """
    numbers = dict.fromkeys(int(number) for number in _MARK.findall(text))
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
    wanted = _content(query)
    held = [_content(unit) for unit in units]
    fits = [LEXICAL * _overlap(wanted, has) for has in held]
    if embedder is not None:
        vectors = embedder.encode([query, *units])
        cosines = np.asarray(vectors[1:] @ vectors[0], dtype=float)
        fits = [fit + cosine for fit, cosine in zip(fits, cosines.tolist(), strict=True)]
    return fits


def support(text: str, passages: Sequence[Passage]) -> list[Support]:
    """Which passage bears out each sentence of an answer.

    A passage bears a sentence out when it holds every number in it and most of its words, folded
    to their stems' beginnings. Sentences without a word of their own are left out.
    """
    read = [f"{passage.context}\n{passage.text}" for passage in passages]
    held = [(_content(text), _numbers(text)) for text in read]
    found = []
    for sentence in sentences(text):
        said = _MARK.sub(" ", sentence.text)
        own, numbers = _content(said), _numbers(said)
        if not own:
            continue
        shares = [len(own & has) / len(own) if numbers <= figures else 0.0 for has, figures in held]
        best = max(range(len(shares)), key=lambda n: (shares[n], -n), default=None)
        borne = best is not None and shares[best] >= BORNE_OUT
        found.append(Support(said.strip(), best + 1 if borne and best is not None else None))
    return found


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


def _content(text: str) -> frozenset[str]:
    """Words that carry meaning, cut to six letters so that their forms meet."""
    return frozenset(word[:6] for word in words(text) if word not in _COMMON)


def _overlap(wanted: frozenset[str], has: frozenset[str]) -> float:
    return len(wanted & has) / len(wanted) if wanted else 0.0


def _numbers(text: str) -> frozenset[str]:
    return frozenset(number.replace(",", "") for number in _NUMBER.findall(text))
