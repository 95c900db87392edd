"""A broken split is caught, a sound one is not, and looking often does no harm."""

from __future__ import annotations

import numpy as np
import pytest

from eval_suites.stats.srm import DISTRUST, srm_e_value, srm_pvalue


def test_a_split_as_planned_is_no_alarm_whatever_the_shares_scale():
    assert srm_pvalue([900, 100], [9, 1]) == srm_pvalue([900, 100], [0.9, 0.1]) == 1.0


def test_rows_of_busy_people_would_look_like_a_broken_split():
    people, rows = [505, 495], [505 * 8, 495 * 6]
    assert srm_pvalue(people, [1, 1]) > 0.5
    assert srm_pvalue(rows, [1, 1]) < DISTRUST


def test_looking_after_every_person_cries_wolf_with_chi_squared_only():
    random = np.random.default_rng(9)
    by_chi2 = by_e = 0
    for _ in range(200):
        first = np.cumsum(random.integers(0, 2, 400))[19::20]
        seen = [(int(f), 20 * (n + 1) - int(f)) for n, f in enumerate(first)]
        by_chi2 += any(srm_pvalue(pair, [1, 1]) < 0.05 for pair in seen)
        by_e += any(srm_e_value(pair, [1, 1]).p_value < 0.05 for pair in seen)
    assert by_chi2 / 200 > 0.15
    assert by_e / 200 <= 0.05


def test_a_lasting_mismatch_is_found_at_any_time():
    assert srm_e_value([6000, 5000], [1, 1]).p_value < DISTRUST
    assert srm_e_value([50, 50], [9, 1], weight=2.0).p_value < DISTRUST


@pytest.mark.parametrize("call", [srm_pvalue, srm_e_value])
@pytest.mark.parametrize(
    ("counts", "shares"), [([0, 0], [1, 1]), ([1, 2], [1]), ([1, 2], [1, 0]), ([5], [1])]
)
def test_a_split_that_cannot_be_judged_is_refused(call, counts, shares):
    with pytest.raises(ValueError, match="expected"):
        call(counts, shares)
