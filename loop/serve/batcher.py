"""Requests that arrive together are answered together."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import NamedTuple

from loop.answer.records import Answer, Ask

MOST = 32  # asks answered in one batch
WINDOW = 0.005  # seconds the first waits for others; less when it is known to be alone


class _Waiting(NamedTuple):
    ask: Ask
    future: Future[Answer]


class Batcher:
    """Gathers asks for a few milliseconds and gives them to `answer` as one batch.

    An ask that cannot be answered fails alone: when a batch fails, each of its asks is tried by
    itself.

    Args:
        answer: Answers a batch, in order; called from the batcher's threads.
        threads: Batches under way at once; one suits a local model, more an endpoint.
        observe: Told the size of every batch.
    """

    def __init__(
        self,
        answer: Callable[[Sequence[Ask]], list[Answer]],
        *,
        threads: int = 1,
        window: float = WINDOW,
        observe: Callable[[int], None] = lambda size: None,
    ) -> None:
        self._answer = answer
        self._window = window
        self._observe = observe
        # Not a SimpleQueue: its `get` waits for ever when it loses a race near its time limit
        # (CPython 3.11), and so would the asks of the batch being gathered.
        self._queue: queue.Queue[_Waiting | None] = queue.Queue()
        self._closed = False
        self._closing = threading.Lock()
        self._threads = [
            threading.Thread(target=self._work, name=f"batcher-{n}", daemon=True)
            for n in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, ask: Ask) -> Future[Answer]:
        """Queue an ask; the future holds its answer, durably logged."""
        future: Future[Answer] = Future()
        with self._closing:
            if self._closed:
                raise RuntimeError("the batcher is closed")
            self._queue.put(_Waiting(ask, future))
        return future

    def close(self) -> None:
        """Answer what was queued, then stop."""
        with self._closing:
            if not self._closed:
                self._closed = True
                for _ in self._threads:
                    self._queue.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (first := self._queue.get()) is not None:
            batch, last = self._gather(first)
            batch = [one for one in batch if one.future.set_running_or_notify_cancel()]
            if batch:
                self._observe(len(batch))
                self._run(batch)
            if last:
                return

    def _gather(self, first: _Waiting) -> tuple[list[_Waiting], bool]:
        """The batch that begins with `first`, and whether this thread is to stop after it."""
        batch, until = [first], time.monotonic() + self._window
        while len(batch) < MOST:
            try:
                one = self._queue.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                break
            if one is None:
                return batch, True
            batch.append(one)
        return batch, False

    def _run(self, batch: Sequence[_Waiting]) -> None:
        try:
            answers = self._answer([one.ask for one in batch])
        except Exception as problem:
            if len(batch) == 1:
                batch[0].future.set_exception(problem)
                return
            for one in batch:
                self._run([one])
            return
        for one, answer in zip(batch, answers, strict=True):
            one.future.set_result(answer)
