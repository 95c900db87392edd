"""Sample ratio mismatch: whether people arrived in the arms as planned. Count people, not rows."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

from eval_suites.stats.sequential import EValue

DISTRUST = 0.001  # below this p-value every other number of the test is worthless


def srm_pvalue(counts: Sequence[int], shares: Sequence[float]) -> float:
    """Chance of a split at least this uneven if assignment is sound.

    Args:
        counts: People seen per arm, shape (arms,).
        shares: Planned traffic per arm, shape (arms,), any positive scale.

    Returns:
        p-value in [0, 1]. Below 0.001, distrust every other number.

    Raises:
        ValueError: Lengths differ, a share is not above 0, or no one has been seen.

    Source: Fabijan et al., KDD 2019 (chi-squared goodness of fit).

    >>> round(srm_pvalue([820, 980], [1, 1]), 5)
    0.00016
    """
    seen_a, shares_a = _arms(counts, shares)
    planned_a = seen_a.sum() * shares_a
    chi2 = float(((seen_a - planned_a) ** 2 / planned_a).sum())
    return float(special.chdtrc(len(seen_a) - 1, chi2))


def srm_e_value(
    counts: Sequence[int], shares: Sequence[float], *, weight: float | None = None
) -> EValue:
    """Evidence of an uneven split that may be read after every person.

    Args:
        counts: People seen per arm, shape (arms,).
        shares: Planned traffic per arm, shape (arms,), any positive scale.
        weight: Total Dirichlet weight of the alternative, spread as planned; None is one per arm.

    Raises:
        ValueError: Lengths differ, a share or the weight is not above 0, or no one has been seen.

    Source: Lindon and Malek 2022, arXiv:2011.03567 (Dirichlet-multinomial Bayes factor).

    >>> srm_e_value([5000, 5200], [1, 1]).p_value, srm_e_value([5000, 5600], [1, 1]).p_value < 1e-5
    (1.0, True)
    """
    seen_a, shares_a = _arms(counts, shares)
    total = float(len(seen_a)) if weight is None else weight
    if total <= 0:
        raise ValueError(f"weight is {weight}, expected above 0")
    prior_a = total * shares_a
    log_e = float(
        special.gammaln(total)
        - special.gammaln(total + seen_a.sum())
        + (special.gammaln(prior_a + seen_a) - special.gammaln(prior_a)).sum()
        - (seen_a * np.log(shares_a)).sum()
    )
    return EValue(log_e, math.exp(min(0.0, -log_e)))


def _arms(
    counts: Sequence[int], shares: Sequence[float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Counts and shares as arrays, the shares adding up to 1."""
    seen_a, shares_a = np.asarray(counts, dtype=float), np.asarray(shares, dtype=float)
    if len(seen_a) != len(shares_a) or len(seen_a) < 2:
        raise ValueError(f"{len(seen_a)} counts and {len(shares_a)} shares, expected one per arm")
    if (shares_a <= 0).any() or (seen_a < 0).any() or seen_a.sum() == 0:
        raise ValueError(f"counts {counts} of shares {shares}, expected people and shares above 0")
    return seen_a, shares_a / shares_a.sum()
