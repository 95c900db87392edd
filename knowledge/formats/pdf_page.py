"""What people see on a page of a PDF: pieces of text and straight lines, and what they make up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

_SHORTEST_RULE = 4.0
_SPACE = 0.15  # of the letters' size: a gap between words
_GAP = 1.3  # of the letters' size: a gap between cells
_LABEL = re.compile(r"[^\w\s]|\(?(?:\d{1,3}|[a-zA-Z])[.)]")  # of an item of a list
_LEADERS = re.compile(r"(?: ?\.){5,} ?")  # dots that lead to a page number


class Box(NamedTuple):
    """A rectangle in points, from the lower left corner of the page as it is seen."""

    left: float
    bottom: float
    right: float
    top: float

    def touches(self, other: Box) -> bool:
        return (
            self.left < other.right
            and other.left < self.right
            and self.bottom < other.top
            and other.bottom < self.top
        )

    def within(self, other: Box) -> bool:
        """Does its middle lie in the other?"""
        x, y = (self.left + self.right) / 2, (self.bottom + self.top) / 2
        return other.left <= x <= other.right and other.bottom <= y <= other.top


class Run(NamedTuple):
    """A piece of text that was written at once."""

    text: str
    box: Box
    baseline: float
    size: float  # points
    bold: bool = False
    upright: bool = True


class Rule(NamedTuple):
    """A straight line: level at height `at`, or upright at distance `at`."""

    level: bool
    at: float
    start: float
    end: float

    @staticmethod
    def between(one: tuple[float, float], other: tuple[float, float]) -> Iterator[Rule]:
        (x, y), (u, v) = one, other
        if abs(y - v) < 1 and abs(x - u) >= _SHORTEST_RULE:
            yield Rule(True, (y + v) / 2, min(x, u), max(x, u))
        elif abs(x - u) < 1 and abs(y - v) >= _SHORTEST_RULE:
            yield Rule(False, (x + u) / 2, min(y, v), max(y, v))


class Page(NamedTuple):
    """What people see on a page."""

    runs: list[Run]
    rules: list[Rule]
    height: float


@dataclass
class Line:
    """Runs on one baseline, from left to right. Complete before anything else is asked of it."""

    runs: list[Run] = field(default_factory=list)

    @cached_property
    def size(self) -> float:
        return max(self.runs, key=lambda run: len(run.text)).size

    def takes(self, run: Run) -> bool:
        """Does a piece of text go on where the line ends?"""
        last = self.runs[-1]
        return (
            abs(run.baseline - last.baseline) < 0.4 * max(run.size, last.size)
            and run.box.left >= last.box.right - 0.4 * run.size
        )

    @property
    def bold(self) -> bool:
        return all(run.bold for run in self.runs)

    @property
    def baseline(self) -> float:
        return self.runs[0].baseline

    @property
    def left(self) -> float:
        return self.runs[0].box.left

    @property
    def right(self) -> float:
        return self.runs[-1].box.right

    @cached_property
    def cells(self) -> list[tuple[float, float, str]]:
        """Left, right and text of what stands apart in it."""
        cells: list[tuple[float, float, str]] = []
        for run in self.runs:
            if cells and run.box.left - cells[-1][1] < _GAP * run.size:
                left, right, text = cells[-1]
                space = " " if run.box.left - right > _SPACE * run.size else ""
                cells[-1] = (left, max(right, run.box.right), f"{text}{space}{run.text}")
            else:
                cells.append((run.box.left, run.box.right, run.text))
        if len(cells) > 1 and _LABEL.fullmatch(cells[0][2].strip()):
            (left, _, label), (_, right, text) = cells[:2]
            cells[:2] = [(left, right, f"{label.strip()} {text}")]
        return cells

    @cached_property
    def text(self) -> str:
        text = " ".join(" ".join(text for _, _, text in self.cells).split())
        return _LEADERS.sub(" … ", text)


class Table(NamedTuple):
    """Rows of cells."""

    rows: list[list[str]]
