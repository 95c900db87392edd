"""What watches a training run from inside: SIGTERM, each step, each checkpoint, bad numbers."""

from __future__ import annotations

import math
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from knowledge.errors import RatchetError
from loop.settings import GuardSettings
from loop.train import ranks
from loop.train.cost import Budget
from loop.train.guard import alarm
from loop.train.job import STOPPED
from loop.train.journal import Journal, seal, step_of
from loop.train.meter import Meter

Examine = Callable[[int], dict[str, float]]


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


class Diverged(RatchetError):
    """Loss or gradient is not finite."""


class Watch(TrainerCallback):
    """Notes every step, marks and examines checkpoints, and ends the run when it should end."""

    def __init__(
        self,
        journal: Journal,
        stop: Stop,
        examine: Examine,
        *,
        limits: GuardSettings,
        decides: tuple[str, bool],
        patience: int = 0,
        meter: Meter,
        budget: Budget,
        report: Callable[[dict[str, float]], None],
    ) -> None:
        """
        Args:
            journal: The run's.
            stop: Says whether somebody wants it to end.
            examine: Figures on held-out rows, of the model as it is at a step.
            limits: When to stop for the model's own good.
            decides: The figure that says which weights are best, and whether more is better.
            patience: Evaluations without a better one before the run ends; 0 goes on.
            meter: Counts what the run uses.
            budget: Of it.
            report: Told the figures of each evaluation.
        """
        self._journal = journal
        self._stop = stop
        self._examine = examine
        self._limits = limits
        self._decides = decides
        self._patience = patience
        self.meter = meter
        self._budget = budget
        self._report = report
        self._spent = ""  # what of the budget is
        self._counted = 0
        self.tokens = 0  # trained on in this attempt
        self.earlier = 0  # and before it, where the trainer counts on
        self.asked = False  # to stop; every process has the same answer
        self.ended: dict[str, Any] | None = None  # sign, words and step, if it ended early
        self.main = True  # this process writes
        self.pending = 0  # step whose evaluation an earlier attempt did not come to

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **more: Any
    ) -> None:
        self.earlier = int(state.num_input_tokens_seen)
        if self.pending:
            self.look(self.pending, state.max_steps)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **more: Any
    ) -> None:
        self.meter.count(self.tokens - self._counted)
        self._counted = self.tokens
        self.asked = ranks.anyone(self._stop.asked)
        self._spent = ranks.told(self._over)
        if (self.asked or self._spent) and self.ended is None:
            control.should_save = True
        if self.asked or self._spent or self.ended is not None:
            control.should_training_stop = True

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **more: Any,
    ) -> None:
        values = {k: v for k, v in (logs or {}).items() if isinstance(v, int | float)}
        if "loss" in values and self.main:
            reading = self.meter.reading()
            told = {"tokens": self.tokens, "peak_bytes": reading.peak_bytes}
            self._journal.write(step=state.global_step, of=state.max_steps, **told | values)

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **more: Any
    ) -> None:
        folder = Path(str(args.output_dir))
        self.asked = ranks.anyone(self._stop.asked)  # and every process has written its part
        if self.main:
            seal(folder / f"checkpoint-{state.global_step}")
        stops = self.asked and state.global_step < state.max_steps  # who goes on will look here
        if not stops and self.ended is None:
            self.look(state.global_step, state.max_steps)
        if self.main:
            self._forget(folder)
        if stops or self.ended is not None:
            control.should_training_stop = True

    def look(self, step: int, of: int) -> None:
        """Evaluate the model as it is, and decide whether the run goes on."""
        if any(one["step"] == step for one in self._journal.evaluations):
            return
        seen = self._examine(step)
        found = ranks.told(lambda: seen)  # so that all processes decide alike
        if step:
            self.ended = self._reason(step, found)
        finite = {name: value for name, value in found.items() if math.isfinite(value)}
        self._journal.evaluate(step, of, finite, self.ended)
        self._report(finite)

    def _over(self) -> str:
        """What of the budget is spent; nothing is if nothing was."""
        return self._spent or self._budget.spent(self.meter.reading()) or ""

    def note_memory(self, step: int, rows: int) -> None:
        """Memory ran out; from now on so many rows are computed at once."""
        if self.main:
            self._journal.note(step, "out_of_memory", micro_batch=rows)

    def _reason(self, step: int, found: dict[str, float]) -> dict[str, Any] | None:
        """Why the run should end with this evaluation, or None."""
        if raised := alarm(self._journal.evaluations[0]["evaluation"], found, self._limits):
            how = "diverged" if raised.sign == "divergence" else "was stopped"
            words = f"{how} at step {step}: {raised.words}"
            return {"sign": raised.sign, "words": words, "step": step}
        if self._spent:
            return {"sign": "budget", "words": f"ended at step {step}: {self._spent}", "step": step}
        if not self._patience or self._decides[0] not in found:
            return None
        values = [value for _, value in self._journal.values(self._decides[0])]
        sign = -1.0 if self._decides[1] else 1.0
        scored = [sign * value for value in [*values, found[self._decides[0]]]]
        since = len(scored) - 1 - scored.index(min(scored))
        if since < self._patience:
            return None
        words = f"ended at step {step}: {self._patience} evaluations were no better than one before"
        return {"sign": "patience", "words": words, "step": step}

    def _forget(self, folder: Path) -> None:
        """Keep the newest two checkpoints and the best one."""
        newest = sorted(folder.glob("checkpoint-*"), key=step_of)
        best = self._journal.best(*self._decides)
        for checkpoint in newest[:-2]:
            if step_of(checkpoint) != best:
                shutil.rmtree(checkpoint, ignore_errors=True)


def check_finite(loss: float, norm: float, step: int) -> None:
    """Stop before numbers that are not finite reach the weights; all processes alike.

    Raises:
        Diverged: The loss or a gradient is not finite.
    """
    if ranks.anyone(not math.isfinite(loss) or not math.isfinite(norm)):
        raise Diverged(f"diverged at step {step}: loss {loss}, gradient norm {norm}")
