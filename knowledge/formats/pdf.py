"""A PDF → the Markdown text that people would read on its pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from ctypes import byref, c_float, c_int, c_uint, create_string_buffer
from pathlib import Path
from typing import Any, NamedTuple

from knowledge.formats.pdf_blocks import pages_to_markdown
from knowledge.formats.pdf_page import Box, Page, Rule, Run
from knowledge.formats.problem import FileProblem
from knowledge.formats.records import Content

_MOST_RULES = 4000  # a page with more lines is a drawing, not a table
_MOST_DEPTH = 8  # forms in forms
_USUAL_RUN = 256  # characters
_SMALLEST = 1.0  # points; nobody reads smaller text
_LIGHT = 245  # of 255: white, and what looks like it

Matrix = tuple[float, float, float, float, float, float]


class _Shape(NamedTuple):
    """Something painted that text may stand on."""

    box: Box
    order: int  # what is painted later lies on top


def read_pdf(file: Path) -> Content:
    """The text of all pages: headings by the size of their letters, ruled and aligned tables.

    Text that nobody sees is left out: white on white, tiny, off the page, invisible where no
    scanned picture lies under it.

    Raises:
        FileProblem: It is encrypted, damaged, or has no text (a scan).
    """
    import pypdfium2
    import pypdfium2.raw as pdfium

    try:
        document = pypdfium2.PdfDocument(file)
    except pypdfium2.PdfiumError as problem:
        if problem.err_code == pdfium.FPDF_ERR_PASSWORD:
            raise FileProblem(
                file, "it is protected by a password. Save it without one, and add it again."
            ) from problem
        raise FileProblem(
            file, "it is damaged or cut short. Fetch or save it anew, and add it again."
        ) from problem
    pages = []
    with document:
        for number in range(len(document)):
            try:
                with closing(document[number]) as page, closing(page.get_textpage()) as text:
                    pages.append(_read_page(page, text))
            except pypdfium2.PdfiumError as problem:
                raise FileProblem(
                    file,
                    f"page {number + 1} is damaged. Fetch or save it anew, and add it again.",
                ) from problem
    markdown = pages_to_markdown(pages)
    if not markdown:
        raise FileProblem(
            file,
            "no text is on its pages: it looks like a scan. Run OCR over it, and add it again.",
        )
    return Content(None, markdown)


def _read_page(page: Any, text: Any) -> Page:
    import pypdfium2.raw as pdfium

    left, bottom, right, top = page.get_cropbox()
    turn = page.get_rotation()
    upright: Matrix = {
        90: (0, -1, 1, 0, -bottom, right),
        180: (-1, 0, 0, -1, right, top),
        270: (0, 1, -1, 0, top, -left),
    }.get(turn, (1, 0, 0, 1, -left, -bottom))
    width, height = (
        (right - left, top - bottom) if turn % 180 == 0 else (top - bottom, right - left)
    )
    runs: list[tuple[int, Run, bool, bool]] = []  # order, run, invisible, white
    rules: list[Rule] = []
    shapes: list[_Shape] = []
    images: list[Box] = []
    for order, (item, matrix) in enumerate(_items(page.raw, upright, 0)):
        kind = pdfium.FPDFPageObj_GetType(item)
        if kind == pdfium.FPDF_PAGEOBJ_TEXT:
            if run := _run(item, matrix, text):
                mode = pdfium.FPDFTextObj_GetTextRenderMode(item)
                *colour, opacity = _fill(item)
                unseen = mode in (3, 7) or opacity == 0
                white = mode == 0 and min(colour) >= _LIGHT
                runs.append((order, run, unseen, white))
        elif kind == pdfium.FPDF_PAGEOBJ_IMAGE:
            images.append(_bounds(item, matrix))
        elif kind == pdfium.FPDF_PAGEOBJ_PATH:
            if len(rules) < _MOST_RULES:
                rules.extend(_rules(item, matrix))
            if _is_filled(item) and min(_fill(item)[:3]) < _LIGHT:
                shapes.append(_Shape(_bounds(item, matrix), order))
        elif kind == pdfium.FPDF_PAGEOBJ_SHADING:
            shapes.append(_Shape(_bounds(item, matrix), order))
    whole = Box(0, 0, width, height)
    seen = [
        run
        for order, run, unseen, white in runs
        if run.size >= _SMALLEST
        and run.box.touches(whole)
        and not (unseen and not any(run.box.within(image) for image in images))
        and not (white and not _on_colour(run.box, order, shapes, images))
    ]
    return Page(seen, rules if len(rules) < _MOST_RULES else [], height)


def _on_colour(box: Box, order: int, shapes: list[_Shape], images: list[Box]) -> bool:
    return any(shape.order < order and box.within(shape.box) for shape in shapes) or any(
        box.within(image) for image in images
    )


def _items(owner: Any, matrix: Matrix, depth: int) -> Iterator[tuple[Any, Matrix]]:
    """All objects of a page, those in forms too, with what takes them to the page as it is seen."""
    import pypdfium2.raw as pdfium

    count, get = (
        (pdfium.FPDFFormObj_CountObjects, pdfium.FPDFFormObj_GetObject)
        if depth
        else (pdfium.FPDFPage_CountObjects, pdfium.FPDFPage_GetObject)
    )
    for number in range(count(owner)):
        item = get(owner, number)
        if pdfium.FPDFPageObj_GetType(item) == pdfium.FPDF_PAGEOBJ_FORM:
            if depth < _MOST_DEPTH:
                yield from _items(item, _product(_matrix(item), matrix), depth + 1)
        else:
            yield item, matrix


def _run(item: Any, matrix: Matrix, page_text: Any) -> Run | None:
    import pypdfium2.raw as pdfium

    buffer = (pdfium.FPDF_WCHAR * _USUAL_RUN)()
    size = pdfium.FPDFTextObj_GetText(item, page_text.raw, buffer, 2 * _USUAL_RUN)
    if size > 2 * _USUAL_RUN:
        buffer = (pdfium.FPDF_WCHAR * (size // 2))()
        pdfium.FPDFTextObj_GetText(item, page_text.raw, buffer, size)
    text = bytes(buffer)[: max(size - 2, 0)].decode("utf-16-le", "replace").replace("\0", "")
    if not text.strip():
        return None
    a, b, c, d, _, baseline = _product(_matrix(item), matrix)
    points = c_float()
    pdfium.FPDFTextObj_GetFontSize(item, byref(points))
    height = abs(points.value) * (c * c + d * d) ** 0.5
    font = pdfium.FPDFTextObj_GetFont(item)
    return Run(
        text,
        _bounds(item, matrix),
        baseline=baseline,
        size=round(height, 1),
        bold=pdfium.FPDFFont_GetWeight(font) >= 600 or b"bold" in _font_name(font).lower(),
        upright=abs(b) <= 0.1 * abs(a),
    )


def _font_name(font: Any) -> bytes:
    import pypdfium2.raw as pdfium

    buffer = create_string_buffer(128)
    pdfium.FPDFFont_GetBaseFontName(font, buffer, 128)
    return buffer.value


def _rules(item: Any, matrix: Matrix) -> Iterator[Rule]:
    """The straight upright and level lines of a path."""
    import pypdfium2.raw as pdfium

    at = _product(_matrix(item), matrix)
    start = last = (0.0, 0.0)
    for number in range(min(pdfium.FPDFPath_CountSegments(item), _MOST_RULES)):
        segment = pdfium.FPDFPath_GetPathSegment(item, number)
        x, y = c_float(), c_float()
        pdfium.FPDFPathSegment_GetPoint(segment, byref(x), byref(y))
        point = _apply(at, x.value, y.value)
        kind = pdfium.FPDFPathSegment_GetType(segment)
        if kind == pdfium.FPDF_SEGMENT_MOVETO:
            start = point
        elif kind == pdfium.FPDF_SEGMENT_LINETO:
            yield from Rule.between(last, point)
        last = point
        if pdfium.FPDFPathSegment_GetClose(segment):
            yield from Rule.between(last, start)


def _is_filled(item: Any) -> bool:
    import pypdfium2.raw as pdfium

    mode, stroke = c_int(), c_int()
    return bool(pdfium.FPDFPath_GetDrawMode(item, byref(mode), byref(stroke))) and mode.value != 0


def _fill(item: Any) -> tuple[int, int, int, int]:
    """Red, green, blue and opacity, 0 to 255; black where it has none."""
    import pypdfium2.raw as pdfium

    r, g, b, a = c_uint(), c_uint(), c_uint(), c_uint()
    if not pdfium.FPDFPageObj_GetFillColor(item, byref(r), byref(g), byref(b), byref(a)):
        return 0, 0, 0, 255
    return r.value, g.value, b.value, a.value


def _bounds(item: Any, matrix: Matrix) -> Box:
    import pypdfium2.raw as pdfium

    left, bottom, right, top = c_float(), c_float(), c_float(), c_float()
    pdfium.FPDFPageObj_GetBounds(item, byref(left), byref(bottom), byref(right), byref(top))
    one = _apply(matrix, left.value, bottom.value)
    other = _apply(matrix, right.value, top.value)
    return Box(*map(min, one, other), *map(max, one, other))


def _matrix(item: Any) -> Matrix:
    import pypdfium2.raw as pdfium

    m = pdfium.FS_MATRIX()
    pdfium.FPDFPageObj_GetMatrix(item, byref(m))
    return m.a, m.b, m.c, m.d, m.e, m.f


def _product(first: Matrix, then: Matrix) -> Matrix:
    a, b, c, d, e, f = first
    x, y = _apply(then, e, f)
    return (
        a * then[0] + b * then[2],
        a * then[1] + b * then[3],
        c * then[0] + d * then[2],
        c * then[1] + d * then[3],
        x,
        y,
    )


def _apply(matrix: Matrix, x: float, y: float) -> tuple[float, float]:
    a, b, c, d, e, f = matrix
    return a * x + c * y + e, b * x + d * y + f
