from __future__ import annotations

import numpy as np
import pytest

from knowledge.near import BLOCK, across, nearest, neighbours


def unit(vectors_nd):
    return (vectors_nd / np.linalg.norm(vectors_nd, axis=1, keepdims=True)).astype(np.float32)


def some(n, dimension=128, seed=0):
    """Vectors in a few directions, so that some pairs are near."""
    rng = np.random.default_rng(seed)
    ways = rng.standard_normal((40, dimension))
    return unit(ways[rng.integers(40, size=n)] + 0.6 * rng.standard_normal((n, dimension)))


@pytest.mark.parametrize("threshold", [0.2, 0.7, 0.8])
@pytest.mark.parametrize("n", [1, 300, BLOCK + 200])
def test_the_pairs_are_those_that_all_products_give(n, threshold):
    vectors_nd = some(n)
    found = neighbours(vectors_nd, threshold)
    whole_nn = np.triu(vectors_nd @ vectors_nd.T, k=1)
    sure = set(zip(*map(list, np.nonzero(whole_nn >= threshold + 1e-5)), strict=True))
    possible = set(zip(*map(list, np.nonzero(whole_nn >= threshold - 1e-5)), strict=True))
    pairs = set(zip(found.left.tolist(), found.right.tolist(), strict=True))
    assert sure <= pairs <= possible
    assert len(pairs) == len(found.left)
    assert (found.cosines >= threshold).all()


def test_a_pair_has_the_same_cosine_wherever_it_stands():
    vectors_nd = some(BLOCK + 50)
    turned = neighbours(vectors_nd[::-1], 0.7)
    straight = neighbours(vectors_nd, 0.7)
    last = len(vectors_nd) - 1
    there = {(a, b): c for a, b, c in zip(*straight, strict=True)}
    back = {(last - b, last - a): c for a, b, c in zip(*turned, strict=True)}
    assert there == back


def test_no_rows_have_no_pairs():
    none = np.zeros((0, 8), dtype=np.float32)
    assert len(neighbours(none, 0.5).left) == 0
    assert len(across(none, some(3, 8), 0.5).left) == 0
    assert nearest(some(2, 8), none).rows.tolist() == [-1, -1]


def test_across_and_nearest_agree():
    one_nd, other_md = some(50, seed=1), some(30, seed=1)[10:]
    pairs, best = across(one_nd, other_md, 0.5), nearest(one_nd, other_md)
    for row in range(50):
        near = pairs.cosines[pairs.left == row]
        assert (len(near) > 0) == (best.cosines[row] >= 0.5)
        if len(near):
            assert near.max() == pytest.approx(best.cosines[row])
