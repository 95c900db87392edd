"""The difference of two arms as the plan of looks lets it be read, and the verdict on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import numpy as np

from loop.experiments.people import Arms, People, ailment

Verdict = Literal["PROMOTE", "ROLLBACK", "CONTINUE", "INCONCLUSIVE", "INVALID"]


class Plan(NamedTuple):
    """How the test is looked at."""

    horizon: int | None
    alpha: float
    sequential: bool
    looks: tuple[int, ...]  # people at each look with this one, increasing
    minimum: int  # people with a rating an arm needs
    haste: float = 1.0  # how far the count of people runs ahead of what they tell
    even: int | None = None  # how many looks there were, evenly spaced, where `looks` has only one

    def fraction(self, people: int) -> float:
        """The share of the information that so many people stand for, on the way to the horizon.

        Where people come back, their count is no clock: it nears the horizon while most of what
        they will say is still to come. Spending by it would take looks for more alike than they
        are, and cry wolf more often than alpha.
        """
        share = min(1.0, people / self.horizon) if self.horizon else 1.0
        return max(float(share**self.haste), 1e-4)

    @property
    def finished(self) -> bool:
        """Whether the horizon is reached; without one, nothing more is to come but any time."""
        if self.horizon is None:
            return not self.sequential
        return self.looks[-1] >= self.horizon


class Found(NamedTuple):
    """The difference and its interval; nothing where too few rated."""

    estimate: float | None = None
    ci: tuple[float, float] | None = None
    p_value: float | None = None
    variance_reduction: float | None = None  # by what was known of people before


def measure(people: People, arms: Arms, plan: Plan) -> Found:
    """The difference as the plan lets it be read; empty where fewer than two people rated."""
    if min(people.raters(arm) for arm in arms) < 2:
        return Found()
    from eval_suites.stats.cuped import cuped_effect
    from eval_suites.stats.even_looks import even_look
    from eval_suites.stats.ratio import effect, fixed_look
    from eval_suites.stats.sequential import N_STAR, asymptotic_cs, obf_look

    new, old = people.rated[arms.other], people.rated[arms.control]
    pre_new, pre_old = people.pre[arms.other], people.pre[arms.control]
    moved, reduction = effect(new, old), None
    if not all(np.isnan(pre).all() for pre in (pre_new, pre_old)):
        moved, reduction = cuped_effect(new, old, pre_new, pre_old)
    if plan.sequential:
        raters = len(new.sums_u) + len(old.sums_u)
        tuned = plan.horizon / 2 if plan.horizon else N_STAR
        found = asymptotic_cs(moved.difference, moved.se, raters, n_star=tuned, alpha=plan.alpha)
    elif plan.horizon is None:
        found = fixed_look(moved, plan.alpha)
    elif plan.even is not None:
        fraction = plan.fraction(plan.looks[-1])
        found = even_look(moved, look=plan.even, fraction=fraction, alpha=plan.alpha)
    else:
        fractions = sorted({plan.fraction(look) for look in plan.looks})
        found = obf_look(moved, fractions, plan.alpha)
    return Found(found.difference, (found.low, found.high), found.p_value, reduction)


def judge(
    found: Found, people: People, health: Mapping[str, Any], arms: Arms, plan: Plan
) -> Verdict:
    """What follows: nothing from a test that is broken, no decision from too few people."""
    if ailment(health, arms):
        return "INVALID"
    enough = min(people.raters(arm) for arm in arms) >= plan.minimum
    if found.ci is not None and enough and found.ci[0] > 0:
        return "PROMOTE"
    if found.ci is not None and enough and found.ci[1] < 0:
        return "ROLLBACK"
    return "INCONCLUSIVE" if plan.finished else "CONTINUE"
