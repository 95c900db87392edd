"""Metrics that a change must not make worse, whatever else it does."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from knowledge.errors import RatchetError
from loop.experiments.measure import Found

_MARGIN = re.compile(r"\s*(\S+?)(?:\s+by\s+(\S+))?\s*")

State = Literal["kept", "broken", "open"]


class Guardrail(NamedTuple):
    """A metric that may get worse by less than a margin; with a margin of 0, not provably."""

    metric: str
    better: Literal["higher", "lower"]
    margin: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """A guardrail and how it stands. Figures are None where too few people have a value."""

    metric: str
    margin: float
    state: State  # kept: worse by the margin is ruled out; broken: it is shown
    worse_by: float | None  # the loss: above 0 is worse, whichever way the metric is better
    low: float | None  # interval of the loss
    high: float | None
    says: str


def guardrail_of(text: str) -> Guardrail:
    """A guardrail as the settings write it.

    Raises:
        RatchetError: It is not written "metric" or "metric by 0.02", or there is no such metric.

    >>> guardrail_of("flagged by 0.02")
    Guardrail(metric='flagged', better='lower', margin=0.02)
    """
    from loop.store.named import metrics

    metric, margin = with_margin(text, "guardrails", "metric")
    known = metrics()
    if metric not in known:
        near = difflib.get_close_matches(metric, known, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(known)}."
        raise RatchetError(f"guardrails: {text!r}: there is no metric {metric!r}. {hint}")
    return Guardrail(metric, known[metric], margin or 0.0)


def with_margin(text: str, setting: str, name: str) -> tuple[str, float | None]:
    """A name and the margin written behind it; None where it has none.

    Args:
        text: As the settings write it.
        setting: Which setting, for the error.
        name: What stands before the margin, for the error.

    Raises:
        RatchetError: It is not written so, or the margin is no number of 0 or more.

    >>> with_margin("flagged by 0.02", "guardrails", "metric")
    ('flagged', 0.02)
    """
    found = _MARGIN.fullmatch(text)
    if found is None:
        raise RatchetError(
            f'{setting}: {text!r} is not written "{name}" or "{name} by 0.02". Mend it.'
        )
    return found[1], amount_of(text, found[2], setting) if found[2] else None


def amount_of(text: str, number: str, setting: str) -> float:
    """A number of 0 or more that a setting names in a text.

    Raises:
        RatchetError: It is none.
    """
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise RatchetError(f"{setting}: {text!r} names {number!r}, expected a number of 0 or more.")
    return value


def guarded(rule: Guardrail, found: Found, *, enough: bool) -> Guarded:
    """How a guardrail stands.

    It is broken once the whole interval of the loss lies above the margin, and kept while the
    whole of it lies below. Without a margin it is kept until it is broken. Where all values are
    alike, like no flag at all, nothing tells how rare it may be: that keeps no margin.

    Args:
        rule: The guardrail.
        found: The difference of the other side to control, with its interval.
        enough: Whether each side has enough people to say anything.
    """
    if found.ci is None or found.estimate is None or not enough:
        return Guarded(
            metric=rule.metric,
            margin=rule.margin,
            state="open" if rule.margin else "kept",
            worse_by=None,
            low=None,
            high=None,
            says=f"{rule.metric}: too few people have a value.",
        )
    ends = found.ci if rule.better == "lower" else (-found.ci[1], -found.ci[0])
    loss = found.estimate if rule.better == "lower" else -found.estimate
    state: State = "open"
    if ends[0] > rule.margin:
        state = "broken"
    elif not rule.margin or ends[0] < ends[1] < rule.margin:
        state = "kept"
    word = {"kept": "holds", "broken": "is worse", "open": "is not settled"}[state]
    return Guarded(
        metric=rule.metric,
        margin=rule.margin,
        state=state,
        worse_by=loss,
        low=ends[0],
        high=ends[1],
        says=f"{rule.metric} {word}: worse by {loss:+.3g} ({ends[0]:+.3g} to {ends[1]:+.3g})"
        + (f", allowed {rule.margin:g}." if rule.margin else "."),
    )


def broken(found: Sequence[Guarded]) -> list[Guarded]:
    """Those that are broken."""
    return [one for one in found if one.state == "broken"]
