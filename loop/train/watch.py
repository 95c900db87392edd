"""What watches a training run from inside: SIGTERM, each step, numbers that are not finite."""

from __future__ import annotations

import math
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from knowledge.errors import RatchetError
from loop.train.job import STOPPED
from loop.train.journal import Journal, newest, seal


class Stop:
    """Asked to stop: by SIGTERM, or because the process that started this one is gone.

    While `careful`, the run saves and ends at the next step; before and after, at once.
    """

    def __init__(self) -> None:
        self.asked = False
        self.careful = False
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides, and tells by SIGTERM

    def follow_parent(self) -> None:
        """Stop when stdin ends, which it does when the parent dies, however it dies."""
        threading.Thread(target=self._wait_for_parent, daemon=True).start()

    def _wait_for_parent(self) -> None:
        while os.read(sys.stdin.fileno(), 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        if not self.careful:
            raise SystemExit(STOPPED)


class Watch(TrainerCallback):
    """Notes every step, marks whole checkpoints, and ends the run when asked to."""

    def __init__(self, journal: Journal, stop: Stop) -> None:
        self._journal = journal
        self._stop = stop
        self.tokens = 0  # trained on by this process

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **more: Any
    ) -> None:
        if self._stop.asked:
            control.should_save = True
            control.should_training_stop = True

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **more: Any,
    ) -> None:
        values = {_short(k): v for k, v in (logs or {}).items() if isinstance(v, int | float)}
        if "loss" in values:
            self._journal.write(step=state.global_step, of=state.max_steps, **values)

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **more: Any
    ) -> None:
        seal(Path(str(args.output_dir)) / f"checkpoint-{state.global_step}")


def check_finite(loss: float, norm: float, step: int, checkpoints: Path) -> None:
    """Stop before numbers that are not finite reach the weights.

    Raises:
        RatchetError: The loss or a gradient is not finite.
    """
    if math.isfinite(loss) and math.isfinite(norm):
        return
    last = newest(checkpoints)
    kept = f"The last good checkpoint is {last}." if last else "There is no checkpoint yet."
    raise RatchetError(
        f"Training diverged at step {step}: loss {loss}, gradient norm {norm}. {kept} "
        "Lower train.learning_rate and train again."
    )


def _short(name: str) -> str:
    return {"rewards/accuracies": "accuracy", "rewards/margins": "margin"}.get(name, name)
