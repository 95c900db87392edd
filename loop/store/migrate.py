"""Bring a store's tables to what this code expects, one numbered file after the other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from knowledge.errors import RatchetError

if TYPE_CHECKING:
    import duckdb

FOLDER = Path(__file__).parent / "migrations"
_APPLIED = """
create table if not exists migrations (
    number integer primary key, name varchar not null, applied timestamptz not null default now()
)
"""


class Migration(NamedTuple):
    """A file NNN_name.sql."""

    number: int
    name: str
    sql: str


def migrations(folder: Path = FOLDER) -> list[Migration]:
    """All migrations in order.

    Raises:
        ValueError: Their numbers do not run 1, 2, 3 …
    """
    found = []
    for path in sorted(folder.glob("*.sql")):
        number, _, name = path.stem.partition("_")
        found.append(Migration(int(number), name, path.read_text(encoding="utf-8")))
    if [one.number for one in found] != list(range(1, len(found) + 1)):
        raise ValueError(f"{folder}: migrations must be numbered 1, 2, 3 … without a gap")
    return found


def migrate(
    connection: duckdb.DuckDBPyConnection, path: Path, *, folder: Path = FOLDER
) -> list[str]:
    """Apply what is missing, each in one transaction; the names applied.

    Raises:
        RatchetError: The store was written by a newer Ratchet.
    """
    wanted = migrations(folder)
    connection.execute(_APPLIED)
    [(done,)] = connection.execute("select coalesce(max(number), 0) from migrations").fetchall()
    if done > len(wanted):
        raise RatchetError(
            f"{path}: the store is at migration {done}, this Ratchet knows {len(wanted)}. "
            "Upgrade Ratchet to at least the version that wrote it."
        )
    for one in wanted[done:]:
        _apply(connection, one)
    return [one.name for one in wanted[done:]]


def _apply(connection: duckdb.DuckDBPyConnection, migration: Migration) -> None:
    connection.begin()
    try:
        connection.execute(migration.sql)
        connection.execute(
            "insert into migrations (number, name) values ($number, $name)",
            {"number": migration.number, "name": migration.name},
        )
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
