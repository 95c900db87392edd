"""BM25 over words and their stems."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import bm25s
import numpy as np
import Stemmer
from bm25s.stopwords import STOPWORDS_EN
from numpy.typing import NDArray

from knowledge.dense import Hits
from knowledge.text import words

_STOPWORDS = frozenset(STOPWORDS_EN)
_stemmers = threading.local()  # a stemmer is not to be shared between threads


class LexicalIndex:
    """Texts by id, searched by the words they share with a query. Never changes.

    Args:
        ids: Shape (n,).
        texts: One for each id.
    """

    def __init__(self, ids: NDArray[np.int64], texts: Sequence[str]) -> None:
        self.ids = ids
        stems = [stem(text) for text in texts]
        self._bm25: bm25s.BM25 | None = None
        if any(stems):
            self._bm25 = bm25s.BM25()
            self._bm25.index(stems, show_progress=False)

    def search(self, query: str, k: int, allowed: NDArray[np.bool_] | None = None) -> Hits:
        """The k allowed texts that fit best; only texts that share a word with the query.

        Args:
            query: Plain words.
            k: At most.
            allowed: Which texts may be found, in the order of `ids`; None allows all.
        """
        rows = np.zeros(0, dtype=np.int64)
        scores = np.zeros(len(self.ids), dtype=np.float32)
        known = [s for s in stem(query) if self._bm25 and s in self._bm25.vocab_dict]
        if known and self._bm25:
            scores = self._bm25.get_scores(known)
            if allowed is not None:
                scores = np.where(allowed, scores, 0)
            scores = scores.round(5)
            rows = np.flatnonzero(scores > 0)
        if len(rows) > k:  # sort no more than have a chance
            least = np.partition(scores[rows], -k)[-k] if k else np.inf
            rows = rows[scores[rows] >= least]
        ids = self.ids[rows]
        order = np.lexsort((ids, -scores[rows]))[:k]
        return Hits(ids[order], scores[rows][order].astype(np.float32))


def stem(text: str) -> list[str]:
    """The stems of a text's words, stopwords left out.

    >>> stem("What do the wires cost?")
    ['what', 'do', 'wire', 'cost']
    """
    if not hasattr(_stemmers, "english"):
        _stemmers.english = Stemmer.Stemmer("english")
    kept = [word for word in words(text) if word not in _STOPWORDS]
    return list(_stemmers.english.stemWords(kept))
