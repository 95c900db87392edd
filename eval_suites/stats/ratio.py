"""Per-person reduction of a metric, its jackknife error, and the difference of two arms."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eval_suites.stats.intervals import (
    Difference,
    check_alpha,
    normal_quantile,
    t_p_value,
    t_quantile,
)

TINY = 1e-9  # an error below this share of the difference is rounding
NORMAL = 1e9  # degrees of freedom at which t is normal


class PerUser(NamedTuple):
    """One arm with one entry per person: the sum of their values and how many there were."""

    sums_u: NDArray[np.float64]
    counts_u: NDArray[np.float64]


class ArmMean(NamedTuple):
    """The pooled mean of an arm, its standard error, and how many people it is worth."""

    mean: float  # sum of values over number of rows
    se: float  # of the mean, people being the independent units
    effective_users: float  # Kish: (sum c)² / sum c²; below the head count where activity is uneven


class Effect(NamedTuple):
    """Difference of two arms, treatment minus control, before any look is allowed for."""

    difference: float
    se: float
    df: float  # degrees of freedom of the t


def per_user(users: Sequence[Hashable], values: ArrayLike) -> PerUser:
    """Reduce rows to people, in the order they first appear.

    Args:
        users: Whose row it is, shape (n,).
        values: What was measured, shape (n,).

    Raises:
        ValueError: Lengths differ, or a value is not finite.

    >>> per_user(["ada", "bob", "ada"], [1, 0, 0])
    PerUser(sums_u=array([1., 0.]), counts_u=array([2., 1.]))
    """
    values_n = np.asarray(values, dtype=float)
    if len(values_n) != len(users):
        raise ValueError(f"{len(values_n)} values but {len(users)} users")
    if not np.isfinite(values_n).all():
        raise ValueError("a value is not a finite number")
    numbers = {user: n for n, user in enumerate(dict.fromkeys(users))}
    place_n = np.array([numbers[user] for user in users], dtype=np.intp)
    sums_u = np.bincount(place_n, weights=values_n, minlength=len(numbers)).astype(float)
    counts_u = np.bincount(place_n, minlength=len(numbers)).astype(float)
    return PerUser(sums_u, counts_u)


def arm_mean(arm: PerUser) -> ArmMean:
    """Pooled mean of an arm with its leave-one-person-out jackknife error.

    With one row per person this is the mean and its usual standard error exactly.

    Args:
        arm: Sums and counts per person, each shape (people,).

    Raises:
        ValueError: Fewer than two people, or one without a row.

    Source: Cameron and Miller 2015, J Human Resources 50:317 (CR3); Kish 1965.

    >>> found = arm_mean(PerUser(np.array([2.0, 0.0, 1.0]), np.array([3.0, 1.0, 1.0])))
    >>> found.mean, round(found.se, 4), round(found.effective_users, 3)
    (0.6, 0.1683, 2.273)
    """
    sums_u, counts_u = arm
    people = len(sums_u)
    if people < 2 or len(counts_u) != people:
        raise ValueError(f"{people} users; it takes two at least")
    if (counts_u <= 0).any():
        raise ValueError("a user has no row")
    total, rows = float(sums_u.sum()), float(counts_u.sum())
    mean = total / rows
    without_u = (total - sums_u) / (rows - counts_u)
    variance = (people - 1) / people * float(((without_u - mean) ** 2).sum())
    return ArmMean(mean, math.sqrt(variance), rows**2 / float((counts_u**2).sum()))


def effect(treatment: PerUser, control: PerUser) -> Effect:
    """Difference of two arms' pooled means with its jackknife error and Kish's degrees of freedom.

    Where the arms differ and nobody within them does, there is no spread to take an error from.
    Then it is the one that makes z as rare as dealing people into arms so perfectly by chance.

    Args:
        treatment: Its people.
        control: Its people, none of whom is in the other arm.

    Raises:
        ValueError: An arm has fewer than two people, or one without a row.

    >>> one = PerUser(np.array([1.0, 1.0, 0.0, 1.0]), np.ones(4))
    >>> two = PerUser(np.array([0.0, 1.0, 0.0, 0.0]), np.ones(4))
    >>> effect(one, two)
    Effect(difference=0.5, se=0.3535533905932738, df=6.0)
    """
    new, old = arm_mean(treatment), arm_mean(control)
    difference, se = new.mean - old.mean, math.hypot(new.se, old.se)
    if se < TINY * abs(difference):
        people = len(treatment.sums_u) + len(control.sums_u)
        rare = max(2 / math.comb(people, len(control.sums_u)), 1e-300)
        return Effect(difference, abs(difference) / -normal_quantile(rare / 2), NORMAL)
    return Effect(difference, se, max(1.0, new.effective_users + old.effective_users - 2))


def fixed_look(found: Effect, alpha: float = 0.05) -> Difference:
    """The difference at the only look there will be: t interval and two-sided p-value.

    Args:
        found: Of `effect` or `cuped`.
        alpha: One minus the interval's confidence.

    >>> round(fixed_look(Effect(1.0, 0.5, 30.0)).p_value, 4)
    0.0546
    """
    check_alpha(alpha)
    reach = t_quantile(1 - alpha / 2, found.df) * found.se
    p_value = t_p_value(found.difference, found.se, found.df)
    return Difference(found.difference, found.difference - reach, found.difference + reach, p_value)


def delta_se(arm: PerUser) -> float:
    """Standard error of an arm's pooled mean by the delta method, for large samples only.

    Under about a hundred people it gives too many false alarms (.078 where .05 is asked): kept to
    compare with other tools. Decide by `arm_mean`.

    Args:
        arm: Sums and counts per person, each shape (people,).

    Source: Deng, Knoblich and Lu 2018, KDD.

    >>> arm = PerUser(np.array([2.0, 0.0, 1.0, 1.0]), np.array([2.0, 2.0, 1.0, 1.0]))
    >>> delta_se(arm) < arm_mean(arm).se
    True
    """
    sums_u, counts_u = arm
    people = len(sums_u)
    rest_u = sums_u - counts_u * float(sums_u.sum() / counts_u.sum())
    return math.sqrt(float(rest_u.var(ddof=1)) / people) / float(counts_u.mean())
