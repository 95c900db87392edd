"""A run's figures for TensorBoard, MLflow or Weights & Biases, through transformers' reporters.

Figures and settings leave, rows never do. A reporter that fails is left out; the run goes on.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from knowledge.errors import RatchetError
from loop.train.job import REPORTED, TENSORBOARD, Job, read_json, write_json
from loop.train.journal import Journal

REPORTERS = ("tensorboard", "mlflow", "wandb")  # each the name of its package and of our extra
_QUIET = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # its own 7 hold a step up for minutes
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "WANDB_CONSOLE": "off",  # neither what the process prints
    "WANDB_DISABLE_CODE": "true",  # nor the code around it leaves
    "WANDB_DISABLE_GIT": "true",
    "WANDB_SILENT": "true",
}


def check(names: Sequence[str]) -> None:
    """May these be reported to from here?

    Raises:
        RatchetError: One is unknown, or its package is not installed.
    """
    for name in names:
        if name not in REPORTERS:
            raise RatchetError(
                f"train.report_to: {name!r} is unknown; known are {', '.join(REPORTERS)}. "
                "Mend that line of ratchet.toml."
            )
        if find_spec(name) is None:
            raise RatchetError(
                f"train.report_to: {name} is not installed. Install it with "
                f'`pip install "ratchet-loop[{name}]"`, or take it out of ratchet.toml.'
            )


class Reports(TrainerCallback):
    """What the chosen reporters are told: each logged step, each evaluation, the result.

    A context manager around the whole run: they are told how it ended when it is left.
    """

    def __init__(self, trainer: Any, job: Job, folder: Path, journal: Journal) -> None:
        """
        Args:
            trainer: Made with `report_to`; its reporters are taken over.
            job: The run's.
            folder: Where a resumed run finds what it was called by each.
            journal: Notes a reporter that failed.
        """
        from transformers.integrations.integration_utils import get_reporting_integration_callbacks

        self._trainer = trainer
        self._folder = folder
        self._journal = journal
        kinds = get_reporting_integration_callbacks(job.report_to)  # type: ignore[no-untyped-call]
        taken = [(n, trainer.pop_callback(k)) for n, k in zip(job.report_to, kinds, strict=True)]
        self._told = {n: one for n, one in taken if trainer.accelerator.is_main_process}

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **more: Any
    ) -> None:
        self._tell("on_train_begin", **more)

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **more: Any
    ) -> None:
        if "loss" in (more.get("logs") or {}):
            self._tell("on_log", **more)

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **more: Any
    ) -> None:
        self._tell("on_save", **more)

    def held_out(self, figures: dict[str, float]) -> None:
        """Figures of held-out rows, of the model as it is at this step."""
        logs = {f"eval_{name}": value for name, value in figures.items()}
        self._tell("on_log", logs=logs, model=self._trainer.model)

    def result(self, metrics: dict[str, float]) -> None:
        """What the run came to, of the weights that were kept."""
        self.held_out({k: v for k, v in metrics.items() if k.startswith("held_out_")})

    def __enter__(self) -> Reports:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._tell(
                "on_train_end",
                model=self._trainer.model,
                processing_class=self._trainer.processing_class,
            )
        if "mlflow" in self._told:
            import mlflow  # type: ignore[import-not-found]

            if mlflow.active_run() is not None:
                mlflow.end_run("FAILED")
        if "wandb" in self._told:
            import wandb  # type: ignore[import-not-found]

            wandb.finish(exit_code=0 if kind is None else 1)

    def _tell(self, event: str, **more: Any) -> None:
        trainer = self._trainer
        for name, reporter in list(self._told.items()):
            try:
                getattr(reporter, event)(trainer.args, trainer.state, trainer.control, **more)
            except Exception as problem:  # a server, a proxy, a disk: each in its own words
                del self._told[name]
                why = str(problem).strip().partition("\n")[0][:200] or type(problem).__name__
                print(f"train.report_to: {name} is left out: {why}", file=sys.stderr)
                self._journal.note(int(trainer.state.global_step), "report_failed", reporter=name)
        self._remember()

    def _remember(self) -> None:
        """What each calls this run, so that a resumed one goes on there."""
        known = read_json(self._folder / REPORTED) or {}
        found = dict(known)
        if "mlflow" in self._told and (run := sys.modules["mlflow"].active_run()) is not None:
            found["MLFLOW_RUN_ID"] = run.info.run_id
        if "wandb" in self._told and (run := sys.modules["wandb"].run) is not None:
            found["WANDB_RUN_ID"] = run.id
        if found != known:
            write_json(self._folder / REPORTED, found)


def prepare(job: Job, folder: Path) -> None:
    """Tell the reporters by their environment variables where the run's figures belong.

    Raises:
        RatchetError: One is not installed on this machine.
    """
    check(job.report_to)
    if not job.report_to:
        return
    for name, value in {**_QUIET, "WANDB_DIR": str(folder)}.items():
        os.environ.setdefault(name, value)
    shared = os.environ.get("TENSORBOARD_LOGGING_DIR")
    own = Path(shared).expanduser() / job.id if shared else folder / TENSORBOARD
    os.environ["TENSORBOARD_LOGGING_DIR"] = str(own)
    os.environ.setdefault("WANDB_PROJECT", "ratchet")
    os.environ.setdefault("MLFLOW_EXPERIMENT_NAME", "ratchet")
    known = read_json(folder / REPORTED) or {}
    os.environ.update(known | ({"WANDB_RESUME": "allow"} if "WANDB_RUN_ID" in known else {}))
