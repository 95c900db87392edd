"""What runs in this process, for pages and routes that want the same desk and store."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from loop.serve.batcher import Batcher
from loop.serve.metrics import Metrics
from loop.settings import Settings

if TYPE_CHECKING:
    from knowledge.collection import Collection
    from loop.answer.assistant import Desk
    from loop.store.store import LocalStore

STREAMS = 64  # answers that may be streaming at once; more wait their turn
THREADS = 16  # blocking calls of the API at once: ratings, searches, lists


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """Everything one server shares. `close` is safe to call more than once."""

    settings: Settings
    address: str  # http://host:port as a command on this machine reaches it
    store: LocalStore
    collection: Collection
    desk: Desk
    batcher: Batcher
    metrics: Metrics
    threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(THREADS, thread_name_prefix="api")
    )
    streams: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(STREAMS, thread_name_prefix="stream")
    )
    started: float = field(default_factory=time.monotonic)

    def close(self) -> None:
        """Finish what is under way, then let the store go."""
        self.batcher.close()
        for pool in (self.streams, self.threads):
            pool.shutdown(wait=True, cancel_futures=True)
        self.store.close()
        if _running is self:
            use(None)


_running: Running | None = None


def current() -> Running | None:
    """The server in this process; None when there is none (a command, a test)."""
    return _running


def use(running: Running | None) -> None:
    """Make this the server of the process."""
    global _running
    _running = running
