"""What a reader may see → dense and BM25 candidates among it → one ranking → Passages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from knowledge.chunk import searchable
from knowledge.errors import RatchetError
from knowledge.fuse import (
    Scores,
    first_of_documents,
    fuse,
    likeness,
    regularize,
    shares,
)
from knowledge.hits import Hits
from knowledge.lexical import stem, weights_of
from knowledge.passages import Found, pick, to_passages, widened
from knowledge.records import Passage
from knowledge.text import words
from knowledge.view import Within

if TYPE_CHECKING:
    from knowledge.embed import Embedder

CHOICES = {  # settings that are words
    "fusion": ("scores", "ranks"),
    "expand": ("none", "window", "section"),
    "instructions": ("mark", "exclude"),
}
Rerank = Callable[[str, Sequence[str]], Sequence[float]]

FED_BACK = 3  # documents whose best passage the feedback learns from
TERMS = 20  # words it takes from them
TERMS_SHARE = 0.3  # of the new query's weight that these words get


class SearchSettings(Protocol):
    """How a search is done; loop.settings.KnowledgeSettings is one."""

    @property
    def fusion(self) -> str: ...

    @property
    def dense_weight(self) -> float: ...

    @property
    def lexical_weight(self) -> float: ...

    @property
    def candidates(self) -> int: ...

    @property
    def feedback(self) -> float: ...

    @property
    def regularization(self) -> float: ...

    @property
    def reranker(self) -> str: ...

    @property
    def reranked(self) -> int: ...

    @property
    def expand(self) -> str: ...

    @property
    def window(self) -> int: ...

    @property
    def instructions(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What suits most collections; measured on Cranfield and on the handbook."""

    fusion: str = "scores"  # or "ranks": reciprocal rank fusion
    dense_weight: float = 1.0
    lexical_weight: float = 0.7
    candidates: int = 100  # taken from each side before the fusion
    feedback: float = 1.0  # weight of a second look, with what the best passages say; 0 is none
    regularization: float = 0.6  # pull towards what like passages of other documents score
    reranker: str = ""  # cross-encoder by name or folder; empty has none
    reranked: int = 20  # best candidates it looks at
    expand: str = "none"  # what is handed on: "none", "window" or "section"
    window: int = 1  # sentences on either side of the best one, with "window"
    instructions: str = "mark"  # text that speaks to a model: "mark" it, or "exclude" its passage


def search(
    within: Within,
    queries: Sequence[str],
    vectors_qd: NDArray[np.float32],
    *,
    limit: int,
    settings: SearchSettings,
    rerank: Rerank | None = None,
    embedder: Embedder | None = None,
) -> list[list[Passage]]:
    """The best passages for each query, best first.

    A chunk matches if its cosine to the query is above 0 or it shares a word with it; where
    nothing does, and for a query without words, nothing is found. What the reader may not see
    takes part in nothing: not in a ranking, a count, or an average.

    Args:
        within: What the reader may see.
        queries: Plain words.
        vectors_qd: The queries as unit vectors.
        limit: Passages per query, at most.
        settings: A side with weight 0 finds nothing.
        rerank: Scores (query, texts) pairs, higher is better; None leaves the ranking.
        embedder: Tells the best sentence of a passage by meaning, to expand around it.

    Raises:
        RatchetError: A setting has a value that there is not.
    """
    _check(settings)
    dense: Sequence[Hits | None] = [None] * len(queries)
    if settings.dense_weight > 0:
        dense = within.nearest(vectors_qd, max(settings.candidates, limit))
    found: list[list[Passage]] = []
    for query, vector, near in zip(queries, vectors_qd, dense, strict=True):
        candidates = _candidates(within, query, vector, near, limit, settings)
        if candidates is None:
            found.append([])
            continue
        order = candidates.order(within)
        if rerank is not None:
            order = _reranked(within, query, candidates, order, settings, rerank)
        picked = pick(within, candidates, order, limit)
        found.append(
            widened(
                within,
                to_passages(within, candidates, picked),
                candidates.rows[picked].tolist(),
                query,
                expand=settings.expand,
                sentences_beside=settings.window,
                embedder=embedder,
            )
        )
    return found


def _check(settings: SearchSettings) -> None:
    for name, known in CHOICES.items():
        if (value := getattr(settings, name)) not in known:
            raise RatchetError(
                f"knowledge.{name} is {value!r}, expected one of {', '.join(known)}. Mend it."
            )


