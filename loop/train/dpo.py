"""Direct preference optimisation: make the preferred answer likelier than the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from trl import DPOConfig, DPOTrainer  # type: ignore[attr-defined]

from loop.settings import TrainSettings
from loop.train.layout import scores
from loop.train.losses import pair_loss
from loop.train.measure import Scorer, noise_of
from loop.train.rows import Row
from loop.train.trainer import Steady, Terms


class PairTrainer(Steady, DPOTrainer):
    """TRL's DPO with both answers behind one prompt and the reference's scores computed once."""


class Prefer:
    """A loss of the DPO family over pairs, against what the model scored before it was trained."""

    def __init__(
        self,
        rows: Sequence[Row],
        scorer: Scorer,
        reference: torch.Tensor,
        *,
        loss: str,
        beta: float,
        noise: float,
    ) -> None:
        """
        Args:
            rows: Pairs to learn, the preferred answer first.
            scorer: Says how rows are laid.
            reference: Log probabilities under the model that training starts from, (rows, 2).
            loss: Of the family; see `losses.pair_loss`.
            beta: Pull towards the reference.
            noise: Chance of a wrong judgement; below 0 takes each pair's own.
        """
        self.rows = rows
        self._scorer = scorer
        self._reference = reference
        self._loss = loss
        self._beta = beta
        self._noise = noise_of(rows, noise)

    def prepare(self, model: Any, numbers: Sequence[int]) -> None:
        """Nothing: the reference is known."""

    def size(self, numbers: Sequence[int]) -> float:
        return float(len(numbers))

    def terms(self, model: Any, numbers: Sequence[int]) -> Terms:
        laid = self._scorer.lay([self.rows[n] for n in numbers])
        done = scores(model, laid)
        logprob_b2, tokens_b2 = done.logprob.view(-1, 2), done.tokens.view(-1, 2)
        gain_b2 = logprob_b2 - self._reference[list(numbers)].to(logprob_b2)
        noise_b = self._noise[list(numbers)].to(logprob_b2)
        lost = pair_loss(self._loss, gain_b2, tokens_b2, noise_b, self._beta)
        margin_b = lost.margin.detach()
        noted = {
            "accuracy": float((margin_b > 0).float().sum()),
            "margin": float(margin_b.sum()),
            "gain": float(gain_b2[:, 0].detach().sum()),
            "tokens_chosen": float(tokens_b2[:, 0].sum()),
            "tokens_rejected": float(tokens_b2[:, 1].sum()),
        }
        return Terms(lost.loss.sum(), noted, laid.tokens)


def trainer(known: TrainSettings, common: dict[str, Any], **more: Any) -> PairTrainer:
    """A trainer without rows or objective yet."""
    full = known.tuning == "full"  # else TRL would load the base a second time
    config = DPOConfig(beta=known.beta, max_length=None, precompute_ref_log_probs=full, **common)
    return PairTrainer(args=config, **more)


def objective(known: TrainSettings, rows: Sequence[Row], scorer: Scorer, model: Any) -> Prefer:
    """The loss over these rows, with the model as it is for reference."""
    return Prefer(
        rows,
        scorer,
        scorer(model, rows).value,
        loss=known.loss,
        beta=known.beta,
        noise=known.label_smoothing,
    )
