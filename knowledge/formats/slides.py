"""A PowerPoint presentation → Markdown, a heading a slide."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from knowledge.formats.markdown import heading, join_blocks, paragraph, table
from knowledge.formats.records import Content

_MOST_DEPTH = 20  # groups in groups
_BULLETS = ("BODY", "OBJECT", "VERTICAL_BODY", "VERTICAL_OBJECT")


def read_slides(file: Path) -> Content:
    """Titles, bullets, tables and notes; the notes are marked as such.

    Hidden slides and shapes, and what lies beside the slide, are left out: nobody sees them.
    The presentation is called as its first slide is.
    """
    import pptx

    presentation: Any = pptx.Presentation(str(file))
    blocks: list[str] = []
    first_title = None
    for number, slide in enumerate(presentation.slides, start=1):
        if slide._element.get("show") in ("0", "false"):
            continue
        placed = slide.shapes.title
        title = " ".join(placed.text_frame.text.split()) if placed is not None else ""
        first_title = first_title or title
        blocks.append(heading(2, title or f"Slide {number}"))
        size = presentation.slide_width or 0, presentation.slide_height or 0
        blocks.extend(_shapes(slide.shapes, placed, size, 0))
        if slide.has_notes_slide and (notes := slide.notes_slide.notes_text_frame) is not None:
            said = [paragraph(p.text) for p in notes.paragraphs if p.text.strip()]
            if said:
                blocks.append("\n\n".join(["Speaker notes: " + said[0], *said[1:]]))
    only_headings = all(block.startswith("## Slide ") for block in blocks)
    return Content(first_title or None, "" if only_headings else join_blocks(blocks))


def _shapes(shapes: Any, title: Any, size: tuple[int, int], depth: int) -> Iterator[str]:
    """What shapes say, from top to bottom and left to right."""
    if depth > _MOST_DEPTH:
        raise RecursionError
    for shape in sorted(shapes, key=lambda s: (s.top or 0, s.left or 0)):
        if title is not None and shape.shape_id == title.shape_id:
            continue
        if _is_hidden(shape) or (depth == 0 and _is_beside(shape, size)):
            continue
        if hasattr(shape, "shapes"):
            yield from _shapes(shape.shapes, None, size, depth + 1)
        elif getattr(shape, "has_table", False):
            yield table(_cells(shape.table))
        elif shape.has_text_frame:
            yield from _paragraphs(shape)


def _paragraphs(shape: Any) -> Iterator[str]:
    bulleted = shape.is_placeholder and shape.placeholder_format.type.name in _BULLETS
    for p in shape.text_frame.paragraphs:
        if not (text := " ".join(p.text.split())):
            continue
        yield f"{'  ' * p.level}- {text}" if bulleted or p.level else paragraph(text)


def _cells(grid: Any) -> list[list[str]]:
    return [["" if cell.is_spanned else cell.text for cell in row.cells] for row in grid.rows]


def _is_hidden(shape: Any) -> bool:
    return any(
        element.get("hidden") in ("1", "true")
        for element in shape._element.iter()
        if isinstance(element.tag, str) and element.tag.endswith("}cNvPr")
    )


def _is_beside(shape: Any, size: tuple[int, int]) -> bool:
    """Does it lie wholly off the slide? A placeholder without a place has that of its layout."""
    if shape.left is None or shape.top is None or shape.width is None or shape.height is None:
        return False
    return bool(
        shape.left >= size[0]
        or shape.top >= size[1]
        or shape.left + shape.width <= 0
        or shape.top + shape.height <= 0
    )
