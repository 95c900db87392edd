"""Intervals of a proportion, of a difference of two, and of a mean of clustered values."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special


class Interval(NamedTuple):
    """Both ends of a confidence interval, in the units of what it bounds."""

    low: float
    high: float


class Mean(NamedTuple):
    """A mean and its interval, in the units of the values."""

    mean: float
    low: float
    high: float


class Difference(NamedTuple):
    """What one side has over the other, its interval, and the two-sided p-value of none."""

    difference: float
    low: float
    high: float
    p_value: float


def wilson(successes: float, n: int, alpha: float = 0.05) -> Interval:
    """Wilson's score interval of a proportion: sound at 0, at n and for few trials.

    Args:
        successes: How many of n, in [0, n]; may be a fraction where trials were weighted.
        n: Trials, at least 1.
        alpha: One minus the confidence.

    Raises:
        ValueError: successes or alpha is out of range, or there is no trial.

    Source: Newcombe 1998, Stat Med 17:857 (method 3).

    >>> low, high = wilson(0, 20)
    >>> round(low, 4), round(high, 4)
    (0.0, 0.1611)
    """
    _check(successes, n, alpha)
    z2, share = normal_quantile(1 - alpha / 2) ** 2, successes / n
    centre = share + z2 / (2 * n)
    reach = math.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n * n)))
    low = 0.0 if successes == 0 else max(0.0, (centre - reach) / (1 + z2 / n))
    high = 1.0 if successes == n else min(1.0, (centre + reach) / (1 + z2 / n))
    return Interval(low, high)


def clopper_pearson(successes: int, n: int, alpha: float = 0.05) -> Interval:
    """Exact interval of a proportion: never covers less than it says. For safety limits.

    Args:
        successes: How many of n, in [0, n].
        n: Trials, at least 1.
        alpha: One minus the confidence; half of it lies on each side.

    Raises:
        ValueError: successes or alpha is out of range, or there is no trial.

    Source: Clopper and Pearson 1934, Biometrika 26:404.

    >>> low, high = clopper_pearson(0, 100)
    >>> low, round(high, 4)
    (0.0, 0.0362)
    """
    _check(successes, n, alpha)
    low = special.betaincinv(successes, n - successes + 1, alpha / 2) if successes else 0.0
    high = special.betaincinv(successes + 1, n - successes, 1 - alpha / 2) if successes < n else 1.0
    return Interval(float(low), float(high))


def newcombe(s1: float, n1: int, s2: float, n2: int, alpha: float = 0.05) -> Interval:
    """Interval of the difference of two proportions, s1/n1 − s2/n2, built of two Wilson ones.

    Args:
        s1: Successes on the first side, in [0, n1].
        n1: Its independent trials, one per person.
        s2: Successes on the second side, in [0, n2].
        n2: Its independent trials.
        alpha: One minus the confidence.

    Raises:
        ValueError: Successes or alpha are out of range, or a side has no trial.

    Source: Newcombe 1998, Stat Med 17:873 (method 10).

    >>> [round(end, 4) for end in newcombe(56, 70, 48, 80)]
    [0.0524, 0.3339]
    """
    one, two, p1, p2 = wilson(s1, n1, alpha), wilson(s2, n2, alpha), s1 / n1, s2 / n2
    low = p1 - p2 - math.hypot(p1 - one.low, two.high - p2)
    high = p1 - p2 + math.hypot(one.high - p1, p2 - two.low)
    return Interval(low, high)


def two_proportions(s1: float, n1: int, s2: float, n2: int, alpha: float = 0.05) -> Difference:
    """Difference of two proportions at one look: Newcombe's interval, pooled z for the p-value.

    Near alpha the two can disagree; the interval decides.

    Args:
        s1: Successes on the first side, in [0, n1].
        n1: Its independent trials, one per person.
        s2: Successes on the second side, in [0, n2].
        n2: Its independent trials.
        alpha: One minus the confidence.

    Raises:
        ValueError: Successes or alpha are out of range, or a side has no trial.

    Source: Newcombe 1998, Stat Med 17:873; R prop.test without correction for the p-value.

    >>> round(two_proportions(340, 1000, 300, 1000).p_value, 4)
    0.0552
    """
    low, high = newcombe(s1, n1, s2, n2, alpha)
    pooled = (s1 + s2) / (n1 + n2)
    difference = s1 / n1 - s2 / n2
    se = math.sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n2))
    p_value = 1.0 if difference == 0 else float(2 * special.ndtr(-abs(difference) / se))
    return Difference(difference, low, high, p_value)


def clustered_mean(
    values: Sequence[float], clusters: Sequence[Hashable], alpha: float = 0.05
) -> Mean:
    """Mean with a t interval that takes clusters, not values, for independent.

    Args:
        values: What was measured, shape (n,).
        clusters: Which values hang together (document, topic, person), shape (n,).
        alpha: One minus the confidence.

    Returns:
        Mean over values. Its standard error is CR1, its t has (clusters − 1) degrees of freedom.

    Raises:
        ValueError: Lengths differ, a value is not finite, or there are fewer than two clusters.

    Source: Miller 2024, arXiv:2411.00640, eq. 4, with the CR1 correction (Cameron and Miller 2015).

    >>> found = clustered_mean([1, 1, 0, 0, 1, 1], ["a", "a", "b", "b", "c", "c"])
    >>> round(found.mean, 3), round(found.low, 3), round(found.high, 3)
    (0.667, -0.768, 2.101)
    """
    check_alpha(alpha)
    values_n = np.asarray(values, dtype=float)
    groups, se = clustered_se(values_n, clusters)
    reach = t_quantile(1 - alpha / 2, groups - 1) * se
    mean = float(values_n.mean())
    return Mean(mean, mean - reach, mean + reach)


class ClusteredError(NamedTuple):
    """How many clusters there are and the standard error they leave on the mean."""

    clusters: int
    se: float


def clustered_se(values_n: NDArray[np.float64], clusters: Sequence[Hashable]) -> ClusteredError:
    """Standard error CR1 of a mean.

    Args:
        values_n: What was measured, shape (n,).
        clusters: Cluster of each, shape (n,).

    Raises:
        ValueError: Lengths differ, a value is not finite, or there are fewer than two clusters.

    >>> clustered_se(np.array([0.0, 0.0, 1.0, 1.0]), [1, 1, 2, 2])
    ClusteredError(clusters=2, se=0.5)
    """
    if len(values_n) != len(clusters):
        raise ValueError(f"{len(values_n)} values but {len(clusters)} clusters")
    if not np.isfinite(values_n).all():
        raise ValueError("a value is not a finite number")
    numbers = {cluster: n for n, cluster in enumerate(dict.fromkeys(clusters))}
    groups = len(numbers)
    if groups < 2:
        raise ValueError(f"{groups} clusters; it takes two at least")
    sums_g = np.zeros(groups)
    if float(np.ptp(values_n)) > 0:  # the mean of equal values may be off by a rounding error
        np.add.at(sums_g, [numbers[cluster] for cluster in clusters], values_n - values_n.mean())
    se = math.sqrt(float(sums_g @ sums_g) * groups / (groups - 1)) / len(values_n)
    return ClusteredError(groups, se)


def normal_quantile(probability: float) -> float:
    """Quantile of the standard normal distribution.

    >>> round(normal_quantile(0.975), 4)
    1.96
    """
    return float(special.ndtri(probability))


def t_quantile(probability: float, df: float) -> float:
    """Quantile of Student's t with df > 0 degrees of freedom, not only whole ones.

    >>> round(t_quantile(0.975, 10), 4)
    2.2281
    """
    return float(special.stdtrit(df, probability))


def t_p_value(difference: float, se: float, df: float) -> float:
    """Two-sided p-value of a difference under Student's t; 1 where nothing differs.

    >>> round(t_p_value(2.2281, 1.0, 10), 3)
    0.05
    """
    if se == 0:
        return 1.0 if difference == 0 else 0.0
    return float(2 * special.stdtr(df, -abs(difference) / se))


def check_alpha(alpha: float) -> None:
    """Refuse an alpha that is no probability.

    Raises:
        ValueError: alpha is not between 0 and 1.
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is {alpha}, expected a number between 0 and 1")


def _check(successes: float, n: int, alpha: float) -> None:
    check_alpha(alpha)
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n} trials, expected 0 to n of at least 1")
