"""Which adapter answers whom: the one asked for, the arm of a running experiment, the champion."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from knowledge.errors import RatchetError
from loop.answer.records import ANONYMOUS, Ask, Variant
from loop.store.records import Adapter, Experiment

if TYPE_CHECKING:
    from loop.models.engine import Engine
    from loop.store.store import Store

BASE = "base"
LOOK_EVERY = 0.5  # seconds between looks at the store: a promotion is served within a second
RETRY_AFTER = 10.0  # seconds before an adapter that would not load is tried again

R = TypeVar("R", Adapter, Experiment)

log = logging.getLogger(__name__)


class Variants:
    """Follows the champion and the running experiment; loads what they need.

    A champion that cannot be loaded or does not match its checksum never breaks service: the
    one before it keeps answering, `problem` says so, and the audit log holds it.
    """

    def __init__(
        self,
        store: Store,
        engine: Engine,
        assistant: str,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._engine = engine
        self._assistant = assistant
        self._monotonic = monotonic
        self._lock = threading.Lock()  # one look at a time; the others answer with what is known
        self._loading = threading.Lock()
        self._next_look = float("-inf")
        self._failed: dict[str, tuple[float, str]] = {}  # adapter → when to retry, what went wrong
        self._experiment: Experiment | None = None
        self.champion = BASE
        with self._lock:
            self._look(first=True)

    @property
    def problem(self) -> str | None:
        """Why what is served is not what was decided; None when all is well."""
        return next((why for _, why in list(self._failed.values())), None)

    def follow(self) -> None:
        """Pick up a promotion or an experiment. Cheap: looks at the store at most every 0.5 s."""
        if self._monotonic() < self._next_look or not self._lock.acquire(blocking=False):
            return
        try:
            self._look()
        finally:
            self._lock.release()

    def choose(self, ask: Ask, *, experiment: bool = True) -> Variant:
        """The adapter for this ask, loaded.

        Nobody in particular takes part in no experiment: an arm must stick to a person.

        Raises:
            RatchetError: The ask names an adapter that does not exist or cannot be loaded.
        """
        if ask.adapter is not None:
            self.load(ask.adapter)
            return Variant(ask.adapter)
        running = self._experiment if experiment and ask.user != ANONYMOUS else None
        if running is not None and running.simulated == ask.simulated:
            from loop.experiments.assign import assign

            arm = assign(running, ask.user)
            adapter = next(str(a["adapter"]) for a in running.arms if a["name"] == arm)
            if self._try_load(adapter):
                return Variant(adapter, running.id, arm)
        return Variant(self.champion)

    def load(self, adapter: str) -> None:
        """Have an adapter ready in the engine.

        Raises:
            RatchetError: It is not registered for this assistant, or its weights are not sound.
        """
        if adapter == BASE or adapter in self._engine.adapters():
            return
        from loop.models.registry import verify

        with self._loading:
            if adapter in self._engine.adapters():
                return
            row = self.registered(adapter)
            if row is None:
                raise RatchetError(
                    f"No adapter {adapter!r} is registered for assistant {self._assistant!r}. "
                    "See `ratchet adapters list`."
                )
            verify(row)
            self._engine.load_adapter(row.id, Path(row.path))

    def registered(self, adapter: str) -> Adapter | None:
        """The registry's row of an adapter of this assistant."""
        rows = self._store.query("adapter", id=adapter)
        found = _record(Adapter, rows[0]) if rows else None
        return found if found is not None and found.assistant == self._assistant else None

    def _look(self, *, first: bool = False) -> None:
        from loop.models.registry import champion

        try:
            decided = champion(self._store, self._assistant)
            self._experiment = running_experiment(self._store, self._assistant)
        finally:
            self._next_look = self._monotonic() + LOOK_EVERY
        wanted = {decided}
        if self._experiment is not None:
            wanted |= {str(arm["adapter"]) for arm in self._experiment.arms}
        self._failed = {a: f for a, f in self._failed.items() if a in wanted}
        if self._try_load(decided):
            if decided != self.champion:
                log.info("%s is now answered by %s", self._assistant, decided)
            self.champion = decided
        elif first:
            self.champion = self._last_sound(decided)
        for adapter in wanted - {decided}:
            self._try_load(adapter)

    def _last_sound(self, broken: str) -> str:
        """The newest earlier champion that still loads; the base when none does."""
        for row in self._store.query("promotions", assistant=self._assistant):
            for adapter in (str(row["adapter"]), str(row["previous"])):
                if adapter != broken and self._loads(adapter):
                    return adapter
        return BASE

    def _loads(self, adapter: str) -> bool:
        try:
            self.load(adapter)
        except Exception:
            log.exception("adapter %s cannot be loaded", adapter)
            return False
        return True

    def _try_load(self, adapter: str) -> bool:
        """Load it, or note loudly and once that it cannot be, and try again later."""
        retry_at, _ = self._failed.get(adapter, (float("-inf"), ""))
        if self._monotonic() < retry_at:
            return False
        try:
            self.load(adapter)
        except Exception as problem:  # whatever is wrong with it, service goes on
            self._note(adapter, problem)
            return False
        self._failed.pop(adapter, None)
        return True

    def _note(self, adapter: str, problem: Exception) -> None:
        why = f"adapter {adapter} cannot be served: {problem}"
        if adapter not in self._failed:
            log.error("%s; %s keeps answering", why, self.champion)
            self._store.command(
                "audit",
                actor="serve",
                action="adapter_failed",
                subject=adapter,
                detail={"assistant": self._assistant, "problem": str(problem)},
            )
        self._failed[adapter] = (self._monotonic() + RETRY_AFTER, why)


def running_experiment(store: Store, assistant: str) -> Experiment | None:
    """The newest experiment of an assistant that has been started and not stopped."""
    for row in store.query("experiments", assistant=assistant):
        if row["status"] == "running":
            return _record(Experiment, row)
    return None


def _record(cls: type[R], row: dict[str, Any]) -> R:
    return cls(**{f.name: row[f.name] for f in fields(cls)})
