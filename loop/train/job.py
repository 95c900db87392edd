"""What a training process is told and what it leaves: plain files in the run's folder."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from loop.settings import CostSettings, GuardSettings, TrainSettings
from loop.store.records import Cost, Run
from loop.train.cost import Reading

Method = Literal["sft", "dpo", "kto", "reward", "grpo"]
# Held-out rows a run may look at. whole: all. choosing: one half. judging: that half as training
# goes on, and the other at the end, row by row.
HeldOut = Literal["whole", "choosing", "judging"]
METHODS: tuple[Method, ...] = ("sft", "dpo", "kto", "reward", "grpo")
PAIR_LOSSES = ("sigmoid", "cdpo", "robust", "ipo", "sigmoid_norm")
TUNINGS = ("lora", "rslora", "dora", "qlora", "full")

JOB, RESULT, ERROR, CARD = "job.json", "result.json", "error.json", "card.json"
CHOSEN = "chosen.json"
BY_ROW = "by_row.json"  # of a run that is judged: row → the figure that decides
METRICS, LOG, LOCK = "metrics.jsonl", "log.txt", "lock"
STAGE = "[0-9]-*"  # a stage's folder, in that of its run
CHECKPOINTS, ADAPTER, MODEL = "checkpoints", "adapter", "model"
REPORTED = "reported.json"  # what MLflow and Weights & Biases call the run
TENSORBOARD = "tensorboard"
ATTEMPTS = "attempts"  # a byte for each time the process was started
FOLLOWS = "RATCHET_FOLLOWS"  # environment variable: stop when stdin ends
STOPPED = 143  # exit status after SIGTERM: 128 + 15
FULL = 28  # exit status when the disk is full, as in errno


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Everything that decides the weights, and where things lie. The process sees no store."""

    method: Method
    dataset: str
    base: str
    base_fingerprint: str
    parent: str | None  # the registered adapter, or the run of the stage before, it starts from
    seed: int
    train: dict[str, Any]  # TrainSettings, as the project sets them
    guard: dict[str, Any]  # GuardSettings
    processes: int
    threads: int  # CPU threads, never 0: another count adds up in another order
    device: str
    packages: dict[str, str]  # name → version
    dataset_folder: str
    root: str  # the project's folder; a relative base lies below it
    parent_folder: str | None
    cost: dict[str, Any]  # CostSettings: budgets end a run, they do not name it
    report_to: list[str]  # who is told the figures
    judge_folders: dict[str, str]  # reward models that score what GRPO draws
    held_out: HeldOut = "whole"

    @property
    def settings(self) -> TrainSettings:
        """How to train."""
        known = self.train | {"targets": tuple(self.train["targets"])}
        return TrainSettings(**known | {"rewards": tuple(self.train["rewards"])})

    @property
    def limits(self) -> GuardSettings:
        """When to stop for the model's own good."""
        return GuardSettings(**self.guard)

    @property
    def prices(self) -> CostSettings:
        """What may be spent, and what things cost."""
        return CostSettings(**self.cost)

    @property
    def decides(self) -> dict[str, Any]:
        """The part that decides the weights: same here, same bytes there."""
        return {k: v for k, v in asdict(self).items() if k not in _PLACES}

    @property
    def id(self) -> str:
        """The run's name, from what decides it."""
        text = json.dumps(self.decides, sort_keys=True)
        return f"run-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


_PLACES = ("dataset_folder", "root", "parent_folder", "cost", "report_to", "judge_folders")


def judges_of(rewards: Sequence[str]) -> list[str]:
    """Which names of `train.rewards` are registered reward models, and no scorers.

    >>> judges_of(["grounded", "ad-0123456789ab"])
    ['ad-0123456789ab']
    """
    return [name for name in rewards if name.startswith("ad-")]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainResult:
    """A finished run and the folder of its adapter, in PEFT's format; of full tuning, its model."""

    folder: Path
    run: Run
    reading: Reading | None  # what it used; None where nothing was metered
    cost: Cost | None  # the same with its price, for the store

    @property
    def judges(self) -> list[str]:
        """The reward models that scored what GRPO drew: what they learnt is in its weights."""
        drew = "grpo" in self.run.method.split("+")
        return judges_of(self.run.settings["train"]["rewards"]) if drew else []


def write_json(path: Path, data: Any) -> None:
    """Write a JSON file whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    with part.open("w", encoding="utf-8") as file:
        json.dump(data, file, indent=2, sort_keys=True)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a JSON file; None if there is no such file or it is no object."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) else None


def read_job(path: Path) -> Job | None:
    """The job in a file; None if there is none or it is of another make."""
    data = read_json(path)
    if data is None or set(data) != {f.name for f in fields(Job)}:
        return None
    return Job(**data)
