"""What a command works in: one transaction, one instant, the end of the audit chain."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from loop.store.audit import START, chained
from loop.store.records import Record
from loop.store.tables import Batch, encode

Result = dict[str, Any]


class Transaction(Protocol):
    """What a command may do to the store."""

    def query(self, name: str, /, **parameters: Any) -> list[dict[str, Any]]: ...

    def insert(self, batch: Batch) -> None: ...


@dataclass(frozen=True, slots=True)
class Act:
    """A command under way."""

    transaction: Transaction
    at: datetime  # later than every earlier act, whatever the clock says
    previous_hash: str

    def query(self, name: str, /, **parameters: Any) -> list[dict[str, Any]]:
        return self.transaction.query(name, **parameters)

    def record(
        self, *rows: Record, id: str, actor: str, action: str, subject: str, detail: dict[str, Any]
    ) -> None:
        """Write the rows and the audit event that says so."""
        event = chained(
            id=id,
            at=self.at,
            actor=actor,
            action=action,
            subject=subject,
            detail=detail,
            previous_hash=self.previous_hash,
        )
        self.transaction.insert(encode([*rows, event]))


def begin(transaction: Transaction, now: datetime) -> Act:
    """An act after every earlier one, whatever the clock says: the chain is ordered by time."""
    last = transaction.query("audit_last")
    if not last:
        return Act(transaction, now, START)
    after = last[0]["at"] + timedelta(microseconds=1)
    return Act(transaction, max(now, after), last[0]["hash"])
