"""What a search has done: a line of JSON for each run that ended, in trials.jsonl."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from knowledge.errors import RatchetError
from loop.train.trials import Trial

TRIALS, LOCK = "trials.jsonl", "lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """One run that judges settings: with a seed that chose nothing, on rows that chose nothing."""

    settings: dict[str, float]  # as changed from the default ones; empty: the default ones
    seed: int
    seconds: float
    figures: dict[str, float]  # row → the figure that decides; empty: the run failed
    why: str = ""


class History(NamedTuple):
    """All runs of a search that ended, in order."""

    trials: list[Trial]
    repeats: list[Repeat]
    seconds: float  # all of them, and runs that were broken off

    def repeat(self, settings: dict[str, float], seed: int) -> Repeat | None:
        """The run of these settings with this seed, if it is done."""
        same = (one for one in self.repeats if (one.settings, one.seed) == (settings, seed))
        return next(same, None)


def read_history(folder: Path) -> History:
    """What was noted in a search's folder; a line half written does not count."""
    try:
        text = (folder / TRIALS).read_text(encoding="utf-8")
    except FileNotFoundError:
        return History([], [], 0.0)
    trials, repeats, seconds = [], [], 0.0
    for line in text.splitlines():
        try:
            data: dict[str, Any] = json.loads(line)
        except ValueError:
            continue
        kind = data.pop("kind")
        seconds += data["seconds"]
        if kind == "trial":
            data["curve"] = tuple((step, value) for step, value in data["curve"])
            trials.append(Trial(**data))
        elif kind == "repeat":
            repeats.append(Repeat(**data))
    return History(trials, repeats, seconds)


def note(folder: Path, done: Trial | Repeat | float) -> None:
    """Add a run that ended, or the seconds of one that was broken off; durable when it returns."""
    match done:
        case Trial():
            line = {"kind": "trial"} | asdict(done)
        case Repeat():
            line = {"kind": "repeat"} | asdict(done)
        case _:
            line = {"kind": "broken off", "seconds": done}
    path = folder / TRIALS
    whole = not path.exists() or path.read_bytes()[-1:] in (b"", b"\n")
    with path.open("a", encoding="utf-8") as file:
        file.write(("" if whole else "\n") + json.dumps(line) + "\n")
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One search a folder, which is made if missing.

    Raises:
        RatchetError: Another process searches there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as problem:
            raise RatchetError(
                f"{folder}: another process searches here. Wait for it to end, or stop it."
            ) from problem
        yield
