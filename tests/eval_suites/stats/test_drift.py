"""A shift is seen, noise is not, and empty bins do not blow up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from eval_suites.stats.drift import LARGE, MODERATE, js_distance, ks_pvalue, psi

bins = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=12).filter(
    lambda pairs: sum(a for a, _ in pairs) > 0 < sum(b for _, b in pairs)
)


@given(bins)
def test_both_measures_are_symmetric_and_zero_only_for_equal_shares(pairs):
    before, now = [a for a, _ in pairs], [b for _, b in pairs]
    for distance in (psi, js_distance):
        assert distance(before, now) == pytest.approx(distance(now, before))
        assert distance(before, now) >= 0
        assert distance(before, [3 * a for a in before]) == pytest.approx(0, abs=1e-7)
    assert js_distance(before, now) <= 1 + 1e-12


def test_a_topic_that_vanishes_is_a_large_shift_but_a_number():
    assert LARGE < psi([50, 50], [100, 0]) < 10
    assert psi([500, 500], [510, 490]) < MODERATE


@given(
    st.lists(st.floats(-5, 5), min_size=30, max_size=60),
    st.lists(st.floats(-5, 5), min_size=30, max_size=60),
)
def test_kolmogorov_smirnov_is_near_scipys(before, now):
    theirs = stats.ks_2samp(before, now, method="asymp").pvalue
    assert ks_pvalue(before, now) == pytest.approx(theirs, abs=0.06)


def test_the_same_source_seldom_alarms():
    random = np.random.default_rng(0)
    alarms = sum(
        ks_pvalue(random.normal(size=80), random.normal(size=120)) < 0.05 for _ in range(400)
    )
    assert alarms / 400 < 0.075


@pytest.mark.parametrize(
    "call",
    [
        lambda: psi([1, 2], [1]),
        lambda: psi([0, 0], [1, 1]),
        lambda: js_distance([1, -1], [1, 1]),
        lambda: ks_pvalue([], [1.0]),
        lambda: ks_pvalue([float("nan")], [1.0]),
    ],
)
def test_what_cannot_be_compared_is_refused(call):
    with pytest.raises(ValueError, match="expected"):
        call()
