"""Many tests at once: adjusted p-values, in the order given."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted so that the chance of any false alarm stays at alpha. For goals and arms.

    Args:
        p_values: One per test, shape (tests,).

    Returns:
        Adjusted p-values in the same order; reject those below alpha.

    Raises:
        ValueError: One is not in [0, 1].

    Source: Holm 1979, Scand J Stat 6:65.

    >>> [round(p, 4) for p in holm([0.012, 0.049, 0.0003, 0.2, 0.03])]
    [0.048, 0.098, 0.0015, 0.2, 0.09]
    """
    p_t = _checked(p_values)
    order = np.argsort(p_t, kind="stable")
    scaled = p_t[order] * np.arange(len(p_t), 0, -1)
    return _placed(np.minimum(np.maximum.accumulate(scaled), 1.0), order)


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted so that of what is rejected a share of alpha is false. For many slices.

    Args:
        p_values: One per test, shape (tests,).

    Returns:
        Adjusted p-values in the same order; reject those below alpha.

    Raises:
        ValueError: One is not in [0, 1].

    Source: Benjamini and Hochberg 1995, JRSS B 57:289.

    >>> [round(p, 5) for p in benjamini_hochberg([0.012, 0.049, 0.0003, 0.2, 0.03])]
    [0.03, 0.06125, 0.0015, 0.2, 0.05]
    """
    p_t = _checked(p_values)
    order = np.argsort(p_t, kind="stable")
    scaled = p_t[order] * len(p_t) / np.arange(1, len(p_t) + 1)
    return _placed(np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0), order)


def benjamini_yekutieli(p_values: Sequence[float]) -> list[float]:
    """As `benjamini_hochberg`, for tests that depend on each other in any way. Costs log(tests).

    Args:
        p_values: One per test, shape (tests,).

    Returns:
        Adjusted p-values in the same order; reject those below alpha.

    Raises:
        ValueError: One is not in [0, 1].

    Source: Benjamini and Yekutieli 2001, Ann Stat 29:1165.

    >>> [round(p, 4) for p in benjamini_yekutieli([0.01, 0.04])]
    [0.03, 0.06]
    """
    p_t = _checked(p_values)
    order = np.argsort(p_t, kind="stable")
    ranks = np.arange(1, len(p_t) + 1)
    scaled = p_t[order] * len(p_t) / ranks * (1 / ranks).sum()
    return _placed(np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0), order)


def bonferroni(p_values: Sequence[float]) -> list[float]:
    """p-values times their number, at most 1. `holm` rejects whatever this does, and more.

    Args:
        p_values: One per test, shape (tests,).

    Raises:
        ValueError: One is not in [0, 1].

    >>> bonferroni([0.01, 0.4, 0.7])
    [0.03, 1.0, 1.0]
    """
    p_t = _checked(p_values)
    return [float(p) for p in np.minimum(p_t * len(p_t), 1.0)]


def _checked(p_values: Sequence[float]) -> NDArray[np.float64]:
    p_t = np.asarray(p_values, dtype=float)
    if not ((p_t >= 0) & (p_t <= 1)).all():
        raise ValueError("a p-value is not between 0 and 1")
    return p_t


def _placed(sorted_t: NDArray[np.float64], order: NDArray[np.intp]) -> list[float]:
    """Values of sorted tests put back where the tests were."""
    placed_t = np.empty(len(order))
    placed_t[order] = sorted_t
    return [float(p) for p in placed_t]
