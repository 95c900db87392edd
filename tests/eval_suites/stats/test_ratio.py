"""People are the independent units: rows of one person add little, copies nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval_suites.stats.means import welch
from eval_suites.stats.ratio import PerUser, arm_mean, effect, fixed_look, per_user

thumbs = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 1)), min_size=3, max_size=60)


@given(thumbs)
def test_the_pooled_mean_is_the_mean_of_the_rows(rows):
    arm = per_user([user for user, _ in rows], [value for _, value in rows])
    if len(arm.sums_u) > 1:
        assert arm_mean(arm).mean == pytest.approx(np.mean([value for _, value in rows]))


def test_the_pooled_rate_is_not_the_average_of_peoples_rates():
    arm = per_user(["a"] * 9 + ["b"], [1.0] * 9 + [0.0])
    assert arm_mean(arm).mean == 0.9  # and not (1 + 0) / 2


def test_with_one_row_a_person_the_jackknife_is_the_usual_standard_error():
    values = np.random.default_rng(1).normal(size=40)
    found = arm_mean(PerUser(values, np.ones(40)))
    assert found.se == pytest.approx(values.std(ddof=1) / math.sqrt(40))
    assert found.effective_users == 40


def test_repeating_every_row_changes_nothing():
    users, values = ["a", "b", "b", "c", "d"], [1.0, 0.0, 1.0, 1.0, 0.0]
    once, ten = arm_mean(per_user(users, values)), arm_mean(per_user(users * 10, values * 10))
    assert ten == pytest.approx(once)


def test_one_busy_person_is_not_a_crowd():
    uneven = arm_mean(PerUser(np.array([90.0, 1.0, 0.0, 1.0]), np.array([100.0, 1.0, 1.0, 1.0])))
    assert uneven.effective_users < 1.1


def test_arms_without_any_spread_are_judged_by_chance_not_by_an_error_of_zero():
    few = fixed_look(effect(PerUser(np.ones(3), np.ones(3)), PerUser(np.zeros(3), np.ones(3))))
    assert few.p_value == pytest.approx(0.1)  # Fisher's exact test of 3 of 3 against 0 of 3
    assert few.low < 0
    many = fixed_look(
        effect(PerUser(np.ones(900), np.ones(900)), PerUser(np.zeros(900), np.ones(900)))
    )
    assert 0 <= many.p_value < 1e-200
    same = fixed_look(effect(PerUser(np.ones(3), np.ones(3)), PerUser(np.ones(4), np.ones(4))))
    assert same == (0.0, 0.0, 0.0, 1.0)


def _false_alarms(replications: int, users: int) -> tuple[float, float]:
    """Share of A/A tests called by rows and by people; sticky people, six rows each on average."""
    random = np.random.default_rng(11)
    by_row = by_person = 0
    for _ in range(replications):
        arms, rows = [], []
        for _arm in range(2):
            counts = np.ceil(random.lognormal(1.3, 0.8, users)).astype(int)
            sums = random.binomial(counts, random.beta(1.2, 2.8, users)).astype(float)
            arms.append(PerUser(sums, counts.astype(float)))
            total, hits = counts.sum(), int(sums.sum())
            rows.append(np.repeat([1.0, 0.0], [hits, total - hits]))
        by_person += fixed_look(effect(arms[0], arms[1])).p_value < 0.05
        by_row += welch(rows[0], rows[1]).p_value < 0.05
    return by_row / replications, by_person / replications


def test_analysing_rows_of_sticky_people_cries_wolf_and_analysing_people_does_not():
    by_row, by_person = _false_alarms(800, users=60)
    assert by_row > 0.2
    assert by_person < 0.07


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: per_user(["a"], [1.0, 2.0]), "2 values but 1 users"),
        (lambda: per_user(["a"], [float("nan")]), "finite"),
        (lambda: arm_mean(PerUser(np.ones(1), np.ones(1))), "it takes two"),
        (lambda: arm_mean(PerUser(np.ones(2), np.array([1.0, 0.0]))), "no row"),
    ],
)
def test_an_arm_that_cannot_be_judged_is_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call()
