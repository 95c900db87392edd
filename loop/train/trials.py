"""Which settings to try next and when to stop a try early: Optuna, asked anew each time.

Nothing is kept but the trials themselves. Each question is put to a study made of the trials that
are done, with a sampler whose seed is the search's and the trial's number. So a search that was
killed goes on exactly as one that was not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from knowledge.errors import RatchetError
from loop.train.space import Space

if TYPE_CHECKING:
    import optuna

_RANDOM = 5  # trials before the sampler learns from those done
_COMPARED = 4  # trials done before one is stopped early


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One run of a search."""

    number: int  # 0: the default settings
    settings: dict[str, float]  # searched key of [train] → value
    figure: float | None  # on the rows that choose; None without a finished run
    curve: tuple[tuple[int, float], ...]  # step and figure as training went on
    steps: int
    seconds: float  # of this process, by the clock
    ended: str  # "finished", "stopped early" or "failed"
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """What a search wants."""

    figure: str  # held-out
    more: bool  # is more of it better
    seed: int
    first: int = 0  # steps that a trial has before it may be stopped
    prune: bool = True


def best_of(trials: Sequence[Trial], more: bool) -> Trial | None:
    """The finished trial with the best figure; of like ones the first."""
    done = [trial for trial in trials if trial.figure is not None and trial.ended == "finished"]
    sign = -1.0 if more else 1.0
    return min(done, key=lambda one: (sign * (one.figure or 0.0), one.number), default=None)


def propose(space: Space, aim: Aim, done: Sequence[Trial]) -> dict[str, float]:
    """Settings to try next.

    Args:
        space: What is searched.
        aim: Its seed with the number of trials done decides what is drawn.
        done: All trials so far, that of the default settings first.

    Source: Bergstra et al., NeurIPS 2011 (TPE), as Optuna has it.
    """
    trial = _study(space, aim, done).ask(_distributions(space))
    found: dict[str, float] = {}
    for knob in space.knobs:
        value = trial.params[knob.name]
        if knob.between:
            low, high = knob.values
            found[knob.name] = min(max(float(f"{value:.3g}"), low), high)
        else:
            found[knob.name] = knob.values[value]
    return found


def stops_at(
    space: Space, aim: Aim, done: Sequence[Trial], curve: Sequence[tuple[int, float]]
) -> int | None:
    """The step at which a trial is worse than half of those before it were; None if never.

    Args:
        space: What is searched.
        aim: Which figure, and whether more is better.
        done: The trials before it.
        curve: Its step and figure as training went on, without those of its last step.

    Source: Golovin et al., KDD 2017 (the median stopping rule), as Optuna has it.
    """
    if not aim.prune:
        return None
    trial = _study(space, aim, done).ask(_distributions(space))
    for step, value in curve:
        trial.report(value, step)
        if trial.should_prune():
            return step
    return None


def _study(space: Space, aim: Aim, done: Sequence[Trial]) -> optuna.Study:
    library = load_optuna()
    distributions = _distributions(space)
    study: optuna.Study = library.create_study(
        direction="maximize" if aim.more else "minimize",
        sampler=library.samplers.TPESampler(
            seed=(aim.seed * 1_000_003 + len(done)) % 2**32, n_startup_trials=_RANDOM
        ),
        pruner=library.pruners.MedianPruner(
            n_startup_trials=_COMPARED, n_warmup_steps=aim.first + 1
        ),
    )
    for one in done:
        complete = one.ended == "finished"
        study.add_trial(
            library.trial.create_trial(
                params={
                    knob.name: one.settings[knob.name]
                    if knob.between
                    else knob.values.index(one.settings[knob.name])
                    for knob in space.knobs
                },
                distributions=distributions,
                value=one.figure if complete else None,
                # what failed has no curve, and so counts as the worst of those stopped
                state=library.trial.TrialState.COMPLETE
                if complete
                else library.trial.TrialState.PRUNED,
                intermediate_values=dict(one.curve),
            )
        )
    return study


def _distributions(space: Space) -> dict[str, Any]:
    optuna = load_optuna()
    return {
        knob.name: optuna.distributions.FloatDistribution(*knob.values, log=True)
        if knob.between
        else optuna.distributions.IntDistribution(0, len(knob.values) - 1)  # values have an order
        for knob in space.knobs
    }


def load_optuna() -> Any:
    """Optuna, quiet.

    Raises:
        RatchetError: It is not installed.
    """
    try:
        import optuna
    except ImportError as problem:
        raise RatchetError(
            "A search needs Optuna, which is not installed. Install it with "
            '`pip install "ratchet-loop[search]"`, or `pip install optuna`.'
        ) from problem
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
