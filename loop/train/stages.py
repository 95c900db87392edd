"""A recipe of one stage or several, like "sft+dpo": each goes on from what the one before made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from knowledge.errors import RatchetError
from loop.settings import CostSettings, Settings
from loop.store.records import Adapter, Dataset
from loop.train.cost import Reading, add, cost_record, money
from loop.train.job import METHODS, TrainResult
from loop.train.run import train


def stages_of(method: str) -> list[str]:
    """The methods of a recipe, in order.

    Raises:
        RatchetError: One of them is unknown.

    >>> stages_of("sft+dpo")
    ['sft', 'dpo']
    """
    stages = [stage.strip() for stage in method.split("+")]
    if unknown := [stage for stage in stages if stage not in METHODS]:
        raise RatchetError(
            f"Training method {unknown[0]!r}; known are {', '.join(METHODS)}, "
            'and stages of them like "sft+dpo".'
        )
    return stages


def train_stages(
    settings: Settings,
    dataset: Dataset,
    *,
    method: str,
    seed: int,
    parent: Adapter | None,
    run_folder: Path,
    progress: bool = False,
) -> TrainResult:
    """Train by a recipe; stopped anywhere, it goes on there.

    Args:
        settings: `train` says how, `assistant.base` on what.
        dataset: Serves every stage.
        method: One method, or several joined by +.
        seed: Of every stage.
        parent: What the first stage starts from; None is a fresh adapter on the base.
        run_folder: For the run's files; of several stages each gets a folder in it.
        progress: Show a bar.

    Returns:
        What the last stage made. Of several stages the run tells all: seconds are summed, and
        figures of earlier ones begin with their number and method, like `1_sft_train_loss`.

    Raises:
        RatchetError: A stage cannot be done, diverged, or was stopped; the message says what next.
    """
    stages = stages_of(method)
    if len(stages) == 1:
        return train(
            settings, dataset, method=method, seed=seed, parent=parent, run_folder=run_folder,
            progress=progress,
        )  # fmt: skip
    done: list[TrainResult] = []
    for number, stage in enumerate(stages, 1):
        made = train(
            replace(settings, cost=left(settings.cost, reading_of(done))),
            dataset,
            method=stage,
            seed=seed,
            parent=None if done else parent,
            after=done[-1] if done else None,
            run_folder=run_folder / f"{number}-{stage}",
            progress=progress,
        )
        done.append(made)
    return _together(stages, done, settings.cost)


def left(budget: CostSettings, spent: Reading | None) -> CostSettings:
    """The cost table with what earlier stages left of each budget; next to nothing if all is gone.

    >>> used = Reading(kind="cpu", device="cpu", seconds=90, device_seconds=90)
    >>> left(CostSettings(budget_minutes=2.0), used).budget_minutes
    0.5
    """
    if spent is None:
        return budget
    used = {
        "budget_minutes": spent.seconds / 60,
        "budget_money": money(spent, budget).at_least,
        "budget_kwh": spent.kwh_at_least,
    }
    known = {name: getattr(budget, name) for name in used}
    rest = {n: max(most - used[n], most * 1e-9) for n, most in known.items() if most}
    return replace(budget, **rest)


def reading_of(done: Sequence[TrainResult]) -> Reading | None:
    """What stages used, all together; None where nothing was metered."""
    reading: Reading | None = None
    for made in done:
        reading = add(reading, made.reading) if made.reading else reading
    return reading


def _together(
    stages: Sequence[str], done: Sequence[TrainResult], prices: CostSettings
) -> TrainResult:
    last = done[-1]
    metrics = dict(last.run.metrics)
    for number, (stage, made) in enumerate(zip(stages[:-1], done[:-1], strict=True), 1):
        metrics |= {f"{number}_{stage}_{name}": value for name, value in made.run.metrics.items()}
    seconds = sum(made.run.seconds for made in done)
    tokens = sum(made.run.seconds * made.run.tokens_per_second for made in done)
    run = replace(
        last.run,
        method="+".join(stages),
        seconds=round(seconds, 3),
        tokens_per_second=round(tokens / max(seconds, 1e-9), 1),
        metrics=metrics,
        settings=last.run.settings
        | {"stages": [{"run": made.run.id, **made.run.settings} for made in done]},
    )
    reading = reading_of(done)
    cost = None if reading is None else cost_record(run.id, reading, prices)
    return TrainResult(folder=last.folder, run=run, reading=reading, cost=cost)
