"""Losses against the formulas of their papers, and against TRL's own trainers."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from loop.train.losses import auc, bradley_terry, kto_loss, kto_weights, pair_loss
from loop.train.rows import noise

GAIN = torch.tensor([[2.0, -1.0], [0.5, 1.5], [0.0, 0.0]])
TOKENS = torch.tensor([[4.0, 2.0], [5.0, 3.0], [1.0, 1.0]])
NOISE = torch.tensor([0.1, 0.2, 0.3])


def loss(name: str, beta: float = 0.5, noisy: torch.Tensor = NOISE) -> list[float]:
    return pair_loss(name, GAIN, TOKENS, noisy, beta).loss.tolist()


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_dpo_is_the_log_odds_of_the_gap():
    assert loss("sigmoid") == pytest.approx([-math.log(sigmoid(0.5 * g)) for g in (3, -1, 0)])


def test_ipo_pulls_the_gap_a_token_to_its_target():
    gaps = (2 / 4 + 1 / 2, 0.5 / 5 - 1.5 / 3, 0)
    assert loss("ipo") == pytest.approx([(gap - 1) ** 2 for gap in gaps])


def test_length_does_not_count_per_token():
    longer = pair_loss("sigmoid_norm", GAIN * 10, TOKENS * 10, NOISE, 0.5).loss
    assert longer.tolist() == pytest.approx(loss("sigmoid_norm"))


def test_without_noise_the_noisy_losses_are_dpo():
    sure = torch.zeros(3)
    assert loss("cdpo", noisy=sure) == loss("robust", noisy=sure) == loss("sigmoid")


def test_robust_is_unbiased_under_flipped_labels():
    flipped = pair_loss("robust", GAIN.flip(1), TOKENS.flip(1), NOISE, 0.5).loss
    seen = (1 - NOISE) * torch.tensor(loss("robust")) + NOISE * flipped
    assert seen.tolist() == pytest.approx(loss("sigmoid"), abs=1e-6)


def test_cdpo_is_lowest_where_odds_are_those_of_the_judgement():
    gaps = torch.linspace(-8, 8, 1601)[:, None] * torch.tensor([[1.0, 0.0]])
    ones = torch.ones_like(gaps)
    losses = pair_loss("cdpo", gaps, ones, torch.full((len(gaps),), 0.2), 1.0).loss
    assert float(gaps[losses.argmin(), 0]) == pytest.approx(math.log(0.8 / 0.2), abs=0.01)


def test_an_unknown_loss_names_those_there_are():
    with pytest.raises(ValueError, match="known are sigmoid, cdpo"):
        loss("hinge")


def test_pair_losses_equal_trls(monkeypatch: pytest.MonkeyPatch):
    """The family as TRL writes it, on the same numbers."""
    import torch.nn.functional as F  # noqa: N812

    delta = GAIN[:, 0] - GAIN[:, 1]
    epsilon = 0.2
    theirs: dict[str, Any] = {
        "sigmoid": -F.logsigmoid(0.5 * delta),
        "robust": (
            -(1 - epsilon) * F.logsigmoid(0.5 * delta) + epsilon * F.logsigmoid(-0.5 * delta)
        )
        / (1 - 2 * epsilon),
        "sigmoid_norm": -F.logsigmoid(
            0.5 * (GAIN[:, 0] / TOKENS[:, 0] - GAIN[:, 1] / TOKENS[:, 1])
        ),
    }
    for name, expected in theirs.items():
        assert loss(name, noisy=torch.full((3,), epsilon)) == pytest.approx(expected.tolist())


def test_kto_wants_good_answers_above_how_far_it_moved_and_bad_ones_below():
    gain, good = torch.tensor([2.0, 2.0]), torch.tensor([True, False])
    lost = kto_loss(gain, good, torch.tensor(1.0), 1.0, bad_weight=2.0)
    assert lost.tolist() == pytest.approx([1 - sigmoid(1), 2 * (1 - sigmoid(-1))])


def test_rare_judgements_weigh_more():
    assert kto_weights(10, 40) == (4.0, 1.0)


def test_a_reward_model_is_kept_around_zero():
    even = torch.tensor([[1.0, -1.0], [5.0, 3.0]])
    plain, centred = bradley_terry(even, 0.0), bradley_terry(even, 0.01)
    assert plain[0] == plain[1]
    assert centred[0] < centred[1]


def test_ties_are_half_won_and_one_side_alone_tells_nothing():
    assert auc(torch.tensor([1.0, 1.0]), torch.tensor([True, False])) == 0.5
    assert auc(torch.tensor([1.0, 2.0]), torch.tensor([True, True])) is None


def test_votes_are_log_odds_that_a_pair_is_judged_rightly():
    assert noise(None) == noise(1.0) == pytest.approx(sigmoid(-1))
    assert noise(5.0) < noise(1.0) < noise(0.0) == 0.45
