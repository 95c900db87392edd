"""Rankings put together: what the candidates of a search say of each other, in numbers alone.

All of it looks at candidates that the reader may see, and at nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

K = 60  # ranks far down differ little; from the paper
NEIGHBOURS = 5  # passages of other documents that a passage's score leans on
DIGITS = 9  # of scores; what is behind them depends on the order of a sum
SHARPNESS = 2  # power of the likeness between them: near ones count for more

Scores = NDArray[np.float64]


def shares(scores: Scores) -> Scores:
    """Scores as shares of the best one, in [0, 1]; what is not above 0 counts as 0.

    >>> shares(np.array([4.0, 1.0, -2.0])).tolist()
    [1.0, 0.25, 0.0]
    """
    most = float(scores.max(initial=0.0))
    return scores.clip(min=0) / most if most > 0 else np.zeros(len(scores))


def reciprocal_ranks(scores: Scores, *, k: int = K) -> Scores:
    """1 / (k + rank) of what scores above 0, the best first; 0 for the rest.

    Source: Cormack, Clarke and Büttcher, Reciprocal Rank Fusion, SIGIR 2009.

    >>> reciprocal_ranks(np.array([0.5, 0.0, 0.9])).round(4).tolist()
    [0.0161, 0.0, 0.0164]
    """
    level = scores.round(DIGITS)
    ranks = 1 + np.searchsorted(np.sort(-level), -level)  # equal ones share a rank
    return np.where(scores > 0, 1 / (k + ranks), 0.0)


def fuse(sides: Sequence[tuple[float, Scores]], *, by_ranks: bool) -> Scores:
    """Both sides' scores of the same candidates as one, weighted.

    By scores each side counts as a share of its best: on the handbook and on Cranfield better
    than by ranks, as a clear winner stays clear (Bruch, Gai and Ingber, TOIS 2023, find so too).
    """
    part = reciprocal_ranks if by_ranks else shares
    total = np.zeros(len(sides[0][1]))
    for weight, scores in sides:
        total += weight * part(scores)
    return shares(total)


def likeness(vectors_nd: NDArray[np.float64], document_of: NDArray[np.int64]) -> Scores:
    """How much each candidate leans on each other, and on itself; rows add up to 1.

    It leans on the nearest few, the more the more they are like it: one that stands alone is left
    as it is. Passages of the same document are no evidence for each other: they share title and
    topic by birth, and the one that answers must stand out among them.

    Args:
        vectors_nd: Unit vectors of the candidates.
        document_of: A number for each candidate's document.
    """
    single_nd = vectors_nd.astype(np.float32)  # half the work; what differs then is rounded off
    near: Scores = (single_nd @ single_nd.T).round(5).clip(min=0).astype(np.float64)
    near[document_of[:, None] == document_of[None, :]] = 0
    if len(near) > NEIGHBOURS:
        least = np.partition(near, -NEIGHBOURS, axis=1)[:, -NEIGHBOURS, None]
        near = np.where(near >= least, near, 0)
    near **= SHARPNESS
    np.fill_diagonal(near, 1.0)
    total: Scores = near.sum(axis=1, keepdims=True)
    return near / total


def regularize(scores: Scores, leaning_nn: Scores, strength: float) -> Scores:
    """Scores pulled towards what like passages of other documents score.

    A passage among others that fit is more likely to fit than one that stands alone with its
    words (the cluster hypothesis).

    Args:
        scores: Of the candidates.
        leaning_nn: From `likeness`.
        strength: 0 leaves the scores, 1 takes the neighbours' alone.

    Source: Diaz, Regularizing ad hoc retrieval scores, CIKM 2005.
    """
    scores = scores.round(DIGITS)
    spread = float(np.ptp(scores)) if len(scores) else 0.0
    if spread <= 0:
        return scores
    level: Scores = (scores - scores.min()) / spread
    around: Scores = leaning_nn @ level
    return (1 - strength) * level + strength * around


def first_of_documents(scores: Scores, document_of: NDArray[np.int64], most: int) -> list[int]:
    """The best candidate of each of the best documents, at most so many."""
    found: list[int] = []
    seen: set[int] = set()
    for at in np.argsort(-scores, kind="stable").tolist():
        if len(found) == most:
            break
        if int(document_of[at]) not in seen:
            seen.add(int(document_of[at]))
            found.append(at)
    return found
