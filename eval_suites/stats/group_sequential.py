"""Bounds for looks that are evenly spaced and known in advance, as textbooks table them.

Ratchet spends alpha by `sequential.obf_bounds`, which needs neither. These are for reading a plan
made elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy import optimize, special

from eval_suites.stats.intervals import check_alpha
from eval_suites.stats.sequential import HIGHEST, density_at

MOST_LOOKS = 1000


def crossing_chance(fractions: Sequence[float], bounds: Sequence[float]) -> float:
    """The chance that |z| reaches its bound at any look, if there is no difference.

    Args:
        fractions: Information at each look, increasing, in (0, 1].
        bounds: z bound of each look, above 0.

    Raises:
        ValueError: Lengths differ, or the fractions do not increase within (0, 1].

    Source: Armitage, McPherson and Rowe 1969, JRSS A 132:235.

    >>> round(crossing_chance([0.2, 0.4, 0.6, 0.8, 1.0], [1.96] * 5), 3)
    0.142
    """
    if len(fractions) != len(bounds) or not len(fractions):
        raise ValueError(f"{len(fractions)} fractions and {len(bounds)} bounds, expected as many")
    if fractions[0] <= 0 or fractions[-1] > 1 or any(np.diff(fractions) <= 0):
        raise ValueError(f"fractions {list(fractions)} do not increase within (0, 1]")
    grid_s, density_s, before, crossed = np.zeros(1), np.ones(1), 0.0, 0.0
    for time, bound in zip(fractions, bounds, strict=True):
        step, end = math.sqrt(time - before), min(bound, HIGHEST) * math.sqrt(time)
        beyond_s = special.ndtr((grid_s - end) / step) + special.ndtr((-end - grid_s) / step)
        crossed += float(beyond_s @ density_s)
        grid_s, density_s = density_at(grid_s, density_s, end, step)
        before = time
    return crossed


def pocock(looks: int, alpha: float = 0.05) -> tuple[float, ...]:
    """The same z bound at each of so many evenly spaced looks.

    Args:
        looks: How many, 1 to 1000.
        alpha: Two-sided level of all looks together.

    Raises:
        ValueError: looks or alpha is out of range.

    Source: Pocock 1977, Biometrika 64:191; Jennison and Turnbull 2000, table 2.1.

    >>> [round(bound, 3) for bound in pocock(2)]
    [2.178, 2.178]
    """
    return _shaped(looks, alpha, lambda fraction: 1.0)


def obrien_fleming(looks: int, alpha: float = 0.05) -> tuple[float, ...]:
    """z bounds that fall with the root of the information, at so many evenly spaced looks.

    Args:
        looks: How many, 1 to 1000.
        alpha: Two-sided level of all looks together.

    Raises:
        ValueError: looks or alpha is out of range.

    Source: O'Brien and Fleming 1979, Biometrics 35:549; Jennison and Turnbull 2000, table 2.3.

    >>> [round(bound, 3) for bound in obrien_fleming(3)]
    [3.471, 2.454, 2.004]
    """
    return _shaped(looks, alpha, lambda fraction: 1 / math.sqrt(fraction))


def _shaped(looks: int, alpha: float, shape: Callable[[float], float]) -> tuple[float, ...]:
    """The multiple of a shape that is crossed with chance alpha."""
    check_alpha(alpha)
    if not 1 <= looks <= MOST_LOOKS:
        raise ValueError(f"looks is {looks}, expected 1 to {MOST_LOOKS}")
    fractions = [n / looks for n in range(1, looks + 1)]
    shapes = [shape(fraction) for fraction in fractions]

    def excess(constant: float) -> float:
        return crossing_chance(fractions, [constant * one for one in shapes]) - alpha

    constant = float(optimize.brentq(excess, 1e-3, HIGHEST, xtol=1e-7))
    return tuple(constant * one for one in shapes)
