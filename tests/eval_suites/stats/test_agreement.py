"""Agreement is measured beyond chance, whoever left out what."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval_suites.stats.agreement import krippendorff_alpha, weighted_kappa

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
