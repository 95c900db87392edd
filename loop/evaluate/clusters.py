"""Questions that ask the same, brought together by their vectors."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Cosine from which two questions are taken to ask the same. On the bundled suites' 171 questions
# and all-MiniLM-L6-v2 two of three pairs put together are answered by one document; 0.5 brings
# more of those with one answer together (0.77 instead of 0.62), but then half the pairs are wrong.
ALIKE = 0.6


class Cluster(NamedTuple):
    """Rows that belong together, and the one that is most like all of them."""

    medoid: int
    members: list[int]  # in order, the medoid among them


def cluster(vectors_nd: NDArray[np.float32], *, alike: float = ALIKE) -> list[Cluster]:
    """Clusters in which every two rows are alike: complete linkage, by chains of nearest ones.

    The same rows in the same order give the same clusters. It holds n² cosines and takes n² time:
    for a few thousand rows.

    Args:
        vectors_nd: Unit vectors, shape (n, dimension).
        alike: The least cosine between two rows of one cluster.

    Returns:
        Every row in exactly one cluster, the largest first.

    Source: Murtagh 1983, Computer Journal 26:354 (nearest-neighbour chains).

    >>> cluster(np.array([[1, 0], [0, 1], [1, 0]], dtype=np.float32))
    [Cluster(medoid=0, members=[0, 2]), Cluster(medoid=1, members=[1])]
    """
    cosines_nn = (vectors_nd @ vectors_nd.T).astype(np.float32)
    found = [
        Cluster(_medoid(cosines_nn, members), members) for members in _linked(cosines_nn, alike)
    ]
    return sorted(found, key=lambda one: (-len(one.members), one.members[0]))


def _linked(cosines_nn: NDArray[np.float32], alike: float) -> list[list[int]]:
    """Rows of each cluster. A chain goes from each to its nearest until two are each other's."""
    links_nn = cosines_nn.copy()  # the least cosine between members of two clusters
    np.fill_diagonal(links_nn, -np.inf)
    members = {row: [row] for row in range(len(links_nn))}
    done: list[list[int]] = []
    chain: list[int] = []
    while members:
        if not chain:
            chain.append(next(iter(members)))
        here, before = chain[-1], chain[-2] if len(chain) > 1 else None
        nearest = int(links_nn[here].argmax())
        if before is not None and links_nn[here, before] >= links_nn[here, nearest]:
            nearest = before
        if links_nn[here, nearest] < alike:  # nor will it be nearer to anything that grows
            chain.clear()
            done.append(sorted(members.pop(here)))
            links_nn[:, here] = -np.inf
        elif nearest == before:
            del chain[-2:]
            members[before] += members.pop(here)
            least = np.minimum(links_nn[before], links_nn[here])
            links_nn[before], links_nn[:, before] = least, least
            links_nn[:, here] = -np.inf
        else:
            chain.append(nearest)
    return done


def _medoid(cosines_nn: NDArray[np.float32], members: list[int]) -> int:
    likeness = cosines_nn[np.ix_(members, members)].sum(axis=1).round(4)
    return members[int(likeness.argmax())]
