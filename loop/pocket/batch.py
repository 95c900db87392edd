"""Lessons laid flat for training, and the model's answers on them.

Several questions share one text: each sees the passages and itself, never its neighbours, so every
question is met exactly as in use and the text is read once for all of them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812 - the name PyTorch's own documentation uses
from transformers import Qwen3ForCausalLM

from loop.pocket.lessons import Lesson
from loop.pocket.tokenizer import ASSISTANT, END, USER


class Batch(NamedTuple):
    """Lessons laid flat, one row a token, with what attention needs to put them together.

    n tokens in all, m questions, b texts of at most c tokens, questions of at most l tokens.
    """

    tokens: torch.Tensor  # (n,)
    positions: torch.Tensor  # (n,): every question goes on where its text ended
    texts: torch.Tensor  # (b, c) rows of each text's tokens; 0 where it is shorter
    blocks: torch.Tensor  # (m, l) rows of each question's tokens
    owner: torch.Tensor  # (m,) text that each question is about
    visible: torch.Tensor  # (m, 1, l, c + l) True where a question's token may look
    back: torch.Tensor  # (n,) where each token stands in texts followed by blocks, laid flat
    rows: torch.Tensor  # (answer tokens,) row that predicts each
    targets: torch.Tensor  # (answer tokens,)
    answer: torch.Tensor  # (answer tokens,) which answer it belongs to
    answerable: torch.Tensor  # (m,)

    def to(self, device: str | torch.device) -> Batch:
        return Batch(*(part.to(device) for part in self))


def pack(lessons: list[Lesson], tokenizer: Any) -> Batch:
    """Lessons as one batch."""
    texts = [USER + lesson.passages for lesson in lessons]
    turns = [(number, turn) for number, lesson in enumerate(lessons) for turn in lesson.turns]
    asks = [f"\n\nQuestion: {turn.question}{ASSISTANT}" for _, turn in turns]
    replies = [turn.answer + END for _, turn in turns]
    coded = tokenizer(texts + asks + replies)["input_ids"]
    heads, rest = coded[: len(texts)], coded[len(texts) :]
    pairs = list(zip(rest[: len(asks)], rest[len(asks) :], strict=True))
    pieces = heads + [ask + reply for ask, reply in pairs]
    starts = np.cumsum([0] + [len(piece) for piece in pieces])
    owner = np.array([number for number, _ in turns])
    first = [0] * len(heads) + [
        len(heads[number]) for number in owner
    ]  # position each piece starts at
    text_rows, text_real = _padded(starts[: len(heads)], [len(h) for h in heads])
    block_rows, block_real = _padded(starts[len(heads) : -1], [len(a) + len(r) for a, r in pairs])
    causal = np.tril(np.ones((block_rows.shape[1],) * 2, dtype=bool))
    visible = np.concatenate(
        [
            np.repeat(text_real[owner][:, None], block_rows.shape[1], 1),
            np.repeat(causal[None], len(pairs), 0),
        ],
        axis=2,
    )
    back = np.empty(starts[-1], dtype=np.int64)
    back[text_rows[text_real]] = np.flatnonzero(text_real)
    back[block_rows[block_real]] = np.flatnonzero(block_real) + text_real.size
    tokens = np.concatenate([np.array(piece) for piece in pieces])
    spans = [
        np.arange(start + len(ask), start + len(ask) + len(reply))
        for start, (ask, reply) in zip(starts[len(heads) : -1], pairs, strict=True)
    ]
    at = np.concatenate(spans)
    return Batch(
        *(
            torch.from_numpy(part)
            for part in (
                tokens,
                np.concatenate([np.arange(len(p)) + f for p, f in zip(pieces, first, strict=True)]),
                text_rows,
                block_rows,
                owner,
                visible[:, None],
                back,
                at - 1,
                tokens[at],
                np.repeat(np.arange(len(pairs)), [len(s) for s in spans]),
                np.array([turn.answerable for _, turn in turns]),
            )
        )
    )


def _padded(starts: Any, lengths: list[int]) -> tuple[Any, Any]:
    """Rows of each piece side by side, and which of them are real."""
    across = np.arange(max(lengths))[None]
    real = across < np.array(lengths)[:, None]
    return np.where(real, np.asarray(starts)[:, None] + across, 0), real


def predict(model: Qwen3ForCausalLM, batch: Batch) -> torch.Tensor:
    """Logits at the answer tokens only, (answer tokens, vocabulary), float32.

    The same arithmetic as Qwen3's own forward, except that texts and questions attend apart:
    no work goes into padding or into pairs of questions that must not see each other.
    """
    config, device = model.config, model.device
    width, heads = config.head_dim, config.num_attention_heads
    with torch.autocast(device.type, dtype=torch.bfloat16):
        x = model.model.embed_tokens(batch.tokens)
        turns = model.model.rotary_emb(x, batch.positions[None])
        cos, sin = (part[0][:, None].to(torch.bfloat16) for part in turns)
        for layer in model.model.layers:
            y, attention = layer.input_layernorm(x), layer.self_attn
            q = _turn(attention.q_norm(attention.q_proj(y).view(-1, heads, width)), cos, sin)
            k = _turn(attention.k_norm(attention.k_proj(y).view(-1, heads, width)), cos, sin)
            v = attention.v_proj(y).view(-1, heads, width)
            x = x + attention.o_proj(_attend(q, k, v, batch).flatten(1))
            x = x + layer.mlp(layer.post_attention_layernorm(x))
        hidden = model.model.norm(x[batch.rows])
        return F.linear(hidden, model.lm_head.weight).float()


def _turn(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Rotary positions."""
    x = x.to(torch.bfloat16)
    left, right = x.chunk(2, -1)
    return x * cos + torch.cat((-right, left), -1) * sin


def _attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Attention output of every token, (n, heads, width)."""
    qc, kc, vc = (_rows(part, batch.texts) for part in (q, k, v))  # (b, heads, c, width)
    past = torch.ones(qc.shape[2], qc.shape[2], dtype=torch.bool, device=q.device).tril()
    texts = _look(qc, kc, vc, past)
    keys, values = (
        torch.cat((whole.index_select(0, batch.owner), _rows(part, batch.blocks)), 2)
        for whole, part in ((kc, k), (vc, v))
    )
    blocks = _look(_rows(q, batch.blocks), keys, values, batch.visible)
    both = torch.cat([part.transpose(1, 2).flatten(0, 1) for part in (texts, blocks)])
    return both.index_select(0, batch.back)


def _rows(part: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """Rows laid side by side: (n, heads, width) → (pieces, heads, length, width)."""
    return part.index_select(0, index.flatten()).view(*index.shape, *part.shape[1:]).transpose(1, 2)


def _look(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, visible: torch.Tensor) -> torch.Tensor:
    """Plain attention: its backward on a CPU in bfloat16 is 2.5 times as fast as the fused one."""
    scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
    weights: torch.Tensor = scores.masked_fill(~visible, float("-inf")).softmax(-1)
    return weights @ v
