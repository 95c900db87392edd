"""One run of a search: a trial that is watched, or a repeat that judges."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from knowledge.errors import RatchetError
from loop.settings import Settings
from loop.store.records import Adapter, Dataset
from loop.train.history import Repeat, note
from loop.train.job import ADAPTER, BY_ROW, CHECKPOINTS, ERROR, MODEL, TrainResult, read_json
from loop.train.journal import read_journal
from loop.train.run import StoppedEarly
from loop.train.space import Space, changes
from loop.train.trials import Aim, Trial, propose, stops_at


class Spent(Exception):
    """A trial was broken off because the time for trials is over; nothing is held against it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quest:
    """What all runs of a search share."""

    settings: Settings
    dataset: Dataset
    method: str
    parent: Adapter | None
    folder: Path
    aim: Aim
    limit: float  # seconds
    progress: bool
    tell: Callable[[str], None]
    run: Callable[..., TrainResult]
    clock: Callable[[], float]

    def train(self, name: str, settings: Mapping[str, float], seed: int, **more: Any) -> Any:
        """A run in its folder, with some settings changed."""
        changed = replace(self.settings.train, **changes(settings))  # type: ignore[arg-type]
        return self.run(
            replace(self.settings, train=changed),
            self.dataset,
            method=self.method,
            seed=seed,
            parent=self.parent,
            run_folder=self.folder / name,
            progress=self.progress,
            **more,
        )


def tried(quest: Quest, around: Space | None, done: Sequence[Trial], left: float) -> Trial:
    """Make the next trial and note it.

    Args:
        quest: The search's.
        around: What is searched; None tries the default settings.
        done: The trials before it.
        left: Seconds it may take.

    Raises:
        Spent: It would have taken longer; the same trial goes on when there is more time.
        RatchetError: It was killed, or failed for a reason that has nothing to do with settings.
    """
    number, aim = len(done), quest.aim
    settings = propose(around, aim, done) if around else {}
    if around and (same := _same(settings, done)):
        again = replace(same, number=number, seconds=0.0, why=f"as trial {same.number}")
        return _noted(quest, again)
    name = f"trial-{number:03d}"
    folder, begun = quest.folder / name, quest.clock()

    def watch(line: dict[str, Any]) -> bool:
        if quest.clock() - begun > left:
            return True
        shown = "evaluation" in line and line["step"] > 0
        return shown and _stop(around, aim, done, folder) is not None

    result, why = None, ""
    with _counted(quest, begun):
        try:
            result = quest.train(name, settings, aim.seed, held_out="choosing", watch=watch)
        except StoppedEarly:
            if _stop(around, aim, done, folder) is None:
                raise Spent from None
        except RatchetError:
            if around is None or not (folder / ERROR).exists():
                raise
            why = str((read_json(folder / ERROR) or {}).get("message", ""))
        trial = _trial(quest, around, done, settings, result, why)
    return _noted(quest, replace(trial, seconds=round(quest.clock() - begun, 3)), name)


def repeated(quest: Quest, settings: dict[str, float], seed: int) -> Repeat:
    """Train some settings with a new seed, measure rows that chose nothing, and note it.

    Args:
        quest: The search's.
        settings: As changed from the default ones; empty takes those.
        seed: One that no trial had.

    Raises:
        RatchetError: It was killed, or failed for a reason that has nothing to do with settings.
    """
    name = f"{'best' if settings else 'default'}-seed-{seed}"
    folder, begun, why = quest.folder / name, quest.clock(), ""
    with _counted(quest, begun):
        try:
            quest.train(name, settings, seed, held_out="judging")
        except RatchetError:
            if not (folder / ERROR).exists():
                raise
            why = str((read_json(folder / ERROR) or {}).get("message", ""))
    figures = {} if why else read_json(folder / BY_ROW) or {}
    seconds = round(quest.clock() - begun, 3)
    repeat = Repeat(settings=settings, seed=seed, seconds=seconds, figures=figures, why=why)
    note(quest.folder, repeat)
    _drop_weights(folder)
    quest.tell(f"{name}: {why or f'{len(figures)} rows measured'} ({seconds:.0f} s)")
    return repeat


