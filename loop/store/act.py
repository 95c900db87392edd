"""What a command works in: one transaction, one instant, the end of the audit chain."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from loop.store.audit import START, chained
from loop.store.records import AuditEvent, Record
from loop.store.secret import subject_of
from loop.store.tables import Batch, encode

Result = dict[str, Any]


class Transaction(Protocol):
    """What a command may do to the store."""

    def query(self, name: str, /, **parameters: Any) -> list[dict[str, Any]]: ...

    def insert(self, batch: Batch) -> None: ...

    def run(self, sql: str, parameters: dict[str, Any]) -> list[dict[str, Any]]: ...


@dataclass(frozen=True, slots=True)
class Act:
    """A command under way."""

    transaction: Transaction
    at: datetime  # later than every earlier act, whatever the clock says
    previous_hash: str
    folder: Path  # where the store lies, and beside it the project's secret

    def subject_of(self, user: str) -> str:
        """What stands for a person in the audit trail."""
        return subject_of(self.folder, user)

    def query(self, name: str, /, **parameters: Any) -> list[dict[str, Any]]:
        return self.transaction.query(name, **parameters)

    def record(
        self, *rows: Record, id: str, actor: str, action: str, subject: str, detail: dict[str, Any]
    ) -> AuditEvent:
        """Write the rows and the audit event that says so; the event."""
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
        return event


def begin(transaction: Transaction, now: datetime, folder: Path) -> Act:
    """An act after every earlier one, whatever the clock says: the chain is ordered by time."""
    last = transaction.query("audit_last")
    if not last:
        return Act(transaction, now, START, folder)
    after = last[0]["at"] + timedelta(microseconds=1)
    return Act(transaction, max(now, after), last[0]["hash"], folder)
