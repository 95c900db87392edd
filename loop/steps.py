"""Steps of a night, each done once for its inputs and looked up ever after."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from loop.store.ids import new_id
from loop.store.records import Step

if TYPE_CHECKING:
    from loop.store.store import Store


class Steps:
    """Steps that are done once for their inputs."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self.night = f"night-{clock():%Y%m%d-%H%M%S}"
        self.skipped: list[str] = []

    def run(
        self, name: str, inputs: dict[str, Any], action: Callable[[], dict[str, Any]]
    ) -> dict[str, Any]:
        """The outputs of the step for these inputs, from the store if it was done before."""
        key = digest(inputs)
        if done := self._store.query("step", name=name, inputs=key):
            self.skipped.append(name)
            return dict(done[0]["outputs"])
        started = time.monotonic()
        outputs = action()
        step = Step(
            id=new_id(),
            at=self._clock(),
            night=self.night,
            name=name,
            inputs=key,
            outputs=outputs,
            seconds=round(time.monotonic() - started, 3),
        )
        self._store.append([step])
        return outputs


def digest(value: object) -> str:
    """SHA-256 of anything JSON can hold, in hex."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()
