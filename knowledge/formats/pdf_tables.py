"""Tables on a page: by the lines drawn around their cells, or by cells that stand in columns."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from knowledge.formats.pdf_page import Box, Line, Rule, Run, Table

_NEAR = 3.0  # points within which rules meet
_LONGEST_CELL = 80  # characters; what stands side by side and is longer is columns of text


class Grid(NamedTuple):
    """The rules of one table."""

    xs: list[float]  # of upright rules, from the left
    ys: list[float]  # of level rules, from below

    @property
    def box(self) -> Box:
        return Box(self.xs[0], self.ys[0], self.xs[-1], self.ys[-1])

    def filled(self, runs: Sequence[Run]) -> Table:
        """The table that they make of what is written in them."""
        width, height = len(self.xs) - 1, len(self.ys) - 1
        lines: list[list[list[Line]]] = [[[] for _ in range(width)] for _ in range(height)]
        for run in runs:
            y = (run.box.bottom + run.box.top) / 2
            row = height - min(max(bisect_right(self.ys, y), 1), height)
            column = min(max(bisect_right(self.xs, run.box.left + 1), 1), width) - 1
            cell = lines[row][column]
            if cell and cell[-1].takes(run):
                cell[-1].runs.append(run)
            else:
                cell.append(Line([run]))
        return Table([[" ".join(line.text for line in cell) for cell in row] for row in lines])


def find_grids(rules: Sequence[Rule]) -> list[Grid]:
    """Rules that meet and make at least two rows and two columns."""
    merged = _merged(rules)
    group = list(range(len(merged)))

    def root(n: int) -> int:
        while group[n] != n:
            group[n] = group[group[n]]
            n = group[n]
        return n

    level = [n for n, rule in enumerate(merged) if rule.level]
    upright = [n for n, rule in enumerate(merged) if not rule.level]
    for n in level:
        for m in upright:
            if _meet(merged[n], merged[m]):
                group[root(n)] = root(m)
    grids = []
    for leader in sorted({root(n) for n in level}):
        members = [merged[n] for n in range(len(merged)) if root(n) == leader]
        ys = _distinct([rule.at for rule in members if rule.level])
        xs = _distinct([rule.at for rule in members if not rule.level])
        if len(xs) > 2 and len(ys) > 2:
            grids.append(Grid(xs, ys))
    return grids


def _merged(rules: Sequence[Rule]) -> list[Rule]:
    """Rules in one line that touch, as one."""
    merged: list[Rule] = []
    for rule in sorted(rules, key=lambda r: (r.level, round(r.at / _NEAR), r.start)):
        last = merged[-1] if merged else None
        if (
            last
            and last.level == rule.level
            and abs(last.at - rule.at) <= _NEAR
            and rule.start <= last.end + _NEAR
        ):
            merged[-1] = last._replace(end=max(last.end, rule.end))
        else:
            merged.append(rule)
    return merged


def _meet(level: Rule, upright: Rule) -> bool:
    return (
        level.start - _NEAR <= upright.at <= level.end + _NEAR
        and upright.start - _NEAR <= level.at <= upright.end + _NEAR
    )


def _distinct(places: Sequence[float]) -> list[float]:
    distinct: list[float] = []
    for place in sorted(places):
        if not distinct or place - distinct[-1] > _NEAR:
            distinct.append(place)
    return distinct


def aligned_tables(pieces: Sequence[Line | Table]) -> Iterator[Line | Table]:
    """Three lines or more whose cells stand under each other, as a table."""
    waiting: list[Line] = []

    def flush() -> Iterator[Line | Table]:
        if len(waiting) >= 3:
            yield Table(_rows(waiting))
        else:
            yield from waiting
        waiting.clear()

    for piece in pieces:
        if isinstance(piece, Line) and (not waiting or _aligned(waiting[-1], piece)):
            cells = piece.cells
            if len(cells) > 1 and all(len(text) <= _LONGEST_CELL for _, _, text in cells):
                waiting.append(piece)
                continue
        yield from flush()
        if isinstance(piece, Line) and len(piece.cells) > 1:
            waiting.append(piece)
        else:
            yield piece
    yield from flush()


def _aligned(above: Line, below: Line) -> bool:
    """Do most cells of a line begin, or end, where those above do?"""
    over = above.cells
    near = 0.6 * below.size
    shared = sum(
        any(abs(left - x) < near or abs(right - y) < near for x, y, _ in over)
        for left, right, _ in below.cells
    )
    return shared >= max(2, len(below.cells) - 1)


def _rows(lines: Sequence[Line]) -> list[list[str]]:
    """Cells in the columns of the line that has most."""
    columns = max((line.cells for line in lines), key=len)
    rows = []
    for line in lines:
        row = [""] * len(columns)
        for left, right, text in line.cells:
            nearest = min(
                range(len(columns)),
                key=lambda n: min(abs(columns[n][0] - left), abs(columns[n][1] - right)),
            )
            row[nearest] = f"{row[nearest]} {text}".strip()
        rows.append(row)
    return rows
