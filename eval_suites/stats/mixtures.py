"""Always-valid evidence for a mean of known spread: mixtures of likelihood ratios.

`sequential.asymptotic_cs` is what experiments use; these are its relatives in other tools.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from scipy import special

from eval_suites.stats.intervals import check_alpha


class Boundary(NamedTuple):
    """Where a sum of independent differences is too large to be chance, at any time."""

    rho: float  # of the mixing normal
    bounds: tuple[float, ...]  # per variance asked for


class Ratio(NamedTuple):
    """Evidence against the null, and the p-value it is worth at any time."""

    likelihood_ratio: float
    p_value: float  # min(1, 1 / likelihood_ratio)


def normal_mixture(variances: Sequence[float], *, optimal: float, alpha: float = 0.05) -> Boundary:
    """Two-sided boundary of a sum by its variance so far.

    Args:
        variances: Summed variance so far, each above 0.
        optimal: The variance at which the boundary is tightest.
        alpha: Level over all time.

    Raises:
        ValueError: A variance or alpha is out of range.

    Source: Robbins 1970; Howard et al. 2021, Ann Stat 49:1055, eq. 14 and prop. 3.

    >>> [round(bound, 1) for bound in normal_mixture([100, 1000], optimal=1000).bounds]
    [38.2, 96.0]
    """
    check_alpha(alpha)
    if optimal <= 0 or any(variance <= 0 for variance in variances):
        raise ValueError(f"variances {list(variances)} and optimal {optimal}, expected above 0")
    # Lambert's W at its lower branch: where the boundary over the root of the variance is least.
    rho = optimal / (-float(special.lambertw(-(alpha**2) / math.e, k=-1).real) - 1)
    bounds = [math.sqrt((v + rho) * math.log((v + rho) / (rho * alpha**2))) for v in variances]
    return Boundary(rho, tuple(bounds))


def msprt(mean: float, n: float, *, variance: float, mixing: float, null: float = 0.0) -> Ratio:
    """Mixture sequential probability ratio test of a normal mean.

    Args:
        mean: Of the n observations.
        n: How many, above 0.
        variance: Of one observation, known, above 0.
        mixing: Variance of the normal prior of the mean under the alternative, above 0.
        null: The mean if there is no effect.

    Raises:
        ValueError: n, variance or mixing is not above 0.

    Source: Johari, Koomen, Pekelis and Walsh 2022, Oper Res 70:1806, eq. 9.

    >>> round(msprt(0.1, 1000, variance=1.0, mixing=0.01).p_value, 4)
    0.0352
    """
    if min(n, variance, mixing) <= 0:
        raise ValueError(f"n {n}, variance {variance}, mixing {mixing}: expected above 0")
    total = variance + n * mixing
    log_ratio = 0.5 * math.log(variance / total) + (
        n**2 * mixing * (mean - null) ** 2 / (2 * variance * total)
    )
    return Ratio(math.exp(min(log_ratio, 700.0)), math.exp(min(0.0, -log_ratio)))
