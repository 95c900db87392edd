"""Ratings and comparisons, one at a time or from a file: checked, then kept."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge.errors import RatchetError
from knowledge.text import normalise
from loop.feedback import fields, guidelines
from loop.feedback.checks import make_comparison, make_rating
from loop.feedback.fields import LineError, Row
from loop.feedback.lines import Entry, Imported, canonical, import_file
from loop.feedback.preferences import is_preference, parse_preference
from loop.store.ids import id_of, new_id
from loop.store.records import Comparison, Interaction, Rating, RatingKind

if TYPE_CHECKING:
    from loop.store.store import Store


def rate(
    store: Store,
    *,
    interaction: str,
    rater: str,
    kind: RatingKind,
    value: float | None = None,
    text: str | None = None,
    rubric: Mapping[str, float] | None = None,
    guideline: str | None = None,
    seconds: float | None = None,
    simulated: bool = False,
    id: str | None = None,
    at: datetime | None = None,
) -> Rating:
    """Record what one person says of one answer; durable on return.

    Args:
        store: Where it is kept.
        interaction: The answer.
        rater: Key of the person.
        kind: thumb (value −1 or 1), stars (value 1 to 5), rubric (criterion → score), correction
            (text: the better answer), flag (text: its name) or comment (text).
        guideline: The version it was given under; None is the current one.
        seconds: How long it took.
        id: Name it to send it again safely.
        at: When; None is now.

    Raises:
        RatchetError: The interaction or guideline does not exist, or a value is out of range.
    """
    given = {
        "interaction": interaction, "rater": rater, "kind": kind, "value": value,
        "text": text or None, "rubric": dict(rubric) if rubric else None, "seconds": seconds,
        "simulated": simulated, "id": id,
    }  # fmt: skip
    made = prepare_rating(store, given, guideline=guideline, at=at)
    store.append([made])
    return made


def compare(
    store: Store,
    *,
    interactions: Sequence[str],
    ranks: Sequence[int],
    shown: Sequence[str],
    rater: str,
    guideline: str | None = None,
    seconds: float | None = None,
    simulated: bool = False,
    id: str | None = None,
    at: datetime | None = None,
) -> Comparison:
    """Record which of several answers to one question a person prefers; durable on return.

    Args:
        store: Where it is kept.
        interactions: The answers, at least two.
        ranks: One for each, 1 is best, equal ranks are ties.
        shown: The interactions from left to right as they were seen.
        rater: Key of the person.
        guideline: The version it was given under; None is the current one.
        id: Name it to send it again safely.
        at: When; None is now.

    Raises:
        RatchetError: An interaction or the guideline does not exist, ranks and interactions do
            not match, or the answers are to different questions.
    """
    given = {
        "interactions": list(interactions), "ranks": list(ranks), "shown": list(shown),
        "rater": rater, "seconds": seconds, "simulated": simulated, "id": id,
    }  # fmt: skip
    made = prepare_comparison(store, given, guideline=guideline, at=at)
    store.append([made])
    return made


def prepare_rating(
    store: Store, given: Row, *, guideline: str | None = None, at: datetime | None = None
) -> Rating:
    """A rating of what was given, checked against the store and not kept yet; see `rate`.

    Raises:
        RatchetError: The interaction or guideline does not exist, or a value is out of range.
    """
    try:
        made = make_rating(
            given,
            id=fields.identifier(given, "id") or new_id(),
            at=_when(at),
            guideline=_guideline(store, guideline),
        )
        _check_there(store.query("interaction", id=made.interaction), [made.interaction])
    except LineError as problem:
        raise RatchetError(f"Rating: {problem}. Nothing was recorded.") from None
    return made


def prepare_comparison(
    store: Store, given: Row, *, guideline: str | None = None, at: datetime | None = None
) -> Comparison:
    """A comparison of what was given, checked against the store and not kept yet; see `compare`.

    Raises:
        RatchetError: An interaction or the guideline does not exist, or something does not match.
    """
    try:
        made = make_comparison(
            given,
            id=fields.identifier(given, "id") or new_id(),
            at=_when(at),
            guideline=_guideline(store, guideline),
        )
        found = store.query("interactions_by_id", ids=made.interactions)
        _check_there(found, made.interactions)
    except LineError as problem:
        raise RatchetError(f"Comparison: {problem}. Nothing was recorded.") from None
    return made


def rate_file(
    store: Store, path: Path, *, skip_bad: bool, assistant: str, usual: Row | None = None
) -> Imported:
    """Import a JSONL file of ratings and comparisons, whole or not at all.

    A line is a rating (`interaction`, `rater`, `kind` …), a comparison (`interactions`, `ranks`,
    `rater` …), or preference data that brings its answers along (`prompt` with `answers` and
    `ranks`, or with `chosen` and `rejected`). Without an id it gets one from its content, so that
    importing a file again changes nothing.

    Args:
        store: Where they go.
        path: JSONL, UTF-8.
        skip_bad: Set bad lines aside in NAME.bad.jsonl and import the others.
        assistant: Whose interactions answers become that a line brings along.
        usual: Consent and licence of such answers, where the line does not say.

    Raises:
        RatchetError: The file cannot be read, or a line is bad; it names file, line and field.
    """
    now = datetime.now(UTC)
    current = guidelines.current(store).id
    known = {row["id"] for row in store.query("guidelines")}

    def parse(row: Row, line: int) -> Entry:
        guideline = fields.text(row, "guideline", current, most=200)
        if guideline not in known:
            raise _no_guideline(guideline, known)
        at = now + timedelta(microseconds=line)  # lines without a time keep their order
        if is_preference(row):
            row = {**(usual or {}), **row}
            return parse_preference(row, line, assistant=assistant, guideline=guideline, at=at)
        kind = "comparison" if "interactions" in row else "rating"
        id = fields.identifier(row, "id") or id_of(kind, canonical(row))
        at = fields.time(row, "at", at)
        if kind == "comparison":
            compared = make_comparison(row, id=id, at=at, guideline=guideline)
            return Entry(
                line=line, id=id, given=row, records=[compared], needs=compared.interactions
            )
        rated = make_rating(row, id=id, at=at, guideline=guideline)
        return Entry(line=line, id=id, given=row, records=[rated], needs=[rated.interaction])

    return import_file(store, path, parse, lambda rows: _missing(store, rows), skip_bad=skip_bad)


def _missing(store: Store, entries: Sequence[Entry]) -> dict[int, str]:
    """Lines about interactions that are neither in the store nor brought along."""
    needed = sorted({id for entry in entries for id in entry.needs})
    there = {
        one.id: {"id": one.id, "question": one.question}
        for entry in entries
        for one in entry.records
        if isinstance(one, Interaction)
    }
    if needed:
        there |= {row["id"]: row for row in store.query("interactions_by_id", ids=needed)}
    wrong: dict[int, str] = {}
    for entry in entries:
        try:
            _check_there([there[id] for id in entry.needs if id in there], entry.needs)
        except LineError as problem:
            wrong[entry.line] = str(problem)
    return wrong


def _check_there(found: Sequence[Mapping[str, Any]], needed: Sequence[str]) -> None:
    """All that is needed was found, and is about one question."""
    if lost := sorted(set(needed) - {row["id"] for row in found}):
        raise LineError(f"interaction {lost[0]!r} does not exist; log it first")
    if len({normalise(row["question"]) for row in found}) > 1:
        raise LineError("interactions answer different questions, expected the same one")


def _guideline(store: Store, name: str | None) -> str:
    if name is None:
        return guidelines.current(store).id
    if not store.query("guideline", id=name):
        raise _no_guideline(name, {row["id"] for row in store.query("guidelines")})
    return name


def _no_guideline(name: str, known: set[str]) -> LineError:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(known)) or 'none'}"
    return LineError(f"guideline {name!r} does not exist; {hint}")


def _when(at: datetime | None) -> datetime:
    return datetime.now(UTC) if at is None else at.astimezone(UTC)
