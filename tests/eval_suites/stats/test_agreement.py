"""Agreement is measured beyond chance, whoever left out what."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval_suites.stats.agreement import alpha_interval, krippendorff_alpha
from eval_suites.stats.kappa import cohen_kappa, fleiss_kappa, table_of, weighted_kappa

stars = st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=2, max_size=40)


@given(stars)
def test_it_does_not_matter_who_is_first_nor_in_which_order(pairs):
    one, two = [a for a, _ in pairs], [b for _, b in pairs]
    for level in ("nominal", "ordinal", "interval"):
        found = krippendorff_alpha([one, two], level)
        assert found == pytest.approx(krippendorff_alpha([two[::-1], one[::-1]], level))
        assert found is None or found <= 1
    assert weighted_kappa(one, two) == pytest.approx(weighted_kappa(two, one))


def test_items_rated_once_and_raters_who_rated_nothing_change_nothing():
    ratings = [[1, 2, 3, 3, None], [1, 2, 3, 4, None]]
    more = [[1, 2, 3, 3, 5], [1, 2, 3, 4, None], [None] * 5]
    assert krippendorff_alpha(more, "ordinal") == krippendorff_alpha(ratings, "ordinal")


def test_blind_raters_agree_as_chance_would():
    random = np.random.default_rng(2)
    blind = random.integers(1, 6, (4, 1500)).tolist()
    for level in ("nominal", "ordinal", "interval"):
        assert krippendorff_alpha(blind, level) == pytest.approx(0, abs=0.03)


def test_a_near_miss_counts_less_than_a_far_one_on_a_scale_but_not_among_names():
    near, far = [[1, 2, 3, 4, 5], [1, 2, 3, 4, 4]], [[1, 2, 3, 4, 5], [1, 2, 3, 4, 1]]
    assert krippendorff_alpha(near, "ordinal") > krippendorff_alpha(far, "ordinal")
    assert weighted_kappa(*near) > weighted_kappa(*far)
    names = [weighted_kappa(*ratings, weights="none") for ratings in (near, far)]
    assert names[0] == pytest.approx(names[1])


@pytest.mark.parametrize("ratings", [[], [[]], [[1, 2]], [[1, None], [None, 1]], [[3, 3], [3, 3]]])
def test_where_nothing_can_be_said_there_is_no_number(ratings):
    assert krippendorff_alpha(ratings) is None


def test_two_who_never_vary_have_no_kappa():
    assert weighted_kappa([1, 1], [1, 1]) is None
    with pytest.raises(ValueError, match="2 and 1"):
        weighted_kappa([1, 2], [1])
    with pytest.raises(ValueError, match="different lengths"):
        krippendorff_alpha([[1, 2], [1]])


def stars_of(seed: int, items: int, raters: int = 3):
    random = np.random.default_rng(seed)
    item_n = np.repeat(np.arange(items), raters)
    missed_n = random.choice([-1, 0, 1], items * raters, p=[0.2, 0.6, 0.2])
    return item_n, np.clip(random.integers(1, 6, items)[item_n] + missed_n, 1, 5)


def test_the_interval_of_alpha_holds_what_more_items_would_show():
    for level in ("nominal", "ordinal", "interval", "ratio"):
        true = alpha_interval(*stars_of(99, 60_000), level, draws=5).alpha
        found = [alpha_interval(*stars_of(seed, 60), level, draws=150) for seed in range(200)]
        assert np.mean([one.low <= true <= one.high for one in found]) >= 0.9


def test_alpha_of_a_long_table_is_that_of_the_wide_one():
    item_n, value_n = stars_of(3, 40)
    wide = value_n.reshape(40, 3).T.tolist()
    for level in ("nominal", "ordinal", "interval", "ratio"):
        found = alpha_interval([f"item {n}" for n in item_n], value_n, level, draws=50)
        assert found.alpha == pytest.approx(krippendorff_alpha(wide, level))
        assert (found.items, found.ratings) == (40, 120)


def test_agreement_on_few_items_is_not_certain():
    few = alpha_interval([1, 1, 2, 2, 3, 3], [1, 1, 0, 0, 1, 1])
    many = alpha_interval(np.repeat(np.arange(300), 2), np.repeat(np.arange(300) % 2, 2))
    assert (few.alpha, many.alpha) == (1.0, 1.0)
    assert few.low < 0.3 < 0.98 < many.low
    assert cohen_kappa([[2, 0], [0, 1]]).low == pytest.approx(few.low)


def test_ten_thousand_items_of_fifty_raters_take_seconds():
    item_n, value_n = stars_of(1, 10_000, 50)
    started = time.process_time()
    found = alpha_interval(item_n, value_n, "ordinal")
    assert time.process_time() - started < 10
    assert found.high - found.low < 0.02


def test_intervals_of_kappa_hold_what_more_items_would_show():
    def two(seed: int, items: int):
        random = np.random.default_rng(seed)
        truth = random.integers(0, 3, items)
        return [
            np.where(random.random(items) < 0.8, truth, random.integers(0, 3, items)) for _ in "ab"
        ]

    for weights in ("none", "quadratic"):
        true = weighted_kappa(*two(999, 100_000), weights=weights)
        found = [cohen_kappa(table_of(*two(seed, 120)), weights=weights) for seed in range(200)]
        assert np.mean([one.low <= true <= one.high for one in found]) >= 0.92


def test_fleiss_kappa_takes_items_with_more_raters_than_others():
    counts = [[3, 0], [0, 2], [2, 1], [4, 0], [1, 0], [0, 3]]
    found = fleiss_kappa(counts)
    assert found == fleiss_kappa([*counts, [1, 0], [0, 0]])  # rated once or never: says nothing
    assert found.low < found.kappa < found.high
    assert fleiss_kappa([[3, 0], [3, 0]]) is None
    with pytest.raises(ValueError, match="negative"):
        fleiss_kappa([[3, -1]])