def _trial(
    quest: Quest,
    around: Space | None,
    done: Sequence[Trial],
    settings: dict[str, float],
    result: TrainResult | None,
    why: str,
) -> Trial:
    """What a run came to, told by its journal; whether it was stopped in time changes nothing."""
    folder = quest.folder / f"trial-{len(done):03d}"
    curve, _ = _curve(folder, quest.aim.figure)
    ended, figure = "failed" if why else "finished", None
    if (stop := _stop(around, quest.aim, done, folder)) is not None:
        ended, curve = "stopped early", [one for one in curve if one[0] <= stop]
        why = f"behind half of the trials at step {stop}"
    elif result is not None:
        figure = result.run.metrics.get(f"held_out_{quest.aim.figure}_after")
        if figure is None or not math.isfinite(figure):
            ended, figure, why = "failed", None, f"no {quest.aim.figure} on held-out rows"
        elif told := result.run.settings.get("ended"):
            why = str(told["words"])
    if around is None:
        if figure is None or result is None:
            raise RatchetError(
                f"{folder}: training with the default settings gave no held-out "
                f"{quest.aim.figure}, so there is nothing to search by. See its metrics.jsonl."
            )
        settings = _usual(quest.settings, result)
    steps = result.run.metrics["steps"] if result and ended == "finished" else 0
    return Trial(
        number=len(done),
        settings=settings,
        figure=figure,
        curve=() if ended == "failed" else tuple(curve),
        steps=int(steps) or max((step for step, _ in curve), default=0),
        seconds=0.0,
        ended=ended,
        why=why,
    )


def _usual(settings: Settings, result: TrainResult) -> dict[str, float]:
    """What a run took by itself."""
    chosen, known = result.run.settings["chosen"], settings.train
    return {name: chosen[name] for name in ("learning_rate", "epochs", "rank")} | {
        "beta": known.beta,
        "weight_decay": known.weight_decay,
        "dropout": known.dropout,
    }


def _curve(folder: Path, figure: str) -> tuple[list[tuple[int, float]], int]:
    """Step and figure of each evaluation but that of the start, and the last step there will be."""
    curve: dict[int, float] = {}
    last = 0
    for line in read_journal(folder):
        if "evaluation" in line and line["step"] > 0 and figure in line["evaluation"]:
            curve[line["step"]], last = line["evaluation"][figure], line["of"]
    return sorted(curve.items()), last


def _stop(around: Space | None, aim: Aim, done: Sequence[Trial], folder: Path) -> int | None:
    """The step at which a trial is to be stopped; not its last, when nothing is won by it."""
    if around is None:
        return None
    curve, last = _curve(folder, aim.figure)
    return stops_at(around, aim, done, [one for one in curve if one[0] < last])


def _same(settings: dict[str, float], done: Sequence[Trial]) -> Trial | None:
    return next((one for one in done if settings.items() <= one.settings.items()), None)


def _noted(quest: Quest, trial: Trial, name: str = "") -> Trial:
    note(quest.folder, trial)
    if name:
        _drop_weights(quest.folder / name)
    figure = "" if trial.figure is None else f" {quest.aim.figure} {trial.figure:.4f}"
    what = ", ".join(f"{k} {v:g}" for k, v in trial.settings.items())
    quest.tell(
        f"trial {trial.number}: {what}: {trial.ended}{figure}"
        f"{trial.why and f' ({trial.why})'} ({trial.seconds:.0f} s)"
    )
    return trial


@contextmanager
def _counted(quest: Quest, begun: float) -> Iterator[None]:
    """Count the time of a run that does not come to its end."""
    try:
        yield
    except BaseException:
        note(quest.folder, round(quest.clock() - begun, 3))
        raise


def _drop_weights(folder: Path) -> None:
    """Nobody takes a trial's weights; its journal stays."""
    for name in (ADAPTER, MODEL, CHECKPOINTS):
        shutil.rmtree(folder / name, ignore_errors=True)
