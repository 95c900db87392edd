"""A gate that many may be inside at once, and that one can have to itself."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator


class Gate:
    """Readers come and go; whoever wants to be alone waits for them, and then they wait for it.

    Who stays long, and may send others in meanwhile, is waited for with the gate open: shutting it
    could keep out the very ones that are needed for an end.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = {False: 0, True: 0}  # those who stay long under True
        self._shut = False

    @contextlib.contextmanager
    def inside(self, *, long: bool = False) -> Iterator[None]:
        """Be inside together with others; a long stay may wait for others to come and go."""
        with self._changed:
            self._changed.wait_for(lambda: not self._shut)
            self._inside[long] += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside[long] -= 1
                self._changed.notify_all()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Be inside alone. One thread at a time may ask for it."""
        with self._changed:
            self._changed.wait_for(lambda: self._inside[True] == 0)
            self._shut = True
            self._changed.wait_for(lambda: self._inside[False] == 0)
        try:
            yield
        finally:
            with self._changed:
                self._shut = False
                self._changed.notify_all()
