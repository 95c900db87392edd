"""What the settings of the gate name: metrics of suites, margins and bounds."""

from __future__ import annotations

import math
import re
from typing import Literal, NamedTuple

from knowledge.errors import RatchetError

_BOUND = re.compile(r"\s*(\S+?:\S+?)\s*(>=|<=)\s*(\S+)\s*")
_KEPT = re.compile(r"\s*(\S+?:\S+?)(?:\s+by\s+(\S+))?\s*")


class Target(NamedTuple):
    """A metric of a suite, written "suite:metric"."""

    suite: str
    metric: str

    def __str__(self) -> str:
        return f"{self.suite}:{self.metric}"


class Kept(NamedTuple):
    """A metric that may not fall by more than the margin."""

    target: Target
    margin: float


class Bound(NamedTuple):
    """A figure that the candidate must keep to, whatever the champion does."""

    target: Target
    way: Literal[">=", "<="]
    value: float


def target_of(text: str) -> Target:
    """The metric that a setting of the gate names.

    Raises:
        RatchetError: It is not written "suite:metric".
    """
    suite, colon, metric = text.partition(":")
    if not (suite and colon and metric):
        raise RatchetError(
            f'gate: {text!r} is not written "suite:metric". Mend gate.improve or gate.keep.'
        )
    return Target(suite, metric)


def kept_of(text: str, margin: float) -> Kept:
    """A metric to keep, with its own margin where it says one.

    Raises:
        RatchetError: It is not written "suite:metric" or "suite:metric by 0.02".
    """
    found = _KEPT.fullmatch(text)
    if found is None:
        raise RatchetError(
            f'gate.keep: {text!r} is not written "suite:metric" or "suite:metric by 0.02". Mend it.'
        )
    return Kept(target_of(found[1]), _number(text, found[2]) if found[2] else margin)


def bound_of(text: str) -> Bound:
    """A bound.

    Raises:
        RatchetError: It is not written "suite:metric >= 0.9" or "suite:metric <= 2".
    """
    found = _BOUND.fullmatch(text)
    if found is None:
        raise RatchetError(
            f'gate.bounds: {text!r} is not written "suite:metric >= 0.9" or "suite:metric <= 2". '
            "Mend it."
        )
    return Bound(target_of(found[1]), ">=" if found[2] == ">=" else "<=", _number(text, found[3]))


def _number(text: str, number: str) -> float:
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise RatchetError(f"gate: {text!r} names {number!r}, expected a number of 0 or more.")
    return value
