"""Gold: items whose right judgement is known. Mixed into queues unmarked, never trained on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from loop.feedback import fields
from loop.feedback.checks import ranks_of
from loop.feedback.fields import LineError, Row
from loop.feedback.judgements import MIDDLE_STARS
from loop.feedback.lines import Entry, Imported, canonical, import_file
from loop.feedback.side_by_side import mark_of, pair_of
from loop.store.ids import id_of
from loop.store.records import Gold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loop.store.store import Store

Kind = Literal["thumb", "stars", "comparison"]
_ANSWER = frozenset({"interaction", "kind", "value", "why", "by", "at"})
_PAIR = frozenset({"interactions", "ranks", "why", "by", "at"})


def add_file(store: Store, path: Path, *, assistant: str, by: str) -> Imported:
    """Add the gold items in a JSONL file, whole or not at all.

    A line names an answer (`interaction`, `kind` thumb or stars, `value`) or a pair
    (`interactions`, `ranks`), and `why` that is right. A later line on an item replaces what was
    known of it.

    Args:
        store: Where they go.
        path: JSONL, UTF-8.
        assistant: Whose answers they are.
        by: Who adds them, where a line does not say.

    Raises:
        RatchetError: The file cannot be read, or a line is bad; it names file, line and field.
    """
    now = datetime.now(UTC)

    def parse(row: Row, line: int) -> Entry:
        made, needs = _gold(row, assistant, by, now + timedelta(microseconds=line))
        return Entry(line=line, id=made.id, given=row, records=[made], needs=needs)

    def missing(entries: Sequence[Entry]) -> dict[int, str]:
        ids = sorted({id for entry in entries for id in entry.needs})
        rows = store.query("interactions_by_id", ids=ids) if ids else []
        there = {row["id"] for row in rows if row["assistant"] == assistant}
        return {
            entry.line: f"interaction {lost[0]!r} of {assistant} does not exist; log it first"
            for entry in entries
            if (lost := [id for id in entry.needs if id not in there])
        }

    return import_file(store, path, parse, missing, skip_bad=False)


def golds(store: Store, assistant: str) -> list[Gold]:
    """Every gold item as it is known now, oldest first."""
    from loop.store.tables import from_row

    return [from_row(Gold, row) for row in store.query("golds", assistant=assistant)]


def gold_items(store: Store, assistant: str) -> dict[str, int]:
    """Item → 1 if it is known to be good, or its first answer to be the better one; else 0.

    An item is an answer's id, or both ids of a pair, sorted, with a space between, as in
    `loop.feedback.judgements`; ties and middling stars are none. What raters say of these items
    measures the rater; it is no opinion to train on.
    """
    found: dict[str, int] = {}
    for one in golds(store, assistant):
        ahead = one.value - (MIDDLE_STARS if one.kind == "stars" else 0)
        if ahead:
            found[one.item] = int(ahead < 0 if one.kind == "comparison" else ahead > 0)
    return found


def _gold(row: Row, assistant: str, by: str, now: datetime) -> tuple[Gold, list[str]]:
    pair = "interactions" in row
    fields.only(row, _PAIR if pair else _ANSWER)
    if pair:
        needs = fields.texts(row, "interactions")
        if len(needs) != 2 or needs[0] == needs[1]:
            raise fields.wrong(row, "interactions", "two different ids")
        kind, item = "comparison", pair_of(*needs)
        value = mark_of(needs, ranks_of(row, 2))
    else:
        needs = [fields.text(row, "interaction", most=200)]
        kind, item = fields.one_of(row, "kind", ("thumb", "stars")), needs[0]
        value = _value(row, kind)
    if any(" " in id for id in needs):
        raise LineError("an id with a space in it cannot be gold")
    made = Gold(
        id=id_of("gold", assistant, canonical(row)),
        at=fields.time(row, "at", now),
        assistant=assistant,
        item=item,
        kind=cast(Kind, kind),
        value=value,
        why=fields.text(row, "why", most=10_000),
        by=fields.text(row, "by", by, most=200),
    )
    return made, needs


def _value(row: Row, kind: str) -> float:
    value = fields.number(row, "value")
    allowed = (-1.0, 1.0) if kind == "thumb" else (1.0, 2.0, 3.0, 4.0, 5.0)
    if value not in allowed:
        rule = "-1 or 1 for a thumb" if kind == "thumb" else "1 to 5 for stars"
        raise fields.wrong(row, "value", rule)
    return float(value or 0)
