"""Search for settings of [train]: try some, keep the best, and ask whether it was only luck.

The default settings go first. Then a sampler proposes, each trial is an ordinary training run in
its own folder, and one that falls behind is stopped. All are compared on one half of the held-out
rows. The best and the default settings are then trained anew with seeds that chose nothing, and
compared on the other half. Eval suites are not touched. Killed anywhere, it goes on there.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from knowledge.errors import RatchetError
from loop.settings import Settings
from loop.store.records import Adapter, Dataset
from loop.train.halves import halves
from loop.train.history import Repeat, alone, read_history
from loop.train.job import TrainResult
from loop.train.quest import Quest, Spent, repeated, tried
from loop.train.run import train
from loop.train.space import Space, check_space, space
from loop.train.trials import Aim, Trial, best_of, load_optuna
from loop.train.verdict import LEAST, Comparison, compare


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a search came to."""

    space: Space
    trials: tuple[Trial, ...]
    best: Trial
    comparison: Comparison | None  # None: there was nothing to compare, or no time
    words: str  # what is to be thought of the best settings
    ended: str  # why no more were tried
    seconds: float  # of training, earlier attempts included
    cost: float  # at the machine's rate
    figure: str
    more: bool
    choosing_rows: int
    judging_rows: int

    @property
    def changed(self) -> dict[str, float]:
        """The best settings as far as they are not the default ones."""
        usual = self.trials[0].settings
        return {k: v for k, v in self.best.settings.items() if v != usual[k]}


def search(
    settings: Settings,
    dataset: Dataset,
    *,
    method: str,
    seed: int,
    parent: Adapter | None,
    folder: Path,
    rate_per_hour: float = 0.0,
    progress: bool = False,
    tell: Callable[[str], None] = lambda line: None,
    run: Callable[..., TrainResult] = train,
    clock: Callable[[], float] = time.monotonic,
) -> Found:
    """Search until the trials are made or the budget is spent, then compare.

    The same arguments and folder go on where a search stopped; more trials or a larger budget
    take a finished one further. Trials come in the same order with the same settings every time.

    Args:
        settings: `search` says what and how long, `train` what the defaults are.
        dataset: Its train split is learnt, its held_out split chooses and judges.
        method: One of `job.METHODS`.
        seed: Of the trials; the comparison takes the ones after it.
        parent: What training goes on from; None is a fresh adapter on the base.
        folder: The search's; made if missing. Of no other dataset, method, seed or settings.
        rate_per_hour: What an hour of the device costs, in the unit of `search.money`.
        progress: Show a bar for each run.
        tell: Told a line after each run.
        run: Trains; as `train`.
        clock: Seconds from anywhere.

    Raises:
        RatchetError: Settings or data do not allow a search, or the default settings cannot be
            trained, or a run was killed; the message says what next.
    """
    known = settings.search
    if settings.train.on:
        raise RatchetError(
            f"train.on is {settings.train.on!r}, and a search trains on this machine, where it can "
            'end a trial early. Set train.on = "" for it.'
        )
    check_space(known, method)
    load_optuna()
    limit = limit_of(settings, rate_per_hour)
    parts = halves(Path(dataset.path), method)  # type: ignore[arg-type]
    fewest = min(len(set(parts.choose.values())), len(set(parts.judge.values())))
    if fewest < LEAST:
        raise RatchetError(
            f"Dataset {dataset.id}: its held-out rows of {method} in two leave {fewest} prompts "
            f"on one side; a search needs {LEAST} on each. Gather more feedback, or hold out more "
            "(curate.held_out), and run `ratchet curate`."
        )
    from loop.train.measure import DECIDES

    figure, more = DECIDES[method]
    quest = Quest(
        settings=settings,
        dataset=dataset,
        method=method,
        parent=parent,
        folder=folder,
        aim=Aim(
            figure=figure, more=more, seed=seed, first=settings.train.save_every, prune=known.prune
        ),
        limit=limit,
        progress=progress,
        tell=tell,
        run=run,
        clock=clock,
    )
    with alone(folder):
        begin(quest)
        usual = read_history(folder).trials[0].settings
        around = space(known, settings.train, usual, method=method, parent=parent is not None)
        ended = try_settings(quest, around)
        best = best_of(read_history(folder).trials, more)
        assert best is not None  # the default settings' at least
        comparison, words = judge(quest, around, best, parts.judge)
        done = read_history(folder)
    return Found(
        space=around,
        trials=tuple(done.trials),
        best=best,
        comparison=comparison,
        words=words,
        ended=ended,
        seconds=round(done.seconds, 1),
        cost=round(done.seconds / 3600 * rate_per_hour, 4),
        figure=figure,
        more=more,
        choosing_rows=len(parts.choose),
        judging_rows=len(parts.judge),
    )


