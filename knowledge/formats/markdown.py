"""Markdown out of cells and lines of other formats."""

from __future__ import annotations

import re
from collections.abc import Sequence

# What Markdown would take for structure at the start of a line that is only text.
_STRUCTURE = re.compile(r"#{1,6}(?=\s|$)|```|~~~|\|")


def paragraph(text: str) -> str:
    r"""One line of text, spaces as people see them, that Markdown takes for text.

    >>> print(paragraph("# not a\nheading"))
    \# not a heading
    """
    line = " ".join(text.split())
    return f"\\{line}" if _STRUCTURE.match(line) else line


def heading(level: int, text: str) -> str:
    """A heading of level 1 to 6; empty if the text is.

    >>> heading(2, "Fees")
    '## Fees'
    """
    line = " ".join(text.split())
    return f"{'#' * min(max(level, 1), 6)} {line}" if line else ""


def table(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first row heads it. Empty rows and columns fall away.

    >>> print(table([["Wire", "Fee"], ["", ""], ["Home | abroad", "18"]]))
    | Wire | Fee |
    | --- | --- |
    | Home \\| abroad | 18 |
    """
    clean = [[" ".join(cell.split()).replace("|", "\\|") for cell in row] for row in rows]
    clean = [row for row in clean if any(row)]
    width = max(map(len, clean), default=0)
    used = [n for n in range(width) if any(n < len(row) and row[n] for row in clean)]
    if not used:
        return ""
    lines = [f"| {' | '.join(row[n] if n < len(row) else '' for n in used)} |" for row in clean]
    lines.insert(1, f"| {' | '.join(['---'] * len(used))} |")
    return "\n".join(lines)


def join_blocks(blocks: Sequence[str]) -> str:
    """Blocks with an empty line between them; items of one list stand on lines of one block."""
    joined: list[str] = []
    for block in blocks:
        if not block:
            continue
        if joined and is_item(block) and is_item(joined[-1]):
            joined[-1] = f"{joined[-1]}\n{block}"
        else:
            joined.append(block)
    return "\n\n".join(joined)


def is_item(block: str) -> bool:
    """Is it an item of a list, or a block of them?"""
    return re.match(r"\s*(?:-|\d+\.) ", block) is not None
