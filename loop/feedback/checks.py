"""What a rating and a comparison must be like: one definition for the API, pages and files."""

from __future__ import annotations

import typing
from datetime import datetime

from loop.feedback import fields
from loop.feedback.fields import LineError, Row
from loop.store.records import Comparison, Rating, RatingKind

KINDS: tuple[RatingKind, ...] = typing.get_args(RatingKind)
SHARED = frozenset({"id", "at", "rater", "guideline", "seconds", "simulated"})
RATING = SHARED | {"interaction", "kind", "value", "text", "rubric"}
COMPARISON = SHARED | {"interactions", "ranks", "shown"}


def make_rating(row: Row, *, id: str, at: datetime, guideline: str) -> Rating:
    """A rating of what was given.

    Args:
        row: Its fields; `id`, `at` and `guideline` are taken from the other arguments.
        id: Its id.
        at: When it was given.
        guideline: The guideline it was given under.

    Raises:
        LineError: A field is missing, unknown or out of range, or does not belong to the kind.
    """
    fields.only(row, RATING)
    kind = typing.cast(RatingKind, fields.one_of(row, "kind", KINDS))
    value = fields.number(row, "value")
    if kind == "thumb" and value not in (-1.0, 1.0):
        raise fields.wrong(row, "value", "-1 or 1 for a thumb")
    if kind == "stars" and value not in (1.0, 2.0, 3.0, 4.0, 5.0):
        raise fields.wrong(row, "value", "a whole number from 1 to 5 for stars")
    if kind not in ("thumb", "stars") and value is not None:
        raise fields.wrong(row, "value", f"none: a {kind} has no value")
    return Rating(
        id=id,
        at=at,
        interaction=fields.text(row, "interaction", most=200),
        rater=fields.text(row, "rater", most=200),
        guideline=guideline,
        kind=kind,
        value=value,
        text=_text(row, kind),
        rubric=_rubric(row, kind),
        seconds=fields.number(row, "seconds", least=0),
        simulated=fields.boolean(row, "simulated"),
    )


def make_comparison(row: Row, *, id: str, at: datetime, guideline: str) -> Comparison:
    """A comparison of what was given; the arguments are as for `make_rating`.

    `shown` may be empty where nobody knows how the answers stood.

    Raises:
        LineError: A field is missing, unknown or wrong.
    """
    fields.only(row, COMPARISON)
    compared = fields.texts(row, "interactions")
    if len(compared) < 2 or len(set(compared)) < len(compared) or not all(compared):
        raise fields.wrong(row, "interactions", "two or more ids, each once")
    shown = fields.texts(row, "shown")
    if shown and sorted(shown) != sorted(compared):
        raise fields.wrong(row, "shown", "the same ids as interactions, from left to right")
    return Comparison(
        id=id,
        at=at,
        rater=fields.text(row, "rater", most=200),
        guideline=guideline,
        interactions=compared,
        ranks=ranks_of(row, len(compared)),
        shown=shown,
        seconds=fields.number(row, "seconds", least=0),
        simulated=fields.boolean(row, "simulated"),
    )


def ranks_of(row: Row, count: int) -> list[int]:
    """So many ranks, 1 is best, equal ones are ties."""
    ranks = row.get("ranks")
    if not isinstance(ranks, list) or len(ranks) != count:
        raise fields.wrong(row, "ranks", f"a list of {count} ranks, one for each answer")
    if not all(isinstance(rank, int) and not isinstance(rank, bool) for rank in ranks):
        raise fields.wrong(row, "ranks", "whole numbers")
    if not all(1 <= rank <= 1000 for rank in ranks):
        raise fields.wrong(row, "ranks", "1 for the best and more for the others")
    return list(ranks)


def _text(row: Row, kind: str) -> str | None:
    if kind in ("correction", "flag", "comment"):
        return fields.text(row, "text")
    return fields.text(row, "text", "") or None


def _rubric(row: Row, kind: str) -> dict[str, float]:
    given = row.get("rubric")
    if kind != "rubric":
        if given:
            raise fields.wrong(row, "rubric", f"none: a {kind} has no rubric")
        return {}
    if not isinstance(given, dict) or not given:
        raise fields.wrong(row, "rubric", "criteria with a number each")
    for name, score in given.items():
        if not isinstance(name, str) or not name.strip() or not fields.is_number(score):
            raise LineError(f"rubric: {name!r} is {score!r}, expected a number")
        fields.checked(name, "rubric", most=200)
    return {name: float(score) for name, score in given.items()}
