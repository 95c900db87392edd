"""Strengths from comparisons, whoever judged them from whichever side."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from eval_suites.stats.bradley_terry import bradley_terry, strength_intervals
from eval_suites.stats.coordination import Heard, coordinated
from eval_suites.stats.rater_effects import NODES, Pairs, rater_effects, reliability


def test_someone_who_never_lost_has_no_strength_without_a_ridge():
    with pytest.raises(ValueError, match="no maximum"):
        bradley_terry([0, 0, 1, 2], [1, 2, 2, 1])
    found = bradley_terry([0, 0, 1, 2], [1, 2, 2, 1], ridge=0.1)
    assert found.strength_c[1] < 0
    assert np.isfinite(found.se_c).all()


def test_strengths_are_found_with_intervals_that_hold_people_together():
    random = np.random.default_rng(4)
    strength_c = np.array([0.0, 0.5, 1.0, -0.7])
    inside = []
    for _ in range(8):
        person_n = np.repeat(np.arange(80), 6)
        one_n, other_n = np.argsort(random.random((480, 4)), axis=1)[:, :2].T
        won_n = random.random(480) < expit(strength_c[one_n] - strength_c[other_n])
        winner_n, loser_n = np.where(won_n, (one_n, other_n), (other_n, one_n))
        found = strength_intervals(winner_n, loser_n, person_n, draws=60, ridge=0.01, seed=1)
        inside.append(((found.low_c <= strength_c) & (strength_c <= found.high_c))[1:].mean())
    assert np.mean(inside) > 0.85
    with pytest.raises(ValueError, match="two at least"):
        strength_intervals([0, 1], [1, 0], ["ann", "ann"])


def raters_at_work(seed: int) -> tuple[Pairs, np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    apart_p, raters = random.normal(0, 2, 600), 16
    slope_r, side_r = random.uniform(0.5, 2.5, raters), np.zeros(raters)
    slope_r[0], side_r[1] = -1.0, 3.0  # one inverted, one who likes the left
    rater_n = np.argsort(random.random((600, raters)), axis=1)[:, :4].ravel()
    pair_n, side_n = np.repeat(np.arange(600), 4), random.choice([-0.5, 0.5], 2400)
    chance_n = expit(slope_r[rater_n] * apart_p[pair_n] + side_r[rater_n] * side_n)
    first_n = (random.random(2400) < chance_n).astype(float)
    return Pairs(rater_n, pair_n, first_n, side_n, raters, 600), slope_r, side_r, apart_p


def test_slopes_and_sides_of_raters_are_told_apart():
    inside = []
    for seed in range(8):
        said, slope_r, side_r, apart_p = raters_at_work(seed)
        found = rater_effects(said)
        assert (found.slope_r.argmin(), found.side_r.argmax()) == (0, 1)
        first_p = found.posterior_pq[:, NODES > 0].sum(axis=1) > 0.5
        assert np.mean(first_p == (apart_p > 0)) > 0.85
        rates = reliability(said, found)
        ahead = [slope_r[:, None] * NODES[4:] + stood * side_r[:, None] for stood in (0.5, -0.5)]
        true_r = expit(np.array(ahead)).mean(axis=(0, 2))
        inside.append(np.mean((rates.low_r <= true_r) & (true_r <= rates.high_r)))
        assert rates.high_r[0] < 0.5
    assert np.mean(inside) > 0.9


def heard(seed: int, partners: int) -> Heard:
    """Twelve raters on all of 150 items; the first few share their mistakes on a third of them."""
    random = np.random.default_rng(seed)
    truth_i = random.integers(0, 2, 150)
    rater_n, item_n = np.tile(np.arange(12), 150), np.repeat(np.arange(150), 12)
    right_n = random.random(len(item_n)) < 0.85
    together_n = (rater_n < partners) & (item_n % 3 == 0)
    label_n = np.where(right_n & ~together_n, truth_i[item_n], 1 - truth_i[item_n])
    said1_n = np.where(rater_n < partners, 0.6, 0.85)
    return Heard(rater_n, item_n, label_n, said1_n, 1 - said1_n, np.zeros(150), 12)


def test_raters_who_make_the_same_mistakes_are_found_and_others_are_not():
    for seed in range(10):
        assert coordinated(heard(seed, 3), alpha=0.01).tolist() == [True] * 3 + [False] * 9
        assert not coordinated(heard(seed, 0), alpha=0.01).any()
