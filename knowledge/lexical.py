"""BM25 over words and their stems, counted among what the reader may see and nothing else.

Search libraries weigh a word by how rare it is in all they hold: a text that a reader may not see
then moves the scores of those they may. Here document frequency, count and average length are
taken over the allowed rows, at each search; the postings of a segment never change.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import NamedTuple

import numpy as np
import Stemmer
from numpy.typing import NDArray

from knowledge.hits import Hits, best
from knowledge.text import words

K1, B = 1.5, 0.75  # how soon a repeated word stops counting; how much length counts
# Words that say nothing of what a question is about; those that ask are among them.
STOPWORDS = frozenset(
    "a about above after again against all am an and any are as at be because been before being "
    "below between both but by can could did do does doing down during each few for from further "
    "had has have having he her here hers him his how i if in into is it its itself just may me "
    "might more most must my no nor not now of off on once only or other our ours out over own "
    "same shall she should so some such than that the their theirs them then there these they "
    "this those through to too under until up very was we were what when where which while who "
    "whom why will with would you your yours".split()
)
REMEMBERED = 64  # terms of late searches whose rows are kept
_stemmers = threading.local()  # a stemmer is not to be shared between threads


@dataclass(frozen=True)
class Postings:
    """Which rows hold a stem, and how often. Of one segment; never changes."""

    terms: Sequence[str]  # sorted, shape (terms,)
    offsets: NDArray[np.int64]  # shape (terms + 1,): where a term's entries begin in the two below
    rows: NDArray[np.int32]  # ascending within a term
    counts: NDArray[np.int32]
    lengths: NDArray[np.int32]  # stems per row, shape (rows,)

    @classmethod
    def of(cls, texts: Sequence[str]) -> Postings:
        """The postings of these texts, one row each."""
        numbers: dict[str, int] = {}
        stems = [[numbers.setdefault(s, len(numbers)) for s in stem(text)] for text in texts]
        lengths = np.array([len(some) for some in stems], dtype=np.int32)
        every = np.fromiter(chain.from_iterable(stems), dtype=np.int64, count=int(lengths.sum()))
        row_of = np.repeat(np.arange(len(texts), dtype=np.int64), lengths)
        pairs, counts = np.unique(every * max(len(texts), 1) + row_of, return_counts=True)
        term, rows = np.divmod(pairs, max(len(texts), 1))
        return _sorted(list(numbers), term, rows, counts, lengths)

    @classmethod
    def merged(
        cls, several: Sequence[Postings], kept: Sequence[NDArray[np.int64]], rows: int
    ) -> Postings:
        """One segment's postings out of several.

        Args:
            several: What is merged.
            kept: For each, the new row of every old one; -1 leaves it out.
            rows: How many there are then.
        """
        numbers: dict[str, int] = {}
        term, row, count = [], [], []
        lengths = np.zeros(rows, dtype=np.int32)
        for one, new_rows in zip(several, kept, strict=True):
            own = np.array([numbers.setdefault(t, len(numbers)) for t in one.terms], dtype=np.int64)
            there = new_rows[one.rows] >= 0
            term.append(np.repeat(own, np.diff(one.offsets))[there])
            row.append(new_rows[one.rows][there])
            count.append(one.counts[there])
            lengths[new_rows[new_rows >= 0]] = one.lengths[new_rows >= 0]
        return _sorted(
            list(numbers),
            np.concatenate([np.zeros(0, dtype=np.int64), *term]),
            np.concatenate([np.zeros(0, dtype=np.int64), *row]),
            np.concatenate([np.zeros(0, dtype=np.int64), *count]),
            lengths,
        )

    @cached_property
    def number_of(self) -> dict[str, int]:
        """Where each term stands."""
        return {term: number for number, term in enumerate(self.terms)}

    def entries(self, term: str) -> tuple[NDArray[np.int32], NDArray[np.int32]] | None:
        """The rows that hold a term, and how often; None if none does."""
        number = self.number_of.get(term)
        if number is None:
            return None
        here = slice(self.offsets[number], self.offsets[number + 1])
        return self.rows[here], self.counts[here]


class Counted(NamedTuple):
    """What BM25 must know of the rows a reader may see."""

    rows: int
    average_length: float


class _Term(NamedTuple):
    rows: NDArray[np.int64]
    shares: NDArray[np.float32]  # of the row's words, levelled off and weighed by its length


class Scope:
    """The segments' postings as one reader sees them.

    Args:
        several: Postings of the segments, whose rows follow each other.
        allowed: For each, which rows the reader may see; None allows all.
    """

    def __init__(
        self, several: Sequence[Postings], allowed: Sequence[NDArray[np.bool_] | None]
    ) -> None:
        self._several, self._allowed = several, allowed
        self.starts = np.cumsum([0, *(len(one.lengths) for one in several)])
        rows = total = 0
        for one, mask in zip(several, allowed, strict=True):
            rows += len(one.lengths) if mask is None else int(mask.sum())
            total += int(one.lengths.sum() if mask is None else one.lengths[mask].sum())
        self.counted = Counted(rows, max(total / max(rows, 1), 1.0))
        # What a count is held against: more in a text that is longer than the average.
        self._levels = [
            (K1 * (1 - B + B * one.lengths / self.counted.average_length)).astype(np.float32)
            for one in several
        ]
        self._rarities: dict[str, float] = {}
        self._found: dict[str, _Term] = {}

    def rarity(self, term: str) -> float:
        """Inverse document frequency among what the reader may see; 0 if it is nowhere there."""
        rarity = self._rarities.get(term)
        if rarity is None:
            holding = sum(
                len(entries[0]) if mask is None else int(mask[entries[0]].sum())
                for one, mask in zip(self._several, self._allowed, strict=True)
                if (entries := one.entries(term))
            )
            rarity = _rarity(holding, self.counted.rows)
            self._rarities[term] = rarity
        return rarity

    def scores(self, weights: Mapping[str, float]) -> NDArray[np.float64]:
        """BM25 of every row for weighted stems, shape (rows of all segments,); 0 shares none.

        Source: Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009; the inverse
        document frequency is Lucene's, which is never negative.
        """
        scores = np.zeros(self.starts[-1])
        for term, weight in weights.items():
            found = self._look_up(term)
            scores[found.rows] += weight * self.rarity(term) * found.shares
        return scores

    def scores_of(
        self, rows: NDArray[np.int64], weights: Mapping[str, float]
    ) -> NDArray[np.float64]:
        """As `scores`, of these rows alone, which ascend and are allowed."""
        scores = np.zeros(len(rows))
        bounds = np.searchsorted(rows, self.starts)
        for at, one in enumerate(self._several):
            here = slice(bounds[at], bounds[at + 1])
            own = (rows[here] - self.starts[at]).astype(np.int32)
            known = [(t, e) for t in weights if len(own) and (e := one.entries(t)) is not None]
            counts_tr = np.zeros((len(known), len(own)), dtype=np.float32)  # terms, rows
            for row, (_, (held, counts)) in zip(counts_tr, known, strict=True):
                place = held.searchsorted(own)
                np.minimum(place, len(held) - 1, out=place)
                row[:] = counts[place] * (held[place] == own)
            worth = np.array([weights[term] * self.rarity(term) for term, _ in known])
            shares_tr = counts_tr * (K1 + 1) / (counts_tr + self._levels[at][own])
            for factor, shares in zip(worth.tolist(), shares_tr, strict=True):
                scores[here] += factor * shares
        return scores

    def search(
        self, weights: Mapping[str, float], k: int, *, keys: NDArray[np.int64] | None = None
    ) -> Hits:
        """The k rows that fit best; only such as share a stem with the query.

        Args:
            keys: What equal ones are ordered by, for every row.
        """
        scores = self.scores(weights)
        rows = np.flatnonzero(scores > 0)
        return best(k, Hits(rows, scores[rows].astype(np.float32)), keys=keys)

    def _look_up(self, term: str) -> _Term:
        """The allowed rows that hold a term, and how much each holds of it."""
        known = self._found.get(term)
        if known is not None:
            return known
        rows, shares = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.float32)]
        for start, one, mask, level in zip(
            self.starts[:-1], self._several, self._allowed, self._levels, strict=True
        ):
            if (entries := one.entries(term)) is None:
                continue
            held, counts = entries
            if mask is not None:
                held, counts = held[mask[held]], counts[mask[held]]
            rows.append(held + start)
            single = counts.astype(np.float32)
            shares.append(single * (K1 + 1) / (single + level[held]))
        found = _Term(np.concatenate(rows), np.concatenate(shares))
        if len(self._found) >= REMEMBERED:
            self._found.clear()  # other threads keep what they have of it
        self._found[term] = found
        return found


def weights_of(text: str) -> dict[str, float]:
    """The stems of a query, each with how often it is there."""
    counts: dict[str, float] = {}
    for one in stem(text):
        counts[one] = counts.get(one, 0.0) + 1.0
    return counts


def stem(text: str) -> list[str]:
    """The stems of a text's words, stopwords left out; of nothing but stopwords, theirs.

    >>> stem("What do the wires cost?"), stem("To be or not to be?")[:2]
    (['wire', 'cost'], ['to', 'be'])
    """
    if not hasattr(_stemmers, "english"):
        _stemmers.english = Stemmer.Stemmer("english")
    every = words(text)
    kept = [word for word in every if word not in STOPWORDS]
    return list(_stemmers.english.stemWords(kept or every))


def _rarity(holding: int, rows: int) -> float:
    return math.log1p((rows - holding + 0.5) / (holding + 0.5)) if holding else 0.0


def _sorted(
    terms: Sequence[str],
    term: NDArray[np.int64],
    rows: NDArray[np.int64],
    counts: NDArray[np.int64],
    lengths: NDArray[np.int32],
) -> Postings:
    """Postings in order of their terms, so that the same texts give the same bytes."""
    used = np.bincount(term, minlength=len(terms)) > 0
    kept: list[int] = sorted(np.flatnonzero(used).tolist(), key=lambda n: terms[n])
    order = np.array(kept, dtype=np.int64)
    place = np.zeros(len(terms), dtype=np.int64)
    place[order] = np.arange(len(order))
    term = place[term]
    by = np.lexsort((rows, term))
    return Postings(
        terms=[terms[n] for n in kept],
        offsets=np.searchsorted(term[by], np.arange(len(order) + 1)).astype(np.int64),
        rows=rows[by].astype(np.int32),
        counts=counts[by].astype(np.int32),
        lengths=lengths,
    )
