"""An old store is brought up to date once; a newer one is left alone."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from knowledge.errors import RatchetError
from loop.store.database import Database
from loop.store.migrate import FOLDER, migrate, migrations
from loop.store.store import LocalStore
from loop.store.tables import tables
from tests.factories import make_interaction

FIRST = "create table notes (id varchar primary key)"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "migrations"
    made.mkdir()
    (made / "001_notes.sql").write_text(FIRST)
    return made


def test_each_migration_is_applied_once(path: Path, folder: Path):
    with duckdb.connect(str(path)) as connection:
        assert migrate(connection, path, folder=folder) == ["notes"]
        assert migrate(connection, path, folder=folder) == []
        (folder / "002_text.sql").write_text("alter table notes add column said varchar")
        assert migrate(connection, path, folder=folder) == ["text"]
        connection.execute("insert into notes values ('one', 'text')")


def test_a_migration_that_fails_leaves_nothing_behind(path: Path, folder: Path):
    (folder / "002_half.sql").write_text("create table half (id varchar); select * from nowhere")
    with duckdb.connect(str(path)) as connection:
        with pytest.raises(duckdb.Error):
            migrate(connection, path, folder=folder)
        (folder / "002_half.sql").write_text("create table half (id varchar)")
        assert migrate(connection, path, folder=folder) == ["half"]


def test_numbers_with_a_gap_are_our_bug(folder: Path):
    (folder / "003_late.sql").write_text("select 1")
    with pytest.raises(ValueError, match="without a gap"):
        migrations(folder)


def test_a_store_of_a_newer_ratchet_is_refused_and_stays_as_it_was(path: Path):
    Database(path).close()
    with duckdb.connect(str(path)) as connection:
        connection.execute("insert into migrations (number, name) values (99, 'future')")
    with pytest.raises(RatchetError, match=r"migration 99.*Upgrade"):
        LocalStore(path)
    with duckdb.connect(str(path)) as connection:  # let go of after the refusal
        assert connection.execute("select max(number) from migrations").fetchone() == (99,)


def test_rows_outlive_closing_and_opening(path: Path):
    row = make_interaction()
    for _ in range(2):
        one = LocalStore(path)
        one.append([row])
        one.close()
    one = LocalStore(path)
    assert len(one.query("interaction", id=row.id)) == 1
    one.close()


def test_the_migrations_make_the_columns_that_the_records_have(path: Path):
    Database(path).close()
    with duckdb.connect(str(path)) as connection:
        for name, table in tables().items():
            columns = connection.execute(
                "select column_name, data_type, is_nullable from information_schema.columns "
                "where table_name = $name order by ordinal_position",
                {"name": name},
            ).fetchall()
            assert [column for column, _, _ in columns] == table.schema.names, name
            marked = [bool(field.metadata) for field in table.schema]
            assert [kind == "JSON" for _, kind, _ in columns] == marked, name
            nullable = [field.nullable for field in table.schema]
            assert [may == "YES" for _, _, may in columns] == nullable, name


def test_migrations_are_shipped_with_the_code():
    assert [one.name for one in migrations(FOLDER)][:1] == ["records"]


def test_a_file_that_is_no_store_is_refused_with_what_to_do(path: Path):
    path.write_text("this is no database" * 300)
    with pytest.raises(RatchetError, match=r"cannot be opened.*backup"):
        LocalStore(path)
