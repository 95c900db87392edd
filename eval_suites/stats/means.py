"""Means, medians, latencies: two independent groups, or one statistic of awkward shape."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from eval_suites.stats.intervals import (
    Difference,
    Interval,
    check_alpha,
    normal_quantile,
    t_p_value,
    t_quantile,
)

Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]


class Ratio(NamedTuple):
    """How many times the new side's geometric mean is the old side's."""

    ratio: float
    low: float
    high: float
    p_value: float


class Superiority(NamedTuple):
    """How often the new side beats the old, ties counted half, and the p-value of "as often"."""

    probability: float
    p_value: float


def welch(new: ArrayLike, old: ArrayLike, alpha: float = 0.05) -> Difference:
    """Difference of two means, new minus old, whose spreads may differ; one look, one row a unit.

    Args:
        new: One value per independent unit of the new side, shape (n,).
        old: The same of the old side, shape (m,).
        alpha: One minus the interval's confidence.

    Raises:
        ValueError: A side has fewer than two values or one that is not finite.

    Source: Welch 1947, Biometrika 34:28.

    >>> found = welch([2.0, 3.0, 4.0, 5.0], [1.0, 2.0, 3.0, 4.0])
    >>> found.difference, round(found.p_value, 3)
    (1.0, 0.315)
    """
    check_alpha(alpha)
    new_n, old_m = _side(new, 2), _side(old, 2)
    a, b = float(new_n.var(ddof=1)) / len(new_n), float(old_m.var(ddof=1)) / len(old_m)
    difference, se = float(new_n.mean() - old_m.mean()), math.sqrt(a + b)
    if se == 0:
        return Difference(difference, difference, difference, 1.0 if difference == 0 else 0.0)
    df = 1 / ((a / (a + b)) ** 2 / (len(new_n) - 1) + (b / (a + b)) ** 2 / (len(old_m) - 1))
    reach = t_quantile(1 - alpha / 2, df) * se
    p_value = t_p_value(difference, se, df)
    return Difference(difference, difference - reach, difference + reach, p_value)


def log_ratio(new: ArrayLike, old: ArrayLike, alpha: float = 0.05) -> Ratio:
    """Ratio of geometric means, for latencies and costs: Welch's test on logarithms.

    Args:
        new: One positive value per independent unit, shape (n,), e.g. milliseconds.
        old: The same of the old side, shape (m,), in the same unit.
        alpha: One minus the interval's confidence.

    Raises:
        ValueError: A value is not above 0, or a side has fewer than two.

    >>> found = log_ratio([200.0, 220.0, 240.0], [100.0, 110.0, 120.0])
    >>> round(found.ratio, 6)
    2.0
    """
    new_n, old_m = _side(new, 2), _side(old, 2)
    if min(new_n.min(), old_m.min()) <= 0:
        raise ValueError("a value is not above 0, so it has no logarithm")
    found = welch(np.log(new_n), np.log(old_m), alpha)
    ratio, low, high = math.exp(found.difference), math.exp(found.low), math.exp(found.high)
    return Ratio(ratio, low, high, found.p_value)


def mann_whitney(new: ArrayLike, old: ArrayLike) -> Superiority:
    """Chance that a new unit beats an old one; a check beside the means, not in their place.

    Args:
        new: One value per independent unit, shape (n,).
        old: The same of the old side, shape (m,).

    Returns:
        P(new > old) + P(equal)/2 and its two-sided p-value, by the normal approximation with
        ties and continuity corrected for.

    Raises:
        ValueError: A side is empty or has a value that is not finite.

    Source: Mann and Whitney 1947; R wilcox.test(exact=FALSE).

    >>> mann_whitney([1, 2, 3], [1, 2, 3])
    Superiority(probability=0.5, p_value=1.0)
    """
    new_n, old_m = _side(new, 1), _side(old, 1)
    n, m = len(new_n), len(old_m)
    _, place, ties = np.unique(
        np.concatenate((new_n, old_m)), return_inverse=True, return_counts=True
    )
    ranks = (np.cumsum(ties) - (ties - 1) / 2)[place]
    u = float(ranks[:n].sum()) - n * (n + 1) / 2
    total = n + m
    spread = n * m / 12 * (total + 1 - float((ties**3 - ties).sum()) / (total * (total - 1)))
    away = max(0.0, abs(u - n * m / 2) - 0.5)
    p_value = 1.0 if spread <= 0 else float(2 * special.ndtr(-away / math.sqrt(spread)))
    return Superiority(u / (n * m), min(1.0, p_value))


def bca(
    rows: ArrayLike,
    statistic: Statistic,
    *,
    alpha: float = 0.05,
    draws: int = 9999,
    seed: int = 0,
) -> Interval:
    """Bias-corrected and accelerated bootstrap interval of any statistic of independent rows.

    Args:
        rows: One row per independent unit, shape (n,) or (n, columns).
        statistic: From a batch of samples, shape (batch, n) or (batch, n, columns), to (batch,).
        alpha: One minus the interval's confidence.
        draws: Bootstrap samples.
        seed: Of the draws.

    Raises:
        ValueError: Fewer than two rows.

    Source: Efron 1987, JASA 82:171.

    >>> bca([1.0, 2, 3, 4, 5, 6, 7, 8], lambda sample_bn: sample_bn.mean(axis=1)).low > 2
    True
    """
    check_alpha(alpha)
    rows_n = np.asarray(rows, dtype=float)
    n = len(rows_n)
    if n < 2:
        raise ValueError(f"{n} rows; it takes two at least")
    estimate = float(statistic(rows_n[None])[0])
    random = np.random.default_rng(seed)
    sampled_b = np.concatenate(
        [
            statistic(rows_n[random.integers(0, n, size=(min(500, draws - begin), n))])
            for begin in range(0, draws, 500)
        ]
    )
    without_n = np.array([statistic(np.delete(rows_n, i, axis=0)[None])[0] for i in range(n)])
    below = (np.mean(sampled_b < estimate) + np.mean(sampled_b <= estimate)) / 2
    if np.ptp(sampled_b) == 0 or below in (0, 1):
        return Interval(float(sampled_b.min()), float(sampled_b.max()))
    bias = normal_quantile(float(below))
    apart_n = without_n.mean() - without_n
    acceleration = float((apart_n**3).sum() / (6 * (apart_n**2).sum() ** 1.5))
    ends = []
    for z in (normal_quantile(alpha / 2), normal_quantile(1 - alpha / 2)):
        level = special.ndtr(bias + (bias + z) / (1 - acceleration * (bias + z)))
        ends.append(float(np.quantile(sampled_b, level)))
    return Interval(*ends)


def cluster_bootstrap(
    values: ArrayLike,
    clusters: Sequence[Hashable],
    statistic: Callable[[NDArray[np.float64]], float],
    *,
    alpha: float = 0.05,
    draws: int = 2000,
    seed: int = 0,
) -> Interval:
    """Percentile interval of any statistic of values, drawing whole clusters (people).

    Args:
        values: What was measured, shape (n,).
        clusters: Whose value it is, shape (n,).
        statistic: From values, shape (any,), to a number, e.g. their 95th percentile.
        alpha: One minus the interval's confidence.
        draws: Bootstrap samples.
        seed: Of the draws.

    Raises:
        ValueError: Lengths differ, or there are fewer than two clusters.

    >>> low, high = cluster_bootstrap([1, 1, 0, 0, 1], list("aabbc"), np.mean)
    >>> low, high
    (0.0, 1.0)
    """
    check_alpha(alpha)
    values_n = np.asarray(values, dtype=float)
    if len(values_n) != len(clusters):
        raise ValueError(f"{len(values_n)} values but {len(clusters)} clusters")
    members: dict[Hashable, list[int]] = {}
    for n, cluster in enumerate(clusters):
        members.setdefault(cluster, []).append(n)
    groups = [values_n[rows] for rows in members.values()]
    if len(groups) < 2:
        raise ValueError(f"{len(groups)} clusters; it takes two at least")
    random = np.random.default_rng(seed)
    drawn = [
        float(statistic(np.concatenate([groups[g] for g in picks])))
        for picks in random.integers(0, len(groups), size=(draws, len(groups)))
    ]
    low, high = np.quantile(drawn, [alpha / 2, 1 - alpha / 2])
    return Interval(float(low), float(high))


def _side(values: ArrayLike, least: int) -> NDArray[np.float64]:
    values_n = np.asarray(values, dtype=float)
    if values_n.ndim != 1 or len(values_n) < least:
        raise ValueError(f"values of shape {values_n.shape}, expected a row of at least {least}")
    if not np.isfinite(values_n).all():
        raise ValueError("a value is not a finite number")
    return values_n
