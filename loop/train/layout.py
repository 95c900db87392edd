"""Answers laid behind their prompt, once per prompt, and their log probabilities.

Two answers to one prompt share it: a row is prompt, first answer, second answer; a mask keeps the
second from seeing the first, and positions go on from the prompt for both. That halves the tokens
of preference training, where prompts are long and answers short. Packed, several rows lie in one
line and the same mask keeps them apart, so that little is padding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

import torch

from loop.models.sight import Seen, Sight
from loop.train.rows import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Laid:
    """b lines of t tokens, padded on the left; the last k columns hold every answer.

    m answers in all, in order of rows; n answer tokens.
    """

    input_ids: torch.Tensor  # (b, t)
    position_ids: torch.Tensor | None  # (b, t); None: the model counts them itself
    attention_mask: torch.Tensor  # (b, t), or (b, 1, t, t) True where a token may look
    kept: int  # k: columns whose predictions are wanted
    row: torch.Tensor  # (n,) line of each answer token
    column: torch.Tensor  # (n,) column, of the kept ones, that predicts it
    target: torch.Tensor  # (n,)
    owner: torch.Tensor  # (n,) answer it belongs to, 0 to m - 1
    last: torch.Tensor  # (m,) which of the n tokens is each answer's last
    end: torch.Tensor  # (m, 2) line and column of each answer's last token
    answers: int  # m
    tokens: int  # without padding
    seen: Seen = field(default_factory=dict)  # images, as the model takes them

    def to(self, device: str | torch.device, non_blocking: bool = False) -> Laid:
        """The same on a device."""
        parts = {f.name: getattr(self, f.name) for f in fields(self)}
        moved = {
            name: part.to(device, non_blocking=non_blocking)
            for name, part in parts.items()
            if isinstance(part, torch.Tensor)
        }
        seen = {n: part.to(device, non_blocking=non_blocking) for n, part in self.seen.items()}
        return Laid(**parts | moved | {"seen": seen})


class Scores(NamedTuple):
    """Of each answer, shape (m,)."""

    logprob: torch.Tensor  # sum over its tokens
    tokens: torch.Tensor
    entropy: torch.Tensor | None = None  # mean over its tokens, in nats
    end: torch.Tensor | None = None  # log probability of its last token, which ends the turn


def lay(
    rows: Sequence[Row], pad: int, *, share: bool, most: int = 0, sight: Sight | None = None
) -> Laid:
    """Rows side by side.

    Args:
        rows: At least one.
        pad: A token id to fill with; it is never seen.
        share: Answers share their prompt; False gives each a line of its own, for models whose
            attention takes no mask of our making.
        most: Tokens of a line that several rows may share; 0 gives each row a line. Needs `share`.
        sight: Of a vision-language base, which shares nothing: it counts positions in its own way.
    """
    if not share or sight is not None:
        share = False
        rows = [row._replace(answers=[answer]) for row in rows for answer in row.answers]
    lines = pack([row.tokens for row in rows], most) if most and share else _one_each(len(rows))
    lengths = [sum(rows[n].tokens for n in line) for line in lines]
    longest = max(lengths)
    first_answer = [
        longest - size + len(rows[line[0]].prompt)
        for line, size in zip(lines, lengths, strict=True)
    ]
    kept = longest - min(first_answer) + 1
    starts = [sum(len(row.answers) for row in rows[:n]) for n in range(len(rows))]
    ids, positions, blocks, owners = [], [], [], []
    spots: list[tuple[int, int, int, int]] = []  # line, column, target, answer
    end_m2 = torch.zeros(sum(len(row.answers) for row in rows), 2, dtype=torch.long)
    for n, line in enumerate(lines):
        left = longest - lengths[n]
        text, place, block, owner = [pad] * left, [0] * left, [-1] * left, [-1] * left
        for row_n in line:
            row, size, start = rows[row_n], len(rows[row_n].prompt), len(text)
            text += row.prompt
            place += range(size)
            block += [0] * size
            for number, answer in enumerate(row.answers, 1):
                begin = len(text)
                before = [start + size - 1, *range(begin, begin + len(answer) - 1)]
                spots += [
                    (n, column - (longest - kept), token, starts[row_n] + number - 1)
                    for column, token in zip(before, answer, strict=True)
                ]
                text += answer
                end_m2[starts[row_n] + number - 1] = torch.tensor([n, len(text) - 1])
                place += range(size, size + len(answer))
                block += [number] * len(answer)
            owner += [row_n] * (len(text) - start)
        ids.append(text)
        positions.append(place)
        blocks.append(block)
        owners.append(owner)
    row_n, column_n, target_n, owner_n = torch.tensor(spots).T.contiguous()
    blocks_bt = torch.tensor(blocks)
    plain = len(lines) == len(rows) and all(len(row.answers) == 1 for row in rows)
    visible = (blocks_bt >= 0).long() if plain else _visible(blocks_bt, torch.tensor(owners))
    seen: Seen = {}
    if sight is not None:
        begins = [longest - size for size in lengths]
        seen = sight.see([row.picture for row in rows], begins, longest)
    return Laid(
        input_ids=torch.tensor(ids),
        position_ids=None if sight is not None else torch.tensor(positions),
        attention_mask=visible,
        kept=kept,
        row=row_n,
        column=column_n,
        target=target_n,
        owner=owner_n,
        last=_last(owner_n, len(end_m2)),
        end=end_m2,
        answers=len(end_m2),
        tokens=sum(lengths),
        seen=seen,
    )


def pack(lengths: Sequence[int], most: int) -> list[list[int]]:
    """Which rows share a line: the longest first, each into the fullest line that still takes it.

    Args:
        lengths: Tokens of each row; one longer than `most` gets a line to itself.
        most: Tokens of a line.

    Source: best-fit decreasing (Johnson, 1973).

    >>> pack([6, 3, 4, 2], 8)
    [[0, 3], [2, 1]]
    """
    lines: list[list[int]] = []
    room: list[int] = []
    for n in sorted(range(len(lengths)), key=lambda n: (-lengths[n], n)):
        fits = [(left, at) for at, left in enumerate(room) if left >= lengths[n]]
        if fits:
            _, at = min(fits)
            lines[at].append(n)
            room[at] -= lengths[n]
        else:
            lines.append([n])
            room.append(most - lengths[n])
    return lines


def _one_each(count: int) -> list[list[int]]:
    return [[n] for n in range(count)]


def _last(owner_n: torch.Tensor, answers: int) -> torch.Tensor:
    last_m = torch.zeros(answers, dtype=torch.long)
    return last_m.scatter_reduce(0, owner_n, torch.arange(len(owner_n)), "amax")


def _visible(blocks_bt: torch.Tensor, owners_bt: torch.Tensor) -> torch.Tensor:
    """Who may look at whom: what came before in one's own row, of the prompt or the same answer."""
    length = blocks_bt.shape[1]
    asks, seen = blocks_bt[:, :, None], blocks_bt[:, None, :]
    causal = torch.ones(length, length, dtype=torch.bool).tril()
    same_row = owners_bt[:, :, None] == owners_bt[:, None, :]
    looks = causal & same_row & (seen >= 0) & ((seen == 0) | (seen == asks))
    return (looks | torch.eye(length, dtype=torch.bool))[:, None]


