from __future__ import annotations

import numpy as np
import pytest

from knowledge.dense import GPU_MOST, DenseIndex

RNG = np.random.default_rng(3)


def unit(*shape: int) -> np.ndarray:
    rows = RNG.standard_normal(shape).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def make(n: int = 200, dimension: int = 16) -> tuple[DenseIndex, np.ndarray]:
    index, vectors = DenseIndex(dimension), unit(n, dimension)
    index.add(np.arange(n) * 10 + 7, vectors)
    return index, vectors


def test_the_nearest_come_first_with_their_cosine():
    index, vectors = make()
    [hits] = index.search(vectors[5:6], 4)
    cosines = vectors @ vectors[5]
    assert hits.ids.tolist() == (np.argsort(-cosines)[:4] * 10 + 7).tolist()
    assert hits.scores == pytest.approx(np.sort(cosines)[::-1][:4], abs=1e-5)


def test_what_is_not_allowed_takes_no_place_among_the_k():
    index, vectors = make()
    allowed = np.zeros(200, dtype=bool)
    allowed[[3, 50, 199]] = True
    for hits in index.search(unit(30, 16), 10, allowed):
        assert sorted(hits.ids.tolist()) == [37, 507, 1997]
    [none] = index.search(vectors[:1], 10, np.zeros(200, dtype=bool))
    assert len(none.ids) == 0


def test_what_was_removed_is_not_found_and_the_rest_keeps_its_vectors():
    index, vectors = make()
    twin = index.copy()
    twin.remove(np.array([7, 57, 123456]))
    assert (len(twin), len(index)) == (198, 200)
    [hits] = twin.search(vectors[5:6], 200)
    assert 57 not in hits.ids
    kept = np.delete(vectors, [0, 5], axis=0)
    assert (twin.vectors() == kept).all()
    assert (twin.vectors(np.array([0, 4])) == kept[[0, 4]]).all()
    twin.add(np.array([1]), vectors[5:6])
    assert twin.search(vectors[5:6], 1)[0].ids.tolist() == [1]
    assert index.search(vectors[5:6], 1)[0].ids.tolist() == [57]


def test_equal_vectors_come_in_order_of_their_ids():
    index, one = DenseIndex(16), unit(1, 16)
    index.add(np.array([9, 3, 5]), np.repeat(one, 3, axis=0))
    assert index.search(one, 3)[0].ids.tolist() == [3, 5, 9]


def test_an_empty_index_finds_nothing():
    assert len(DenseIndex(16).search(unit(2, 16), 5)[1].ids) == 0


class NoFilter:
    """A GPU's index as FAISS gives it: no selector, and no more than 2,048 hits."""

    def __init__(self, index: DenseIndex) -> None:
        self.flat, self.searches = index._flat, 0

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        assert k <= GPU_MOST
        self.searches += 1
        return self.flat.search(queries, k)


@pytest.mark.parametrize("share", [0.001, 0.01, 0.5, 1.0])
def test_a_gpu_that_cannot_filter_gives_the_same_hits(
    share: float, monkeypatch: pytest.MonkeyPatch
):
    index, _ = make(5000)
    allowed = RNG.random(5000) < share
    allowed[0] = True
    queries = unit(6, 16)
    expected = index.search(queries, 20, allowed)
    gpu = NoFilter(index)
    monkeypatch.setattr(DenseIndex, "_on_gpu", lambda self: gpu)
    found = index.search(queries, 20, allowed)
    assert gpu.searches == 1
    for one, other in zip(found, expected, strict=True):
        assert one.ids.tolist() == other.ids.tolist()


@pytest.mark.gpu
def test_a_gpu_finds_what_the_cpu_finds():
    faiss = pytest.importorskip("faiss")
    if not hasattr(faiss, "StandardGpuResources") or not faiss.get_num_gpus():
        pytest.skip("no GPU, or a FAISS without one")
    index, _ = make(5000)
    queries, allowed = unit(6, 16), RNG.random(5000) < 0.5
    found = index.search(queries, 20, allowed)
    assert index._gpu is not None
    index._on_gpu = lambda: None  # type: ignore[method-assign]
    for one, other in zip(found, index.search(queries, 20, allowed), strict=True):
        assert one.ids.tolist() == other.ids.tolist()
