"""Runs in progress, as their folders tell; nothing here touches the process that trains."""

from __future__ import annotations

import fcntl
import heapq
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from loop.train.cost import Reading
from loop.train.job import ERROR, JOB, LOCK, METRICS, RESULT, read_json
from loop.train.journal import read_journal
from loop.train.meter import read_cost

_NEWEST = 20  # folders that are looked into
_FORGOTTEN = 7 * 86_400.0  # seconds after which a run that stopped is no news any more
_SILENT = 60.0  # seconds without a sign of life after which an unlocked run has stopped


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """The training loss at a step."""

    step: int
    loss: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """A run that has begun and not finished. None is not known yet."""

    folder: str  # its name, of a stage or trial behind that of what it belongs to
    method: str
    dataset: str
    running: bool  # False: it was stopped or killed; the same command goes on
    problem: str  # what ended it, if it said so
    phase: str  # "load", "score" or "train"
    step: int | None
    of: int | None
    seconds: float | None  # spent
    tokens_per_second: float | None
    heard: float | None  # seconds since its last sign of life
    losses: Sequence[Point]
    reading: Reading | None


def unfinished(runs: Path, now: float, *, limit: int = 3) -> list[Live]:
    """The runs that have not finished, the one heard of last first.

    Args:
        runs: The folder of the runs' folders; it may be missing.
        now: Seconds since 1970.
        limit: How many at most.
    """
    known: list[Live] = []
    for folder in _newest(runs):
        if (folder / JOB).exists():
            found = [live(folder, now)]
        else:  # stages of a run, trials of a search: of those only one that is under way
            found = [
                replace(one, folder=f"{folder.name}/{one.folder}")
                for one in (live(path, now) for path in _newest(folder))
                if one is not None and one.running
            ]
        known += [one for one in found if one is not None and (one.running or _recent(one))]
    known.sort(key=lambda one: (not one.running, one.heard if one.heard is not None else now))
    return known[:limit]


def live(folder: Path, now: float) -> Live | None:
    """The run in a folder; None if it has finished, or there is none."""
    job = read_json(folder / JOB)
    if job is None or (folder / RESULT).exists():
        return None
    lines, kept = read_journal(folder), read_cost(folder)
    signs = [kept.at] if kept else []
    if (folder / METRICS).exists():
        signs.append((folder / METRICS).stat().st_mtime)
    heard = max(0.0, now - max(signs)) if signs else None
    told = read_json(folder / ERROR)
    steps = [line for line in lines if "step" in line]
    last = steps[-1] if steps else {}
    alive = heard is not None and heard < _SILENT
    return Live(
        folder=folder.name,
        method=str(job.get("method", "")),
        dataset=str(job.get("dataset", "")),
        running=told is None and (_held(folder / LOCK) or alive),
        problem="" if told is None else str(told.get("message", "")),
        phase=_phase(lines),
        step=_whole(last.get("step")),
        of=_whole(last.get("of")),
        seconds=kept.reading.seconds if kept else _seconds(lines),
        tokens_per_second=kept.tokens_per_second if kept else None,
        heard=heard,
        losses=[
            Point(step=int(line["step"]), loss=float(line["loss"]))
            for line in steps
            if isinstance(line.get("loss"), int | float)
        ],
        reading=kept.reading if kept else None,
    )


def _recent(one: Live) -> bool:
    return one.heard is not None and one.heard < _FORGOTTEN


def _newest(runs: Path) -> list[Path]:
    """The folders in a folder that changed last: that of a run does with each reading."""
    try:
        with os.scandir(runs) as entries:
            changed = [(entry.stat().st_mtime, entry.path) for entry in entries if entry.is_dir()]
    except OSError:
        return []
    return [Path(path) for _, path in heapq.nlargest(_NEWEST, changed)]


def _held(lock: Path) -> bool:
    """Does a process train here? It holds the lock as long as it lives."""
    try:
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _phase(lines: Sequence[Mapping[str, Any]]) -> str:
    if lines and "step" in lines[-1]:
        return "train"
    return str(lines[-1].get("phase", "")) if lines else ""


def _seconds(lines: Sequence[Mapping[str, Any]]) -> float | None:
    return float(lines[-1]["seconds"]) if lines and "seconds" in lines[-1] else None


def _whole(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) else None
