"""The audit chain: whatever is done to it afterwards shows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from knowledge.errors import RatchetError
from loop.store.audit import START, verify_chain
from loop.store.commands import command
from loop.store.database import Database
from loop.store.store import LocalStore


def write(path: Path, events: int = 4) -> None:
    store = LocalStore(path)
    for n in range(events):
        store.command(
            "audit", actor="ada", action="looked", subject=f"s{n}", detail={"ü": [n, 0.1]}
        )
    store.close()


def problem_after(path: Path, change: str) -> str | None:
    with duckdb.connect(str(path)) as connection:
        connection.execute(change)
    store = LocalStore(path)
    rows = store.query("audit_chain")
    store.close()
    return verify_chain(rows)


NTH = 'id = (select id from audit_events order by "at" limit 1 offset {n})'


def test_an_untouched_chain_holds(path: Path):
    write(path)
    assert problem_after(path, "select 1") is None


@pytest.mark.parametrize(
    "column", ["\"at\" = \"at\" + interval 1 microsecond", "actor = 'eve'", "action = 'left'",
               "subject = ''", "detail = '{}'"],
)  # fmt: skip
def test_any_edit_is_found_where_it_is(path: Path, column: str):
    write(path)
    said = problem_after(path, f"update audit_events set {column} where {NTH.format(n=2)}")
    assert said is not None
    assert said.startswith("audit event 3 ")
    assert "changed after it was written" in said


@pytest.mark.parametrize(("gone", "found"), [(0, 1), (1, 2), (2, 3)])
def test_a_removed_event_is_found_at_the_one_that_followed(path: Path, gone: int, found: int):
    write(path)
    said = problem_after(path, f"delete from audit_events where {NTH.format(n=gone)}")
    assert said is not None
    assert said.startswith(f"audit event {found} ")
    assert "removed, added or moved" in said


def test_events_that_change_places_are_found(path: Path):
    write(path)
    last_first = """
        with ends as (select min("at") as low, max("at") as high from audit_events)
        update audit_events set "at" = low + (high - "at") from ends
    """
    assert "removed, added or moved" in (problem_after(path, last_first) or "")


def test_noting_it_twice_under_one_id_notes_it_once(store: LocalStore):
    for subject in ("first", "again"):
        assert note(store, subject, id="mine") == {"id": "mine"}
    [event] = store.query("audit_chain")
    assert (event["subject"], event["previous_hash"]) == ("first", START)
    assert store.query("audit_last") == store.query("audit_event", id="mine") == [event]


def test_a_clock_that_goes_back_does_not_break_the_chain(path: Path):
    database = Database(path)
    noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    for hours in (0, -5, 0, 3):
        run(database, lambda hours=hours: noon + timedelta(hours=hours))
    with database.transaction() as transaction:
        rows = transaction.query("audit_chain")
    database.close()
    assert [row["subject"] for row in rows] == ["it"] * 4
    assert rows[-1]["at"] == noon + timedelta(hours=3)
    assert verify_chain(rows) is None


def test_a_detail_that_json_cannot_hold_notes_nothing(store: LocalStore):
    with pytest.raises(ValueError, match="JSON"):
        store.command("audit", actor="a", action="b", subject="c", detail={"share": float("nan")})
    assert store.query("audit_chain") == []


def test_an_unknown_command_or_argument_is_named(store: LocalStore):
    with pytest.raises(RatchetError, match="Did you mean 'promote'"):
        store.command("promot")
    with pytest.raises(RatchetError, match="missing a required argument: 'detail'"):
        store.command("audit", actor="a", action="b", subject="c")
    with pytest.raises(RatchetError, match="unexpected keyword argument 'colour'"):
        store.command("audit", actor="a", action="b", subject="c", detail={}, colour="red")


def note(store: LocalStore, subject: str, id: str) -> dict[str, str]:
    return store.command("audit", actor="ada", action="did", subject=subject, detail={}, id=id)


def run(database: Database, now: Callable[[], datetime]) -> None:
    arguments = {"actor": "ada", "action": "did", "subject": "it", "detail": {}}
    with database.transaction() as transaction:
        command("audit", arguments, now=now, folder=database.path.parent)(transaction)
