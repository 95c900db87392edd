"""Do raters agree beyond chance, whoever left out what: Krippendorff's alpha with an interval.

Kappa, for raters who all rated the same items, is in `kappa`.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse, special

from eval_suites.stats.intervals import check_alpha, t_quantile
from eval_suites.stats.kappa import (
    Weights,
    all_agree_low,
    cohen_kappa,
    fleiss_kappa,
    weighted_kappa,
)

__all__ = [
    "Alpha", "Level", "Weights", "alpha_interval", "cohen_kappa", "fleiss_kappa",
    "krippendorff_alpha", "weighted_kappa",
]  # fmt: skip

Level = Literal["nominal", "ordinal", "interval", "ratio"]
MOST_VALUES = 2000  # distinct values for which all distances are held at once
MOST_LOTS = 20_000  # items drawn one by one in the bootstrap; beyond, in lots of items


class Alpha(NamedTuple):
    """Krippendorff's alpha: 1 is perfect agreement, 0 chance. Ends are in the same units."""

    alpha: float
    low: float
    high: float
    items: int  # that two raters or more have rated
    ratings: int  # of those items


class _Rated(NamedTuple):
    """Items rated twice or more, and how far apart the values on each are."""

    counts_iv: sparse.csr_array  # ratings of each item per value
    apart_vv: NDArray[np.float64]  # squared distance of each two values
    apart_i: NDArray[np.float64]  # observed disagreement of each item


def krippendorff_alpha(
    ratings: Sequence[Sequence[float | None]], level: Level = "nominal"
) -> float | None:
    """Agreement of any number of raters, each of whom may have left items out.

    Args:
        ratings: A row per rater, a column per item, shape (raters, items); None or NaN where the
            rater did not rate the item.
        level: nominal for names, ordinal for stars, interval for measured numbers, ratio for those
            with a true zero (none may be negative).

    Returns:
        1 for perfect agreement, 0 for chance, below 0 for less. None where nothing can be said:
        no item was rated twice, or all such ratings are the same.

    Raises:
        ValueError: Rows differ in length, a ratio is negative, or there are over 2,000 values.

    Source: Krippendorff 2011, Computing Krippendorff's Alpha-Reliability.

    >>> krippendorff_alpha([[1, 1, 0, None], [1, 1, 0, 1]])
    1.0
    """
    if len({len(row) for row in ratings}) > 1:
        raise ValueError("raters have rows of different lengths, expected one entry per item")
    filled = [[np.nan if value is None else float(value) for value in row] for row in ratings]
    items = len(ratings[0]) if ratings else 0
    ratings_ri = np.array(filled, dtype=float).reshape(len(filled), items)
    _, item_n = np.nonzero(~np.isnan(ratings_ri))
    rated = _rated(item_n, ratings_ri[~np.isnan(ratings_ri)], level)
    return _alpha(rated) if rated else None


def alpha_interval(
    items: Sequence[Hashable] | NDArray[np.generic],
    values: ArrayLike,
    level: Level = "nominal",
    *,
    draws: int = 1000,
    alpha: float = 0.05,
    seed: int = 0,
) -> Alpha | None:
    """Krippendorff's alpha of ratings in a long table, with a bootstrap interval over items.

    Items are drawn again, not ratings: those of one item hang together. Above 20,000 items they
    are drawn in 20,000 lots. Distances of an ordinal scale stay those of the whole data.

    Args:
        items: What each rating is of, shape (ratings,). Of one rater there is one per item.
        values: What it says, shape (ratings,).
        level: As for `krippendorff_alpha`.
        draws: Bootstrap samples.
        alpha: One minus the confidence.
        seed: Of the draws.

    Returns:
        Alpha with the percentile interval, widened for few items; where no item shows any
        disagreement the lower end is that of `kappa.all_agree_low`. None as for
        `krippendorff_alpha`.

    Raises:
        ValueError: Lengths differ, a value is not finite, a ratio is negative, or there are over
            2,000 values.

    Source: Krippendorff 2011; the bootstrap over units: Zapf et al. 2016, BMC Med Res Methodol
    16:93; widened percentiles: Hesterberg 2015, The American Statistician 69:371.

    >>> alpha_interval(["a", "a", "b", "b"] * 2, [1, 1, 0, 0] * 2).alpha
    1.0
    """
    check_alpha(alpha)
    values_n = np.asarray(values, dtype=float)
    if len(values_n) != len(items):
        raise ValueError(f"{len(items)} items but {len(values_n)} values")
    if not np.isfinite(values_n).all():
        raise ValueError("a value is not a finite number")
    rated = _rated(np.unique(np.asarray(items), return_inverse=True)[1], values_n, level)
    if rated is None:
        return None
    count = rated.counts_iv.shape[0]
    size = count, int(rated.counts_iv.sum())
    if not rated.apart_i.any():
        return Alpha(1.0, all_agree_low(count, alpha), 1.0, *size)
    drawn_b = _bootstrap(rated, draws, seed)
    tail = _tail(count, alpha)
    low, high = np.quantile(drawn_b, [tail, 1 - tail])
    return Alpha(_alpha(rated), float(low), float(high), *size)


