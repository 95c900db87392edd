"""Looks spend what was declared: peeking stays honest, and a single look costs nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval_suites.stats.ratio import Effect, fixed_look
from eval_suites.stats.sequential import (
    HIGHEST,
    asymptotic_cs,
    obf_bounds,
    obf_look,
    obf_spent,
    preference_e_value,
)

uneven = st.lists(st.integers(1, 400), min_size=1, max_size=12, unique=True).map(sorted)


def _walks(fractions: np.ndarray, replications: int) -> np.ndarray:
    """z at each look if nothing differs, shape (replications, looks)."""
    random = np.random.default_rng(2)
    steps = random.normal(size=(replications, len(fractions)))
    walked = np.cumsum(steps * np.sqrt(np.diff(fractions, prepend=0)), axis=1)
    return walked / np.sqrt(fractions)


@settings(max_examples=10, deadline=None)
@given(uneven)
def test_chance_of_any_false_alarm_is_what_was_spent_however_the_looks_fall(people):
    fractions = np.array(people) / 400
    crossed = np.abs(_walks(fractions, 20_000)) >= obf_bounds(fractions)
    assert crossed.any(axis=1).mean() == pytest.approx(obf_spent(fractions[-1]), abs=0.006)


def test_twenty_looks_at_an_unadjusted_p_value_cry_wolf_five_times_as_often():
    fractions = np.arange(1, 21) / 20
    z = np.abs(_walks(fractions, 20_000))
    assert (z >= 1.96).any(axis=1).mean() > 0.24
    assert (z >= obf_bounds(fractions)).any(axis=1).mean() < 0.055


def test_one_look_at_the_horizon_is_the_plain_t_test():
    found = Effect(0.08, 0.04, 60.0)
    assert obf_look(found, [1.0]) == pytest.approx(fixed_look(found))


@settings(max_examples=30, deadline=None)
@given(uneven, st.floats(-6, 6), st.floats(20, 5000))
def test_the_p_value_is_below_alpha_exactly_if_the_interval_is_clear_of_zero(people, z, df):
    fractions = [n / 400 for n in people]
    found = obf_look(Effect(z, 1.0, df), fractions)
    if abs(found.p_value - 0.05) > 1e-4:
        assert (found.p_value < 0.05) == (found.low > 0 or found.high < 0)


def test_more_looks_cost_little():
    assert obf_bounds([n / 20 for n in range(1, 21)])[-1] < 2.13
    assert obf_bounds([n / 200 for n in range(1, 201)])[-1] < 2.21


def test_a_look_on_the_heels_of_another_spends_nothing():
    hasty = obf_bounds([0.5, 0.500001, 1.0])
    assert hasty[1] == HIGHEST
    assert (hasty[0], hasty[2]) == pytest.approx(obf_bounds([0.5, 1.0]))


def test_few_people_need_a_higher_t():
    few, many = obf_look(Effect(1, 0.4, 20), [0.5]), obf_look(Effect(1, 0.4, 2000), [0.5])
    assert few.high > many.high
    assert few.p_value > many.p_value


def test_a_sequence_without_a_horizon_is_wider_than_one_with():
    found = Effect(0.08, 0.03, 800.0)
    anytime = asymptotic_cs(found.difference, found.se, 2000)
    assert anytime.low < obf_look(found, [0.5, 1.0]).low
    assert anytime.p_value > fixed_look(found).p_value


@given(st.floats(-1, 1), st.floats(0.001, 1), st.integers(100, 10_000))
def test_the_anytime_p_value_agrees_with_its_interval(difference, se, n):
    found = asymptotic_cs(difference, se, n)
    assert 0 <= found.p_value <= 1
    if abs(found.p_value - 0.05) > 1e-9:
        assert (found.p_value < 0.05) == (found.low > 0 or found.high < 0)


def test_votes_may_be_counted_after_every_one_of_them():
    random = np.random.default_rng(4)
    alarms = 0
    for _ in range(400):
        wins = np.cumsum(random.integers(0, 2, 300))
        alarms += any(
            preference_e_value(int(w), n + 1 - int(w)).p_value <= 0.05 for n, w in enumerate(wins)
        )
    assert alarms / 400 <= 0.05


@given(st.integers(0, 5000), st.integers(0, 5000))
def test_votes_count_the_same_for_either_side(wins, losses):
    one, two = preference_e_value(wins, losses), preference_e_value(losses, wins)
    assert one == pytest.approx(two)
    assert one.p_value == pytest.approx(min(1.0, math.exp(-one.log_e)))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: obf_bounds([]), "do not increase"),
        (lambda: obf_bounds([0.5, 0.5]), "do not increase"),
        (lambda: obf_bounds([0.5, 1.1]), "do not increase"),
        (lambda: obf_bounds([0.5], 1.5), "alpha is 1.5"),
        (lambda: asymptotic_cs(0.1, 0.1, 0), "n is 0"),
        (lambda: preference_e_value(-1, 0), "out of range"),
    ],
)
def test_looks_that_cannot_be_are_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call()
