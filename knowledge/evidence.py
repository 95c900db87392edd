"""What of a passage can bear a claim out: its sentences, alone and in a row, and its table rows."""

from __future__ import annotations

import re
from dataclasses import dataclass

from knowledge.content import Quantity, quantities, stems
from knowledge.records import Passage
from knowledge.text import Sentence, sentences

IN_A_ROW = 3  # sentences that may bear a claim out together

_RULE = re.compile(r"[\s|:-]+")  # the line under a table's header
_LIST = re.compile(r"^\s*(?:[-*+•]|\d{1,3}[.)])\s+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A stretch of a passage with what it is read by."""

    number: int  # of its passage, from 1
    span: tuple[int, int]  # characters into the document
    text: str  # a table row as a sentence: "First cell: Header value; Header value."
    stems: frozenset[str]  # of text, headings and context
    numbers: frozenset[Quantity]  # of text and context: a heading's numbers count nothing here
    cells: tuple[tuple[str, str], ...] = ()  # header and cell, of a table row
    heading: str = ""
    alone: bool = True  # not several sentences in a row

    @property
    def length(self) -> int:
        return self.span[1] - self.span[0]

    @property
    def told(self) -> str:
        """For a reader who sees nothing else."""
        return f"{self.heading}: {self.text}" if self.heading else self.text


def evidence_of(passage: Passage, number: int) -> list[Evidence]:
    """All that the passage can bear a claim out with, shortest stretches first where they begin."""
    found: list[Evidence] = []
    run: list[Sentence] = []  # running text up to here, without a break
    header: list[str] = _cells(passage.context)
    above: Sentence | None = None
    for line in sentences(passage.text):
        if line.text.startswith("|"):
            run = []
            if _RULE.fullmatch(line.text):
                if above is not None:  # the row above was the header
                    header = _cells(above.text)
                    found.pop()
            else:
                found.append(_row(passage, number, line, header))
            above = line
            continue
        if above is not None:
            above, header = None, []
        plain = _LIST.sub("", line.text)
        if line.text.startswith("#") or _RULE.fullmatch(line.text) or not plain:
            run = []
            continue
        run = [*run, line][-IN_A_ROW:]
        for first in reversed(run):
            found.append(_stretch(passage, number, first, line))
    return found


def _row(passage: Passage, number: int, line: Sentence, header: list[str]) -> Evidence:
    cells = _cells(line.text)
    heads = [*header, *[""] * len(cells)][: len(cells)]
    named = [f"{head} {cell}".strip() for head, cell in zip(heads[1:], cells[1:], strict=True)]
    text = f"{cells[0]}: {'; '.join(named)}." if named else f"{cells[0]}."
    pairs = tuple(zip(heads, cells, strict=True))
    return _evidence(passage, number, (line.start, line.end), text, cells=pairs)


def _stretch(passage: Passage, number: int, first: Sentence, last: Sentence) -> Evidence:
    text = " ".join(_LIST.sub("", passage.text[first.start : last.end]).split())
    span = (first.start, last.end)
    return _evidence(passage, number, span, text, alone=first == last)


def _evidence(
    passage: Passage,
    number: int,
    span: tuple[int, int],
    text: str,
    *,
    cells: tuple[tuple[str, str], ...] = (),
    alone: bool = True,
) -> Evidence:
    heading = " > ".join(passage.heading)
    return Evidence(
        number=number,
        span=(passage.start + span[0], passage.start + span[1]),
        text=text,
        stems=stems(f"{text} {heading} {passage.context} {cells[0][0] if cells else ''}"),
        numbers=quantities(f"{text} {passage.context}"),
        cells=cells,
        heading=heading,
        alone=alone,
    )


def _cells(line: str) -> list[str]:
    """The cells of a table row; none of anything else."""
    first = line.strip().split("\n")[0]
    if not first.startswith("|"):
        return []
    return [cell.strip() for cell in first.strip("|").split("|")]
