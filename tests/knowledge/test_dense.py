from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from knowledge import dense, gpu
from knowledge.dense import Vectors, choose
from knowledge.gpu import MOST, Gpu, OnGpu, find_gpu
from knowledge.hits import Hits, best

RNG = np.random.default_rng(3)
EVERYONE = 10**9


def unit(*shape: int) -> np.ndarray:
    rows = RNG.standard_normal(shape).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


TOPICS = unit(50, 32)


def clustered(n: int, dimension: int = 32) -> np.ndarray:
    """What embeddings are like: topics, and texts around them."""
    rows = TOPICS[RNG.integers(0, 50, n)] + 0.8 * unit(n, dimension)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def rows_of(hits: Hits) -> list[int]:
    return hits.rows.tolist()


def test_the_nearest_come_first_with_their_cosine():
    vectors = unit(200, 16)
    [hits] = Vectors.build(vectors, 200).search(vectors[5:6], 4)
    cosines = vectors @ vectors[5]
    assert rows_of(hits) == np.argsort(-cosines)[:4].tolist()
    assert hits.scores == pytest.approx(np.sort(cosines)[::-1][:4], abs=1e-5)


@pytest.mark.parametrize("share", [0.02, 0.5])
def test_what_is_not_allowed_takes_no_place_among_the_k(share: float):
    vectors = unit(2000, 16)
    allowed = RNG.random(2000) < share
    index = Vectors.build(vectors, 2000)
    for query, hits in zip(vectors[:9], index.search(vectors[:9], 10, allowed), strict=True):
        expected = np.where(allowed, vectors @ query, -2)
        assert rows_of(hits) == np.argsort(-expected, kind="stable")[:10].tolist()
    [none] = index.search(vectors[:1], 10, np.zeros(2000, dtype=bool))
    assert rows_of(none) == []


def test_equal_vectors_come_in_order_of_their_rows():
    one = unit(1, 16)
    index = Vectors.build(np.repeat(one, 9, axis=0), 9)
    assert rows_of(index.search(one, 3)[0]) == [0, 1, 2]


def test_an_empty_index_finds_nothing():
    empty = Vectors.build(np.zeros((0, 16), dtype=np.float32), 0)
    assert rows_of(empty.search(unit(2, 16), 5)[1]) == []


def test_the_best_of_several_finds_are_those_of_one_search():
    scores = RNG.random(400).astype(np.float32)
    parts = [Hits(np.arange(n, n + 100), scores[n : n + 100]) for n in range(0, 400, 100)]
    assert rows_of(best(7, *parts)) == np.argsort(-scores)[:7].tolist()


@pytest.mark.parametrize(
    ("rows", "machine", "kind"),
    [
        (500, None, "flat"),
        (500, Gpu(80 << 30, True), "flat"),
        (100_000, None, "hnsw"),
        (100_000, Gpu(80 << 30, True), "gpu_flat"),
        (5_000_000, Gpu(80 << 30, True), "cagra"),
        (5_000_000, Gpu(80 << 30, False), "gpu_flat"),
        (5_000_000, Gpu(8 << 30, True), "ivfpq"),  # does not fit there
        (5_000_000, None, "ivfpq"),
    ],
)
def test_size_and_machine_choose_the_index_and_the_reason_names_the_size(
    rows: int, machine: Gpu | None, kind: str
):
    plan = choose(rows, 384, machine)
    assert plan.kind == kind
    assert f"{rows:,} open rows" in plan.reason


