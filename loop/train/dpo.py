"""Direct preference optimisation: make the preferred answer likelier than the other."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import logsigmoid
from trl import DPOTrainer  # type: ignore[attr-defined]

from loop.train.layout import scores
from loop.train.trainer import Steady


class PairTrainer(Steady, DPOTrainer):
    """TRL's DPO with both answers behind one prompt and the reference's scores computed once.

    `reference` holds the log probabilities of the model that training starts from, (rows, 2).
    """

    reference: torch.Tensor

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """DPO's loss; equals TRL's `sigmoid` loss on the same rows.

        Source: Rafailov et al., NeurIPS 2023, equation 7.
        """
        policy_b2 = scores(model, inputs["laid"]).logprob.view(-1, 2)
        reward_b2 = self.beta * (policy_b2 - self.reference[inputs["numbers"]].to(policy_b2))
        margin_b = reward_b2[:, 0] - reward_b2[:, 1]
        noted = self._metrics["train"]
        noted["rewards/accuracies"].append(float((margin_b > 0).float().mean()))
        noted["rewards/margins"].append(float(margin_b.detach().mean()))
        return -logsigmoid(margin_b).mean()
