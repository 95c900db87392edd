"""Two settings of the search on the same queries: by how much one finds better, and on which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eval_suites.stats.intervals import Difference
    from knowledge.measure import QueryResult, Retrieval

MEASURES = {"ndcg@10": "ndcg_at_10", "recall@100": "recall_at_100", "mrr": "mrr"}
SAME = 1e-9  # two scores closer than this are equal
HIT = 5  # queries that lost most, named


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurePair:
    """One measure under both settings. The difference is new minus old."""

    measure: str
    new: float
    old: float
    difference: float
    low: float | None  # of its 95 % interval; None where one query cannot give one
    high: float | None
    p_value: float | None  # paired t over queries
    sign_flip_p: float  # by flipping signs: right at any number and shape
    better: int  # queries on which the new one is better
    worse: int
    equal: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A query that the new settings answer worse."""

    query: str
    text: str
    new: float  # nDCG@10
    old: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalComparison:
    """New settings against old ones, query by query."""

    queries: int
    measures: tuple[MeasurePair, ...]
    worst: tuple[Hit, ...]  # what lost most nDCG@10 first; none where nothing lost


def compare_retrieval(new: Retrieval, old: Retrieval) -> RetrievalComparison:
    """The difference on each measure with its interval, queries taken for independent.

    Args:
        new: What is proposed.
        old: What it is held against, measured on the same queries.

    Raises:
        ValueError: The queries are not the same.
    """
    if [one.query for one in new.per_query] != [one.query for one in old.per_query]:
        raise ValueError("the two were measured on different queries")
    pairs = list(zip(new.per_query, old.per_query, strict=True))
    lost = sorted(
        (pair for pair in pairs if pair[1].ndcg_at_10 - pair[0].ndcg_at_10 > SAME),
        key=lambda pair: (pair[0].ndcg_at_10 - pair[1].ndcg_at_10, pair[0].query),
    )
    return RetrievalComparison(
        queries=len(pairs),
        measures=tuple(_pair(name, new.per_query, old.per_query) for name in MEASURES),
        worst=tuple(
            Hit(query=a.query, text=a.text, new=a.ndcg_at_10, old=b.ndcg_at_10)
            for a, b in lost[:HIT]
        ),
    )


def _pair(name: str, new: Sequence[QueryResult], old: Sequence[QueryResult]) -> MeasurePair:
    from eval_suites.stats.paired import sign_flip

    values = [float(getattr(one, MEASURES[name])) for one in new]
    before = [float(getattr(one, MEASURES[name])) for one in old]
    apart = [a - b if abs(a - b) > SAME else 0.0 for a, b in zip(values, before, strict=True)]
    found = _difference(values, before)
    return MeasurePair(
        measure=name,
        new=sum(values) / len(values),
        old=sum(before) / len(before),
        difference=sum(apart) / len(apart),
        low=found.low if found else None,
        high=found.high if found else None,
        p_value=found.p_value if found else None,
        sign_flip_p=sign_flip(apart),
        better=sum(one > 0 for one in apart),
        worse=sum(one < 0 for one in apart),
        equal=sum(one == 0 for one in apart),
    )


def _difference(new: Sequence[float], old: Sequence[float]) -> Difference | None:
    """Paired t over queries; None for a single one."""
    from eval_suites.stats.paired import clustered_difference

    return clustered_difference(new, old, range(len(new))) if len(new) > 1 else None
