"""The DuckDB file: the only module that knows DuckDB."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from knowledge.errors import RatchetError
from loop.store import rewrite
from loop.store.gate import Gate
from loop.store.migrate import migrate
from loop.store.named import named
from loop.store.tables import JSON, Batch, rows_of

SCANNED = 20_000  # rows of one table of a scan
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "memory_limit": "1500MB",  # what does not fit goes to disk; a model may live beside it
    "autoinstall_known_extensions": False,  # nothing is fetched behind anyone's back
    "autoload_known_extensions": False,
}
PATIENCE = 60.0  # seconds that somebody who took the file while it was made anew gets
_HOLDER = re.compile(r"PID (\d+)")


class HeldError(Exception):
    """Another process has the file open for writing."""

    def __init__(self, pid: int | None) -> None:
        super().__init__(f"held by process {pid}")
        self.pid = pid  # None when the system does not say


class Transaction:
    """What is read and written here happens at once or not at all."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def insert(self, batch: Batch) -> None:
        """Add rows; those whose key is already there are left as they are."""
        for name, rows in batch.items():
            self._connection.register("batch", rows)
            try:
                self._connection.execute(f"insert or ignore into {name} by name from batch")
            finally:
                with contextlib.suppress(duckdb.Error):  # the insert's problem is the one to tell
                    self._connection.unregister("batch")

    def query(self, name: str, /, **parameters: Any) -> list[dict[str, Any]]:
        """Rows of a named query, with what this transaction has already written."""
        return rows_of(_run(self._connection, name, parameters))

    def run(self, sql: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        """Rows of a statement of our own making, for what no named query can say."""
        relation = self._connection.execute(sql, parameters)
        names = [column[0] for column in relation.description or ()]
        return [dict(zip(names, row, strict=True)) for row in relation.fetchall()]


class Database:
    """An open file: any number of readers at once, and one thread that writes.

    A commit returns once the write-ahead log is on disk (fdatasync); after a crash the next
    open replays it.

    Raises:
        HeldError: Another process has it open.
        RatchetError: It is no DuckDB file, cannot be opened, or is newer than this code.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._gate = Gate()  # no query is under way while the file is made anew
        self._open()
        rewrite.remove_fresh(path)

    def _open(self) -> None:
        self._root = _connect(self.path)
        try:
            self._root.execute("set global TimeZone = 'UTC'")
            migrate(self._root, self.path)
            self._writing = self._root.cursor()
        except BaseException:
            self._root.close()
            raise

    def query(self, name: str, parameters: dict[str, Any]) -> pa.Table:
        """A named query's rows as committed by now; fields that hold JSON are marked."""
        with self._gate.inside(), self._root.cursor() as connection:
            return _run(connection, name, parameters)

    def run(self, sql: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        """Rows of a statement of our own making, as committed by now."""
        with self._gate.inside(), self._root.cursor() as connection:
            return Transaction(connection).run(sql, parameters)

    def scan(self, name: str, parameters: dict[str, Any]) -> Iterator[pa.Table]:
        """The same a part at a time, so that no more than a part is in memory; one part at least.

        What is written meanwhile is not seen.
        """
        with self._gate.inside(long=True), self._root.cursor() as connection:
            relation = _relation(connection, name, parameters)
            reader = relation.to_arrow_reader(SCANNED)
            schema = _marked(reader.schema, relation.types)
            yield schema.empty_table()
            for batch in reader:
                yield pa.Table.from_batches([batch]).cast(schema)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Everything inside is committed and synced when this ends, or rolled back.

        Raises:
            RatchetError: The disk is full or gone; nothing was recorded.
        """
        try:
            self._writing.begin()
            yield Transaction(self._writing)
            self._writing.commit()
        except BaseException as problem:
            with contextlib.suppress(duckdb.Error):  # the first problem is the one to tell
                self._writing.rollback()
            if isinstance(problem, duckdb.IOException | duckdb.FatalException):
                raise RatchetError(
                    f"{self.path}: cannot write: {_first_line(problem)} Nothing was recorded. "
                    "Mend the disk, then start again."
                ) from problem
            raise

    def rewrite(self) -> None:
        """Make the file anew, so that no byte of it holds what was deleted.

        Only the writing thread may call this. Queries wait while the files change places; killed
        at any moment, the store is the old file or the new one, whole.

        Raises:
            RatchetError: The disk is full or gone; the store is as it was.
            HeldError: Another process took the file in between and keeps it.
        """
        try:
            mark = rewrite.copy_fresh(self._writing, self.path)
            with self._gate.alone():
                self.close()
                try:
                    rewrite.put_in_place(self.path)
                finally:
                    self._reopen()
        except (duckdb.IOException, duckdb.FatalException, OSError) as problem:
            raise RatchetError(
                f"{self.path}: cannot be made anew: {_first_line(problem)} Deleted rows may still "
                "stand in its bytes. Make room on the disk, then run the same command again."
            ) from problem
        if rewrite.mark_of(self._root) != mark:
            raise RuntimeError(f"{self.path}: the old file is still open after it was replaced")

    def _reopen(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return self._open()
            except HeldError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def close(self) -> None:
        """Fold the log into the file and let it go; safe to call twice."""
        self._writing.close()
        self._root.close()


def _connect(path: Path) -> duckdb.DuckDBPyConnection:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        return duckdb.connect(str(path), config=_CONFIG)
    except duckdb.IOException as problem:
        if "lock on file" in str(problem):
            pid = _HOLDER.search(str(problem))
            raise HeldError(int(pid[1]) or None if pid else None) from problem
        raise _unopened(path, problem) from problem
    except duckdb.Error as problem:
        raise _unopened(path, problem) from problem


def _unopened(path: Path, problem: Exception) -> RatchetError:
    return RatchetError(
        f"{path}: cannot be opened: {_first_line(problem)} "
        "Put a backup in its place, or move it away to start a new store."
    )


def _first_line(problem: Exception) -> str:
    return str(problem).partition("\n")[0]


def _run(connection: duckdb.DuckDBPyConnection, name: str, parameters: dict[str, Any]) -> pa.Table:
    relation = _relation(connection, name, parameters)
    table = relation.to_arrow_table()
    return table.cast(_marked(table.schema, relation.types))


def _relation(
    connection: duckdb.DuckDBPyConnection, name: str, parameters: dict[str, Any]
) -> duckdb.DuckDBPyRelation:
    query = named(name)
    return connection.sql(query.sql, params=query.bind(parameters))


def _marked(schema: pa.Schema, kinds: Sequence[Any]) -> pa.Schema:
    """The columns with those marked that hold JSON."""
    return pa.schema(
        [
            field.with_metadata(JSON) if str(kind) == "JSON" else field
            for field, kind in zip(schema, kinds, strict=True)
        ]
    )
