"""A store's file made anew from the rows that are there now: deleted ones are in no byte of it."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.disk import sync

if TYPE_CHECKING:
    import duckdb

_AS = "rewritten_store"  # what the copy is called while it is made


def fresh_path(store: Path) -> Path:
    """Where the copy is made; one that a killed process left is of no use to anybody."""
    return store.with_name(f"{store.name}.fresh")


def wal_path(store: Path) -> Path:
    """The write-ahead log of a store."""
    return store.with_name(f"{store.name}.wal")


def remove_fresh(store: Path) -> None:
    """Take away what a killed rewriting left. Only whoever holds the store may."""
    for path in (fresh_path(store), wal_path(fresh_path(store))):
        path.unlink(missing_ok=True)


def copy_fresh(connection: duckdb.DuckDBPyConnection, store: Path) -> str:
    """Copy every table and view into a file beside the store, synced.

    Returns:
        A mark that tells the copy from the file it was made of; see `mark_of`.
    """
    import duckdb

    remove_fresh(store)
    fresh, mark = fresh_path(store), secrets.token_hex(8)
    [(name,)] = connection.execute("select current_database()").fetchall()
    try:
        connection.execute(f"attach {_text(str(fresh))} as {_AS}")
        connection.execute(f"copy from database {_name(name)} to {_AS}")
        connection.execute(f"comment on table {_AS}.migrations is {_text(mark)}")
        connection.execute(f"checkpoint {_AS}")
        connection.execute(f"detach {_AS}")
    except BaseException:
        with contextlib.suppress(duckdb.Error):
            connection.execute(f"detach {_AS}")
        remove_fresh(store)
        raise
    sync(fresh)
    return mark


def put_in_place(store: Path) -> None:
    """The copy over the store, in one act. Nobody has either open.

    Raises:
        OSError: The disk refuses, or the store still has a log, whose rows the copy lacks.
    """
    for path in (store, fresh_path(store)):
        if wal_path(path).exists():
            raise OSError(f"{wal_path(path)} was not folded in")
    os.replace(fresh_path(store), store)
    sync(store.parent)


def mark_of(connection: duckdb.DuckDBPyConnection) -> str | None:
    """The mark of the file that is open."""
    found = connection.execute(
        "select comment from duckdb_tables() where table_name = 'migrations'"
    ).fetchall()
    return found[0][0] if found else None


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _name(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'
