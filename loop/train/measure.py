"""How well a model tells good answers from bad ones on rows it was not trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from loop.train.layout import can_share, lay, scores
from loop.train.rows import Row

_TOKENS = 16_384  # of a batch that is only scored, padding included


@torch.no_grad()
def score(
    model: Any,
    rows: Sequence[Row],
    pad: int,
    *,
    autocast: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Log probability and token count of each answer, both (rows, answers per row), on the CPU.

    Args:
        model: Any causal LM, with or without an adapter.
        rows: All with equally many answers, best in order of length.
        pad: A token id to fill with.
        autocast: The arithmetic that training uses.
    """
    was = model.training
    model.eval()
    logprobs, tokens = [], []
    share = can_share(model)
    for batch in _batches(rows):
        with autocast():
            done = scores(model, lay(batch, pad, share=share).to(model.device))
        logprobs.append(done.logprob.float().cpu().view(len(batch), -1))
        tokens.append(done.tokens.float().cpu().view(len(batch), -1))
    model.train(was)
    return torch.cat(logprobs), torch.cat(tokens)


def preferences(before: torch.Tensor, after: torch.Tensor) -> dict[str, float]:
    """What preference training did, from log probabilities of held-out pairs.

    Args:
        before: (pairs, 2) under the model it started from, the preferred answer first.
        after: The same under the trained one.

    Returns:
        `held_out_accuracy_before`, `…_after`: share of pairs whose preferred answer is the
        likelier one; `held_out_reward_accuracy`: share whose preferred answer gained more (DPO's
        implicit reward); `held_out_margin`: how much more, on average, in nats.
    """
    gained = (after - before)[:, 0] - (after - before)[:, 1]
    return {
        "held_out_accuracy_before": _share(before[:, 0] > before[:, 1]),
        "held_out_accuracy_after": _share(after[:, 0] > after[:, 1]),
        "held_out_reward_accuracy": _share(gained > 0),
        "held_out_margin": float(gained.mean()),
    }


def losses(before: torch.Tensor, after: torch.Tensor, tokens: torch.Tensor) -> dict[str, float]:
    """Mean negative log probability of a held-out answer token, before and after."""
    return {
        "held_out_loss_before": float(-before.sum() / tokens.sum()),
        "held_out_loss_after": float(-after.sum() / tokens.sum()),
    }


def _share(yes: torch.Tensor) -> float:
    return float(yes.float().mean())


def _batches(rows: Sequence[Row]) -> Iterator[list[Row]]:
    batch: list[Row] = []
    for row in rows:
        if batch and (len(batch) + 1) * max(row.tokens, *(r.tokens for r in batch)) > _TOKENS:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch
