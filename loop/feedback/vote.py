"""Votes counted by how far each rater can be relied on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Verdict(NamedTuple):
    """Which side has it, and by how much."""

    side: int | None  # 1 or 0; None for a tie
    margin: float  # log odds for side 1 over side 0


class Verdicts(NamedTuple):
    """As `Verdict`, for many items at once, each shape (items,)."""

    side_i: NDArray[np.intp]  # 1 or 0; −1 for a tie
    margin_i: NDArray[np.float64]


def weighted_vote(
    votes: Iterable[tuple[str, int]], weights: Mapping[str, float], *, threshold: float = 0.85
) -> Verdict:
    """The side that the votes are for.

    Args:
        votes: Rater and side (1 or 0; anything else abstains), one of each rater.
        weights: Log odds that a rater is right; who is not named, or held back, has 0.
        threshold: Log odds by which one side must lead; less is a tie.

    >>> weighted_vote([("ann", 1), ("bo", 0), ("cy", 0)], {"ann": 3.0, "bo": 1.0, "cy": 1.0})
    Verdict(side=1, margin=1.0)
    """
    margin = sum(
        weights.get(rater, 0.0) * (1 if side == 1 else -1)
        for rater, side in sorted(votes)
        if side in (0, 1)
    )
    if abs(margin) < threshold or margin == 0:
        return Verdict(None, margin)
    return Verdict(int(margin > 0), margin)


def weighted_votes(
    item_n: ArrayLike,
    side_n: ArrayLike,
    weight_n: ArrayLike,
    *,
    items: int,
    threshold: float = 0.85,
) -> Verdicts:
    """The side that the votes on each item are for.

    Args:
        item_n: What each vote is on, from 0, shape (votes,).
        side_n: 1 or 0; anything else abstains, shape (votes,).
        weight_n: Log odds that its rater is right, shape (votes,).
        items: How many items there are.
        threshold: Log odds by which one side must lead; less is a tie.

    >>> weighted_votes([0, 0, 1], [1, 0, 0], [2.0, 0.5, 1.0], items=2).side_i.tolist()
    [1, 0]
    """
    sides = np.asarray(side_n)
    signed_n = np.asarray(weight_n, dtype=float) * np.select([sides == 1, sides == 0], [1, -1], 0)
    margin_i = np.zeros(items)
    np.add.at(margin_i, np.asarray(item_n, dtype=np.intp), signed_n)
    tied_i = (np.abs(margin_i) < threshold) | (margin_i == 0)
    return Verdicts(np.where(tied_i, -1, margin_i > 0).astype(np.intp), margin_i)
