"""Intervals of two proportions hold at the edges, where programs often break."""

from __future__ import annotations

import math

import pytest

from eval_suites.stats.group_sequential import crossing_chance, obrien_fleming, pocock
from eval_suites.stats.mixtures import msprt, normal_mixture
from eval_suites.stats.proportions import inferiority, miettinen_nurminen, wald
from eval_suites.stats.sequential import obf_bounds

COUNTS = [(0, 10, 0, 10), (10, 10, 0, 10), (0, 1, 1, 1), (5, 56, 0, 29), (56, 70, 48, 80)]


@pytest.mark.parametrize("counts", COUNTS)
def test_a_score_interval_holds_the_difference_and_stays_within_reach(
    counts: tuple[int, int, int, int],
) -> None:
    s1, n1, s2, n2 = counts
    low, high = miettinen_nurminen(*counts)
    assert -1 <= low <= s1 / n1 - s2 / n2 <= high <= 1
    assert low < high
    mirrored = miettinen_nurminen(s2, n2, s1, n1)
    assert (-mirrored.high, -mirrored.low) == pytest.approx((low, high), abs=1e-9)


@pytest.mark.parametrize(
    ("counts", "ends"),
    # Newcombe 1998, table II, method 5 (Miettinen-Nurminen)
    [
        ((9, 10, 3, 10), (0.1700, 0.8406)),
        ((6, 7, 2, 7), (0.0342, 0.8534)),
        ((5, 56, 0, 29), (-0.0326, 0.1933)),
        ((0, 10, 0, 20), (-0.1658, 0.2844)),
        ((10, 10, 0, 20), (0.7156, 1.0)),
        ((10, 10, 0, 10), (0.6636, 1.0)),
    ],
)
def test_a_score_interval_is_the_published_one(
    counts: tuple[int, int, int, int], ends: tuple[float, float]
) -> None:
    assert miettinen_nurminen(*counts) == pytest.approx(ends, abs=1.5e-4)


def test_counts_that_cannot_be_are_refused() -> None:
    for bad in ((-1, 10, 0, 10), (11, 10, 0, 10), (0, 0, 0, 10)):
        for interval in (wald, miettinen_nurminen):
            with pytest.raises(ValueError, match="expected"):
                interval(*bad)
    with pytest.raises(ValueError, match="margin"):
        inferiority(5, 10, 5, 10, 0.0)


def test_inferiority_without_spread_is_decided_by_the_rates() -> None:
    assert inferiority(10, 10, 10, 10, 0.1).p_value == 0.0
    assert inferiority(0, 10, 10, 10, 0.1).p_value == 1.0


def test_bounds_are_crossed_as_often_as_was_asked() -> None:
    for looks in (1, 3, 20):
        fractions = [n / looks for n in range(1, looks + 1)]
        for bounds in (pocock(looks), obrien_fleming(looks), obf_bounds(fractions)):
            assert crossing_chance(fractions, bounds) == pytest.approx(0.05, abs=1e-4)
    assert pocock(1)[0] == pytest.approx(1.96, abs=1e-3)
    with pytest.raises(ValueError, match="looks"):
        pocock(0)
    with pytest.raises(ValueError, match="increase"):
        crossing_chance([0.5, 0.5], [2.0, 2.0])


def test_peeking_without_bounds_cries_wolf() -> None:
    fractions = [n / 20 for n in range(1, 21)]
    assert crossing_chance(fractions, [1.96] * 20) == pytest.approx(0.248, abs=2e-3)


def test_evidence_of_nothing_is_none() -> None:
    assert msprt(0.0, 100, variance=1.0, mixing=0.1).p_value == 1.0
    assert msprt(5.0, 1e6, variance=1.0, mixing=0.1).p_value < 1e-100
    assert math.isfinite(msprt(5.0, 1e6, variance=1.0, mixing=0.1).likelihood_ratio)


def test_a_mixture_boundary_is_tightest_where_it_was_tuned() -> None:
    def reach(tuned: float) -> float:
        return normal_mixture([1000], optimal=tuned).bounds[0]

    assert reach(1000) < min(reach(200), reach(5000))
