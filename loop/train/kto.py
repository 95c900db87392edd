"""KTO: learn from answers judged one at a time, good or bad."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from trl import KTOConfig, KTOTrainer  # type: ignore[attr-defined]

from loop.settings import TrainSettings
from loop.train.layout import scores
from loop.train.losses import kto_loss, kto_weights
from loop.train.measure import Scorer
from loop.train.rows import Row
from loop.train.trainer import Steady, Terms


class JudgedTrainer(Steady, KTOTrainer):
    """TRL's KTO in batches of like length: each row keeps its mismatched answer wherever it is."""


class Judge:
    """KTO's loss; how far the model has moved is measured on answers to other prompts."""

    def __init__(
        self,
        rows: Sequence[Row],
        scorer: Scorer,
        reference: torch.Tensor,
        *,
        beta: float,
        weights: tuple[float, float],
    ) -> None:
        """
        Args:
            rows: To learn: the judged answer, then one to another prompt.
            scorer: Says how rows are laid.
            reference: Log probabilities under the model that training starts from, (rows, 2).
            beta: Pull towards the reference.
            weights: Of good and of bad answers.
        """
        self.rows = rows
        self._scorer = scorer
        self._reference = reference
        self._beta = beta
        self._weights = weights
        self._good = torch.tensor([row.label for row in rows])
        self._moved = torch.zeros(())

    def prepare(self, model: Any, numbers: Sequence[int]) -> None:
        """How far the model has moved, over all rows of the step."""
        others = [self._alone(n, 1) for n in numbers]
        now = self._scorer(model, others).value[:, 0]
        self._moved = (now - self._reference[list(numbers), 1]).mean().clamp(min=0)

    def _alone(self, n: int, answer: int) -> Row:
        """A row with its own answer (0), or with another row's (1)."""
        return self.rows[n]._replace(answers=[self.rows[n].answers[answer]])

    def size(self, numbers: Sequence[int]) -> float:
        return float(len(numbers))

    def terms(self, model: Any, numbers: Sequence[int]) -> Terms:
        laid = self._scorer.lay([self._alone(n, 0) for n in numbers])
        done = scores(model, laid)
        gain_b = done.logprob - self._reference[list(numbers), 0].to(done.logprob)
        good_b = self._good[list(numbers)].to(gain_b.device)
        good_weight, bad_weight = self._weights
        moved = self._moved.to(gain_b)
        loss_b = kto_loss(
            gain_b, good_b, moved, self._beta, good_weight=good_weight, bad_weight=bad_weight
        )
        right_b = (gain_b > moved) == good_b
        noted = {
            "accuracy": float(right_b.float().sum()),
            "gain": float(gain_b.detach().sum()),
            "kl": float(moved) * len(numbers),
        }
        return Terms(loss_b.sum(), noted, laid.tokens)


def trainer(known: TrainSettings, common: dict[str, Any], **more: Any) -> JudgedTrainer:
    """A trainer without rows or objective yet."""
    full = known.tuning == "full"  # else TRL would load the base a second time
    config = KTOConfig(beta=known.beta, max_length=None, precompute_ref_log_probs=full, **common)
    return JudgedTrainer(args=config, **more)


def objective(known: TrainSettings, rows: Sequence[Row], scorer: Scorer, model: Any) -> Judge:
    """The loss over these rows, with the model as it is for reference."""
    reference = scorer(model, rows).value
    return Judge(rows, scorer, reference, beta=known.beta, weights=weights_of(rows))


def weights_of(rows: Sequence[Row]) -> tuple[float, float]:
    """Weights of good and bad answers that make up for their numbers."""
    good = sum(row.label for row in rows)
    return kto_weights(good, len(rows) - good)
