"""A run's metrics file and checkpoints, as it writes them and as others read them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from loop.train.job import METRICS

WHOLE = "whole"  # written into a checkpoint last: without it the checkpoint is half a one


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
        self._file = self._path.open("a", encoding="utf-8")
        self.before = float(kept[-1]["seconds"]) if kept else 0.0  # spent by earlier attempts
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Time spent on the run, earlier attempts up to their last checkpoint included."""
        return self.before + time.monotonic() - self._started

    def write(self, **values: Any) -> None:
        """Add a line; it can be read at once."""
        line = values | {"seconds": round(self.seconds, 3)}
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()


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


def newest(checkpoints: Path) -> Path | None:
    """The newest whole checkpoint."""
    whole = [path.parent for path in checkpoints.glob(f"checkpoint-*/{WHOLE}")]
    return max(whole, key=step_of, default=None)


def step_of(checkpoint: Path) -> int:
    """The step a checkpoint was saved at."""
    return int(checkpoint.name.rpartition("-")[2])
