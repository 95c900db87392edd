"""Has what comes in changed: shares of topics, and numbers such as lengths or scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

MODERATE, LARGE = 0.1, 0.25  # PSI by rule of thumb: below is stable, above is a shift


def psi(before: Sequence[float], now: Sequence[float], *, floor: float = 1e-4) -> float:
    """Population stability index of shares; symmetric, 0 if nothing changed.

    Args:
        before: Count or share per bin, shape (bins,), any scale.
        now: The same bins now, shape (bins,), any scale.
        floor: Least share a bin is taken to have, so that an empty one is large but finite.

    Raises:
        ValueError: Lengths differ, a count is negative, or a side is empty.

    Source: Siddiqi 2006; sum of (now − before) ln(now / before).

    >>> round(psi([0.2, 0.3, 0.3, 0.2], [0.1, 0.25, 0.35, 0.3]), 4)
    0.1267
    """
    before_b, now_b = (np.maximum(share_b, floor) for share_b in _shares(before, now))
    return float(((now_b - before_b) * np.log(now_b / before_b)).sum())


def js_distance(before: Sequence[float], now: Sequence[float]) -> float:
    """Jensen-Shannon distance of shares: 0 if nothing changed, 1 if nothing is shared.

    Args:
        before: Count or share per bin, shape (bins,), any scale.
        now: The same bins now, shape (bins,), any scale.

    Raises:
        ValueError: Lengths differ, a count is negative, or a side is empty.

    Source: Lin 1991 with base-2 logarithms; the root of the divergence.

    >>> js_distance([1, 0], [0, 1]), js_distance([3, 1], [6, 2])
    (1.0, 0.0)
    """
    before_b, now_b = _shares(before, now)
    middle_b = (before_b + now_b) / 2
    nats = special.rel_entr(before_b, middle_b).sum() + special.rel_entr(now_b, middle_b).sum()
    return math.sqrt(max(0.0, float(nats) / 2 / math.log(2)))


def ks_pvalue(before: ArrayLike, now: ArrayLike) -> float:
    """p-value of two samples of numbers coming from one distribution (Kolmogorov-Smirnov).

    Args:
        before: Numbers then, shape (n,).
        now: Numbers now, shape (m,).

    Returns:
        Two-sided p-value by the large-sample formula; too large where values tie.

    Raises:
        ValueError: A side is empty or holds a number that is not finite.

    Source: Smirnov 1948, with the finite-sample scaling of Stephens 1970.

    >>> ks_pvalue(range(100), range(100)), ks_pvalue(range(100), range(50, 150)) < 1e-9
    (1.0, True)
    """
    before_n, now_m = (np.sort(np.asarray(side, dtype=float)) for side in (before, now))
    for side in (before_n, now_m):
        if not len(side) or not np.isfinite(side).all():
            raise ValueError("expected numbers on both sides, all finite")
    every = np.concatenate((before_n, now_m))
    below = np.searchsorted(before_n, every, side="right") / len(before_n)
    gap = float(np.abs(below - np.searchsorted(now_m, every, side="right") / len(now_m)).max())
    root = math.sqrt(len(before_n) * len(now_m) / (len(before_n) + len(now_m)))
    return float(special.kolmogorov((root + 0.12 + 0.11 / root) * gap))


class Homogeneity(NamedTuple):
    """Whether groups have the same shares."""

    chi2: float
    df: int
    p_value: float


def homogeneity(table: Sequence[Sequence[float]]) -> Homogeneity:
    """Do rows (then and now, or arms) have the same shares of the columns (topics)?

    Args:
        table: Independent counts, shape (rows, columns); empty columns are left out.

    Raises:
        ValueError: Fewer than two rows or columns with something in them, or a negative count.

    Source: Pearson 1900 (R chisq.test without correction).

    >>> found = homogeneity([[120, 90, 40], [110, 95, 60]])
    >>> found.df, round(found.p_value, 4)
    (2, 0.1264)
    """
    seen_rc = np.asarray(table, dtype=float)
    if seen_rc.ndim != 2 or not np.isfinite(seen_rc).all() or (seen_rc < 0).any():
        raise ValueError("expected a table of counts of 0 or more")
    seen_rc = seen_rc[:, seen_rc.sum(axis=0) > 0]
    if min(seen_rc.shape) < 2 or (seen_rc.sum(axis=1) == 0).any():
        raise ValueError("expected two rows and two columns at least, with something in each")
    planned_rc = np.outer(seen_rc.sum(axis=1), seen_rc.sum(axis=0)) / seen_rc.sum()
    chi2 = float(((seen_rc - planned_rc) ** 2 / planned_rc).sum())
    df = (seen_rc.shape[0] - 1) * (seen_rc.shape[1] - 1)
    return Homogeneity(chi2, df, float(special.chdtrc(df, chi2)))


def _shares(
    before: Sequence[float], now: Sequence[float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    before_b, now_b = np.asarray(before, dtype=float), np.asarray(now, dtype=float)
    if before_b.shape != now_b.shape or before_b.ndim != 1:
        raise ValueError(
            f"{before_b.shape} and {now_b.shape} bins, expected the same on both sides"
        )
    for side in (before_b, now_b):
        if not np.isfinite(side).all() or (side < 0).any() or side.sum() <= 0:
            raise ValueError("expected counts of 0 or more, and something on both sides")
    return before_b / before_b.sum(), now_b / now_b.sum()
