"""CUPED: take out of a difference what was known of people before the test began."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eval_suites.stats.means import welch
from eval_suites.stats.ratio import Effect, PerUser, effect


class Cuped(NamedTuple):
    """An adjusted difference, treatment minus control."""

    difference: float
    low: float
    high: float
    p_value: float  # two-sided
    theta: float  # how much of the covariate was taken out
    variance_reduction: float  # 1 − (se after / se before)²; below 0 the covariate did harm


class Adjusted(NamedTuple):
    """An adjusted effect, before any look is allowed for."""

    effect: Effect
    variance_reduction: float  # 1 − (se after / se before)²


def cuped(post: ArrayLike, pre: ArrayLike, treated: ArrayLike, alpha: float = 0.05) -> Cuped:
    """Difference of means adjusted for a covariate, one row per person, at one look.

    Args:
        post: What was measured during the test, shape (people,).
        pre: The same measure of each person before their first exposure, shape (people,). Taken
            later, the treatment is in it and part of the effect is lost.
        treated: 1 for treatment, 0 for control, shape (people,).
        alpha: One minus the interval's confidence.

    Raises:
        ValueError: Lengths differ, an arm has fewer than two people, or a number is not finite.

    Source: Deng, Xu, Kohavi and Walker 2013, WSDM; theta is pooled over arms.

    >>> found = cuped([1, 2, 3, 5, 6, 7], [1, 2, 3, 1, 2, 4], [0, 0, 0, 1, 1, 1])
    >>> round(found.theta, 2), round(found.difference, 2)
    (1.02, 3.66)
    """
    post_u, pre_u = np.asarray(post, dtype=float), np.asarray(pre, dtype=float)
    treated_u = np.asarray(treated).astype(bool)
    if not len(post_u) == len(pre_u) == len(treated_u):
        raise ValueError(f"{len(post_u)} values, {len(pre_u)} before, {len(treated_u)} arms")
    apart_u = pre_u - pre_u.mean()
    square = float(apart_u @ apart_u)
    theta = float(apart_u @ (post_u - post_u.mean())) / square if square > 0 else 0.0
    adjusted_u = post_u - theta * apart_u
    found = welch(adjusted_u[treated_u], adjusted_u[~treated_u], alpha)
    before, after = (
        _variance(x[treated_u]) + _variance(x[~treated_u]) for x in (post_u, adjusted_u)
    )
    return Cuped(*found, theta, 1 - after / before if before > 0 else 0.0)


def cuped_effect(
    treatment: PerUser, control: PerUser, pre_treatment: ArrayLike, pre_control: ArrayLike
) -> Adjusted:
    """Effect on a pooled mean adjusted for what people did before, any number of rows each.

    Who has no history gets the mean of the others, and having none is a second covariate.

    Args:
        treatment: Its people.
        control: Its people.
        pre_treatment: Each person's mean before first exposure, NaN where unknown, shape (people,).
        pre_control: The same for the control arm.

    Raises:
        ValueError: Lengths differ, or an arm has fewer than two people or one without a row.

    Source: Deng et al. 2013; Deng, Knoblich and Lu 2018 (linearised ratio); jackknife error.

    >>> arm = PerUser(np.array([1.0, 2.0, 4.0]), np.ones(3))
    >>> better = PerUser(arm.sums_u + 1, np.ones(3))
    >>> found = cuped_effect(better, arm, [1, 2, 4], [1, 2, 4])
    >>> round(found.effect.difference, 3), found.variance_reduction > 0.9
    (1.0, True)
    """
    raw = effect(treatment, control)
    size = len(treatment.sums_u)
    pre_u = np.concatenate([np.asarray(pre, dtype=float) for pre in (pre_treatment, pre_control)])
    sums_u = np.concatenate((treatment.sums_u, control.sums_u))
    counts_u = np.concatenate((treatment.counts_u, control.counts_u))
    if len(np.asarray(pre_treatment)) != size or len(pre_u) != len(sums_u):
        raise ValueError(f"{len(pre_u)} people before, {len(sums_u)} in the test")
    covariates_uc = _covariates(pre_u)
    rest_u = (sums_u - counts_u * (sums_u.sum() / counts_u.sum())) / counts_u.mean()
    theta_c, *_ = np.linalg.lstsq(covariates_uc, rest_u, rcond=None)
    known_u = covariates_uc @ theta_c  # mean 0 over all people of both arms
    new = _adjusted(treatment, known_u[:size])
    old = _adjusted(control, known_u[size:])
    se = math.hypot(new.se, old.se)
    left = (se / raw.se) ** 2 if raw.se > 0 else 1.0
    return Adjusted(Effect(new.mean - old.mean, se, raw.df), 1 - left)


def variance_left(correlation: float) -> float:
    """Share of the variance that a covariate leaves, and of the people that a test then takes.

    Args:
        correlation: Between the metric before and during the test, in [-1, 1].

    Raises:
        ValueError: The correlation is out of range.

    Source: Deng et al. 2013, eq. 4.

    >>> round(variance_left(0.7), 2)
    0.51
    """
    if not -1 <= correlation <= 1:
        raise ValueError(f"correlation is {correlation}, expected -1 to 1")
    return 1 - correlation**2


class _Arm(NamedTuple):
    mean: float
    se: float


def _adjusted(arm: PerUser, known_u: NDArray[np.float64]) -> _Arm:
    """Pooled mean less people's mean of what was known, with the jackknife error of both."""
    sums_u, counts_u = arm
    people = len(sums_u)
    mean = float(sums_u.sum() / counts_u.sum() - known_u.mean())
    ratio_u = (sums_u.sum() - sums_u) / (counts_u.sum() - counts_u)
    without_u = ratio_u - (known_u.sum() - known_u) / (people - 1)
    variance = (people - 1) / people * float(((without_u - mean) ** 2).sum())
    return _Arm(mean, math.sqrt(variance))


def _covariates(pre_u: NDArray[np.float64]) -> NDArray[np.float64]:
    """What is known of people, centred, one column each; a column that never varies is 0."""
    unknown_u = ~np.isfinite(pre_u)
    if unknown_u.all():
        return np.zeros((len(pre_u), 1))
    filled_u = np.where(unknown_u, pre_u[~unknown_u].mean(), pre_u)
    columns_uc = np.column_stack((filled_u, unknown_u.astype(float)))
    centred_uc: NDArray[np.float64] = columns_uc - columns_uc.mean(axis=0)
    return centred_uc


def _variance(values_u: NDArray[np.float64]) -> float:
    """Of the mean."""
    return float(values_u.var(ddof=1)) / len(values_u)
