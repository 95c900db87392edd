"""A test kept in a CSV file: unit,variant,value[,timestamp][,pre]."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from knowledge.errors import RatchetError
from loop.experiments.people import Observation

NEEDED = ("unit", "variant", "value")


def read_observations(path: Path) -> list[Observation]:
    """The rows of a test, in the order they came.

    An empty value is a person who was shown the variant and rated nothing. Where every row has a
    timestamp, rows come in its order; other columns are not read.

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
    rows: list[Observation] = []
    times: list[float] = []
    for fields in lines:
        if not fields:
            continue
        place = f"{path}:{lines.line_num}"
        if len(fields) != len(header):
            raise RatchetError(
                f"{place}: {len(fields)} fields, expected {len(header)} as in the header. "
                "Mend that line."
            )
        row = dict(zip(header, map(str.strip, fields), strict=True))
        rows.append(_observation(place, row))
        if row.get("timestamp"):
            times.append(_time(place, row["timestamp"]))
    if not rows:
        raise RatchetError(f"{path}: holds no row below the header. Add what was measured.")
    if len(times) < len(rows):
        return rows
    order = sorted(range(len(rows)), key=lambda n: times[n])
    return [rows[n] for n in order]


def _observation(place: str, row: dict[str, str]) -> Observation:
    for name in ("unit", "variant"):
        if not row[name]:
            raise RatchetError(f"{place}: {name} is empty, expected a name. Mend that line.")
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


def _time(place: str, text: str) -> float:
    """Seconds since 1970; a time that names no zone is taken for UTC."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        try:
            return float(text)
        except ValueError:
            raise RatchetError(
                f"{place}: timestamp is {text!r}, expected one like 2026-11-24T08:00:00. "
                "Mend that line."
            ) from None
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
