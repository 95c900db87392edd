"""What a command prints: one object for machines, a few lines for people."""

from __future__ import annotations

import getpass
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Outcome:
    """A command's result: data for `--json`, text for people, the exit status."""

    data: Mapping[str, Any] | Sequence[Any] = field(default_factory=dict)
    text: str = ""
    status: int = 0  # 0 done, 1 a check failed
    lines: bool = False  # the text is JSON already, an object a line, for machines too


def person() -> str:
    """Who gives the command, for the audit trail."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without a passwd entry
        return "unknown"


def table(rows: Sequence[Sequence[object]], header: Sequence[str]) -> str:
    """Columns aligned; numbers to the right.

    >>> print(table([["a", 1.5], ["bc", 20]], ["name", "n"]))
    name    n
    a     1.5
    bc     20
    """
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(len(row[i]) for row in [list(header), *cells]) for i in range(len(header))]
    right = [
        all(isinstance(row[i], int | float) for row in rows) and bool(rows)
        for i in range(len(header))
    ]
    lines = []
    for line in [list(header), *cells]:
        padded = (
            text.rjust(width) if numeric else text.ljust(width)
            for text, width, numeric in zip(line, widths, right, strict=True)
        )
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def interval(mean: float, low: float, high: float) -> str:
    """A figure with its interval.

    >>> interval(0.5, 0.41, 0.59)
    '0.50 [0.41, 0.59]'
    """
    return f"{mean:.2f} [{low:.2f}, {high:.2f}]"


def _cell(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
