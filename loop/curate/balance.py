"""No single person and no single task may fill a dataset."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

PER_USER, PER_CLUSTER = "most_per_user", "most_per_cluster"


def capped(
    users: Sequence[Sequence[str]],
    clusters: NDArray[np.int64] | None,
    order_keys: Sequence[str] | NDArray[np.str_] | None,
    most_per_user: int,
    most_per_cluster: float,
) -> list[str | None]:
    """Which rows are too many, of one person first, then of one cluster.

    Args:
        users: The people of each row; it counts for each of them.
        clusters: The cluster of each row, shape (n,); None has none.
        order_keys: Rows with lower keys stay; None takes them as they come.
        most_per_user: Rows of one person, at most.
        most_per_cluster: Rows of one cluster, at most, as a share of those that the first rule
            leaves; 0 is no limit.

    Returns:
        "most_per_user", "most_per_cluster" or None for each row.
    """
    if order_keys is None:
        order = np.arange(len(users))
    else:
        order = np.argsort(np.asarray(order_keys), kind="stable")
    reasons: list[str | None] = [None] * len(users)
    for row in _of_busy_people(users, order, most_per_user):
        reasons[row] = PER_USER
    if clusters is not None and most_per_cluster > 0:
        left = np.array([reason is None for reason in reasons], dtype=bool)
        most = math.ceil(most_per_cluster * int(left.sum()))
        kept = order[left[order]]
        for row in kept[_place_in_cluster(clusters[kept]) >= most].tolist():
            reasons[row] = PER_CLUSTER
    return reasons


def _of_busy_people(
    users: Sequence[Sequence[str]], order: NDArray[np.int64], most: int
) -> list[int]:
    """Rows over what one of their people may have. Only people with too many are counted off."""
    counts = Counter(user for row in users for user in row)
    busy = {user for user, count in counts.items() if count > most}
    if not busy:
        return []
    taken: Counter[str] = Counter()
    over: list[int] = []
    for row in order.tolist():
        theirs = [user for user in users[row] if user in busy]
        if theirs:
            if any(taken[user] >= most for user in theirs):
                over.append(row)
            else:
                taken.update(theirs)
    return over


def _place_in_cluster(clusters_n: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of each row how many of its cluster stand before it."""
    by_cluster = np.argsort(clusters_n, kind="stable")
    sizes = np.bincount(clusters_n) if len(clusters_n) else np.zeros(0, dtype=np.int64)
    starts = np.repeat(np.cumsum(sizes) - sizes, sizes)
    places = np.empty(len(clusters_n), dtype=np.int64)
    places[by_cluster] = np.arange(len(clusters_n)) - starts
    return places
