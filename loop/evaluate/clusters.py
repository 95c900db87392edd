"""Questions that ask the same, brought together by their vectors."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

ALIKE = 0.6  # cosine from which two questions are taken to ask the same


class Cluster(NamedTuple):
    """Rows that belong together, and the one that is most like all of them."""

    medoid: int
    members: list[int]  # in order, the medoid among them


def cluster(vectors_nd: NDArray[np.float32], *, alike: float = ALIKE) -> list[Cluster]:
    """Greedy clusters: who has the most like it left takes them all, and so on.

    The same rows in the same order give the same clusters. It holds n² cosines: up to a few
    thousand rows at once.

    Args:
        vectors_nd: Unit vectors, shape (n, dimension).
        alike: Cosine from which two rows may be in one cluster.

    Returns:
        Every row in exactly one cluster, the largest first.

    >>> cluster(np.array([[1, 0], [0, 1], [1, 0]], dtype=np.float32))
    [Cluster(medoid=0, members=[0, 2]), Cluster(medoid=1, members=[1])]
    """
    cosines_nn = (vectors_nd @ vectors_nd.T).astype(np.float32)
    near_nn = cosines_nn >= alike
    np.fill_diagonal(near_nn, True)
    left_n = np.ones(len(vectors_nd), dtype=bool)
    neighbours_n = near_nn.sum(axis=1)
    found = []
    while left_n.any():
        centre = int(np.argmax(np.where(left_n, neighbours_n, -1)))
        members = np.flatnonzero(near_nn[centre] & left_n)
        left_n[members] = False
        neighbours_n = neighbours_n - near_nn[:, members].sum(axis=1)
        likeness = cosines_nn[np.ix_(members, members)].sum(axis=1).round(4)
        found.append(Cluster(int(members[int(np.argmax(likeness))]), members.tolist()))
    return sorted(found, key=lambda one: (-len(one.members), one.members[0]))
