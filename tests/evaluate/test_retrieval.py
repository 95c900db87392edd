"""Two ways of searching, query by query."""

from __future__ import annotations

import pytest

from knowledge.measure import QueryResult, Retrieval
from loop.evaluate.retrieval import MeasurePair, compare_retrieval


def result(n: int, score: float) -> QueryResult:
    return QueryResult(
        query=f"q{n}", text=f"Question {n}", ndcg_at_10=score, recall_at_100=1.0, mrr=score,
        ms=2.0, documents=("a",),
    )  # fmt: skip


def found(*scores: float) -> Retrieval:
    return Retrieval(
        ndcg_at_10=sum(scores) / len(scores), recall_at_100=1.0, mrr=0.0, latency_p50_ms=2.0,
        latency_p95_ms=3.0, queries=len(scores),
        per_query=tuple(result(n, score) for n, score in enumerate(scores)),
    )  # fmt: skip


def on(measure: str, new: Retrieval, old: Retrieval) -> MeasurePair:
    measures = compare_retrieval(new, old).measures
    return next(one for one in measures if one.measure == measure)


def test_better_worse_and_equal_queries_are_counted_and_the_worst_named():
    new, old = found(1, 0.5, 0.2, 0.9), found(0.5, 0.5, 0.8, 1.0)
    one = on("ndcg@10", new, old)
    assert (one.better, one.worse, one.equal) == (1, 2, 1)
    assert one.difference == pytest.approx(-0.05)
    assert one.low is not None
    assert one.high is not None
    assert one.low < -0.05 < one.high
    worst = compare_retrieval(new, old).worst
    assert [(hit.query, hit.new, hit.old) for hit in worst] == [("q2", 0.2, 0.8), ("q3", 0.9, 1.0)]


def test_a_setting_that_is_better_on_every_query_is_no_accident():
    new, old = [0.7 + n / 100 for n in range(20)], [0.3 + n / 50 for n in range(20)]
    one = on("ndcg@10", found(*new), found(*old))
    assert one.p_value is not None
    assert max(one.p_value, one.sign_flip_p) < 0.001
    assert compare_retrieval(found(*new), found(*old)).worst == ()


def test_the_same_setting_twice_differs_nowhere():
    one = on("mrr", found(1, 0, 0.5), found(1, 0, 0.5))
    assert (one.difference, one.low, one.high, one.p_value, one.sign_flip_p) == (0, 0, 0, 1, 1)


def test_one_query_gives_a_difference_and_no_interval():
    one = on("ndcg@10", found(1.0), found(0.0))
    assert (one.difference, one.sign_flip_p) == (1, 1)
    assert (one.low, one.high, one.p_value) == (None, None, None)


def test_different_queries_cannot_be_compared():
    with pytest.raises(ValueError, match="different queries"):
        compare_retrieval(found(1, 1), found(1))
