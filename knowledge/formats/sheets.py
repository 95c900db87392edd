"""An Excel workbook → Markdown, a table a sheet."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time
from pathlib import Path
from posixpath import join, normpath
from typing import Any, NamedTuple
from xml.etree.ElementTree import fromstring, iterparse

from knowledge.formats.markdown import heading, join_blocks, paragraph, table
from knowledge.formats.problem import FileProblem
from knowledge.formats.records import Content

_MOST_CELLS = 1_000_000
_MOST_EMPTY_ROWS = 1_048_576  # as many as a sheet can have
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


class _Hidden(NamedTuple):
    rows: frozenset[int]  # from 1
    columns: frozenset[int]


def read_sheets(file: Path) -> Content:
    """Each sheet under its name: the values that were last worked out, the first row as header.

    Hidden sheets, rows and columns are left out: nobody sees them.

    Raises:
        FileProblem: A sheet has more than a million cells.
    """
    import openpyxl

    hidden = _hidden(file)
    book = openpyxl.load_workbook(file, read_only=True, data_only=True)
    blocks: list[str] = []
    room = _MOST_CELLS
    for sheet in book.worksheets:
        if sheet.sheet_state != "visible":
            continue
        sheet.reset_dimensions()  # what a file says about them is often wrong
        rows = list(
            _rows(file, sheet, hidden.get(sheet.title, _Hidden(frozenset(), frozenset())), room)
        )
        room -= sum(map(len, rows))
        captions: list[str] = []
        while len(rows) > 1 and sum(map(bool, rows[0])) == 1 < sum(map(bool, rows[1])):
            captions.append(paragraph(next(filter(None, rows.pop(0)))))
        if rows:
            blocks += [heading(2, sheet.title), *captions, table(rows)]
    return Content(None, join_blocks(blocks))


def _rows(file: Path, sheet: Any, hidden: _Hidden, room: int) -> Iterator[list[str]]:
    """The rows that say something, as text."""
    empty = 0
    for number, row in enumerate(sheet.iter_rows(), start=1):
        cells = [
            "" if place in hidden.columns else _text(cell)
            for place, cell in enumerate(row, start=1)
        ]
        if number in hidden.rows or not any(cells):
            empty += 1
            if empty > _MOST_EMPTY_ROWS:
                raise FileProblem(file, f"sheet {sheet.title!r} is damaged. Save it anew.")
            continue
        room -= len(cells)
        if room < 0:
            raise FileProblem(
                file,
                f"it has more than {_MOST_CELLS:,} cells (sheet {sheet.title!r}): that is data, "
                "not a document. Save what people should read as a file of its own.",
            )
        yield cells


def _text(cell: Any) -> str:
    """A value about as Excel shows it."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, int | float):
        if "%" in (cell.number_format or ""):
            return f"{value * 100:.10g}%"
        return f"{value:.15g}"
    return str(value).strip()


def _hidden(file: Path) -> dict[str, _Hidden]:
    """The hidden rows and columns, by sheet; openpyxl does not tell when it reads row by row."""
    with zipfile.ZipFile(file) as archive:
        targets = {
            relation.get("Id"): relation.get("Target") or ""
            for relation in fromstring(archive.read("xl/_rels/workbook.xml.rels"))
        }
        sheets = fromstring(archive.read("xl/workbook.xml")).iter(f"{_MAIN}sheet")
        return {
            sheet.get("name") or "": _hidden_in(archive, targets[sheet.get(_ID)])
            for sheet in sheets
            if "worksheet" in targets.get(sheet.get(_ID), "")
        }


def _hidden_in(archive: zipfile.ZipFile, target: str) -> _Hidden:
    path = target.lstrip("/") if target.startswith("/") else normpath(join("xl", target))
    if b"hidden" not in archive.read(path):
        return _Hidden(frozenset(), frozenset())
    rows: set[int] = set()
    columns: set[int] = set()
    with archive.open(path) as part:
        for _, element in iterparse(part):
            if element.tag == f"{_MAIN}row":
                if _is_hidden(element):
                    rows.add(int(element.get("r") or 0))
                element.clear()
            elif element.tag == f"{_MAIN}col" and _is_hidden(element):
                first, last = int(element.get("min") or 0), int(element.get("max") or 0)
                columns.update(range(first, min(last, 16_384) + 1))
    return _Hidden(frozenset(rows), frozenset(columns))


def _is_hidden(element: Any) -> bool:
    return element.get("hidden") in ("1", "true")
