"""A real server on a free port: real store, real HTTP; the model and the documents are fakes."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import uvicorn

import loop.models.weights  # noqa: F401 - importing torch takes seconds, not a promotion
from loop.serve.app import BACKLOG, address_of, assemble, bind, build
from loop.serve.state import Running
from loop.settings import AssistantSettings, ServeSettings, Settings
from loop.store.store import LocalStore, open_store
from tests.answer.fakes import FakeCollection, FakeEngine


@dataclass(frozen=True)
class Server:
    running: Running
    engine: FakeEngine
    key: str | None

    @property
    def url(self) -> str:
        return self.running.address

    @property
    def store(self) -> LocalStore:
        return self.running.store

    def http(self, **more: Any) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30, **more)

    def openai(self) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=self.key or "none", max_retries=0)


def project(root: Path) -> Settings:
    return Settings(
        root=root,
        serve=ServeSettings(port=0),
        assistant=AssistantSettings(max_tokens=32, abstain_below=0.3),
    )


@contextlib.contextmanager
def serving(
    root: Path,
    *,
    engine: FakeEngine | None = None,
    key: str | None = None,
    settings: Settings | None = None,
    collection: FakeCollection | None = None,
) -> Iterator[Server]:
    settings = settings or project(root)
    listening = bind(settings)
    address = address_of(listening)
    store = open_store(settings, serving_address=address)
    engine = engine or FakeEngine()
    running = assemble(settings, address, store, collection or FakeCollection(), engine)
    config = uvicorn.Config(
        build(running, key=key, script=None),
        log_level="error",
        access_log=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=5,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        time.sleep(0.005)
    try:
        yield Server(running, engine, key)
    finally:
        server.should_exit = True
        thread.join(20)
        listening.close()
        assert not thread.is_alive(), "the server did not stop"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path) as one:
        yield one


@pytest.fixture
def keyed(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path, key="a-long-key") as one:
        yield one


@pytest.fixture
def start(tmp_path: Path) -> Any:
    """Start a server with parts of your own."""
    return lambda **parts: serving(tmp_path, **parts)


def with_assistant(settings: Settings, **fields: Any) -> Settings:
    return replace(settings, assistant=replace(settings.assistant, **fields))
