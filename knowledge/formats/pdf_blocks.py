"""Lines and tables of all pages → Markdown: headings, paragraphs, lists."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from knowledge.formats.markdown import heading, join_blocks, paragraph, table
from knowledge.formats.pdf_layout import lay_out
from knowledge.formats.pdf_page import Line, Page, Table

_LARGER = 1.15  # than the text: then it is a heading
_MOST_LEVELS = 4
_LONGEST_HEADING = 200  # characters
_LONGEST_BOLD_HEADING = 80
_MARGIN = 0.1  # of the page's height, above and below, where headers and footers stand
_REPEATED_ON = 3  # pages at least; without a number in it, on a fifth of them too
_ROMAN = r"x{0,3}(?:ix|iv|v?i{0,3})"
_PAGE_NUMBER = re.compile(rf"\W*(?:page\s*)?(?:#|{_ROMAN})(?:\s*(?:/|of)\s*#)?\W*", re.IGNORECASE)
_RAGGED = 4.0  # points
_BULLET = re.compile(r"[•◦▪▫‣⁃●○■□–\uf0b7\uf0a7\uf0d8*-]\s+")
_NUMBERED = re.compile(r"\(?(\d{1,3})[.)]\s+(?=\S)")
_SOFT_HYPHEN = re.compile(r"(?<=[^\W\d_])[-\u00ad\u2010\x02]$")
_SENTENCE_END = (".", "!", "?", ":", ";")


class _Style(NamedTuple):
    """How this document is set."""

    body: float  # size of its text
    levels: dict[float, int]  # size of a heading → its level
    bold_level: int | None  # level of bold lines of the text's size; None if they are no headings
    pitch: float  # from line to line, in sizes


def pages_to_markdown(pages: Sequence[Page]) -> str:
    """All pages as one text. A page begins a heading only where the document has none itself."""
    laid = _without_edges([lay_out(page) for page in pages], [page.height for page in pages])
    lines = [piece for page in laid for piece in page if isinstance(piece, Line)]
    style = _style(lines)
    headings = sum(_level(line, style) is not None for line in lines)
    by_page = len(pages) > 1 and headings < 2
    blocks: list[str] = []
    for number, page in enumerate(laid, start=1):
        if by_page and page:
            blocks.append(f"## Page {number}")
        _write(page, style, blocks)
    return join_blocks(blocks)


def _without_edges(
    pages: Sequence[list[Line | Table]], heights: Sequence[float]
) -> list[list[Line | Table]]:
    """Without headers and footers: what stands in the margins of several pages, but for numbers."""

    def edges(page: list[Line | Table], height: float) -> list[Line]:
        low, high = _MARGIN * height, (1 - _MARGIN) * height
        return [p for p in page if isinstance(p, Line) and not low < p.baseline < high]

    def key(line: Line) -> str:
        return re.sub(r"\d+", "#", line.text)

    margins = [edges(*page) for page in zip(pages, heights, strict=True)]
    counts = Counter(k for lines in margins for k in {key(line) for line in lines})
    repeated = {
        k for k, n in counts.items() if n >= _REPEATED_ON and ("#" in k or n > len(pages) / 5)
    }
    kept = []
    for page, lines in zip(pages, margins, strict=True):
        dropped = {
            id(line)
            for line in lines
            if key(line) in repeated or (len(pages) > 1 and _PAGE_NUMBER.fullmatch(key(line)))
        }
        kept.append([piece for piece in page if id(piece) not in dropped])
    return kept


def _style(lines: Sequence[Line]) -> _Style:
    sizes: Counter[float] = Counter()
    bold = 0
    for line in lines:
        sizes[line.size] += len(line.text)
        bold += len(line.text) * line.bold
    body = sizes.most_common(1)[0][0] if sizes else 0.0
    larger = {s for s in sizes if s >= _LARGER * body}
    levels = {s: min(n, _MOST_LEVELS) for n, s in enumerate(sorted(larger, reverse=True), start=1)}
    steps = [
        (above.baseline - below.baseline) / body
        for above, below in pairwise(lines)
        if above.size == below.size == body and 0 < above.baseline - below.baseline < 3 * body
    ]
    is_rare = bold < 0.3 * sizes.total()
    return _Style(
        body=body,
        levels=levels,
        bold_level=min(len(levels), _MOST_LEVELS) + 1 if is_rare else None,
        pitch=median(steps) if steps else 1.2,
    )


def _level(line: Line, style: _Style) -> int | None:
    """The level of the heading that a line is, or belongs to."""
    text = line.text
    if not any(c.isalpha() for c in text) or len(text) > _LONGEST_HEADING:
        return None
    if level := style.levels.get(line.size):
        return level
    if line.bold and len(text) <= _LONGEST_BOLD_HEADING and not text.endswith((".", ",", ";", ":")):
        return style.bold_level
    return None


def _write(page: Sequence[Line | Table], style: _Style, blocks: list[str]) -> None:
    """Add a page's blocks. A sentence that the page before broke off goes on."""
    last: Line | None = None
    margins = _right_margins(page, style)
    for piece in page:
        if isinstance(piece, Table):
            blocks.append(table(piece.rows))
            last = None
            continue
        text, level = piece.text, _level(piece, style)
        goes_on = last is not None and (
            _is_next(last, piece, style) and _is_full(last, piece, margins)
        )
        if level is not None and not _BULLET.match(text):
            if goes_on and last is not None and _level(last, style) == level:
                blocks[-1] = f"{blocks[-1]} {text}"
            else:
                blocks.append(heading(level, text))
        elif bullet := _BULLET.match(text):
            blocks.append(f"- {text[bullet.end() :]}")
        elif number := _NUMBERED.match(text):
            blocks.append(f"{number[1]}. {text[number.end() :]}")
        elif _is_continued(last, goes_on, style, blocks, text):
            blocks[-1] = _joined(blocks[-1], text)
        else:
            blocks.append(paragraph(text))
        last = piece


