"""Tests of independent groups agree with scipy's, and the bootstrap with theory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from eval_suites.stats.means import bca, cluster_bootstrap, log_ratio, mann_whitney, welch

# Thousandths, as measured: means of denormals have no digits to compare.
value = st.integers(-9000, 9000).map(lambda n: n / 1000)
side = st.lists(value, min_size=3, max_size=30).filter(lambda some: len(set(some)) > 2)


@given(side, side)
def test_welch_is_scipys(new, old):
    found = welch(new, old)
    theirs = stats.ttest_ind(new, old, equal_var=False)
    assert found.p_value == pytest.approx(theirs.pvalue, abs=1e-9)
    low, high = theirs.confidence_interval()
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-8)


@given(st.lists(st.integers(1, 5), min_size=4), st.lists(st.integers(1, 5), min_size=4))
def test_mann_whitney_on_stars_is_scipys(new, old):
    found = mann_whitney(new, old)
    assert found.probability + mann_whitney(old, new).probability == pytest.approx(1)
    if len({*new, *old}) > 1:
        theirs = stats.mannwhitneyu(new, old, method="asymptotic")
        assert found.p_value == pytest.approx(theirs.pvalue, abs=1e-9)
    else:
        assert found == (0.5, 1.0)


def test_a_latency_ratio_does_not_care_for_the_unit():
    new, old = [0.1, 0.2, 0.5, 0.9], [0.2, 0.3, 0.3, 1.9]
    in_ms = log_ratio([x * 1000 for x in new], [x * 1000 for x in old])
    assert in_ms == pytest.approx(log_ratio(new, old))


def test_the_bootstrap_of_a_mean_is_near_the_t_interval_and_repeats():
    rows = np.random.default_rng(5).normal(10, 2, 60)
    found = bca(rows, lambda sample_bn: sample_bn.mean(axis=1), seed=3)
    theirs = stats.t.interval(0.95, 59, rows.mean(), rows.std(ddof=1) / 60**0.5)
    assert found == pytest.approx(theirs, abs=0.1)
    assert found == bca(rows, lambda sample_bn: sample_bn.mean(axis=1), seed=3)


def test_a_statistic_that_never_varies_has_an_interval_of_one_point():
    assert bca([2.0] * 9, lambda sample_bn: sample_bn.mean(axis=1)) == (2.0, 2.0)


def test_people_who_repeat_themselves_leave_less_certainty_than_their_rows_suggest():
    random = np.random.default_rng(1)
    values = np.repeat(random.lognormal(0, 1, 20), 25)
    people = [n // 25 for n in range(500)]
    by_person = cluster_bootstrap(values, people, np.mean, draws=500)
    by_row = cluster_bootstrap(values, range(500), np.mean, draws=500)
    assert by_person.high - by_person.low > 3 * (by_row.high - by_row.low)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: welch([1.0], [1.0, 2.0]), "at least 2"),
        (lambda: welch([1.0, float("inf")], [1.0, 2.0]), "finite"),
        (lambda: log_ratio([0.0, 1.0], [1.0, 2.0]), "above 0"),
        (lambda: mann_whitney([], [1.0]), "at least 1"),
        (lambda: bca([1.0], np.mean), "it takes two"),
        (lambda: cluster_bootstrap([1.0, 2.0], "aa", np.mean), "it takes two"),
        (lambda: cluster_bootstrap([1.0, 2.0], "a", np.mean), "2 values but 1 clusters"),
    ],
)
def test_what_cannot_be_compared_is_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call()
