"""A reward model: a number for an answer, higher for the one people would prefer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trl import RewardConfig, RewardTrainer  # type: ignore[attr-defined]

from loop.settings import TrainSettings
from loop.train.layout import rewards
from loop.train.losses import bradley_terry
from loop.train.measure import Scorer
from loop.train.rows import Row
from loop.train.trainer import Steady, Terms

CENTRE = 0.01  # weight of the pull that keeps rewards around 0


class RankTrainer(Steady, RewardTrainer):
    """TRL's reward training with both answers behind one prompt."""


class Rank:
    """The Bradley-Terry loss over pairs."""

    def __init__(self, rows: Sequence[Row], scorer: Scorer) -> None:
        """
        Args:
            rows: Pairs to learn, the preferred answer first.
            scorer: Says how rows are laid.
        """
        self.rows = rows
        self._scorer = scorer

    def prepare(self, model: Any, numbers: Sequence[int]) -> None:
        """Nothing: rows stand for themselves."""

    def size(self, numbers: Sequence[int]) -> float:
        return float(len(numbers))

    def terms(self, model: Any, numbers: Sequence[int]) -> Terms:
        laid = self._scorer.lay([self.rows[n] for n in numbers])
        reward_b2 = rewards(model, laid, self._scorer.rewards or "last").view(-1, 2)
        gap_b = (reward_b2[:, 0] - reward_b2[:, 1]).detach()
        noted = {
            "accuracy": float((gap_b > 0).float().sum()),
            "margin": float(gap_b.sum()),
            "reward": float(reward_b2.detach().mean(1).sum()),
        }
        return Terms(bradley_terry(reward_b2, CENTRE).sum(), noted, laid.tokens)


def trainer(known: TrainSettings, common: dict[str, Any], **more: Any) -> RankTrainer:
    """A trainer without rows or objective yet."""
    return RankTrainer(args=RewardConfig(max_length=None, **common), **more)


def objective(known: TrainSettings, rows: Sequence[Row], scorer: Scorer, model: Any) -> Rank:
    """The loss over these rows."""
    return Rank(rows, scorer)