@pytest.fixture(params=["hnsw", "ivfpq"])
def approximate(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Small vectors indexed as if there were many of them."""
    monkeypatch.setattr(dense, "FLAT_MOST", 500)
    monkeypatch.setattr(dense, "HNSW_MOST", 1000 if request.param == "ivfpq" else EVERYONE)
    monkeypatch.setattr(dense, "_lists", lambda rows: 16)
    monkeypatch.setattr(dense, "BITS", 4)  # 8 take long to learn
    return str(request.param)


def test_an_approximate_index_finds_nearly_all_that_a_scan_finds(approximate: str):
    vectors, queries = clustered(4000), clustered(40)
    index = Vectors.build(vectors, 4000)
    assert index.plan.kind == approximate
    exact = np.argsort(-(queries @ vectors.T), axis=1)[:, :10]
    found = [set(rows_of(hits)) for hits in index.search(queries, 10)]
    recall = np.mean(
        [len(some & set(right)) / 10 for some, right in zip(found, exact.tolist(), strict=True)]
    )
    assert recall >= 0.95


def test_rows_that_not_everyone_may_read_are_in_no_graph_and_found_exactly(approximate: str):
    vectors = clustered(4000)
    index = Vectors.build(vectors, 3000)
    for row in range(3000, 4000, 97):
        assert rows_of(index.search(vectors[row : row + 1], 1)[0]) == [row]
    allowed = np.ones(4000, dtype=bool)
    allowed[3000:] = False
    alone = Vectors.build(vectors[:3000], 3000)
    both = zip(
        index.search(vectors[::50], 10, allowed), alone.search(vectors[::50], 10), strict=True
    )
    same = [len(set(rows_of(one)) & set(rows_of(other))) / 10 for one, other in both]
    assert all(row < 3000 for one in index.search(vectors[::50], 10, allowed) for row in one.rows)
    assert np.mean(same) > 0.9


def test_few_allowed_rows_are_found_exactly_whatever_the_index(approximate: str):
    vectors = clustered(4000)
    allowed = np.zeros(4000, dtype=bool)
    allowed[::40] = True
    index = Vectors.build(vectors, 4000)
    for query, hits in zip(vectors[:9], index.search(vectors[:9], 5, allowed), strict=True):
        expected = np.where(allowed, vectors @ query, -2)
        assert rows_of(hits) == np.argsort(-expected, kind="stable")[:5].tolist()


def test_what_was_written_is_read_and_found_alike(approximate: str, tmp_path: Path):
    vectors = clustered(4000)
    index = Vectors.build(vectors, 3500)
    assert index.write(tmp_path) == ["vectors.faiss", "fast.faiss"]
    again = Vectors.read(tmp_path, 3500)
    for one, other in zip(
        index.search(vectors[:20], 9), again.search(vectors[:20], 9), strict=True
    ):
        assert rows_of(one) == rows_of(other)
    assert (again.all_nd == vectors).all()


def test_vectors_that_are_to_go_leave_nothing_and_the_rest_is_found(
    approximate: str, tmp_path: Path
):
    vectors = clustered(4000)
    index = Vectors.build(vectors, 4000)
    left = index.without(np.arange(10))
    left.write(tmp_path)
    for file in tmp_path.iterdir():
        assert vectors[3].tobytes() not in file.read_bytes()
    allowed = np.ones(4000, dtype=bool)
    allowed[:10] = False
    found = left.search(vectors[10:60], 1, allowed)
    assert np.mean([rows_of(hits)[0] == row for row, hits in enumerate(found, start=10)]) > 0.9


class Card:
    """A GPU's index as FAISS gives it: no selector, and no more than 2,048 hits."""

    def __init__(self, vectors: np.ndarray) -> None:
        self.vectors, self.searches = vectors, 0

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        assert k <= MOST
        self.searches += 1
        scores = queries @ self.vectors.T
        rows = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(scores, rows, axis=1), rows


@pytest.mark.parametrize("share", [0.02, 0.5, 1.0])
def test_a_gpu_that_cannot_filter_gives_the_same_hits(
    share: float, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(dense, "FLAT_MOST", 500)
    vectors, queries = unit(5000, 16), unit(6, 16)
    allowed = RNG.random(5000) < share
    allowed[0] = True
    card = Card(vectors[:4000])
    monkeypatch.setattr(OnGpu, "_copy", lambda self: card)
    index = Vectors.build(vectors, 4000, gpu=Gpu(80 << 30, False))
    assert index.plan.kind == "gpu_flat"
    expected = np.where(allowed, queries @ vectors.T, -2)
    for scores, hits in zip(expected, index.search(queries, 20, allowed), strict=True):
        assert rows_of(hits) == np.argsort(-scores, kind="stable")[:20].tolist()
    assert card.searches == (1 if share > 0.1 else 0)


def test_a_faiss_for_the_cpu_has_no_gpu(monkeypatch: pytest.MonkeyPatch):
    class ForTheCpu:
        pass

    monkeypatch.setattr(gpu, "_faiss", ForTheCpu)
    assert find_gpu() is None


@pytest.mark.gpu
def test_a_gpu_finds_what_the_cpu_finds(monkeypatch: pytest.MonkeyPatch):
    machine: Any = find_gpu()
    if machine is None:
        pytest.skip("no GPU, or a FAISS without one")
    monkeypatch.setattr(dense, "FLAT_MOST", 500)
    vectors, queries, allowed = unit(5000, 16), unit(6, 16), RNG.random(5000) < 0.5
    found = Vectors.build(vectors, 5000, gpu=machine).search(queries, 20, allowed)
    for scores, hits in zip(np.where(allowed, queries @ vectors.T, -2), found, strict=True):
        assert rows_of(hits) == np.argsort(-scores, kind="stable")[:20].tolist()
