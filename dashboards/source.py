"""Where pages read and write: the server in this process, or, without one, the project's store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from loop.serve import state
from loop.settings import Settings, load_settings
from loop.store.store import open_store

if TYPE_CHECKING:
    from knowledge.collection import Collection
    from loop.answer.assistant import Desk
    from loop.store.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What a page stands on."""

    store: Store
    settings: Settings
    desk: Desk | None  # None: nothing answers questions in this process

    @property
    def assistant(self) -> str:
        return self.settings.assistant.name


def here() -> Source:
    """The server's store, settings and desk; without a server, the store of the current folder.

    Raises:
        RatchetError: There is no server here and the store cannot be opened.
    """
    running = state.current()
    if running is not None:
        return Source(store=running.store, settings=running.settings, desk=running.desk)
    return _opened()


def collection() -> Collection:
    """The documents that are answered from; without a server, the project's, opened once.

    Raises:
        RatchetError: They cannot be opened, or the embedder cannot be had.
    """
    running = here()
    return running.desk.collection if running.desk else _collection(running.settings)


@st.cache_resource(show_spinner="Opening the documents…")
def _collection(_settings: Settings) -> Collection:
    from loop.project import open_collection

    return open_collection(_settings)


@st.cache_resource(show_spinner=False)
def _opened() -> Source:
    settings = load_settings()
    return Source(store=open_store(settings), settings=settings, desk=None)