def scores(model: Any, laid: Laid, *, more: bool = False) -> Scores:
    """Log probability of each answer under a model; differentiable.

    Args:
        model: Any causal LM, with or without an adapter.
        laid: On the model's device.
        more: Entropy and the end's log probability, too.
    """
    mask = laid.attention_mask
    output = model(
        input_ids=laid.input_ids,
        position_ids=laid.position_ids,
        attention_mask=_additive(mask, model) if mask.ndim == 4 else mask,
        logits_to_keep=laid.kept,
        use_cache=False,
        **laid.seen,
    )
    logits_nv = output.logits[laid.row, laid.column].float()
    norm_n = logits_nv.logsumexp(-1)
    chosen_n = logits_nv.gather(-1, laid.target[:, None])[:, 0] - norm_n
    zeros = torch.zeros(laid.answers, device=chosen_n.device)
    logprob_m = zeros.index_add(0, laid.owner, chosen_n)
    tokens_m = zeros.index_add(0, laid.owner, torch.ones_like(chosen_n))
    if not more:
        return Scores(logprob_m, tokens_m)
    entropy_n = norm_n - (logits_nv.softmax(-1) * logits_nv).sum(-1)
    entropy_m = zeros.index_add(0, laid.owner, entropy_n) / tokens_m
    return Scores(logprob_m, tokens_m, entropy_m, chosen_n[laid.last])


def rewards(model: Any, laid: Laid, pooling: str = "last") -> torch.Tensor:
    """What a reward model gives each answer, shape (m,); differentiable.

    Args:
        model: A sequence classifier with one output, with or without an adapter.
        laid: On the model's device.
        pooling: What its head reads: the answer's "last" token, or the "mean" of all tokens that
            this one sees: of the prompt and the answer.
    """
    mask = laid.attention_mask
    output = model(
        input_ids=laid.input_ids,
        position_ids=laid.position_ids,
        attention_mask=_additive(mask, model) if mask.ndim == 4 else mask,
        output_hidden_states=True,
        use_cache=False,
    )
    hidden_bth = output.hidden_states[-1]
    if pooling == "last":
        hidden_mh = hidden_bth[laid.end[:, 0], laid.end[:, 1]]
    else:
        line_m, column_m = laid.end[:, 0], laid.end[:, 1]
        sees_mt = (mask[line_m, 0, column_m] if mask.ndim == 4 else mask[line_m]).float()
        summed_mh = torch.einsum("mt,mth->mh", sees_mt, hidden_bth[line_m].float())
        hidden_mh = summed_mh / sees_mt.sum(1, keepdim=True)
        hidden_mh = hidden_mh.to(hidden_bth.dtype)
    unwrapped = getattr(model, "module", model)
    head = unwrapped.get_base_model() if hasattr(unwrapped, "get_base_model") else unwrapped
    scored: torch.Tensor = head.score(hidden_mh)
    return scored[:, 0].float()


def _additive(mask: torch.Tensor, model: Any) -> torch.Tensor:
    """0 where a token may look and very low elsewhere, as every attention but flash takes it."""
    device = mask.device.type
    cast = torch.is_autocast_enabled(device)
    kind = torch.get_autocast_dtype(device) if cast else getattr(model, "module", model).dtype
    low = torch.finfo(kind).min
    return torch.zeros(mask.shape, dtype=kind, device=mask.device).masked_fill(~mask, low)


def can_share(model: Any) -> bool:
    """Does the model's attention take a mask of our making, over the whole text?"""
    config = model.config.get_text_config()
    kinds = getattr(config, "layer_types", None) or ()
    plain = all(kind == "full_attention" for kind in kinds)
    sliding = not kinds and getattr(config, "sliding_window", None) is not None
    return plain and not sliding and config._attn_implementation in ("sdpa", "eager")