def _is_continued(
    last: Line | None, goes_on: bool, style: _Style, blocks: Sequence[str], text: str
) -> bool:
    """Does a line of text belong to the block before it, on this page or the last?"""
    if last is not None:
        return goes_on and _level(last, style) is None
    return _is_broken_off(blocks) and text[:1].islower()


def _right_margins(page: Sequence[Line | Table], style: _Style) -> dict[int, float]:
    """How far the lines around a line reach, by its identity: each column has its own margin."""
    margins: dict[int, float] = {}
    group: list[Line] = []
    for piece in [*page, None]:
        if not (isinstance(piece, Line) and group and _is_next(group[-1], piece, style)):
            right = max((line.right for line in group), default=0.0)
            margins |= {id(line): right for line in group}
            group = []
        if isinstance(piece, Line):
            group.append(piece)
    return margins


def _is_next(above: Line, below: Line, style: _Style) -> bool:
    """Does a line stand close under the one before, in letters of the same size?"""
    step = above.baseline - below.baseline
    return abs(above.size - below.size) <= 0.1 * above.size and (
        -0.5 * above.size < step < 1.25 * max(style.pitch, 1.0) * above.size
    )


def _is_full(above: Line, below: Line, margins: dict[int, float]) -> bool:
    """Was the line broken for want of room for the next word? Then its paragraph goes on."""
    first_word = below.text.split(" ", 1)[0]
    width = (below.right - below.left) * (len(first_word) + 1) / max(len(below.text), 1)
    return above.right + width >= margins[id(above)] - _RAGGED


def _is_broken_off(blocks: Sequence[str]) -> bool:
    return (
        bool(blocks)
        and not blocks[-1].startswith(("#", "|"))
        and not blocks[-1].endswith(_SENTENCE_END)
    )


def _joined(above: str, below: str) -> str:
    if _SOFT_HYPHEN.search(above) and below[:1].islower():
        return f"{above[:-1]}{below}"
    return f"{above} {below}"
