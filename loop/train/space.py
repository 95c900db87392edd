"""What a search may change: for each setting where it starts and what it may become."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from knowledge.errors import RatchetError
from loop.settings import SearchSettings, TrainSettings
from loop.train.job import METHODS

KEYS = ("learning_rate", "epochs", "rank", "beta", "weight_decay", "dropout")
_BOUNDS = ("learning_rate", "beta")
# Losses that are the negative log likelihood of what people preferred, whatever beta is: beta times
# the gain is what the model says of it. That of the others has beta for its unit.
_LIKELIHOODS = ("sigmoid", "cdpo", "robust", "sigmoid_norm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Knob:
    """One setting: a few values in order, or anything between two bounds, even in logarithms."""

    name: str
    values: tuple[float, ...]  # ascending; two bounds if `between`
    between: bool

    @property
    def whole(self) -> bool:
        """Has it only whole numbers?"""
        return self.name == "rank"


class Space(NamedTuple):
    """What is searched; what is not, with the reason."""

    knobs: tuple[Knob, ...]
    left_out: dict[str, str]


def check_space(known: SearchSettings, method: str) -> None:
    """Can a search be made of these settings?

    Raises:
        RatchetError: It cannot; the message names the setting.
    """
    if method not in METHODS:
        raise RatchetError(
            f"Training method {method!r}: a search is over the settings of one method, one of "
            f"{', '.join(METHODS)}. Search each stage by itself with --method."
        )
    least = {"trials": 1, "seeds": 1, "minutes": 0, "money": 0}
    for name, fewest in least.items():
        if getattr(known, name) < fewest:
            raise _mend(name, getattr(known, name), f"expected at least {fewest}")
    for name in KEYS:
        values: tuple[float, ...] = getattr(known, name)
        if not values:
            continue
        if name in _BOUNDS and (len(values) != 2 or not 0 < values[0] < values[1]):
            raise _mend(name, list(values), "expected two bounds above 0, the lower one first")
        low, high = {"weight_decay": (0.0, 1e9), "dropout": (0.0, 0.99)}.get(name, (1e-9, 1e9))
        if not all(low <= value <= high for value in values):
            raise _mend(name, list(values), f"expected numbers from {low:g} to {high:g}")


def _mend(name: str, value: object, rule: str) -> RatchetError:
    return RatchetError(f"search.{name} is {value}, {rule}. Mend that line of ratchet.toml.")


def space(
    known: SearchSettings,
    train: TrainSettings,
    usual: Mapping[str, float],
    *,
    method: str,
    parent: bool,
) -> Space:
    """What is searched around the settings that a run takes by itself.

    Args:
        known: Bounds and values.
        train: What the project sets.
        usual: Value of each of KEYS in a run with the default settings; it is always possible.
        method: One of `job.METHODS`.
        parent: Does training go on from an adapter?

    Raises:
        RatchetError: Nothing is left to search.
    """
    left_out: dict[str, str] = {}
    knobs = []
    for name in KEYS:
        values: tuple[float, ...] = getattr(known, name)
        if why := _unfit(name, train, method, parent):
            left_out[name] = why
            continue
        if name in ("learning_rate", "epochs"):
            values = tuple(_short(value * usual[name]) for value in values)
        every = sorted({*values, usual[name]}) if values else []
        if name in _BOUNDS:
            every = every[:1] + every[-1:]
        if len(every) > 1:
            knobs.append(Knob(name=name, values=tuple(every), between=name in _BOUNDS))
        else:
            left_out[name] = "has one possible value in [search]"
    if not knobs:
        raise RatchetError(
            "[search] leaves nothing to search: "
            + "; ".join(f"{name} {why}" for name, why in left_out.items())
            + ". Give one of them values in ratchet.toml."
        )
    return Space(tuple(knobs), left_out)


def _unfit(name: str, train: TrainSettings, method: str, parent: bool) -> str:
    """Why a setting cannot be searched here; empty if it can."""
    if name in ("rank", "dropout"):
        if train.tuning == "full":
            return "belongs to an adapter, and this is full tuning"
        if parent:
            return "comes with the adapter that training goes on from"
    if name == "beta":
        if method in ("sft", "reward"):
            return f"has no meaning for {method}"
        if method == "kto" or (method == "dpo" and train.loss not in _LIKELIHOODS):
            return f"is the unit of the loss of {method if method == 'kto' else train.loss}"
    return ""


def changes(settings: Mapping[str, float]) -> dict[str, float | int]:
    """Settings of a trial as `TrainSettings` takes them."""
    return {name: int(v) if name == "rank" else float(v) for name, v in settings.items()}


def _short(value: float) -> float:
    """Three digits, so that what is pasted into ratchet.toml is what was tried.

    >>> _short(0.0012345)
    0.00123
    """
    return float(f"{value:.3g}")
