"""Which of many vectors are close to one another, without holding every cosine at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BLOCK = 2_048  # rows multiplied at a time: 16 MB of cosines
AXES = 95  # principal axes by which pairs are ruled out
SAMPLE = 10_000  # rows that tell the axes
MANY = 0.02  # share of a block's pairs not ruled out from which all are multiplied
GATHERED = 16_384  # pairs whose whole vectors are multiplied at a time
ROUNDING = 1e-4  # what a float32 product may be off by, and more


class Pairs(NamedTuple):
    """Pairs of rows and how alike they are, in order of left, then right."""

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    cosines: NDArray[np.float32]


_NONE = Pairs(
    np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32)
)


class Nearest(NamedTuple):
    """For each row the one of the others that is most like it."""

    rows: NDArray[np.int64]  # −1 where there is none
    cosines: NDArray[np.float32]  # −1 where there is none


def neighbours(vectors_nd: NDArray[np.float32], threshold: float) -> Pairs:
    """Every pair of rows whose cosine is at least the threshold, each once, left before right.

    Exact. Most pairs are ruled out by their first principal axes and what the rest can add at
    most (Cauchy and Schwarz); the cosine of a pair does not depend on where its rows stand.
    Memory grows with the pairs found, not with n².

    Args:
        vectors_nd: Unit vectors, shape (n, dimension).
        threshold: The least cosine. Near 0 most pairs are found, and all of them are kept.

    >>> found = neighbours(np.array([[1, 0], [0, 1], [1, 0]], dtype=np.float32), 0.9)
    >>> found.left.tolist(), found.right.tolist()
    ([0], [2])
    """
    vectors_nd = np.ascontiguousarray(vectors_nd, dtype=np.float32)
    short_nd = _shortened(vectors_nd)
    least = threshold - ROUNDING
    found = [_NONE]
    for top in range(0, len(vectors_nd), BLOCK):
        for first in range(top, len(vectors_nd), BLOCK):
            near_bb = short_nd[top : top + BLOCK] @ short_nd[first : first + BLOCK].T >= least
            if near_bb.mean() > MANY:
                rows_bd, others_bd = vectors_nd[top : top + BLOCK], vectors_nd[first:][:BLOCK]
                near_bb = rows_bd @ others_bd.T >= least
            left, right = np.nonzero(near_bb)
            later = left + top < right + first
            found.append(_held(vectors_nd, left[later] + top, right[later] + first, threshold))
    left, right, cosines = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort((right, left))
    return Pairs(left[order], right[order], cosines[order])


def _shortened(vectors_nd: NDArray[np.float32]) -> NDArray[np.float32]:
    """Vectors whose inner products are never below those of the whole ones, and soon taken."""
    if vectors_nd.shape[1] <= AXES + 1:
        return vectors_nd
    sample_sd = vectors_nd[:: max(len(vectors_nd) // SAMPLE, 1)]
    _, axes_dd = np.linalg.eigh(sample_sd.T.astype(np.float64) @ sample_sd)
    head_na = vectors_nd @ axes_dd[:, -AXES:].astype(np.float32)
    rest_n = np.sqrt(np.maximum((vectors_nd**2).sum(axis=1) - (head_na**2).sum(axis=1), 0.0))
    return np.column_stack([head_na, rest_n]).astype(np.float32)


def _held(
    vectors_nd: NDArray[np.float32],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    threshold: float,
) -> Pairs:
    """The pairs that do reach the threshold, by their whole vectors, some at a time."""
    if not len(left):
        return _NONE
    cosines = np.concatenate(
        [
            np.einsum(
                "pd,pd->p", vectors_nd[left[at : at + GATHERED]], vectors_nd[right[at:][:GATHERED]]
            )
            for at in range(0, len(left), GATHERED)
        ]
    )
    kept = cosines >= threshold
    return Pairs(left[kept], right[kept], cosines[kept])


def across(
    vectors_nd: NDArray[np.float32], others_md: NDArray[np.float32], threshold: float
) -> Pairs:
    """Every pair of a row and one of the others whose cosine is at least the threshold.

    Args:
        vectors_nd: Unit vectors, shape (n, dimension); `left` counts these.
        others_md: Unit vectors, shape (m, dimension); `right` counts these.
        threshold: The least cosine.
    """
    lefts: list[NDArray[np.int64]] = [np.zeros(0, dtype=np.int64)]
    rights: list[NDArray[np.int64]] = [np.zeros(0, dtype=np.int64)]
    cosines: list[NDArray[np.float32]] = [np.zeros(0, dtype=np.float32)]
    for top in range(0, len(vectors_nd) if len(others_md) else 0, BLOCK):
        block_bm = vectors_nd[top : top + BLOCK] @ others_md.T
        left, right = np.nonzero(block_bm >= threshold)
        lefts.append(left + top)
        rights.append(right)
        cosines.append(block_bm[left, right])
    return Pairs(np.concatenate(lefts), np.concatenate(rights), np.concatenate(cosines))


def nearest(vectors_nd: NDArray[np.float32], others_md: NDArray[np.float32]) -> Nearest:
    """The nearest of the others for each row, in blocks; of equals the first.

    Args:
        vectors_nd: Unit vectors, shape (n, dimension).
        others_md: Unit vectors, shape (m, dimension).

    >>> nearest(np.eye(2, dtype=np.float32), np.array([[0, 1]], dtype=np.float32)).cosines.tolist()
    [0.0, 1.0]
    """
    rows_n = np.full(len(vectors_nd), -1, dtype=np.int64)
    cosines_n = np.full(len(vectors_nd), -1.0, dtype=np.float32)
    if len(others_md) == 0:
        return Nearest(rows_n, cosines_n)
    for top in range(0, len(vectors_nd), BLOCK):
        block_bm = vectors_nd[top : top + BLOCK] @ others_md.T
        best_b = block_bm.argmax(axis=1)
        rows_n[top : top + BLOCK] = best_b
        cosines_n[top : top + BLOCK] = block_bm[np.arange(len(best_b)), best_b]
    return Nearest(rows_n, cosines_n)
