"""Supervised fine-tuning: make good answers likelier. The loss is on the answer alone."""

from __future__ import annotations

from typing import Any

from trl import SFTTrainer  # type: ignore[attr-defined]

from loop.train.layout import scores
from loop.train.trainer import Steady


class AnswerTrainer(Steady, SFTTrainer):
    """TRL's SFT with logits computed for the answers only, not for whole prompts."""

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Mean negative log probability of an answer token."""
        done = scores(model, inputs["laid"])
        return -done.logprob.sum() / done.tokens.sum()
