"""How unlike a question is to every question whose answer was judged: by its words, no model."""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from knowledge.text import words

WIDTH = 512  # numbers a question is hashed into
UNLIKE = 0.5  # cosine to the nearest judged question below which there is nothing like it


class Unlike(NamedTuple):
    """A question of the ones given, and how near the nearest judged or chosen one is."""

    at: int  # its place among the questions given
    nearest: float  # cosine in [-1, 1]


def unlike(questions: Sequence[str], judged: Sequence[str], most: int) -> list[Unlike]:
    """Questions with nothing like them among the judged, the farthest first.

    Whoever is chosen counts as judged for the ones after it: of fifty questions about one new
    thing, one comes first and the others follow once the rest of what is new is covered.

    Args:
        questions: Candidates, a few thousand.
        judged: Questions whose answers were judged, a few thousand.
        most: How many are wanted.

    Returns:
        At most `most`, none nearer than UNLIKE to a judged or an earlier chosen one.

    Source: greedy k-centre (Gonzalez 1985; Sener and Savarese 2018, active learning), over hashed
    TF-IDF (Weinberger et al. 2009).

    >>> [one.at for one in unlike(["wire fee", "the wire fee", "lost card"], ["wire fee?"], 5)]
    [2]
    """
    if not questions or most < 1:
        return []
    vectors_nd = _vectors([*questions, *judged])
    asked_nd, judged_nd = vectors_nd[: len(questions)], vectors_nd[len(questions) :]
    if len(judged_nd):
        nearest_n = np.concatenate([(part @ judged_nd.T).max(axis=1) for part in _parts(asked_nd)])
    else:
        nearest_n = np.zeros(len(questions), dtype=np.float32)
    found: list[Unlike] = []
    while len(found) < most:
        at = int(nearest_n.argmin())  # the first of equals: the order given decides
        if nearest_n[at] >= UNLIKE:
            break
        found.append(Unlike(at, float(nearest_n[at])))
        np.maximum(nearest_n, asked_nd @ asked_nd[at], out=nearest_n)
        nearest_n[at] = 1.0
    return found


def _vectors(texts: Sequence[str]) -> NDArray[np.float32]:
    """Unit vectors of TF-IDF weights, hashed with signs, shape (n, WIDTH)."""
    counted = [Counter(words(text)) for text in texts]
    seen = Counter(word for one in counted for word in one)
    place = {word: zlib.crc32(word.encode("utf-8", "surrogatepass")) for word in seen}
    weight = {word: math.log1p(len(texts) / count) for word, count in seen.items()}
    vectors_nd = np.zeros((len(texts), WIDTH), dtype=np.float32)
    for row, one in enumerate(counted):
        for word, times in one.items():
            hashed = place[word]
            sign = 1.0 if hashed & 1 else -1.0
            vectors_nd[row, (hashed >> 1) % WIDTH] += sign * times * weight[word]
    norms_n = np.linalg.norm(vectors_nd, axis=1, keepdims=True)
    vectors_nd /= np.maximum(norms_n, 1e-9)
    return vectors_nd


def _parts(rows_nd: NDArray[np.float32], size: int = 1024) -> list[NDArray[np.float32]]:
    return [rows_nd[start : start + size] for start in range(0, len(rows_nd), size)]