def _rated(item_n: NDArray[np.intp], values_n: NDArray[np.float64], level: Level) -> _Rated | None:
    """The items that count; None where they allow no alpha."""
    if level == "ratio" and (values_n < 0).any():
        raise ValueError("a value is negative, expected 0 or more on a ratio scale")
    kept_n = np.bincount(item_n)[item_n] > 1 if len(item_n) else np.zeros(0, dtype=bool)
    values_v, value_n = np.unique(values_n[kept_n], return_inverse=True)
    if len(values_v) < 2:
        return None
    if len(values_v) > MOST_VALUES:
        raise ValueError(f"{len(values_v)} distinct values, expected at most {MOST_VALUES}")
    _, row_n = np.unique(item_n[kept_n], return_inverse=True)
    counts_iv = sparse.coo_array((np.ones(len(row_n)), (row_n, value_n))).tocsr()
    apart_vv = _apart(values_v, counts_iv.sum(axis=0), level)
    apart_i = np.empty(counts_iv.shape[0])
    step = max(1, 4_000_000 // len(values_v))
    for start in range(0, len(apart_i), step):
        lot_iv = counts_iv[start : start + step]
        apart_i[start : start + step] = lot_iv.multiply(lot_iv @ apart_vv).sum(axis=1)
    apart_i /= counts_iv.sum(axis=1) - 1
    return _Rated(counts_iv, apart_vv, apart_i)


def _alpha(rated: _Rated) -> float:
    totals_v = rated.counts_iv.sum(axis=0)
    expected = float(totals_v @ rated.apart_vv @ totals_v) / (totals_v.sum() - 1)
    return float(1 - rated.apart_i.sum() / expected)


def _bootstrap(rated: _Rated, draws: int, seed: int) -> NDArray[np.float64]:
    """Alpha of each sample that has two values, shape (at most draws,)."""
    random = np.random.default_rng(seed)
    counts_lv, apart_l = rated.counts_iv, rated.apart_i
    items = counts_lv.shape[0]
    if items > MOST_LOTS:
        lot_i = random.permutation(items) % MOST_LOTS
        gather_li = sparse.coo_array((np.ones(items), (lot_i, np.arange(items)))).tocsr()
        counts_lv, apart_l = gather_li @ counts_lv, gather_li @ apart_l
    lots = len(apart_l)
    found: list[NDArray[np.float64]] = []
    step = max(1, 4_000_000 // lots)
    for start in range(0, draws, step):
        times = min(step, draws - start)
        picked_bl = random.integers(lots, size=(times, lots))
        row_bl = picked_bl + lots * np.arange(times)[:, None]
        times_bl = np.bincount(row_bl.ravel(), minlength=times * lots).reshape(times, lots)
        totals_bv = (counts_lv.T @ times_bl.T.astype(float)).T
        expected_b = ((totals_bv @ rated.apart_vv) * totals_bv).sum(axis=1)
        expected_b /= totals_bv.sum(axis=1) - 1
        sound_b = expected_b > 0
        found.append(1 - (times_bl @ apart_l)[sound_b] / expected_b[sound_b])
    drawn_b = np.concatenate(found)
    return drawn_b if len(drawn_b) else np.array([-math.inf, 1.0])


def _tail(items: int, alpha: float) -> float:
    """Share of the draws below the interval; less than alpha / 2, as few items vary too little."""
    if items < 2:
        return 0.0
    return float(special.ndtr(math.sqrt(items / (items - 1)) * t_quantile(alpha / 2, items - 1)))


def _apart(
    values_v: NDArray[np.float64], totals_v: NDArray[np.float64], level: Level
) -> NDArray[np.float64]:
    """Squared distance of each two values on a scale of this level, shape (values, values)."""
    places_v = values_v
    if level == "nominal":
        return 1 - np.eye(len(values_v))
    if level == "ordinal":
        places_v = np.cumsum(totals_v) - totals_v / 2  # mean rank: what lies between counts
    apart_vv: NDArray[np.float64] = (places_v[:, None] - places_v[None, :]) ** 2
    if level == "ratio":
        sums_vv = places_v[:, None] + places_v[None, :]
        apart_vv = apart_vv / np.where(sums_vv > 0, sums_vv, 1.0) ** 2
    return apart_vv
