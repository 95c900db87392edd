"""Two systems on the same cases: the difference case by case, and whether it is one."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np
from scipy import special

from eval_suites.stats.intervals import (
    Difference,
    check_alpha,
    clustered_se,
    t_p_value,
    t_quantile,
)

EXACT_UP_TO = 16  # nonzero differences whose signs are all enumerated; more are drawn


def clustered_difference(
    new: Sequence[float],
    old: Sequence[float],
    clusters: Sequence[Hashable],
    alpha: float = 0.05,
) -> Difference:
    """Mean of new minus old over shared cases, with clusters as the independent units.

    Where every case differs by the same amount there is no spread to judge it by. Then the signs
    of the clusters decide: p is 2^(1 − clusters), and the interval reaches to 0 unless p < alpha.

    Args:
        new: Score of the new system per case, shape (n,); average repeated answers first.
        old: Score of the old system on the same cases in the same order, shape (n,).
        clusters: Which cases hang together (document, topic), shape (n,).
        alpha: One minus the interval's confidence.

    Raises:
        ValueError: Lengths differ, a score is not finite, or there are fewer than two clusters.

    Source: Miller 2024, arXiv:2411.00640, eqs. 4 and 7, with CR1 and t(clusters − 1).

    >>> found = clustered_difference([1, 1, 1, 0, 1], [0, 1, 0, 0, 1], range(5))
    >>> found.difference, round(found.p_value, 3)
    (0.4, 0.178)
    """
    check_alpha(alpha)
    if len(new) != len(old):
        raise ValueError(f"{len(new)} new scores but {len(old)} old ones")
    differences_n = np.asarray(new, dtype=float) - np.asarray(old, dtype=float)
    groups, se = clustered_se(differences_n, clusters)
    difference = float(differences_n.mean())
    if se == 0 and difference != 0:
        p_value = 2.0 ** (1 - groups)
        end = difference if p_value < alpha else 0.0
        return Difference(difference, min(difference, end), max(difference, end), p_value)
    reach = t_quantile(1 - alpha / 2, groups - 1) * se
    p_value = t_p_value(difference, se, groups - 1)
    return Difference(difference, difference - reach, difference + reach, p_value)


def mcnemar_midp(wins: int, losses: int) -> float:
    """Two-sided mid-p of a yes-or-no metric on paired cases; ties say nothing and are left out.

    Less wary than the exact test, which keeps its level at .03 where .05 is asked.

    Args:
        wins: Cases only the new system got right.
        losses: Cases only the old one did.

    Returns:
        p-value in (0, 1]; 1 where nothing flipped.

    Raises:
        ValueError: A count is negative.

    Source: Fagerland, Lydersen and Laake 2013, BMC Med Res Meth 13:91.

    >>> round(mcnemar_midp(7, 1), 4)
    0.0391
    """
    if wins < 0 or losses < 0:
        raise ValueError(f"{wins} wins and {losses} losses, expected counts")
    n, fewer = wins + losses, min(wins, losses)
    if wins == losses:
        return 1.0
    at_most = float(special.bdtr(fewer, n, 0.5))
    log_exactly = math.lgamma(n + 1) - math.lgamma(fewer + 1) - math.lgamma(n - fewer + 1)
    exactly = math.exp(log_exactly - n * math.log(2))
    return min(1.0, 2 * at_most - exactly)


def sign_flip(differences: Sequence[float], *, draws: int = 9999, seed: int = 0) -> float:
    """Two-sided p-value of a mean paired difference, by flipping signs: right at any n and shape.

    Up to 16 nonzero differences all sign patterns are counted; beyond, they are drawn.

    Args:
        differences: New minus old per independent case, shape (n,); of clusters, their sums.
        draws: Random patterns where there are too many to count.
        seed: Of the draws.

    Returns:
        p-value in (0, 1]; drawn ones are (hits + 1) / (draws + 1), never 0.

    Raises:
        ValueError: There is no difference to judge, or one is not finite.

    Source: Fisher 1935; Phipson and Smyth 2010 for the drawn p-value.

    >>> sign_flip([1, 2, 3, 4, 5, 6])
    0.03125
    """
    values_n = np.asarray(differences, dtype=float)
    if values_n.size == 0 or not np.isfinite(values_n).all():
        raise ValueError("expected at least one difference, all finite")
    values_n = values_n[values_n != 0]
    n = len(values_n)
    if n == 0:
        return 1.0
    least = abs(float(values_n.sum())) - 1e-12 * float(np.abs(values_n).sum())
    if n <= EXACT_UP_TO:
        sums = np.zeros(1)
        for value in values_n:
            sums = np.concatenate((sums + value, sums - value))
        return float(np.mean(np.abs(sums) >= least))
    random, hits = np.random.default_rng(seed), 0
    for begin in range(0, draws, 1000):
        signs = random.integers(0, 2, size=(min(1000, draws - begin), n)) * 2 - 1
        hits += int(np.count_nonzero(np.abs(signs @ values_n) >= least))
    return (hits + 1) / (draws + 1)


def equivalence(new: Sequence[float], old: Sequence[float], *, low: float, high: float) -> float:
    """p-value of a mean paired difference outside (low, high): small means the two are alike.

    Args:
        new: Score of the new system per independent case, shape (n,).
        old: Score of the old system on the same cases, shape (n,).
        low: Difference from which new counts as worse, below `high`.
        high: Difference from which it counts as better.

    Returns:
        The larger of the two one-sided p-values of the t tests.

    Raises:
        ValueError: Lengths differ, there are fewer than two cases, a score is not finite, or low
            is not below high.

    Source: Schuirmann 1987, J Pharmacokinet Biopharm 15:657 (TOST).

    >>> equivalence([1.0, 1.1, 0.9, 1.0], [1.0, 1.0, 1.0, 1.0], low=-0.5, high=0.5) < 0.001
    True
    """
    if not low < high:
        raise ValueError(f"low is {low} and high {high}, expected low below high")
    if len(new) != len(old):
        raise ValueError(f"{len(new)} new scores but {len(old)} old ones")
    differences_n = np.asarray(new, dtype=float) - np.asarray(old, dtype=float)
    groups, se = clustered_se(differences_n, range(len(differences_n)))
    mean = float(differences_n.mean())
    if se == 0:
        return 0.0 if low < mean < high else 1.0
    tails = ((low - mean) / se, (mean - high) / se)
    return max(float(special.stdtr(groups - 1, tail)) for tail in tails)


def non_inferior(low: float, margin: float) -> bool:
    """Whether a guardrail holds: new is worse than old by less than the margin, at most.

    Several guardrails that must all hold need no correction for being many.

    Args:
        low: Lower end of the interval of new minus old, where higher is better.
        margin: How much may be lost, declared beforehand, in the metric's units.

    Raises:
        ValueError: The margin is negative.

    >>> non_inferior(-0.02, 0.05), non_inferior(-0.06, 0.05)
    (True, False)
    """
    if margin < 0:
        raise ValueError(f"margin is {margin}, expected how much may be lost, 0 or more")
    return low > -margin
