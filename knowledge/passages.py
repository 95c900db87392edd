"""Candidates in their order → the passages that are handed on, without a third near-copy."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from knowledge.cite import rank
from knowledge.expand import JOINED_MOST, join, moved, section_span, window
from knowledge.fuse import Scores
from knowledge.records import Document, Passage
from knowledge.text import jaccard, ngrams, sentences
from knowledge.view import Within

if TYPE_CHECKING:
    from knowledge.embed import Embedder

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
        sorted_by = np.lexsort((-self.cosines, -self.scores))
        by: list[int] = sorted_by.tolist()
        if (np.diff(self.scores[sorted_by]) != 0).all():
            return by
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
    passages: list[Passage] = []
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


def widened(
    within: Within,
    passages: Sequence[Passage],
    rows: Sequence[int],
    query: str,
    *,
    expand: str,
    sentences_beside: int,
    embedder: Embedder | None,
) -> list[Passage]:
    """Passages with what stands around them, and those that then touch as one, best first.

    Args:
        rows: Of the passages' chunks.
        expand: "none", "window" (the best sentence with its neighbours) or "section".
        sentences_beside: On either side of the best one, with "window".
        embedder: Tells the best sentence by meaning; None goes by words alone.
    """
    several = Counter(passage.document for passage in passages)
    documents: dict[str, Document] = {}
    for passage, row in zip(passages, rows, strict=True):
        if passage.document not in documents and (
            expand != "none" or several[passage.document] > 1
        ):
            documents[passage.document] = within.document(row)
    wide = list(passages)
    if expand != "none":
        for place, (passage, row) in enumerate(zip(passages, rows, strict=True)):
            text, chunk = documents[passage.document].text, within.chunk(row)
            if expand == "section":
                span = section_span(text, chunk, JOINED_MOST)
            else:
                best = _best_sentence(passage, query, embedder)
                span = window(text, *chunk.section, best=best, sentences=sentences_beside)
            wide[place] = moved(passage, text, span)
    alone = [passage for passage in wide if passage.document not in documents]
    if not documents:
        return alone
    order = {id(passage): place for place, passage in enumerate(wide)}
    together = [passage for passage in wide if passage.document in documents]
    joined = join(together, documents)
    firsts = {(p.document, p.score): order[id(p)] for p in reversed(together)}
    places = [(order[id(p)], p) for p in alone]
    places += [(firsts[p.document, p.score], p) for p in joined]
    return [passage for _, passage in sorted(places, key=lambda pair: pair[0])]


def _best_sentence(passage: Passage, query: str, embedder: Embedder | None) -> tuple[int, int]:
    """Where in the document the sentence stands that fits the query best."""
    found = sentences(passage.text)
    if not found:
        return passage.start, passage.end
    fits = rank([sentence.text for sentence in found], query, embedder)
    best = found[max(range(len(found)), key=lambda n: (fits[n], -n))]
    return passage.start + best.start, passage.start + best.end
