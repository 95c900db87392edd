"""A run's metrics file and checkpoints, as it writes them and as others read them."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

from loop.train.job import METRICS, read_json, write_json

WHOLE = "whole.json"  # written into a checkpoint last: the SHA-256 of each of its files


class Journal:
    """One JSON object a line in metrics.jsonl; what a resumed run does again is written again.

    Args:
        folder: The run's.
        step: The step that the run goes on from; later lines are cut off.
    """

    def __init__(self, folder: Path, step: int) -> None:
        self._path = folder / METRICS
        kept = [line for line in read_journal(folder) if "step" in line and line["step"] <= step]
        part = self._path.with_suffix(".part")
        part.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
        part.replace(self._path)
        self.before = float(kept[-1]["seconds"]) if kept else 0.0  # spent by earlier attempts
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Time spent on the run, earlier attempts up to their last checkpoint included."""
        return self.before + time.monotonic() - self._started

    def write(self, **values: Any) -> None:
        """Add a line; it can be read at once."""
        line = values | {"seconds": round(self.seconds, 3)}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


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
