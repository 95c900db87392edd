"""Many slices find something by chance; adjusted ones seldom do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval_suites.stats.multiplicity import benjamini_hochberg, holm

many = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@given(many)
def test_adjusted_values_are_never_smaller_and_keep_the_order(p_values):
    for adjust in (holm, benjamini_hochberg):
        adjusted = adjust(p_values)
        assert all(a >= p - 1e-12 for a, p in zip(adjusted, p_values, strict=True))
        order = np.argsort(p_values, kind="stable")
        assert (np.diff(np.array(adjusted)[order]) >= 0).all()
        assert max(adjusted) <= 1


@given(many)
def test_holm_is_the_stricter_one(p_values):
    pairs = zip(holm(p_values), benjamini_hochberg(p_values), strict=True)
    assert all(strict >= mild - 1e-12 for strict, mild in pairs)


def test_twenty_slices_of_nothing():
    random = np.random.default_rng(1)
    raw = holm_alarms = 0
    for p_values in random.random((500, 20)):
        raw += min(p_values) < 0.05
        holm_alarms += min(holm(p_values)) < 0.05
    assert raw / 500 > 0.55
    assert holm_alarms / 500 < 0.08


def test_no_test_needs_no_adjustment_and_nonsense_is_refused():
    assert holm([]) == benjamini_hochberg([]) == []
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm([0.5, float("nan")])
