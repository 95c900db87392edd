"""The audit chain: each event carries the hash of the one before, so that no edit goes unseen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from loop.store.records import AuditEvent

START = "0" * 64  # what the first event names as the hash before it
_COVERED = ("id", "at", "actor", "action", "subject", "detail", "previous_hash")


def chained(
    *,
    id: str,
    at: datetime,
    actor: str,
    action: str,
    subject: str,
    detail: dict[str, Any],
    previous_hash: str,
) -> AuditEvent:
    """The event as the next link after the one with `previous_hash`.

    Raises:
        ValueError: The detail holds NaN or something that JSON cannot hold.
    """
    event = AuditEvent(
        id=id,
        at=at,
        actor=actor,
        action=action,
        subject=subject,
        detail=detail,
        previous_hash=previous_hash,
        hash="",
    )
    values = {name: getattr(event, name) for name in _COVERED}
    return replace(event, hash=event_hash(values))


def event_hash(row: Mapping[str, Any]) -> str:
    """SHA-256 of the event's canonical JSON: sorted keys, no spaces, ASCII, times in UTC.

    The previous hash is one of the covered fields.
    """
    values = {name: row[name] for name in _COVERED}
    values["at"] = values["at"].astimezone(UTC).isoformat(timespec="microseconds")
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def verify_chain(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """What is wrong with the first broken link; None if every link holds.

    An edited, inserted, swapped or removed event is found; events cut off at the end are not,
    unless their hash was noted elsewhere.

    Args:
        rows: Every event in order, as the query `audit_chain` returns them.
    """
    previous = START
    for number, row in enumerate(rows, start=1):
        place = f"audit event {number} ({row['id']}, {row['action']})"
        if row["previous_hash"] != previous:
            return f"{place} does not follow the event before it: one was removed, added or moved"
        if event_hash(row) != row["hash"]:
            return f"{place} was changed after it was written"
        previous = row["hash"]
    return None
