"""Do two raters, or as many for every item, agree beyond chance: Cohen's and Fleiss' kappa."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eval_suites.stats.intervals import check_alpha, normal_quantile, t_quantile

Weights = Literal["none", "linear", "quadratic"]


class Kappa(NamedTuple):
    """Agreement beyond chance: 1 is perfect, 0 chance. Errors and ends are in its own units."""

    kappa: float
    se: float  # standard error of the estimate
    se_null: float  # standard error if raters agreed by chance alone; for a test against 0
    low: float
    high: float


def cohen_kappa(
    table: Sequence[Sequence[float]], *, weights: Weights = "none", alpha: float = 0.05
) -> Kappa | None:
    """Agreement of two raters from a table of what they said.

    Args:
        table: Items by answer of the first (row) and of the second (column), shape
            (categories, categories), categories in the order of the scale.
        weights: How a miss counts: none for names, linear or quadratic in steps of the scale.
        alpha: One minus the confidence of the interval.

    Returns:
        Kappa with a normal interval, cut to [-1, 1]. Where all agree the standard error is 0 and
        the lower end is that of `all_agree_low`. None if both always gave one same answer.

    Raises:
        ValueError: The table is empty, not square or has a negative count.

    Source: Fleiss, Cohen and Everitt 1969, Psychological Bulletin 72:323.

    >>> found = cohen_kappa([[20, 5], [10, 15]])
    >>> round(found.kappa, 3), round(found.low, 3), round(found.high, 3)
    (0.4, 0.151, 0.649)
    """
    check_alpha(alpha)
    seen_vv = np.asarray(table, dtype=float)
    if seen_vv.ndim != 2 or seen_vv.shape[0] != seen_vv.shape[1] or not seen_vv.sum() > 0:
        raise ValueError("expected a square table with at least one item")
    if not (seen_vv >= 0).all():
        raise ValueError("a count of the table is negative")
    items = float(seen_vv.sum())
    share_vv = seen_vv / items
    row_v, column_v = share_vv.sum(axis=1), share_vv.sum(axis=0)
    alike_vv = _alike(len(row_v), weights)
    chance_vv = np.outer(row_v, column_v)
    seen, chance = float((share_vv * alike_vv).sum()), float((chance_vv * alike_vv).sum())
    if math.isclose(chance, 1.0):
        return None
    kappa = 1 - float((share_vv * (1 - alike_vv)).sum()) / (1 - chance)
    mean_vv = (alike_vv @ column_v)[:, None] + (row_v @ alike_vv)[None, :]
    spread = float((share_vv * (alike_vv - mean_vv * (1 - kappa)) ** 2).sum())
    spread -= (kappa - chance * (1 - kappa)) ** 2
    null = float((chance_vv * (alike_vv - mean_vv) ** 2).sum()) - chance**2
    scale = (1 - chance) * math.sqrt(items)
    se, se_null = (math.sqrt(max(part, 0.0)) / scale for part in (spread, null))
    if seen > 1 - 1e-12:
        return Kappa(1.0, 0.0, se_null, all_agree_low(int(items), alpha), 1.0)
    reach = normal_quantile(1 - alpha / 2) * se
    return Kappa(kappa, se, se_null, max(-1.0, kappa - reach), min(1.0, kappa + reach))


def table_of(one: Sequence[float], two: Sequence[float]) -> NDArray[np.float64]:
    """What two raters said of the same items as a table, shape (values, values).

    Args:
        one: Ratings of the first, shape (items,).
        two: Ratings of the second on the same items in the same order, shape (items,).

    Raises:
        ValueError: Lengths differ, or there is no item.

    >>> table_of([1, 2, 2], [1, 2, 1]).tolist()
    [[1.0, 0.0], [1.0, 1.0]]
    """
    if len(one) != len(two) or not len(one):
        raise ValueError(f"{len(one)} and {len(two)} ratings, expected the same items of both")
    values_v, place_n = np.unique(
        np.concatenate((np.asarray(one, dtype=float), np.asarray(two, dtype=float))),
        return_inverse=True,
    )
    seen_vv = np.zeros((len(values_v), len(values_v)))
    np.add.at(seen_vv, (place_n[: len(one)], place_n[len(one) :]), 1)
    return seen_vv


def weighted_kappa(
    one: Sequence[float], two: Sequence[float], *, weights: Weights = "quadratic"
) -> float | None:
    """Agreement of two raters who both rated every item, e.g. a person and a judge.

    Its interval: `cohen_kappa(table_of(one, two), weights=…)`.

    Args:
        one: Ratings of the first, shape (items,).
        two: Ratings of the second on the same items in the same order, shape (items,).
        weights: How a miss counts: quadratic or linear in steps of the scale, or none for names.
            A step is from one value that occurs to the next.

    Returns:
        1 for perfect agreement, 0 for chance; None if both always gave one same rating.

    Raises:
        ValueError: Lengths differ, or there is no item.

    Source: Cohen 1968, Psychological Bulletin 70:213.

    >>> round(weighted_kappa([1, 2, 3, 4], [1, 2, 3, 3]), 3)
    0.875
    """
    found = cohen_kappa(table_of(one, two).tolist(), weights=weights)
    return found.kappa if found else None


def fleiss_kappa(counts: Sequence[Sequence[float]], *, alpha: float = 0.05) -> Kappa | None:
    """Agreement of many raters on names; raters may differ from item to item.

    Args:
        counts: How many raters gave an item each category, shape (items, categories). Items with
            fewer than two raters are left out; the number of raters may differ.
        alpha: One minus the confidence of the interval.

    Returns:
        Kappa with a jackknife standard error over items and a t interval, cut to [-1, 1]; the
        standard error under chance takes the mean number of raters. None where nothing can be
        said: no item with two raters, or one category only.

    Raises:
        ValueError: A count is negative.

    Source: Fleiss 1971, Psychological Bulletin 76:378; error under chance: Fleiss, Nee and Landis
    1979, 86:974.

    >>> found = fleiss_kappa([[3, 0], [0, 3], [2, 1], [3, 0]] * 5)
    >>> round(found.kappa, 3), round(found.low, 3), round(found.high, 3)
    (0.625, 0.282, 0.968)
    """
    check_alpha(alpha)
    counts_iv = np.asarray(counts, dtype=float)
    counts_iv = counts_iv.reshape(len(counts_iv), -1)
    if not (counts_iv >= 0).all():
        raise ValueError("a count is negative")
    counts_iv = counts_iv[counts_iv.sum(axis=1) > 1]
    items, raters_i = len(counts_iv), counts_iv.sum(axis=1)
    totals_v = counts_iv.sum(axis=0)
    if (totals_v > 0).sum() < 2:
        return None
    alike_i = ((counts_iv**2).sum(axis=1) - raters_i) / (raters_i * (raters_i - 1))
    share_v = totals_v / totals_v.sum()
    kappa = _beyond(float(alike_i.mean()), float((share_v**2).sum()))
    se_null = _fleiss_null(share_v, items, float(raters_i.mean()))
    if (alike_i > 1 - 1e-12).all():
        return Kappa(1.0, 0.0, se_null, all_agree_low(items, alpha), 1.0)
    if items < 2:
        return Kappa(kappa, math.inf, se_null, -1.0, 1.0)
    without_iv = (totals_v - counts_iv) / (totals_v.sum() - raters_i)[:, None]
    chance_i = (without_iv**2).sum(axis=1)
    kept_i = chance_i < 1 - 1e-12  # without the only item of another category there is no kappa
    left_i = (alike_i.sum() - alike_i[kept_i]) / (items - 1)
    kappa_i = (left_i - chance_i[kept_i]) / (1 - chance_i[kept_i])
    se = math.sqrt((items - 1) / items * float(((kappa_i - kappa) ** 2).sum()))
    reach = t_quantile(1 - alpha / 2, items - 1) * se
    return Kappa(kappa, se, se_null, max(-1.0, kappa - reach), min(1.0, kappa + reach))


def all_agree_low(items: int, alpha: float = 0.05) -> float:
    """Lower end for agreement where no item shows any disagreement.

    The largest share of items judged by chance that would still leave none of so many, with
    probability alpha / 2, is 1 − (alpha / 2)^(1 / items); agreement is one less that share.

    >>> round(all_agree_low(5), 3), round(all_agree_low(500), 3)
    (0.478, 0.993)
    """
    return float((alpha / 2) ** (1 / items))


def _beyond(seen: float, chance: float) -> float:
    return (seen - chance) / (1 - chance)


def _fleiss_null(share_v: NDArray[np.float64], items: int, raters: float) -> float:
    other_v = 1 - share_v
    mixed = float((share_v * other_v).sum())
    skew = float((share_v * other_v * (other_v - share_v)).sum())
    return math.sqrt(2 * max(mixed**2 - skew, 0.0)) / (
        mixed * math.sqrt(items * raters * (raters - 1))
    )


def _alike(values: int, weights: Weights) -> NDArray[np.float64]:
    """How much of a hit two answers are, 1 on the diagonal, shape (values, values)."""
    if weights == "none" or values < 2:
        return np.eye(values)
    steps_vv = np.abs(np.subtract.outer(np.arange(values), np.arange(values))) / (values - 1)
    return np.asarray(1 - steps_vv ** (2 if weights == "quadratic" else 1), dtype=float)
