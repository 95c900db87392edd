"""What one query found among rows, and the best of several such finds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

TIE = 2e-6  # scores nearer than that may be equal but for rounding


class Hits(NamedTuple):
    """What one query found, best first; equal scores in order of rows."""

    rows: NDArray[np.int64]  # (k,)
    scores: NDArray[np.float32]  # (k,) inner products


def best(k: int, *several: Hits, keys: NDArray[np.int64] | None = None) -> Hits:
    """The k best of these hits.

    Args:
        keys: What equal scores, to the last bit or so, are ordered by, for every row; None takes
            the row itself.
    """
    if len(several) == 1:
        rows, scores = several[0]
        if len(rows) <= k and (scores[:-1] > scores[1:] + TIE).all():
            return several[0]  # in order already, and none equal
    else:
        rows = np.concatenate([hits.rows for hits in several])
        scores = np.concatenate([hits.scores for hits in several])
    if len(rows) > 4 * k > 0:  # sort no more than have a chance
        chance = scores >= np.partition(scores, -k)[-k] - 1e-5
        rows, scores = rows[chance], scores[chance]
    order = np.lexsort((rows if keys is None else keys[rows], -scores.round(6)))[:k]
    return Hits(rows[order], scores[order])
