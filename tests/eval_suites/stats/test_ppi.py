"""A judge's scores help as far as it is right, and do no harm where it is wrong."""

from __future__ import annotations

import numpy as np
import pytest

from eval_suites.stats.ppi import ppi_mean


def _width(noise: float) -> float:
    random = np.random.default_rng(3)
    truth = random.normal(0, 1, 1060)
    judge = truth + random.normal(0, noise, 1060) + 5
    found = ppi_mean(truth[:60], judge[:60], judge[60:])
    return found.high - found.low


def test_a_good_judge_narrows_the_interval():
    people_alone = 2 * 1.96 / 60**0.5
    assert _width(0.2) < 0.4 * people_alone


def test_a_judge_who_is_always_too_kind_biases_nothing():
    random = np.random.default_rng(4)
    covered = 0
    for _ in range(300):
        truth = random.normal(0.5, 1, 500)
        judge = truth + 2 + random.normal(0, 0.5, 500)
        found = ppi_mean(truth[:80], judge[:80], judge[80:])
        covered += found.low <= 0.5 <= found.high
    assert covered / 300 > 0.91


def test_scores_must_pair_up():
    with pytest.raises(ValueError, match="2 human"):
        ppi_mean([1, 0], [1], [1, 0])
    with pytest.raises(ValueError, match="two scores"):
        ppi_mean([1], [1], [1, 0])
