from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from loop.answer.assistant import Desk
from loop.serve import state
from loop.settings import AssistantSettings, Settings
from loop.store.store import LocalStore
from tests.answer.fakes import FakeEngine
from tests.dashboards import filled
from tests.evaluate.library import Library


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LocalStore]:
    """An empty store, as the server in this process would hold it."""
    settings = Settings(root=tmp_path, assistant=AssistantSettings(abstain_below=0.3))
    opened = LocalStore(settings.store_path)
    desk = Desk(settings, Library(), FakeEngine(), opened)  # type: ignore[arg-type]
    state.use(filled.running(opened, settings, desk))
    yield opened
    state.use(None)
    opened.close()


@pytest.fixture
def full(store: LocalStore, tmp_path: Path) -> LocalStore:
    """The same with some of everything in it."""
    filled.fill(store, tmp_path)
    return store
