"""Simulated nights with hostile raters: what is promoted is truly better. The table is in docs."""

from __future__ import annotations

from benchmarks.nights import SHARES, simulate


def test_no_promotion_makes_the_truth_worse_though_three_in_ten_raters_are_hostile():
    told = simulate(3, 4, SHARES[-1])
    assert told.promoted
    assert told.made_worse == 0


def test_majority_votes_and_the_higher_mean_are_no_such_thing():
    naive, told = (simulate(3, 4, SHARES[-1], naive=naive) for naive in (True, False))
    assert sum(naive.labels_true) < sum(told.labels_true)
    assert naive.made_worse > 0
