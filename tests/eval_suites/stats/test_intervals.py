"""Intervals hold what they promise at the edges, and count clusters, not rows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval_suites.stats.intervals import (
    clopper_pearson,
    clustered_mean,
    newcombe,
    two_proportions,
    wilson,
)

counts = st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts)
def test_a_proportions_interval_holds_it_and_stays_between_0_and_1(count):
    share = count[0] / count[1]
    for interval in (wilson(*count), clopper_pearson(*count)):
        assert 0 <= interval.low <= share <= interval.high <= 1
        assert interval.low < interval.high


@given(counts)
def test_the_exact_interval_is_the_wider_one(count):
    exact, score = clopper_pearson(*count), wilson(*count)
    assert exact.high - exact.low >= score.high - score.low - 1e-9 or count[0] in (0, count[1])


@given(counts)
def test_failures_mirror_successes(count):
    low, high = wilson(*count)
    mirrored = wilson(count[1] - count[0], count[1])
    assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((low, high), abs=1e-9)


@given(counts, counts)
def test_swapping_the_sides_turns_the_difference_round(one, two):
    low, high = newcombe(*one, *two)
    assert newcombe(*two, *one) == pytest.approx((-high, -low), abs=1e-9)
    assert -1 <= low <= one[0] / one[1] - two[0] / two[1] <= high <= 1


def test_equal_proportions_are_no_evidence_even_when_nobody_succeeds():
    assert two_proportions(0, 30, 0, 20).p_value == 1.0
    assert two_proportions(5, 10, 10, 20).p_value == 1.0


def test_copies_of_a_case_add_no_certainty():
    values, clusters = [0.0, 1.0, 1.0, 0.0, 1.0, 1.0], list("abcdef")
    once = clustered_mean(values, clusters)
    ten = clustered_mean(values * 10, clusters * 10)
    assert ten == pytest.approx(once)


def test_values_of_their_own_cluster_have_the_usual_t_interval():
    found = clustered_mean([1.0, 2.0, 3.0, 4.0, 5.0], range(5))
    assert found == pytest.approx((3.0, 1.0367568, 4.9632432))


def test_equal_values_have_no_spread():
    assert clustered_mean([0.1] * 7, range(7)) == pytest.approx((0.1, 0.1, 0.1), abs=1e-15)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: wilson(3, 2), "3 successes of 2"),
        (lambda: wilson(0, 0), "0 trials"),
        (lambda: wilson(1, 2, 0), "alpha is 0"),
        (lambda: clustered_mean([1.0], ["a"]), "it takes two"),
        (lambda: clustered_mean([1.0, 2.0], ["a"]), "2 values but 1 clusters"),
        (lambda: clustered_mean([1.0, float("nan")], ["a", "b"]), "finite"),
    ],
)
def test_what_cannot_be_bounded_is_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call()
