"""O'Brien-Fleming spending at evenly spaced looks, fast: a table per number of looks.

Crossing chances do not change when all times are stretched alike. So looks at 1/k, 2/k … 1 of any
fraction of the information need one table for each k, of the last bound by what has been spent.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import special
from scipy.interpolate import CubicSpline

from eval_suites.stats.intervals import Difference, check_alpha
from eval_suites.stats.ratio import Effect
from eval_suites.stats.sequential import HIGHEST, obf_bounds, obf_spent

NODES = 48  # of a table; between them the bound is off by less than 1e-4
ALMOST_ALL = 1 - 1e-6  # the largest level of a table
LEAST_P = 1e-14


def even_bound(look: int, fraction: float, alpha: float = 0.05) -> float:
    """z bound of the last of so many evenly spaced looks, the last one at this fraction.

    Args:
        look: How many looks there were with this one, 1 or more.
        fraction: People so far over people planned, in (0, 1].
        alpha: Two-sided level of all looks together.

    Raises:
        ValueError: look, fraction or alpha is out of range.

    Source: Lan and DeMets 1983, as `sequential.obf_bounds`.

    >>> round(even_bound(5, 1.0), 3), round(even_bound(1, 1.0), 3)
    (2.031, 1.96)
    """
    _check(look, fraction, alpha)
    spent = obf_spent(fraction, alpha)
    if look == 1:
        return min(HIGHEST, -float(special.ndtri(spent / 2)))
    quantile = -float(special.ndtri(spent / 4))
    table = _table(look)
    if quantile >= table.last:
        return HIGHEST
    return float(min(HIGHEST, max(0.0, table.spline(quantile))))


def even_look(found: Effect, *, look: int, fraction: float, alpha: float = 0.05) -> Difference:
    """One look of many at a declared horizon, the looks so far being evenly spaced.

    Args:
        found: Difference of the arms now, with its standard error and degrees of freedom.
        look: How many looks there were with this one.
        fraction: People so far over people planned, in (0, 1].
        alpha: Two-sided level of all looks together.

    Returns:
        As `sequential.obf_look`: the interval is clear of 0 exactly if p_value < alpha.

    Raises:
        ValueError: look, fraction or alpha is out of range.

    >>> round(even_look(Effect(0.08, 0.03, 300.0), look=2, fraction=0.5).p_value, 3)
    0.084
    """
    bound = even_bound(look, fraction, alpha)
    reach = -float(special.stdtrit(found.df, special.ndtr(-bound))) * found.se
    low, high = found.difference - reach, found.difference + reach
    if found.se == 0:
        return Difference(found.difference, low, high, 1.0 if found.difference == 0 else 0.0)
    z = -float(special.ndtri(special.stdtr(found.df, -abs(found.difference) / found.se)))
    p_value = _level(look, fraction, z)
    clear = low > 0 or high < 0  # rounding must not make the two disagree
    if clear != (p_value < alpha):
        p_value = float(np.nextafter(alpha, 0.0)) if clear else alpha
    return Difference(found.difference, low, high, p_value)


class _Table:
    """The last of k bounds by the quantile of what is spent, and the other way round."""

    def __init__(self, look: int) -> None:
        first = -float(special.ndtri(ALMOST_ALL / 4))
        quantiles: NDArray[np.float64] = np.linspace(first, HIGHEST, NODES)
        fractions = [n / look for n in range(1, look + 1)]
        bounds = np.array(
            [obf_bounds(fractions, 4 * float(special.ndtr(-q)))[-1] for q in quantiles]
        )
        rising = np.concatenate(([True], np.diff(np.maximum.accumulate(bounds)) > 1e-9))
        self.last = float(quantiles[rising][-1])
        self.highest = float(bounds[rising][-1])
        self.spline = CubicSpline(quantiles[rising], bounds[rising])
        self.inverse = CubicSpline(bounds[rising], quantiles[rising])


@cache
def _table(look: int) -> _Table:
    return _Table(look)


def _level(look: int, fraction: float, z: float) -> float:
    """The smallest alpha at which the last look would have decided."""
    if z <= 0:
        return 1.0
    if look == 1:
        quantile = -float(special.ndtri(min(1.0, 2 * float(special.ndtr(-z))) / 4))
    else:
        table = _table(look)
        quantile = float(table.inverse(z)) if z < table.highest else table.last
    level = 4 * float(special.ndtr(-quantile * math.sqrt(fraction)))
    return min(1.0, max(LEAST_P, level))


def _check(look: int, fraction: float, alpha: float) -> None:
    check_alpha(alpha)
    if look < 1 or not 0 < fraction <= 1:
        raise ValueError(f"look {look} at {fraction} of the people, expected 1 or more, in (0, 1]")
