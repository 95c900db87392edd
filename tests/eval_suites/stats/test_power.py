"""The number of people asked for finds what it promised to."""

from __future__ import annotations

import numpy as np
import pytest

from eval_suites.stats.means import welch
from eval_suites.stats.power import (
    detectable_difference,
    pairs_for_means,
    people_per_arm,
    per_arm_for_means,
)


def test_a_test_of_the_planned_size_has_the_planned_power():
    n = round(per_arm_for_means(0.5, power=0.8))
    random = np.random.default_rng(6)
    found = sum(
        welch(random.normal(0.5, 1, n), random.normal(0, 1, n)).p_value < 0.05 for _ in range(1000)
    )
    assert found / 1000 == pytest.approx(0.8, abs=0.04)


def test_smaller_effects_need_more_people_and_alike_ratings_too():
    plain = people_per_arm(0.3, 0.34)
    assert people_per_arm(0.3, 0.32) > 3.8 * plain
    assert people_per_arm(0.34, 0.3) == pytest.approx(plain)
    alike = people_per_arm(0.3, 0.34, rows_per_person=6, icc=0.2)
    assert alike == pytest.approx(plain / 6 * 2)  # six ratings of one person are worth three
    assert people_per_arm(0.3, 0.34, rows_per_person=6, icc=1.0) == pytest.approx(plain)
    assert people_per_arm(0.3, 0.34, correlation=0.7) == pytest.approx(0.51 * plain)


def test_size_and_detectable_difference_are_about_inverse():
    n = people_per_arm(0.3, 0.34)
    assert detectable_difference(0.3, n) == pytest.approx(0.04, abs=0.001)


def test_pairs_are_cheaper_than_arms():
    assert pairs_for_means(0.3) < per_arm_for_means(0.3)


@pytest.mark.parametrize(
    "call",
    [
        lambda: people_per_arm(0.3, 0.3),
        lambda: people_per_arm(0.0, 0.3),
        lambda: people_per_arm(0.3, 0.4, icc=2),
        lambda: detectable_difference(0.3, 0),
        lambda: per_arm_for_means(0.0),
        lambda: pairs_for_means(0.5, power=0.01),
    ],
)
def test_what_no_number_of_people_can_answer_is_refused(call):
    with pytest.raises(ValueError, match=r"."):
        call()
