"""Rows of files in other people's formats, with every error naming file and line."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from knowledge.errors import RatchetError


class Row(NamedTuple):
    """One row and where it stands."""

    where: str  # file:line
    fields: Mapping[str, Any]

    def text(self, *names: str) -> str:
        """The first of these fields that holds text.

        Raises:
            RatchetError: None does.
        """
        for name in names:
            value = self.fields.get(name)
            if isinstance(value, str) and value.strip():
                return value.strip()
        raise RatchetError(
            f"{self.where}: {' or '.join(names)} holds no text; the row has "
            f"{', '.join(map(str, self.fields)) or 'no field'}. Is this the right format?"
        )


def csv_rows(file: Path, needed: Sequence[str] = ()) -> Iterator[Row]:
    """The rows of a CSV file with a header.

    Args:
        file: UTF-8.
        needed: Columns that must be there.

    Raises:
        RatchetError: The file cannot be read, or lacks a column.
    """
    with _opened(file) as lines:
        reader = csv.DictReader(lines)
        missing = [name for name in needed if name not in (reader.fieldnames or [])]
        if missing:
            raise RatchetError(
                f"{file}:1: no column {', '.join(missing)}; found "
                f"{', '.join(reader.fieldnames or [])}. Is this the right format?"
            )
        for fields in reader:
            yield Row(f"{file}:{reader.line_num}", fields)


def bare_csv_rows(file: Path) -> Iterator[tuple[str, list[str]]]:
    """The rows of a CSV file without a header: file:line and the fields."""
    with _opened(file) as lines:
        reader = csv.reader(lines)
        for fields in reader:
            if fields:
                yield f"{file}:{reader.line_num}", fields


def bare_tsv_rows(file: Path) -> Iterator[tuple[str, list[str]]]:
    """The rows of a tab-separated file: file:line and the fields."""
    with _opened(file) as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield f"{file}:{number}", line.rstrip("\r\n").split("\t")


def json_rows(file: Path) -> Iterator[Row]:
    """The objects of a JSON Lines file, or of a JSON file that holds a list of them.

    Raises:
        RatchetError: The file cannot be read, or a line is no object.
    """
    with _opened(file) as lines:
        text = lines.read()
    if text.lstrip().startswith("["):
        try:
            rows = list(enumerate(json.loads(text), start=1))
        except ValueError as problem:
            raise RatchetError(f"{file}: not valid JSON: {problem}.") from problem
    else:
        rows = []
        for number, line in enumerate(text.splitlines(), start=1):
            if line.strip():
                try:
                    rows.append((number, json.loads(line)))
                except ValueError as problem:
                    raise RatchetError(f"{file}:{number}: not valid JSON: {problem}.") from problem
    for number, row in rows:
        if not isinstance(row, dict):
            raise RatchetError(f"{file}:{number}: expected an object, found {row!r:.40}.")
        yield Row(f"{file}:{number}", row)


def json_file(file: Path) -> Any:
    """What a JSON file holds.

    Raises:
        RatchetError: The file cannot be read.
    """
    with _opened(file) as lines:
        try:
            return json.load(lines)
        except ValueError as problem:
            raise RatchetError(f"{file}: not valid JSON: {problem}.") from problem


def _opened(file: Path) -> Any:
    try:
        return file.open(encoding="utf-8-sig", newline="")
    except OSError as problem:
        raise RatchetError(f"{file}: {problem.strerror}. Name the file of the set.") from problem
