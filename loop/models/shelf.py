"""The adapters on a base: put on at run time, taken off when idle, switched between steps."""

from __future__ import annotations

import threading
import warnings
from collections import Counter, OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from peft import LoraConfig, get_peft_model, set_peft_model_state_dict

from knowledge.errors import RatchetError
from loop.models.records import BASE
from loop.models.turnstile import Turnstile
from loop.models.weights import AdapterFiles, check_fit, read_adapter

_NONE = "__base__"  # peft's word for a row without an adapter


class Shelf:
    """Many LoRA adapters on one model. Whoever calls `forward` holds `turn`.

    An adapter once put on may always be named: when more than `most` are on the model, those
    idle longest are taken off and put on again when next wanted.

    Args:
        model: The base; its layers are wrapped in place when the first adapter comes.
        turn: Held while the model is changed or used.
        most: Adapters on the model at once, unless more are in use.
    """

    def __init__(self, model: Any, turn: Turnstile, *, most: int = 8) -> None:
        self._model = model
        self._turn = turn
        self._most = most
        self._peft: Any = None  # a PeftModel while an adapter is on
        self._paths: dict[str, Path] = {}
        self._slots: OrderedDict[str, str] = OrderedDict()  # id → peft's name, idle longest first
        self._in_use: Counter[str] = Counter()
        # Not `turn`: an abandoned stream is tidied up by whatever thread collects the garbage,
        # which may hold the turn just then.
        self._counting = threading.RLock()
        self._active: str | None = BASE  # None while a mixed batch may run
        self._count = 0

    def known(self) -> set[str]:
        """Every adapter that may be named."""
        return set(self._paths)

    def put(self, id: str, path: Path) -> None:
        """Have an adapter on the model; nothing happens if it is.

        Raises:
            RatchetError: Its files are missing or corrupt, or it belongs on another base.
        """
        if id == BASE:
            return
        with self._turn:
            if id in self._slots:
                self._slots.move_to_end(id)
                return
        files = read_adapter(path)  # slow, so done while others generate
        with self._turn:
            if id not in self._slots:
                check_fit(files, self._model, path)
                self._install(id, files, path)
                self._paths[id] = path
                self._evict()

    @contextmanager
    def using(self, ids: Sequence[str]) -> Iterator[None]:
        """Keep these adapters on the model until the block ends.

        Raises:
            RatchetError: One of them was never put on, or its files have gone since.
        """
        wanted = set(ids) - {BASE}
        for id in wanted:
            if id not in self._paths:
                raise RatchetError(
                    f"Adapter {id!r} is not loaded. Load it first; `ratchet adapters list` "
                    "names those there are."
                )
        with self._counting:
            self._in_use.update(wanted)
        try:
            for id in wanted:
                self.put(id, self._paths[id])
            yield
        finally:
            with self._counting:
                self._in_use.subtract(wanted)

    def forward(self, ids: Sequence[str], **inputs: Any) -> Any:
        """The model's output, each row with its own adapter."""
        if self._peft is None:
            return self._model(**inputs)
        if len(set(ids)) == 1:
            self._activate(ids[0])
            return self._model(**inputs)
        self._activate(None)
        names = [_NONE if id == BASE else self._slots[id] for id in ids]
        return self._peft(adapter_names=names, **inputs)

    def _activate(self, id: str | None) -> None:
        """Have one adapter answer for all rows; BASE for none, None for one named per row."""
        if id == self._active or self._peft is None:
            return
        if id == BASE:
            self._peft.base_model.disable_adapter_layers()
        else:
            if self._active == BASE:
                self._peft.base_model.enable_adapter_layers()
            if id is not None:
                self._peft.set_adapter(self._slots[id], inference_mode=True)
        self._active = id

    def _install(self, id: str, files: AdapterFiles, path: Path) -> None:
        self._count += 1
        slot = f"slot-{self._count}-of-shelf"  # ids may hold what module names must not
        first = self._peft is None
        try:
            config = LoraConfig(**files.config, inference_mode=True)
            if self._peft is None:
                with warnings.catch_warnings():  # peft asks transformers by an older name
                    warnings.simplefilter("ignore", FutureWarning)
                    self._peft = get_peft_model(self._model, config, adapter_name=slot)
            else:
                self._peft.add_adapter(slot, config)
            result: Any = set_peft_model_state_dict(self._peft, files.tensors, adapter_name=slot)
            if result.unexpected_keys:
                raise ValueError(f"unknown weights {result.unexpected_keys[:2]}")
        except Exception as problem:  # peft and torch raise many kinds; the base must stay sound
            self._take_off(slot, last=first)
            raise RatchetError(
                f"{path}: the adapter does not fit the base ({problem}). Train it again."
            ) from problem
        self._peft.eval().requires_grad_(False)
        self._slots[id] = slot
        self._active = slot  # peft has changed what is active; no id is named like a slot
        self._activate(BASE)

    def _take_off(self, slot: str, *, last: bool) -> None:
        if self._peft is None:
            return
        if last:
            self._model = self._peft.unload()
            self._peft = None
            self._active = BASE
        elif slot in self._peft.peft_config:
            self._activate(BASE)
            other = next(name for name in self._peft.peft_config if name != slot)
            # peft warns of deleting its active one
            self._peft.set_adapter(other, inference_mode=True)
            self._peft.delete_adapter(slot)

    def _evict(self) -> None:
        with self._counting:
            idle = [id for id in self._slots if not self._in_use[id]]
        newest = next(reversed(self._slots))
        for id in idle[: max(len(self._slots) - self._most, 0)]:
            if id != newest:
                self._take_off(self._slots.pop(id), last=False)
