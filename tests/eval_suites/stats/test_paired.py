"""Paired tests see what unpaired ones miss, count clusters, and stay calm where little is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval_suites.stats.means import welch
from eval_suites.stats.paired import (
    clustered_difference,
    mcnemar_midp,
    non_inferior,
    sign_flip,
)

scores = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=40)


@given(scores)
def test_swapping_new_and_old_turns_the_difference_round(pairs):
    new, old = [p[0] for p in pairs], [p[1] for p in pairs]
    one = clustered_difference(new, old, range(len(pairs)))
    two = clustered_difference(old, new, range(len(pairs)))
    assert (two.difference, two.p_value) == pytest.approx((-one.difference, one.p_value))
    assert (two.low, two.high) == pytest.approx((-one.high, -one.low))
    assert one.low <= one.difference <= one.high
    assert 0 <= one.p_value <= 1


@given(scores)
def test_an_interval_clear_of_zero_and_a_small_p_go_together(pairs):
    found = clustered_difference([p[0] for p in pairs], [p[1] for p in pairs], range(len(pairs)))
    if abs(found.p_value - 0.05) > 1e-9:
        assert (found.low > 0 or found.high < 0) == (found.p_value < 0.05)


def test_an_unpaired_test_misses_what_the_paired_one_sees():
    random = np.random.default_rng(7)
    hard = random.random(60)
    easier = hard + 0.05 + random.normal(0, 0.05, 60)
    assert clustered_difference(easier, hard, range(60)).p_value < 1e-6
    assert welch(easier, hard).p_value > 0.05


def test_near_copies_of_a_case_do_not_make_it_significant():
    new, old = [1.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0]
    alone = clustered_difference(new, old, range(4))
    copied = clustered_difference(new * 50, old * 50, list(range(4)) * 50)
    wrong = clustered_difference(new * 50, old * 50, range(200))
    assert copied == pytest.approx(alone)
    assert wrong.p_value < 1e-6 < alone.p_value


def test_a_few_equal_differences_prove_nothing_and_many_do():
    few = clustered_difference([1.0, 1.0], [0.0, 0.0], "ab")
    assert few == (1.0, 0.0, 1.0, 0.5)
    many = clustered_difference([1.0] * 8, [0.0] * 8, range(8))
    assert (many.low, many.p_value) == (1.0, 2**-7)
    assert clustered_difference([1.0] * 3, [1.0] * 3, "abc") == (0.0, 0.0, 0.0, 1.0)


def test_mid_p_is_less_wary_than_the_exact_test_and_blind_to_which_side_wins():
    assert mcnemar_midp(8, 2) == mcnemar_midp(2, 8) == pytest.approx(0.0654297)
    assert mcnemar_midp(8, 2) < 0.109375  # the exact test's
    assert mcnemar_midp(0, 0) == mcnemar_midp(4, 4) == 1.0
    assert 0 <= mcnemar_midp(4000, 0) < 1e-300


def test_drawn_sign_flips_agree_with_the_t_test_and_with_themselves():
    differences = np.random.default_rng(3).normal(0.3, 1, 80)
    drawn = sign_flip(differences, seed=1)
    by_t = clustered_difference(differences, np.zeros(80), range(80)).p_value
    assert drawn == sign_flip(differences, seed=1)
    assert drawn == pytest.approx(by_t, abs=0.01)
    assert sign_flip(np.full(200, 1.0)) == 1 / 10_000  # never zero


def test_ties_change_no_sign_flip():
    assert sign_flip([1, 2, 3, 4, 5]) == sign_flip([0, 1, 0, 2, 3, 4, 5, 0])
    assert sign_flip([0.0, 0.0]) == 1.0


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: clustered_difference([1.0], [1.0, 0.0], "ab"), "1 new scores but 2"),
        (lambda: clustered_difference([1.0, 0.0], [1.0, 0.0], "aa"), "it takes two"),
        (lambda: mcnemar_midp(-1, 2), "expected counts"),
        (lambda: sign_flip([]), "at least one"),
        (lambda: non_inferior(0.1, -0.05), "margin is -0.05"),
    ],
)
def test_what_cannot_be_compared_is_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call()
