"""Candidates in their order → the passages that are handed on, without a third near-copy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from knowledge.fuse import Scores
from knowledge.records import Passage
from knowledge.text import jaccard, ngrams
from knowledge.view import Within

COPIES_MOST = 2  # near-copies of one passage that are handed on, itself among them
NEAR_COPY = 0.8  # Jaccard of word 3-grams from which two passages are near-copies
LIKE = 0.9  # cosine below which two texts need not be held against each other


@dataclass(frozen=True, slots=True)
class Found:
    """A query's candidates and all that is known of them, in order of rows."""

    rows: NDArray[np.int64]
    vectors_nd: NDArray[np.float64]
    cosines: Scores  # to the query
    scores: Scores  # higher is better; what they are ordered by
    signals: dict[str, Scores]  # why, by name; NaN where one does not apply

    def order(self, within: Within) -> list[int]:
        """The candidates best first; equal ones by cosine, then by where they stand."""
        by = np.lexsort((-self.cosines, -self.scores)).tolist()
        ordered: list[int] = []
        for _, group in groupby(by, key=lambda at: (self.scores[at], self.cosines[at])):
            equal = list(group)
            if len(equal) > 1:
                chunks = {at: within.chunk(int(self.rows[at])) for at in equal}
                equal.sort(key=lambda at: (chunks[at].document, chunks[at].start))
            ordered += equal
        return ordered


def pick(within: Within, found: Found, order: Sequence[int], limit: int) -> list[int]:
    """The first candidates, those left out that two near-copies already stand before."""
    picked: list[int] = []
    grams: dict[int, frozenset[str]] = {}

    def said(at: int) -> frozenset[str]:
        if at not in grams:
            grams[at] = ngrams(within.chunk(int(found.rows[at])).text, 3)
        return grams[at]

    for at in order:
        if len(picked) == limit:
            break
        like = [n for n in picked if found.vectors_nd[n] @ found.vectors_nd[at] >= LIKE]
        if len(like) >= COPIES_MOST:
            copies = sum(jaccard(said(n), said(at)) >= NEAR_COPY for n in like)
            if copies >= COPIES_MOST:
                continue
        picked.append(at)
    return picked


def to_passages(within: Within, found: Found, picked: Sequence[int]) -> list[Passage]:
    """Passages that say why each is there."""
    passages = []
    for at in picked:
        row = int(found.rows[at])
        chunk = within.chunk(row)
        why = {name: float(values[at]) for name, values in found.signals.items()}
        why = {name: value for name, value in why.items() if not math.isnan(value)}
        if chunk.instructions:
            why["instructions"] = float(chunk.instructions)
        passages.append(
            Passage(
                document=chunk.document,
                version=chunk.version,
                start=chunk.start,
                end=chunk.end,
                text=chunk.text,
                heading=chunk.heading,
                context=chunk.context,
                source=within.source(row),
                score=float(found.scores[at]),
                similarity=float(found.cosines[at]),
                why=why,
            )
        )
    return passages
