"""A run's metrics file and checkpoints, as it writes them and as others read them."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any

from loop.train.job import METRICS, read_json, write_json

HARMLESS = ("patience", "budget")  # signs of an early end that say nothing against the weights
WHOLE = "whole.json"  # written into a checkpoint last: the SHA-256 of each of its files


class Journal:
    """One JSON object a line in metrics.jsonl; what a resumed run does again is written again.

    A line has `step` and `of` with the figures of a step or, under `evaluation`, of held-out rows;
    or it has `phase`; or `event`. Each has the `seconds` spent so far and `at`, the time.

    Args:
        folder: The run's.
        step: The step that the run goes on from; later lines are cut off.
        writes: Only one of a run's processes does; the others just remember.
    """

    def __init__(self, folder: Path, step: int, *, writes: bool = True) -> None:
        self._path = folder / METRICS
        self._writes = writes
        kept = [line for line in read_journal(folder) if "step" in line and line["step"] <= step]
        if writes:
            part = self._path.with_suffix(".part")
            part.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
            part.replace(self._path)
        self.evaluations = [line for line in kept if "evaluation" in line]
        self.events = [line for line in kept if "event" in line]
        self.before = float(kept[-1]["seconds"]) if kept else 0.0  # spent by earlier attempts
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Time spent on the run, earlier attempts up to their last checkpoint included."""
        return self.before + time.monotonic() - self._started

    def write(self, **values: Any) -> None:
        """Add a line; it can be read at once."""
        if not self._writes:
            return
        line = values | {"seconds": round(self.seconds, 3), "at": round(time.time(), 3)}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def evaluate(
        self, step: int, of: int, figures: dict[str, float], ended: dict[str, Any] | None = None
    ) -> None:
        """Add what the model makes of held-out rows at a step, and why the run ends with it."""
        line: dict[str, Any] = {"step": step, "of": of, "evaluation": figures}
        if ended is not None:
            line["ended"] = ended
        self.write(**line)
        self.evaluations.append(line)

    def note(self, step: int, event: str, **values: Any) -> None:
        """Add something that happened on the way."""
        line = {"step": step, "event": event, **values}
        self.write(**line)
        self.events.append(line)

    def values(self, name: str) -> list[tuple[int, float]]:
        """Step and value of a held-out figure, oldest first; alarms and the start left out."""
        return [
            (line["step"], line["evaluation"][name])
            for line in self.evaluations
            if line["step"] and name in line["evaluation"] and not _is_alarm(line)
        ]

    def sound(self) -> int | None:
        """The last step that was evaluated without an alarm; None without any."""
        steps = [line["step"] for line in self.evaluations if not _is_alarm(line)]
        return max((step for step in steps if step), default=None)

    def best(self, name: str, more: bool) -> int | None:
        """The step with the best value of a figure, of like ones the latest; None without any."""
        values = self.values(name)
        if not values:
            return None
        return max(values, key=lambda one: (one[1] if more else -one[1], one[0]))[0]


def _is_alarm(line: dict[str, Any]) -> bool:
    return "ended" in line and line["ended"]["sign"] not in HARMLESS


def read_journal(folder: Path) -> list[dict[str, Any]]:
    """The whole lines of a run's metrics file, oldest first; a line half written is left out."""
    try:
        text = (folder / METRICS).read_text(encoding="utf-8")
    except OSError:
        return []
    lines = []
    for line in text.splitlines(keepends=True):
        try:
            lines.append(json.loads(line))
        except ValueError:
            continue
    return lines


def seal(checkpoint: Path) -> None:
    """Mark a checkpoint as whole."""
    write_json(checkpoint / WHOLE, _hashes(checkpoint))


def is_whole(checkpoint: Path) -> bool:
    """Was it written to its end, and is every file still what was written?"""
    sealed = read_json(checkpoint / WHOLE)
    return sealed is not None and sealed == _hashes(checkpoint)


def newest(checkpoints: Path) -> Path | None:
    """The newest whole checkpoint; one half written, or damaged since, does not count."""
    by_step = sorted(checkpoints.glob("checkpoint-*"), key=step_of, reverse=True)
    return next(filter(is_whole, by_step), None)


def step_of(checkpoint: Path) -> int:
    """The step a checkpoint was saved at."""
    return int(checkpoint.name.rpartition("-")[2])


def _hashes(checkpoint: Path) -> dict[str, str]:
    hashes = {}
    for path in sorted(checkpoint.rglob("*")):
        if path.is_file() and path.name != WHOLE:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            hashes[path.relative_to(checkpoint).as_posix()] = digest
    return hashes
