"""What each method makes small, from log probabilities and rewards alone."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch.nn.functional import logsigmoid

from loop.train.job import PAIR_LOSSES


class PairLoss(NamedTuple):
    """Of b pairs."""

    loss: torch.Tensor  # (b,)
    margin: torch.Tensor  # (b,) lead of the preferred answer's implicit reward, in nats × beta


def pair_loss(
    name: str,
    gain_b2: torch.Tensor,
    tokens_b2: torch.Tensor,
    noise_b: torch.Tensor,
    beta: float,
) -> PairLoss:
    """The DPO family.

    Args:
        name: `sigmoid` (DPO), `cdpo` (labels smoothed), `robust` (unbiased under flipped labels),
            `ipo` (a squared loss per token), `sigmoid_norm` (DPO per token).
        gain_b2: Log probability less the reference's of preferred and other answer, (b, 2).
        tokens_b2: Their lengths, (b, 2).
        noise_b: Chance that a pair was judged the wrong way round, in [0, 0.5), (b,); for `cdpo`
            and `robust`.
        beta: Pull towards the reference; of `ipo` the regularisation.

    Raises:
        ValueError: The loss is unknown.

    Sources: Rafailov et al., NeurIPS 2023, equation 7; Mitchell, 2023 (cDPO); Chowdhury et al.,
    ICML 2024 (robust); Azar et al., AISTATS 2024, equation 17, per token as its authors ran it;
    Meng et al., NeurIPS 2024 (length normalisation).
    """
    gap_b = gain_b2[:, 0] - gain_b2[:, 1]
    per_token_b2 = gain_b2 / tokens_b2
    even_b = per_token_b2[:, 0] - per_token_b2[:, 1]
    right_b, wrong_b = -logsigmoid(beta * gap_b), -logsigmoid(-beta * gap_b)
    match name:
        case "sigmoid":
            return PairLoss(right_b, beta * gap_b)
        case "cdpo":
            return PairLoss((1 - noise_b) * right_b + noise_b * wrong_b, beta * gap_b)
        case "robust":
            mended_b = (1 - noise_b) * right_b - noise_b * wrong_b
            return PairLoss(mended_b / (1 - 2 * noise_b), beta * gap_b)
        case "ipo":
            return PairLoss((even_b - 1 / (2 * beta)) ** 2, beta * even_b)
        case "sigmoid_norm":
            return PairLoss(-logsigmoid(beta * even_b), beta * even_b)
    raise ValueError(f"no loss {name!r}; known are {', '.join(PAIR_LOSSES)}")


def kto_loss(
    gain_b: torch.Tensor,
    good_b: torch.Tensor,
    moved: torch.Tensor,
    beta: float,
    *,
    good_weight: float = 1.0,
    bad_weight: float = 1.0,
) -> torch.Tensor:
    """KTO's loss of each judged answer, (b,).

    Args:
        gain_b: Log probability less the reference's, (b,).
        good_b: Was the answer judged good, (b,) of bool.
        moved: How far the model is from the reference, in nats an answer; at least 0, no gradient.
        beta: Pull towards the reference.
        good_weight: Weight of good answers.
        bad_weight: Weight of bad ones.

    Source: Ethayarajh et al., ICML 2024, equations 7 and 8.
    """
    ahead_b = torch.where(good_b, gain_b - moved, moved - gain_b)
    weight_b = torch.where(good_b, good_weight, bad_weight)
    return weight_b * (1 - torch.sigmoid(beta * ahead_b))


def kto_weights(good: int, bad: int) -> tuple[float, float]:
    """Weights of good and bad answers that make up for their numbers.

    Of whichever is the rarer each counts for more, so that the two sides weigh alike; nothing
    below 1, as the paper has it.

    Source: Ethayarajh et al., ICML 2024, section 4.2.

    >>> kto_weights(300, 100), kto_weights(50, 50), kto_weights(10, 0)
    ((1.0, 3.0), (1.0, 1.0), (1.0, 1.0))
    """
    if not good or not bad:
        return 1.0, 1.0
    return (1.0, good / bad) if good >= bad else (bad / good, 1.0)


def bradley_terry(reward_b2: torch.Tensor, centre: float) -> torch.Tensor:
    """A reward model's loss of each pair, (b,).

    Args:
        reward_b2: Of preferred and other answer, (b, 2).
        centre: Weight of the pull that keeps rewards around 0.

    Sources: Ouyang et al., NeurIPS 2022, equation 1; Eisenstein et al., COLM 2024 (centring).
    """
    return -logsigmoid(reward_b2[:, 0] - reward_b2[:, 1]) + centre * reward_b2.sum(1) ** 2


def auc(reward_b: torch.Tensor, good_b: torch.Tensor) -> float | None:
    """Chance that a good answer's reward is above a bad one's, ties half; None without both.

    >>> auc(torch.tensor([2.0, 1.0, 0.0]), torch.tensor([True, False, False]))
    1.0
    """
    good_g, bad_h = reward_b[good_b], reward_b[~good_b]
    if not len(good_g) or not len(bad_h):
        return None
    gap_gh = good_g[:, None] - bad_h[None, :]
    return float(((gap_gh > 0).float() + 0.5 * (gap_gh == 0).float()).mean())
