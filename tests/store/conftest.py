"""A store on disk, a server before it, and processes beside this one."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn
from starlette.applications import Starlette

from loop.serve.auth import Gate
from loop.serve.store_endpoints import store_routes
from loop.store.store import LocalStore

ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "project.duckdb"


@pytest.fixture
def store(path: Path) -> Iterator[LocalStore]:
    with contextlib.closing(LocalStore(path)) as one:
        yield one


@contextlib.contextmanager
def served(store: LocalStore, *, key: str | None = None) -> Iterator[str]:
    """The address at which a thread of this process serves the store."""
    app = Starlette(routes=store_routes(store))
    app.add_middleware(Gate, key=key, host="127.0.0.1")
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        time.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        listening.close()
        assert not thread.is_alive(), "the server did not stop"


@contextlib.contextmanager
def child(*command: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A Python process and the first line it says; killed at the end."""
    process = subprocess.Popen(
        [sys.executable, *command], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    with process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline().strip()
            assert said, "the process said nothing"
            yield process, said
        finally:
            process.kill()


@pytest.fixture
def serving() -> Callable[..., contextlib.AbstractContextManager[str]]:
    return served


@pytest.fixture
def beside() -> Callable[..., contextlib.AbstractContextManager[tuple[subprocess.Popen[str], str]]]:
    return child
