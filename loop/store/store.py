"""The store's three methods, and finding out who holds it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from knowledge.errors import RatchetError
from loop.settings import Settings
from loop.store.lock import read_lock, remove_lock, write_lock
from loop.store.records import Record

if TYPE_CHECKING:
    import pyarrow as pa

    from loop.store.tables import Batch

PATIENCE = 3.0  # seconds that a starting or ending holder gets to say who it is
_BY_COMMAND = (  # chained, checked against the champion, or told in the audit trail
    "audit_events", "promotions", "approvals", "consent_events", "adapter_marks",
    "dataset_tombstones", "forgotten_persons",
)  # fmt: skip

_held: set[Path] = set()  # stores open in this process: its own lock would not stop it
_held_lock = threading.Lock()


class Store(Protocol):
    """Where every row is kept, in this process or behind a server."""

    def append(self, records: Sequence[Record]) -> None:
        """Keep rows, all or none; they are on disk when it returns.

        A row whose key is already there is left as it was, so that a retry is safe.
        """

    def query(self, name: str, /, **parameters: Any) -> list[dict[str, Any]]:
        """Rows of a named query (loop/store/queries), JSON parsed, times in UTC."""

    def scan(self, name: str, /, **parameters: Any) -> Iterator[pa.Table]:
        """The same rows as Arrow tables, a part at a time: for more than fits in memory.

        JSON stays text. All parts are of one instant; nothing is skipped or seen twice.
        """

    def append_batch(self, batch: Batch) -> None:
        """Keep rows that are Arrow tables already; see `append`."""

    def command(self, name: str, /, **arguments: Any) -> dict[str, Any]:
        """Run a named transaction (loop/store/commands.py): read, check and write in one."""

    def close(self) -> None:
        """Finish what is under way and let go; safe to call twice."""


class LocalStore:
    """The store opened by this process.

    Args:
        path: The DuckDB file; made when it is not there.
        address: Where this process serves the store, for others to find; None when it does not.

    Raises:
        HeldError: Another process, or this one, has it open.
        RatchetError: It cannot be opened, or is newer than this code.
    """

    def __init__(self, path: Path, *, address: str | None = None) -> None:
        from loop.store.database import Database, HeldError
        from loop.store.writer import Writer

        self.path = path.resolve()
        with _held_lock:
            if self.path in _held:
                raise HeldError(os.getpid())
            self._database = Database(self.path)
            _held.add(self.path)
        self._holder = write_lock(self.path, address=address, now=datetime.now(UTC))
        self._writer = Writer(self._database)
        self._forgotten: dict[str, str] | None = None  # subject → when; None: to be read again

    def append(self, records: Sequence[Record]) -> None:
        self.submit(records).result()

    def submit(self, records: Sequence[Record]) -> Future[None]:
        """Queue rows to be kept; the future is done once they are durable.

        Raises:
            RatchetError: A row may only be written by a command.
            ValueError: A value does not fit its column.
        """
        from loop.store.tables import encode

        return self.submit_batch(encode(records))

    def submit_batch(self, batch: Batch) -> Future[None]:
        """The same for rows that are already Arrow tables of the right schemas."""
        from loop.store.writer import Append

        if name := next((name for name in _BY_COMMAND if name in batch), None):
            raise RatchetError(
                f"Rows of {name} cannot be appended; commands write them "
                "(promote, rollback, audit), each with its check."
            )
        job = Append(batch)
        if batch:
            self._writer.submit(job)
        else:
            job.done.set_result(None)
        return job.done

    def query(self, name: str, /, **parameters: Any) -> list[dict[str, Any]]:
        from loop.store.tables import rows_of

        return rows_of(self.query_table(name, parameters))

    def append_batch(self, batch: Batch) -> None:
        self.submit_batch(batch).result()

    def scan(self, name: str, /, **parameters: Any) -> Iterator[pa.Table]:
        return self._database.scan(name, parameters)

    def query_table(self, name: str, parameters: dict[str, Any]) -> pa.Table:
        """The same as an Arrow table whose JSON fields are marked."""
        return self._database.query(name, parameters)

    def command(self, name: str, /, **arguments: Any) -> dict[str, Any]:
        return self.submit_command(name, arguments).result()

    def submit_command(self, name: str, arguments: dict[str, Any]) -> Future[dict[str, Any]]:
        """Queue a command; the future holds its result once it is durable."""
        from loop.store.commands import command
        from loop.store.writer import Command, Rewrite

        job: Command | Rewrite
        if name == "rewrite":  # no transaction: the file is made anew
            job = Rewrite()
        elif name == "search":
            return self._search(**arguments)
        elif name == "forgotten_among":
            return self._forgotten_among(**arguments)
        else:
            now, folder = (lambda: datetime.now(UTC)), self.path.parent
            job = Command(command(name, arguments, now=now, folder=folder))
        self._writer.submit(job)
        job.done.add_done_callback(self._look_again)
        return job.done

    def _look_again(self, _: object) -> None:
        self._forgotten = None

    def _search(self, **arguments: Any) -> Future[dict[str, Any]]:
        """Search bytes and rows while others write."""
        from loop.store.search import search

        done: Future[dict[str, Any]] = Future()

        def work() -> None:
            try:
                done.set_result(search(self._database, **arguments))
            except BaseException as problem:  # whoever waits must hear of it, whatever it is
                done.set_exception(problem)

        threading.Thread(target=work, name="store-search", daemon=True).start()
        return done

    def _forgotten_among(self, users: Sequence[str], id: str = "") -> Future[dict[str, Any]]:
        """Those of the people who were forgotten, and when last, as ISO times."""
        from loop.store.secret import subject_of

        known = self._forgotten
        if known is None:
            rows = self.query("forgotten_persons")
            known = self._forgotten = {row["subject"]: row["at"].isoformat() for row in rows}
        done: Future[dict[str, Any]] = Future()
        subjects = {user: subject_of(self.path.parent, user) for user in users} if known else {}
        done.set_result({user: known[one] for user, one in subjects.items() if one in known})
        return done

    def close(self) -> None:
        with _held_lock:
            if self.path not in _held:
                return
            self._writer.close()
            remove_lock(self.path, self._holder)
            self._database.close()
            _held.discard(self.path)


def open_store(settings: Settings, *, serving_address: str | None = None) -> Store:
    """The project's store: opened here, or reached through the server that holds it.

    Args:
        settings: The project.
        serving_address: Given by a server: where commands will reach it.

    Raises:
        RatchetError: A process that does not serve it holds the store, or it cannot be opened.
    """
    from loop.store.database import HeldError

    if settings.store and serving_address is None:
        return _remote(settings, settings.store)
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return LocalStore(settings.store_path, address=serving_address)
        except HeldError as held:
            holder = read_lock(settings.store_path)
            if holder is not None and held.pid in (holder.pid, None):
                if holder.address is not None:
                    return _remote(settings, holder.address)
                raise _busy(settings.store_path, holder.pid) from None
            if time.monotonic() > deadline:
                if holder is not None and holder.address is not None:  # pids differ in containers
                    return _remote(settings, holder.address)
                raise _busy(settings.store_path, held.pid) from None
        time.sleep(0.05)


def _remote(settings: Settings, address: str) -> Store:
    from loop.store.remote import RemoteStore

    name = settings.serve.key_env
    return RemoteStore(address, os.environ.get(name, "").strip() or None, key_name=name)


def _busy(path: Path, pid: int | None) -> RatchetError:
    who = f"process {pid}" if pid else "another process"
    kill = f" or stop it (kill {pid})" if pid else " or stop it"
    return RatchetError(
        f"{path}: {who} has the store open and does not serve it. "
        f"Wait until it ends{kill}; while `ratchet up` runs, commands work beside it."
    )
