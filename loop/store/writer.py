"""One thread that writes; whatever waits for it is committed at once."""

from __future__ import annotations

import queue
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from loop.store.database import Database, Transaction
from loop.store.tables import Batch

MOST_ROWS = 50_000  # rows that waiting appends may add to one commit
Work = Callable[[Transaction], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Append:
    """Rows that wait to be committed; done when they are durable."""

    batch: Batch
    done: Future[None] = field(default_factory=Future)


@dataclass(frozen=True, slots=True)
class Command:
    """A transaction that waits for its turn; its result once it is durable."""

    work: Work
    done: Future[dict[str, Any]] = field(default_factory=Future)


@dataclass(frozen=True, slots=True)
class Rewrite:
    """The file is to be made anew from the rows that are there."""

    done: Future[dict[str, Any]] = field(default_factory=Future)


Job = Append | Command | Rewrite


class Writer:
    """Commits jobs in the order they come: appends that wait together share one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._open = True
        self._lock = threading.Lock()  # nothing is queued behind the end
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Queue a job; watch its `done`.

        Raises:
            RuntimeError: The store is closed.
        """
        with self._lock:
            if not self._open:
                raise RuntimeError("the store is closed")
            self._waiting.put(job)

    def close(self) -> None:
        """Finish what waits, then end; safe to call twice."""
        with self._lock:
            if self._open:
                self._open = False
                self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        going = True
        while going:
            jobs, going = self._take()
            for group in _groups(jobs):
                if isinstance(group, Command | Rewrite):
                    self._execute(group)
                else:
                    self._commit(group)

    def _take(self) -> tuple[list[Job], bool]:
        """All jobs that wait, at least one before the end; and whether more may come."""
        jobs: list[Job] = []
        while True:
            try:
                job = self._waiting.get(block=not jobs)
            except queue.Empty:
                return jobs, True
            if job is None:
                return jobs, False
            if job.done.set_running_or_notify_cancel():  # whoever gave up waiting gets no row
                jobs.append(job)

    def _commit(self, group: Sequence[Append]) -> None:
        """All in one transaction; if that fails, half by half until the bad one stands alone."""
        try:
            batch = _joined([job.batch for job in group])
            with self._database.transaction() as transaction:
                transaction.insert(batch)
        except BaseException as problem:  # whoever waits must hear of it, whatever it is
            if len(group) == 1:
                group[0].done.set_exception(problem)
                return
            middle = len(group) // 2
            self._commit(group[:middle])
            self._commit(group[middle:])
            return
        for job in group:
            job.done.set_result(None)

    def _execute(self, command: Command | Rewrite) -> None:
        result: dict[str, Any] = {}
        try:
            if isinstance(command, Rewrite):
                self._database.rewrite()
            else:
                with self._database.transaction() as transaction:
                    result = command.work(transaction)
        except BaseException as problem:
            command.done.set_exception(problem)
        else:
            command.done.set_result(result)


def _groups(jobs: Sequence[Job]) -> Iterator[Command | Rewrite | list[Append]]:
    """Commands alone; appends between them together, up to MOST_ROWS."""
    group: list[Append] = []
    rows = 0
    for job in jobs:
        size = (
            0 if isinstance(job, Command | Rewrite) else sum(t.num_rows for t in job.batch.values())
        )
        if group and (isinstance(job, Command | Rewrite) or rows + size > MOST_ROWS):
            yield group
            group, rows = [], 0
        if isinstance(job, Command | Rewrite):
            yield job
        else:
            group.append(job)
            rows += size
    if group:
        yield group


def _joined(batches: Sequence[Batch]) -> Batch:
    if len(batches) == 1:
        return batches[0]
    by_table: dict[str, list[pa.Table]] = defaultdict(list)
    for batch in batches:
        for name, rows in batch.items():
            by_table[name].append(rows)
    return {name: pa.concat_tables(rows).combine_chunks() for name, rows in by_table.items()}
