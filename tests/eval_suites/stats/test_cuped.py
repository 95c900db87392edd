"""What was known before sharpens a test and never moves what it estimates."""

from __future__ import annotations

import numpy as np
import pytest

from eval_suites.stats.cuped import cuped, cuped_effect
from eval_suites.stats.ratio import PerUser, effect

RANDOM = np.random.default_rng(8)
PRE = RANDOM.normal(3, 1, 400)
TREATED = np.arange(400) % 2 == 1
POST = 0.7 * PRE + RANDOM.normal(0, 0.714, 400) + 0.2 * TREATED


def _arms(post: np.ndarray) -> tuple[PerUser, PerUser]:
    new, old = (PerUser(post[side], np.ones(int(side.sum()))) for side in (TREATED, ~TREATED))
    return new, old


def test_variance_falls_by_the_squared_correlation():
    found = cuped(POST, PRE, TREATED)
    assert found.variance_reduction == pytest.approx(np.corrcoef(PRE, POST)[0, 1] ** 2, abs=0.03)
    assert found.low < 0.2 < found.high


def test_a_covariate_that_knows_nothing_changes_next_to_nothing():
    raw = effect(*_arms(POST))
    noise = RANDOM.normal(size=400)
    found = cuped_effect(*_arms(POST), noise[TREATED], noise[~TREATED])
    assert found.effect.difference == pytest.approx(raw.difference, abs=0.03)
    assert abs(found.variance_reduction) < 0.03


def test_nothing_known_of_anybody_is_no_adjustment():
    unknown = np.full(200, np.nan)
    assert cuped_effect(*_arms(POST), unknown, unknown).effect == pytest.approx(
        effect(*_arms(POST))
    )
    assert cuped(POST, np.ones(400), TREATED).theta == 0.0


def test_people_without_history_are_kept():
    patchy = np.where(np.arange(400) % 4 < 2, PRE, np.nan)
    found = cuped_effect(*_arms(POST), patchy[TREATED], patchy[~TREATED])
    whole = cuped_effect(*_arms(POST), PRE[TREATED], PRE[~TREATED])
    assert 0.1 < found.variance_reduction < whole.variance_reduction


def test_a_covariate_measured_after_exposure_swallows_the_effect():
    late = PRE + 0.9 * TREATED
    honest, wrong = (
        cuped(POST + 0.8 * TREATED, PRE, TREATED),
        cuped(POST + 0.8 * TREATED, late, TREATED),
    )
    assert honest.difference == pytest.approx(1.0, abs=0.15)
    assert wrong.difference < 0.6


def test_busy_people_count_by_their_rows_as_without_adjustment():
    counts = RANDOM.integers(1, 9, 400).astype(float)
    sums = counts * POST
    new, old = (PerUser(sums[side], counts[side]) for side in (TREATED, ~TREATED))
    found = cuped_effect(new, old, PRE[TREATED], PRE[~TREATED])
    assert found.effect.difference == pytest.approx(effect(new, old).difference, abs=0.15)
    assert found.variance_reduction > 0.2


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="399 before"):
        cuped(POST, PRE[:399], TREATED)
    with pytest.raises(ValueError, match="in the test"):
        cuped_effect(*_arms(POST), PRE[:10], PRE[~TREATED])
