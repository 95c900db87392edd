"""Tail probabilities of counts, exact, for many at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special


def binomial_at_least(hits: ArrayLike, trials: ArrayLike, chance: ArrayLike) -> NDArray[np.float64]:
    """P(so many hits or more); 1 where there was no trial. Arrays are broadcast.

    >>> round(float(binomial_at_least(9, 10, 0.5)), 4)
    0.0107
    """
    hits_n, trials_n = np.asarray(hits, dtype=float), np.asarray(trials, dtype=float)
    safe_n = np.maximum(hits_n, 1)
    upper_n = special.betainc(safe_n, np.maximum(trials_n - safe_n + 1, 1e-9), chance)
    return np.where(hits_n <= 0, 1.0, upper_n)


def binomial_at_most(hits: ArrayLike, trials: ArrayLike, chance: ArrayLike) -> NDArray[np.float64]:
    """P(so many hits or fewer); 1 where there was no trial. Arrays are broadcast.

    >>> round(float(binomial_at_most(1, 10, 0.5)), 4)
    0.0107
    """
    hits_n, trials_n = np.asarray(hits, dtype=float), np.asarray(trials, dtype=float)
    return binomial_at_least(trials_n - hits_n, trials_n, 1 - np.asarray(chance, dtype=float))


def poisson_at_least(count: ArrayLike, mean: ArrayLike) -> NDArray[np.float64]:
    """P(so many or more); above the mean no less than for a sum of unequal rare trials.

    >>> round(float(poisson_at_least(3, 0.5)), 4)
    0.0144
    """
    count_n, mean_n = np.asarray(count, dtype=float), np.asarray(mean, dtype=float)
    upper_n = special.gammainc(np.maximum(count_n, 1), np.maximum(mean_n, 1e-12))
    return np.where(count_n <= 0, 1.0, upper_n)


def binomial_two_sided(hits: int, trials: int) -> float:
    """Twice the smaller tail at even odds, at most 1: is one side favoured?

    >>> round(binomial_two_sided(9, 10), 4), binomial_two_sided(5, 10)
    (0.0215, 1.0)
    """
    most = max(hits, trials - hits)
    return min(1.0, 2 * float(binomial_at_least(most, trials, 0.5)))
