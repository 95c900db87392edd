"""A lock that serves in order of arrival, so that a long batch and a stream take turns."""

from __future__ import annotations

import threading
from collections import deque
from types import TracebackType


class Turnstile:
    """One thread at a time, first come first served.

    A plain lock lets the thread that has just let go take it again before anyone who waits; a
    batch that locks once per step would then hold up a stream until it is done.
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._busy = False

    def __enter__(self) -> None:
        with self._mutex:
            if not self._busy:
                self._busy = True
                return
            gate = threading.Lock()
            gate.acquire()
            self._waiting.append(gate)
        try:
            gate.acquire()  # whoever leaves opens it and hands the turn over
        except BaseException:  # interrupted while waiting: the turn must not be lost with us
            with self._mutex:
                if gate in self._waiting:
                    self._waiting.remove(gate)
                    raise
            self.__exit__(None, None, None)
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._busy = False
