"""A test kept in a CSV file: unit,variant,value[,timestamp][,pre]."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from knowledge.errors import RatchetError
from loop.experiments.people import Observation

NEEDED = ("unit", "variant", "value")


def read_observations(path: Path) -> list[Observation]:
    """The rows of a test, in the file's order.

    An empty value is a person who was shown the variant and rated nothing. A timestamp is checked
    and otherwise not needed; other columns are not read.

    Args:
        path: UTF-8, comma-separated, with a header.

    Raises:
        RatchetError: The file is missing or empty, a column is missing, or a field is not what
            its column holds.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _read(path, file)
    except OSError as problem:
        raise RatchetError(f"{path}: {problem.strerror}. Name a CSV file.") from problem
    except (UnicodeDecodeError, csv.Error) as problem:
        raise RatchetError(f"{path}: not UTF-8 CSV: {problem}. Save it as that.") from problem


def _read(path: Path, file: Iterable[str]) -> list[Observation]:
    lines = csv.reader(file, strict=True)
    header = [name.strip().lower() for name in next(lines, [])]
    missing = [name for name in NEEDED if name not in header]
    if missing:
        raise RatchetError(
            f"{path}:1: no column {', '.join(missing)} in {','.join(header)!r}, expected the "
            "header unit,variant,value[,timestamp][,pre]. Mend the header."
        )
    rows = []
    for fields in lines:
        if not fields:
            continue
        place = f"{path}:{lines.line_num}"
        if len(fields) != len(header):
            raise RatchetError(
                f"{place}: {len(fields)} fields, expected {len(header)} as in the header. "
                "Mend that line."
            )
        rows.append(_observation(place, dict(zip(header, map(str.strip, fields), strict=True))))
    if not rows:
        raise RatchetError(f"{path}: holds no row below the header. Add what was measured.")
    return rows


def _observation(place: str, row: dict[str, str]) -> Observation:
    for name in ("unit", "variant"):
        if not row[name]:
            raise RatchetError(f"{place}: {name} is empty, expected a name. Mend that line.")
    if row.get("timestamp"):
        _check_time(place, row["timestamp"])
    return Observation(
        row["unit"],
        row["variant"],
        _number(place, "value", row["value"]),
        _number(place, "pre", row.get("pre", "")),
    )


def _number(place: str, name: str, text: str) -> float | None:
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise RatchetError(f"{place}: {name} is {text!r}, expected a number. Mend that line.")
    return number


def _check_time(place: str, text: str) -> None:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        try:
            float(text)  # seconds since 1970
        except ValueError:
            raise RatchetError(
                f"{place}: timestamp is {text!r}, expected one like 2026-11-24T08:00:00. "
                "Mend that line."
            ) from None