def _candidates(
    within: Within,
    query: str,
    vector: NDArray[np.float32],
    near: Hits | None,
    limit: int,
    settings: SearchSettings,
) -> Found | None:
    """What both sides found, fused; the best of it looked at again.

    Who asks for more than there are candidates gets the others behind them: the first passages
    are the same whatever the limit.
    """
    if not words(query):
        return None
    weights = weights_of(query)
    sides: dict[str, Hits] = {}
    if near is not None:
        there = near.scores > 0
        sides["dense_rank"] = Hits(near.rows[there], near.scores[there])
    if settings.lexical_weight > 0:
        most = max(settings.candidates, limit)
        sides["lexical_rank"] = within.worded(weights, most)
    every = [hits.rows for hits in sides.values()]
    rows = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *every]))
    if not len(rows):
        return None
    head = np.isin(rows, np.concatenate([some[: settings.candidates] for some in every]))
    vectors_nd = within.vectors(rows)
    cosines = vectors_nd @ vector.astype(np.float64)
    lexical = within.bm25(rows, weights)
    signals = {name: _ranks(rows, hits) for name, hits in sides.items()}
    signals["fused"] = _fuse(cosines, lexical, settings)
    scores = signals["fused"] / 2  # those of the head end above
    again = _Candidates(within, weights, vector, rows[head], vectors_nd[head], settings)
    scores[head] = (1 + again.scores(cosines[head], lexical[head])) / 2
    return Found(rows, vectors_nd, cosines.round(6), scores.round(9), signals)


class _Candidates(NamedTuple):
    """The candidates of one query, which say something of each other."""

    within: Within
    weights: Mapping[str, float]
    vector: NDArray[np.float32]
    rows: NDArray[np.int64]
    vectors_nd: NDArray[np.float64]
    settings: SearchSettings

    def scores(self, cosines: Scores, lexical: Scores) -> Scores:
        """Fused, fed back and regularized, in [0, 1]."""
        documents = self.within.documents_of(self.rows)
        strength, feedback = self.settings.regularization, self.settings.feedback
        leaning = likeness(self.vectors_nd, documents)
        scores = _fuse(cosines, lexical, self.settings)
        if feedback > 0:
            best = first_of_documents(regularize(scores, leaning, strength), documents, FED_BACK)
            scores = scores + feedback * self._with_feedback(best)
        return shares(regularize(scores, leaning, strength))

    def _with_feedback(self, best: Sequence[int]) -> Scores:
        """The scores for the query with what its best passages say added to it."""
        towards = self.vector.astype(np.float64) + self.vectors_nd[best].mean(axis=0)
        length = float(np.linalg.norm(towards))
        more = _more_words(self.within, self.rows[best].tolist(), self.weights)
        return _fuse(
            self.vectors_nd @ towards / (length or 1.0),
            self.within.bm25(self.rows, more),
            self.settings,
        )


def _fuse(cosines: Scores, lexical: Scores, settings: SearchSettings) -> Scores:
    sides = [(settings.dense_weight, cosines), (settings.lexical_weight, lexical)]
    return fuse(sides, by_ranks=settings.fusion == "ranks")


def _more_words(
    within: Within, rows: Sequence[int], weights: Mapping[str, float]
) -> dict[str, float]:
    """The query with the words that tell these passages from the rest.

    Source: RM3, Abdul-Jaleel et al., TREC 2004, with terms chosen by weight times rarity.
    """
    said: dict[str, float] = {}
    for row in rows:
        stems = stem(searchable(within.chunk(row)))
        for one in stems:
            said[one] = said.get(one, 0.0) + 1 / len(stems)
    chosen = sorted(said, key=lambda one: (-said[one] * within.rarity(one), one))[:TERMS]
    share = TERMS_SHARE / (sum(said[one] for one in chosen) or 1.0)
    asked = (1 - TERMS_SHARE) / (sum(weights.values()) or 1.0)
    more = {one: weight * asked for one, weight in weights.items()}
    for one in chosen:
        more[one] = more.get(one, 0.0) + said[one] * share
    return more


def _reranked(
    within: Within,
    query: str,
    candidates: Found,
    order: Sequence[int],
    settings: SearchSettings,
    rerank: Rerank,
) -> list[int]:
    """The best candidates in the order the cross-encoder gives them, the others behind."""
    head, rest = list(order[: settings.reranked]), list(order[settings.reranked :])
    texts = [searchable(within.chunk(int(candidates.rows[at]))) for at in head]
    judged = np.full(len(candidates.rows), np.nan)
    judged[head] = np.asarray(rerank(query, texts), dtype=np.float64)
    candidates.signals["rerank"] = judged
    place = {at: number for number, at in enumerate(order)}
    return sorted(head, key=lambda at: (-judged[at], place[at])) + rest


def _ranks(rows: NDArray[np.int64], hits: Hits) -> Scores:
    """Each candidate's rank on one side, from 1, equal ones the same; NaN where it is not there."""
    ranks = np.full(len(rows), np.nan)
    level = -hits.scores.round(6)
    ranks[np.searchsorted(rows, hits.rows)] = 1 + np.searchsorted(np.sort(level), level)
    return ranks
