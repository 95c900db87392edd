"""A store made anew: deleted rows are in no byte of it, and nobody beside it notices."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from loop.store import rewrite
from loop.store.database import Database
from loop.store.needles import search_apart
from loop.store.store import LocalStore
from loop.store.tables import encode
from tests.factories import make_interaction, make_rating

ROOT = Path(__file__).parents[2]


def files_of(path: Path) -> list[Path]:
    return sorted(path.parent.glob(f"{path.name}*"))


def filled(path: Path) -> Database:
    database = Database(path)
    rows = [make_interaction(id=f"kept-{n}") for n in range(200)]
    with database.transaction() as transaction:
        transaction.insert(encode([*rows, make_interaction(id="secret-turn", user="secret-user")]))
    return database


def forget(database: Database) -> None:
    with database.transaction() as transaction:
        transaction.run('delete from interactions where "user" = $user', {"user": "secret-user"})


def test_what_was_deleted_stands_in_the_file_until_it_is_made_anew(path: Path):
    database = filled(path)
    forget(database)
    assert search_apart(files_of(path), ["secret-user", "secret-turn"]).found
    database.rewrite()
    assert search_apart(files_of(path), ["secret-user", "secret-turn"]).found == {}
    assert search_apart(files_of(path), ["kept-17"]).found
    assert database.query("counts", {})["interactions"].to_pylist() == [200]
    database.close()


def test_all_else_is_as_it_was_keys_views_and_what_comes_after(path: Path):
    database = filled(path)
    forget(database)
    database.rewrite()
    with database.transaction() as transaction:
        transaction.insert(encode([make_interaction(id="kept-1", answer="twice"), make_rating()]))
    assert database.query("interaction", {"id": "kept-1"})["answer"].to_pylist() != ["twice"]
    assert database.query("experiments", {"assistant": "desk"}).num_rows == 0  # through a view
    database.close()
    again = LocalStore(path)
    [counts] = again.query("counts")
    assert (counts["interactions"], counts["ratings"]) == (200, 1)
    again.close()


def test_readers_wait_while_the_files_change_places(store: LocalStore, path: Path):
    store.append([make_interaction(id=f"i-{n}") for n in range(500)])
    done, seen = threading.Event(), set()

    def read() -> None:
        while not done.is_set():
            seen.add(store.query("counts")[0]["interactions"])

    readers = [threading.Thread(target=read) for _ in range(4)]
    for one in readers:
        one.start()
    for _ in range(5):
        store.command("rewrite")
    done.set()
    for one in readers:
        one.join()
    assert seen == {500}
    store.append([make_interaction()])
    assert store.query("counts")[0]["interactions"] == 501


@pytest.mark.parametrize("step", ["sync", "put_in_place", "after"])
def test_killed_while_it_is_made_anew_the_store_is_whole(path: Path, step: str):
    """Killed before the copy is whole, before it takes its place, and right after."""
    filled(path).close()
    killed = f"""
import os, sys
from pathlib import Path
from loop.store import rewrite
from loop.store.database import Database
from tests.store.test_rewrite import forget
database = Database(Path({str(path)!r}))
forget(database)
if {step!r} == "after":
    place = rewrite.put_in_place
    rewrite.put_in_place = lambda path: (place(path), os._exit(9))
else:
    setattr(rewrite, {step!r}, lambda path: os._exit(9))
database.rewrite()
"""
    done = subprocess.run([sys.executable, "-c", killed], cwd=ROOT, check=False)
    assert done.returncode == 9
    database = Database(path)
    assert database.query("counts", {})["interactions"].to_pylist() == [200]
    assert not rewrite.fresh_path(path).exists()
    database.rewrite()
    assert search_apart(files_of(path), ["secret-user"]).found == {}
    database.close()


def test_another_process_keeps_its_hands_off_meanwhile_and_after(store: LocalStore, path: Path):
    store.append([make_interaction()])
    store.command("rewrite")
    code = f"""
from pathlib import Path
from loop.store.database import Database
Database(Path({str(path)!r}))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "HeldError" in done.stderr
