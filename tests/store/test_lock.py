"""One process holds the store; whoever comes second finds it, or hears who has it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from knowledge.errors import RatchetError
from loop.settings import ServeSettings, Settings
from loop.store import store as store_module
from loop.store.lock import lock_path, read_lock
from loop.store.remote import RemoteStore
from loop.store.store import LocalStore, open_store
from tests.factories import make_interaction

HOLD = """
import sys, time
from pathlib import Path
from loop.store.store import LocalStore
store = LocalStore(Path(sys.argv[1]))
print("open", flush=True)
time.sleep(60)
"""
SERVE = str(Path(__file__).parent / "serve_store.py")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(root=tmp_path, serve=ServeSettings(key_env="TEST_STORE_KEY"))


def test_the_note_says_who_holds_the_store_and_goes_with_them(path: Path):
    store = LocalStore(path, address="http://127.0.0.1:1")
    holder = read_lock(path)
    assert holder is not None
    assert (holder.pid, holder.address) == (os.getpid(), "http://127.0.0.1:1")
    store.close()
    assert read_lock(path) is None
    assert not list(path.parent.glob("*.lock*"))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "one", "address": null}'])
def test_a_note_that_cannot_be_read_is_none(path: Path, text: str):
    lock_path(path).write_text(text)
    assert read_lock(path) is None


def test_a_second_process_finds_the_server_that_holds_the_store(
    settings: Settings, beside: Callable[..., Any]
):
    with beside(SERVE, str(settings.store_path)) as (_, address):
        store = open_store(settings)
        assert isinstance(store, RemoteStore)
        assert store.address == address
        store.append([make_interaction(id="from here")])
        assert len(store.query("interaction", id="from here")) == 1
        store.close()


def test_a_second_process_hears_who_holds_a_store_that_is_not_served(
    settings: Settings, beside: Callable[..., Any]
):
    with (
        beside("-c", HOLD, str(settings.store_path)) as (process, _),
        pytest.raises(RatchetError, match=rf"process {process.pid} has the store open.*kill"),
    ):
        open_store(settings)


def test_a_note_that_a_killed_process_left_keeps_nobody_out(
    settings: Settings, beside: Callable[..., Any]
):
    with beside(SERVE, str(settings.store_path)) as (process, _):
        process.kill()
        process.wait()
    assert read_lock(settings.store_path) is not None
    store = open_store(settings)
    assert isinstance(store, LocalStore)
    assert getattr(read_lock(settings.store_path), "pid", None) == os.getpid()
    store.close()


def test_a_holder_whose_note_is_missing_is_waited_for_then_named(
    settings: Settings, beside: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(store_module, "PATIENCE", 0.1)
    with beside("-c", HOLD, str(settings.store_path)) as (process, _):
        lock_path(settings.store_path).unlink()
        with pytest.raises(RatchetError, match=f"process {process.pid}"):
            open_store(settings)


def test_a_holder_seen_under_another_pid_is_reached_by_its_address(
    settings: Settings, beside: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(store_module, "PATIENCE", 0.1)
    with beside(SERVE, str(settings.store_path)) as (_, address):
        note = json.loads(lock_path(settings.store_path).read_text())
        lock_path(settings.store_path).write_text(json.dumps(note | {"pid": 1}))
        store = open_store(settings)
        assert isinstance(store, RemoteStore)
        assert store.query("counts")[0]["interactions"] == 0
        assert store.address == address
        store.close()


def test_the_same_process_cannot_open_a_store_twice(settings: Settings):
    store = open_store(settings)
    with pytest.raises(RatchetError, match=f"process {os.getpid()}"):
        open_store(settings)
    store.close()
    open_store(settings).close()


def test_a_project_that_names_a_server_opens_no_file(settings: Settings, tmp_path: Path):
    away = Settings(root=tmp_path, store="http://127.0.0.1:9")
    store = open_store(away)
    assert isinstance(store, RemoteStore)
    store.close()
    assert not settings.store_path.exists()