def limit_of(settings: Settings, rate_per_hour: float) -> float:
    """Seconds that a search may train, infinite without a limit.

    Raises:
        RatchetError: Money is limited, but what an hour costs is not known.
    """
    known = settings.search
    if known.money and rate_per_hour <= 0:
        raise RatchetError(
            f"search.money is {known.money:g}, but what an hour of this machine costs is not "
            "known. Set it below [cost.rates], or search.money to 0 and search.minutes instead."
        )
    limits = [known.minutes * 60] if known.minutes else []
    limits += [known.money / rate_per_hour * 3600] if known.money else []
    return min(limits, default=math.inf)


def begin(quest: Quest) -> None:
    """The default settings, tried first: they say what is usual and how long a run takes.

    Raises:
        RatchetError: They cannot be trained, or not in the time there is.
    """
    done = read_history(quest.folder)
    if done.trials:
        return
    try:
        tried(quest, None, [], quest.limit - done.seconds)
    except Spent as problem:
        raise RatchetError(
            f"{quest.folder}: the run with the default settings alone takes longer than the "
            f"{quest.limit / 60:.1f} minutes of the search. Allow more (search.minutes, "
            "search.money); the same command goes on."
        ) from problem


def try_settings(quest: Quest, around: Space) -> str:
    """Trial after trial; why there are no more."""
    most = quest.settings.search.trials
    while True:
        done = read_history(quest.folder)
        if len(done.trials) > most:
            return f"all {most} trials were made"
        left = quest.limit - done.seconds - reserve(quest, done.trials)
        if left < sum(one.seconds for one in done.trials) / len(done.trials):
            return "the budget was spent, but for the comparison"
        with suppress(Spent):
            tried(quest, around, done.trials, left)


def reserve(quest: Quest, trials: Sequence[Trial]) -> float:
    """Seconds the comparison may take: as long as the longest trial that went to its end."""
    longest = max(one.seconds for one in trials if one.ended == "finished")
    return quest.settings.search.seeds * (trials[0].seconds + longest)


def judge(
    quest: Quest, around: Space, best: Trial, prompts: Mapping[str, str]
) -> tuple[Comparison | None, str]:
    """Best and default settings with the same new seeds, on the rows that chose nothing."""
    trials = read_history(quest.folder).trials
    names = [knob.name for knob in around.knobs]
    chosen = {name: best.settings[name] for name in names}
    if len(trials) == 1:
        return None, (
            "No other settings were tried: the budget has no room for it. One run takes "
            f"{trials[0].seconds:.0f} s, so allow at least "
            f"{math.ceil((2 * trials[0].seconds + reserve(quest, trials)) / 60)} minutes."
        )
    if chosen == {name: trials[0].settings[name] for name in names}:
        return None, f"None of {len(trials) - 1} other settings was better than the defaults."
    pairs: list[tuple[Repeat, Repeat]] = []
    why = ""
    wanted = quest.settings.search.seeds
    for n in range(1, wanted + 1):
        done = read_history(quest.folder)
        new, old = done.repeat(chosen, quest.aim.seed + n), done.repeat({}, quest.aim.seed + n)
        needs = best.seconds * (new is None) + trials[0].seconds * (old is None)
        if pairs and needs and done.seconds + needs > quest.limit:
            why = f" The budget left room for {len(pairs)} of {wanted} seeds."
            break
        new = new or repeated(quest, chosen, quest.aim.seed + n)
        old = old or repeated(quest, {}, quest.aim.seed + n)
        if not new.figures:
            return None, f"Not better than the defaults: with seed {new.seed}, {new.why}"
        if old.figures:
            pairs.append((new, old))
    if not pairs:
        return None, "The default settings could not be trained with other seeds."
    news, olds = zip(*pairs, strict=True)
    found = compare(news, olds, prompts, more=quest.aim.more)
    return found, found.words + why
