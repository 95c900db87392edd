"""A test kept in a CSV file: unit,variant,value[,timestamp][,pre]."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from knowledge.errors import RatchetError
from loop.experiments.analysis import Analysis, analysis_of, arms_of, check, plan_of
from loop.experiments.measure import Plan
from loop.experiments.people import Observation, people_of

NEEDED = ("unit", "variant", "value")


def analyze_csv(
    path: Path,
    *,
    planned: int | None = None,
    look: int | None = None,
    looks: int | None = None,
    alpha: float = 0.05,
    control: str | None = None,
    fixed: bool = False,
) -> Analysis:
    """Look at a test kept in a file with the header unit,variant,value[,timestamp][,pre].

    One row per rating; unit is the person. Looks are allowed for as `analyze` does, unless it is
    said that this is the only one.

    Args:
        path: The file; see `read_observations`.
        planned: People planned over both variants, declared beforehand.
        look: Which look this is, from 1; None goes by the people there are.
        looks: How many are planned by the horizon; None is 20.
        alpha: Two-sided level.
        control: Name of the control variant; None takes "control", "0" or the first in the file.
        fixed: This is the only look there is.

    Raises:
        RatchetError: The file is missing, a column is, a field is no number, or there are not two
            variants.
    """
    rows = read_observations(path)
    try:
        arms = arms_of(rows, control or _control(rows), None)
        people = people_of(rows, arms)
        if fixed:
            check(alpha, planned)
            plan = Plan(None, alpha, False, (people.total,), 2)
        else:
            plan = plan_of(people, planned, look, looks, alpha, None)
        return analysis_of(people, arms, plan, [1.0, 1.0])
    except RatchetError as problem:
        raise RatchetError(f"{path}: {problem}") from problem


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


def _control(rows: Sequence[Observation]) -> str:
    """Which variant of a file is the control."""
    names = dict.fromkeys(row.arm for row in rows)
    return next((name for name in names if name.lower() in ("control", "0")), rows[0].arm)
