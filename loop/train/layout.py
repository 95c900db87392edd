"""Answers laid behind their prompt, once per prompt, and their log probabilities.

Two answers to one prompt share it: a row is prompt, first answer, second answer; a mask keeps the
second from seeing the first, and positions go on from the prompt for both. That halves the tokens
of preference training, where prompts are long and answers short.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import torch

from loop.train.rows import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Laid:
    """b rows of t tokens, padded on the left; the last k columns hold every answer.

    m answers in all, in order of rows; n answer tokens.
    """

    input_ids: torch.Tensor  # (b, t)
    position_ids: torch.Tensor  # (b, t)
    attention_mask: torch.Tensor  # (b, t), or (b, 1, t, t) True where a token may look
    kept: int  # k: columns whose predictions are wanted
    row: torch.Tensor  # (n,) row of each answer token
    column: torch.Tensor  # (n,) column, of the kept ones, that predicts it
    target: torch.Tensor  # (n,)
    owner: torch.Tensor  # (n,) answer it belongs to, 0 to m - 1
    answers: int  # m
    tokens: int  # without padding

    def to(self, device: str | torch.device, non_blocking: bool = False) -> Laid:
        """The same on a device."""
        parts = {f.name: getattr(self, f.name) for f in fields(self)}
        moved = {
            name: part.to(device, non_blocking=non_blocking)
            for name, part in parts.items()
            if isinstance(part, torch.Tensor)
        }
        return Laid(**parts | moved)


class Scores(NamedTuple):
    """Of each answer, shape (m,)."""

    logprob: torch.Tensor  # sum over its tokens
    tokens: torch.Tensor


def lay(rows: Sequence[Row], pad: int, *, share: bool) -> Laid:
    """Rows side by side.

    Args:
        rows: At least one.
        pad: A token id to fill with; it is never seen.
        share: Answers share their prompt; False gives each a row of its own, for models whose
            attention takes no mask of our making.
    """
    if not share:
        rows = [Row(row.prompt, [answer]) for row in rows for answer in row.answers]
    lengths = [row.tokens for row in rows]
    longest = max(lengths)
    kept = max(sum(map(len, row.answers)) for row in rows) + 1
    ids, positions, blocks = [], [], []
    spots: list[tuple[int, int, int, int]] = []  # row, column, target, owner
    answers = 0
    for n, row in enumerate(rows):
        left, size = longest - lengths[n], len(row.prompt)
        line, place, block = [pad] * left + row.prompt, list(range(size)), [0] * size
        for number, answer in enumerate(row.answers, 1):
            start = len(line)
            before = [left + size - 1, *range(start, start + len(answer) - 1)]
            spots += [
                (n, column - (longest - kept), token, answers)
                for column, token in zip(before, answer, strict=True)
            ]
            line += answer
            place += range(size, size + len(answer))
            block += [number] * len(answer)
            answers += 1
        ids.append(line)
        positions.append([0] * left + place)
        blocks.append([-1] * left + block)
    row_n, column_n, target_n, owner_n = torch.tensor(spots).T.contiguous()
    blocks_bt = torch.tensor(blocks)
    several = any(len(row.answers) > 1 for row in rows)
    return Laid(
        input_ids=torch.tensor(ids),
        position_ids=torch.tensor(positions),
        attention_mask=_visible(blocks_bt) if several else (blocks_bt >= 0).long(),
        kept=kept,
        row=row_n,
        column=column_n,
        target=target_n,
        owner=owner_n,
        answers=answers,
        tokens=sum(lengths),
    )


def _visible(blocks_bt: torch.Tensor) -> torch.Tensor:
    """Who may look at whom: what came before, of the prompt or of the same answer; and oneself."""
    length = blocks_bt.shape[1]
    asks, seen = blocks_bt[:, :, None], blocks_bt[:, None, :]
    causal = torch.ones(length, length, dtype=torch.bool).tril()
    looks = causal & (seen >= 0) & ((seen == 0) | (seen == asks))
    return (looks | torch.eye(length, dtype=torch.bool))[:, None]


def scores(model: Any, laid: Laid) -> Scores:
    """Log probability of each answer under a model; differentiable."""
    mask = laid.attention_mask
    output = model(
        input_ids=laid.input_ids,
        position_ids=laid.position_ids,
        attention_mask=_additive(mask, model) if mask.ndim == 4 else mask,
        logits_to_keep=laid.kept,
        use_cache=False,
    )
    logits_nv = output.logits[laid.row, laid.column].float()
    chosen_n = logits_nv.gather(-1, laid.target[:, None])[:, 0] - logits_nv.logsumexp(-1)
    zeros = torch.zeros(laid.answers, device=chosen_n.device)
    return Scores(
        zeros.index_add(0, laid.owner, chosen_n),
        zeros.index_add(0, laid.owner, torch.ones_like(chosen_n)),
    )


def _additive(mask: torch.Tensor, model: Any) -> torch.Tensor:
    """0 where a token may look and very low elsewhere, as every attention but flash takes it."""
    device = mask.device.type
    cast = torch.is_autocast_enabled(device)
    kind = torch.get_autocast_dtype(device) if cast else model.dtype
    low = torch.finfo(kind).min
    return torch.zeros(mask.shape, dtype=kind, device=mask.device).masked_fill(~mask, low)


def can_share(model: Any) -> bool:
    """Does the model's attention take a mask of our making, over the whole text?"""
    config = model.config.get_text_config()
    kinds = getattr(config, "layer_types", None) or ()
    plain = all(kind == "full_attention" for kind in kinds)
    sliding = not kinds and getattr(config, "sliding_window", None) is not None
    return plain and not sliding and config._attn_implementation in ("sdpa", "eager")
