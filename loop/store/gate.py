"""A gate that many may be inside at once, and that one can have to itself."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator


class Gate:
    """Readers come and go; whoever wants to be alone waits for them, and they wait for it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._shut = False

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """Be inside together with others."""
        with self._changed:
            self._changed.wait_for(lambda: not self._shut)
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Be inside alone. One thread at a time may ask for it."""
        with self._changed:
            self._shut = True
            self._changed.wait_for(lambda: self._inside == 0)
        try:
            yield
        finally:
            with self._changed:
                self._shut = False
                self._changed.notify_all()
