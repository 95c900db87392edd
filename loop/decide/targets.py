"""What the settings of the gate name: metrics of suites, margins and bounds."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from knowledge.errors import RatchetError
from loop.experiments.guardrails import amount_of, with_margin

_BOUND = re.compile(r"\s*(\S+?:\S+?)\s*(>=|<=)\s*(\S+)\s*")


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
            f'gate: {text!r} is not written "suite:metric". Mend gate.improve, goals or keep.'
        )
    return Target(suite, metric)


def kept_of(text: str, margin: float) -> Kept:
    """A metric to keep, with its own margin where it says one.

    Raises:
        RatchetError: It is not written "suite:metric" or "suite:metric by 0.02".
    """
    name, own = with_margin(text, "gate.keep", "suite:metric")
    return Kept(target_of(name), margin if own is None else own)


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
    way: Literal[">=", "<="] = ">=" if found[2] == ">=" else "<="
    return Bound(target_of(found[1]), way, amount_of(text, found[3], "gate.bounds"))
