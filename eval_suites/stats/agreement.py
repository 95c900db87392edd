"""Do raters agree beyond chance: Krippendorff's alpha and weighted kappa."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Level = Literal["nominal", "ordinal", "interval"]
Weights = Literal["none", "linear", "quadratic"]


def krippendorff_alpha(
    ratings: Sequence[Sequence[float | None]], level: Level = "nominal"
) -> float | None:
    """Agreement of any number of raters, each of whom may have left items out.

    Args:
        ratings: A row per rater, a column per item, shape (raters, items); None or NaN where the
            rater did not rate the item.
        level: nominal for names, ordinal for stars, interval for measured numbers.

    Returns:
        1 for perfect agreement, 0 for chance, below 0 for less. None where nothing can be said:
        no item was rated twice, or all such ratings are the same.

    Raises:
        ValueError: Rows differ in length.

    Source: Krippendorff 2011, Computing Krippendorff's Alpha-Reliability.

    >>> krippendorff_alpha([[1, 1, 0, None], [1, 1, 0, 1]])
    1.0
    """
    if len({len(row) for row in ratings}) > 1:
        raise ValueError("raters have rows of different lengths, expected one entry per item")
    filled = [[np.nan if value is None else float(value) for value in row] for row in ratings]
    items = len(ratings[0]) if ratings else 0
    ratings_ri = np.array(filled, dtype=float).reshape(len(filled), items)
    kept_ri = ratings_ri[:, (~np.isnan(ratings_ri)).sum(axis=0) > 1]
    values_v = np.unique(kept_ri[~np.isnan(kept_ri)])
    if len(values_v) < 2:
        return None
    counts_iv = (kept_ri.T[:, :, None] == values_v).sum(axis=1).astype(float)
    raters_i = counts_iv.sum(axis=1)
    pairs_vv = (counts_iv / (raters_i[:, None] - 1)).T @ counts_iv
    pairs_vv -= np.diag((counts_iv / (raters_i[:, None] - 1)).sum(axis=0))
    totals_v = pairs_vv.sum(axis=1)
    apart_vv = _apart(values_v, totals_v, level)
    observed = float((pairs_vv * apart_vv).sum())
    expected = float((np.outer(totals_v, totals_v) * apart_vv).sum()) / (totals_v.sum() - 1)
    return float(1 - observed / expected)


def weighted_kappa(
    one: Sequence[float], two: Sequence[float], *, weights: Weights = "quadratic"
) -> float | None:
    """Agreement of two raters who both rated every item, e.g. a person and a judge.

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
    if len(one) != len(two) or not len(one):
        raise ValueError(f"{len(one)} and {len(two)} ratings, expected the same items of both")
    values_v, place_n = np.unique(
        np.concatenate((np.asarray(one, dtype=float), np.asarray(two, dtype=float))),
        return_inverse=True,
    )
    seen_vv = np.zeros((len(values_v), len(values_v)))
    np.add.at(seen_vv, (place_n[: len(one)], place_n[len(one) :]), 1)
    steps_v = np.arange(len(values_v))
    apart_vv = np.abs(steps_v[:, None] - steps_v[None, :]).astype(float)
    apart_vv = {"none": np.sign(apart_vv), "linear": apart_vv, "quadratic": apart_vv**2}[weights]
    chance_vv = np.outer(seen_vv.sum(axis=1), seen_vv.sum(axis=0)) / len(one)
    expected = float((chance_vv * apart_vv).sum())
    return 1 - float((seen_vv * apart_vv).sum()) / expected if expected else None


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
    return apart_vv
