"""How much a ranking brings: discounted cumulative gain."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

Gain = Literal["linear", "exponential"]
Grades = Mapping[str, int]  # document → how relevant it is, from 1


def dcg(relevances: Sequence[float], k: int | None = None, *, gain: Gain = "linear") -> float:
    """Discounted cumulative gain of a ranking.

    Args:
        relevances: Of what was found, best rank first; 0 is irrelevant.
        k: Ranks that count; None is all.
        gain: A grade as it is, or 2 to its power less 1.

    Source: Järvelin and Kekäläinen, TOIS 2002; Burges et al. 2005 for exponential gain.

    >>> round(dcg([3, 2, 3, 0, 1, 2]), 3)
    6.861
    """
    gains = relevances if gain == "linear" else [2.0**grade - 1 for grade in relevances]
    return sum(one / math.log2(rank + 1) for rank, one in enumerate(gains[:k], start=1))


def ndcg(ranking: Sequence[str], grades: Grades, k: int, *, gain: Gain = "linear") -> float:
    """DCG of a ranking over the best there can be.

    Args:
        ranking: Ids of documents, best first.
        grades: How relevant each relevant document is; at least one.
        k: Ranks that count.
        gain: As `dcg`; linear is what trec_eval has.

    >>> ndcg(["a", "x"], {"a": 1}, 10), round(ndcg(["x", "a"], {"a": 1}, 10), 3)
    (1.0, 0.631)
    """
    best = dcg(sorted(grades.values())[::-1], k, gain=gain)
    return dcg([grades.get(id, 0) for id in ranking], k, gain=gain) / best
