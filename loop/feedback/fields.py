"""Fields of an imported line, each checked and named when it is wrong."""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from knowledge.errors import RatchetError

Row = Mapping[str, Any]
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}")


class LineError(RatchetError):
    """What is wrong with one line; whoever reads the file adds the place."""


def only(row: Row, known: Collection[str]) -> None:
    """Raises LineError for a field that is not known, with the nearest that is.

    >>> only({"rater": "bo"}, ["rater"])
    """
    for name in row:
        if name not in known:
            near = difflib.get_close_matches(name, list(known), n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(known))}"
            raise LineError(f"unknown field {name!r}; {hint}")


def text(row: Row, name: str, default: str | None = None, *, most: int = 1_000_000) -> str:
    """A text with something in it.

    Raises:
        LineError: It is missing and has no default, is no text, is blank or too long.

    >>> text({}, "assistant", "desk")
    'desk'
    """
    value = row.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, str) or not value.strip():
        raise wrong(row, name, "a text that is not blank")
    return checked(value, name, most=most)


def checked(value: str, name: str, *, most: int = 1_000_000) -> str:
    """The text, if it can be kept: valid Unicode, not too long."""
    if len(value) > most:
        raise LineError(f"{name} has {len(value)} characters, expected at most {most}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise LineError(f"{name} holds half a surrogate pair, expected valid Unicode") from None
    return value


def identifier(row: Row, name: str) -> str | None:
    """An id of letters, digits and _ . : -, or None if there is none."""
    value = row.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise wrong(row, name, "letters, digits and _ . : - only, at most 100")
    return value


def one_of(row: Row, name: str, allowed: Collection[str], default: str | None = None) -> str:
    """One of a few words, with the nearest named when it is not."""
    value = row.get(name)
    if value is None and default is not None:
        return default
    if value not in list(allowed):
        near = difflib.get_close_matches(str(value), list(allowed), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise wrong(row, name, f"one of {', '.join(allowed)}{hint}")
    return str(value)


def number(
    row: Row, name: str, *, least: float = -math.inf, most: float = math.inf
) -> float | None:
    """A finite number in a range, or None if there is none.

    >>> number({"seconds": 3}, "seconds", least=0)
    3.0
    """
    value = row.get(name)
    if value is None:
        return None
    if not is_number(value) or not least <= value <= most:
        between = "" if least == -math.inf else f" of at least {least:g}"
        between = f" from {least:g} to {most:g}" if most < math.inf else between
        raise wrong(row, name, f"a number{between}")
    return float(value)


def is_number(value: object) -> bool:
    """Is this a number, and a finite one? True and False are none."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return abs(value) < 2**63 and math.isfinite(value)


def whole(row: Row, name: str, default: int | None, *, least: int = -(2**63)) -> int | None:
    """A whole number, or the default if there is none."""
    value = row.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value < 2**63:
        raise wrong(row, name, "a whole number" + (f" of at least {least}" if least >= 0 else ""))
    return value


def boolean(row: Row, name: str, default: bool = False) -> bool:
    """true or false."""
    value = row.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise wrong(row, name, "true or false")
    return value


def time(row: Row, name: str, default: datetime) -> datetime:
    """A time with its zone, as UTC.

    >>> time({"at": "2026-01-05T10:00:00+01:00"}, "at", datetime.now(UTC)).hour
    9
    """
    value = row.get(name)
    if value is None:
        return default
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise wrong(row, name, "a time with its zone, like 2026-01-05T09:00:00Z")
    try:
        return found.astimezone(UTC)
    except OverflowError:
        raise wrong(row, name, "a year from 2 to 9998") from None


def maybe_time(row: Row, name: str) -> datetime | None:
    """A time with its zone, as UTC, or None if there is none."""
    return None if row.get(name) is None else time(row, name, datetime.min)


def texts(row: Row, name: str) -> list[str]:
    """A list of texts; a missing one is empty."""
    value = row.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise wrong(row, name, "a list of texts")
    return [checked(one, name) for one in value]


def objects(row: Row, name: str) -> list[dict[str, Any]]:
    """A list of objects; a missing one is empty."""
    value = row.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise wrong(row, name, "a list of objects")
    checked(json.dumps(value, ensure_ascii=False), name)
    return value


def wrong(row: Row, name: str, expected: str) -> LineError:
    """The error for a field: what was found, what was expected."""
    if row.get(name) is None:
        return LineError(f"{name} is missing, expected {expected}")
    shown = repr(row[name])
    return LineError(
        f"{name} is {shown if len(shown) <= 80 else shown[:77] + '…'}, expected {expected}"
    )
