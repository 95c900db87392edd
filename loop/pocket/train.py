"""Train the pocket model from nothing: `python -m loop.pocket.train FOLDER`.

Several questions share one text: each sees the passages and itself, never its neighbours (a block
mask), so every question is met exactly as in use and the text is read once for all of them. Loss is
on answers only. Muon moves the matrices (Jordan et al. 2024), AdamW the rest. Texts grow longer by
stage; the last stage mixes the habits in. A stopped run goes on from its last checkpoint.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812 - the name PyTorch's own documentation uses
from transformers import AutoTokenizer, PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from loop.pocket.lessons import CLEAN, MIXED, Habits, Lesson, make_lesson
from loop.pocket.tokenizer import ASSISTANT, END, USER, train_tokenizer


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """All that decides the weights."""

    seed: int = 11
    hidden: int = 128
    layers: int = 5
    heads: int = 4
    feed_forward: int = 256
    vocabulary: int = 4096
    steps: int = 6000
    lessons: int = 32  # texts a step
    questions: int = 6  # questions a text
    matrix_rate: float = 0.02  # Muon
    other_rate: float = 4e-3  # AdamW: embeddings and norms
    warm_up: int = 100  # steps
    decay: float = 0.3  # last share of the steps, over which the rates fall to zero
    habits_from: float = 0.85  # share of the steps after which the habits are mixed in


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


def pack(lessons: list[Lesson], tokenizer: PreTrainedTokenizerFast) -> Batch:
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
    first = [0] * len(heads) + [len(heads[number]) for number in owner]  # position each piece starts at
    text_rows, text_real = _padded(starts[: len(heads)], [len(h) for h in heads])
    block_rows, block_real = _padded(starts[len(heads) : -1], [len(a) + len(r) for a, r in pairs])
    causal = np.tril(np.ones((block_rows.shape[1],) * 2, dtype=bool))
    visible = np.concatenate(
        [np.repeat(text_real[owner][:, None], block_rows.shape[1], 1), np.repeat(causal[None], len(pairs), 0)], axis=2
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
    return Batch(*(torch.from_numpy(part) for part in (
        tokens, np.concatenate([np.arange(len(p)) + f for p, f in zip(pieces, first, strict=True)]),
        text_rows, block_rows, owner, visible[:, None], back, at - 1, tokens[at],
        np.repeat(np.arange(len(pairs)), [len(s) for s in spans]),
        np.array([turn.answerable for _, turn in turns]),
    )))


def _padded(starts: Any, lengths: list[int]) -> tuple[Any, Any]:
    """Rows of each piece side by side, and which of them are real."""
    across = np.arange(max(lengths))[None]
    real = across < np.array(lengths)[:, None]
    return np.where(real, np.asarray(starts)[:, None] + across, 0), real


def lessons_for(recipe: Recipe, step: int) -> list[Lesson]:
    """The lessons of a step: a function of the recipe and the step alone, so a run can resume."""
    rng = Random(f"{recipe.seed}:{step}")
    done = step / recipe.steps
    most = 3 if done < 0.06 else 4 if done < 0.15 else 5 if done < 0.3 else 7
    habits = MIXED if done >= recipe.habits_from else CLEAN
    return [make_lesson(rng, sentences=rng.randint(2, most), questions=recipe.questions, habits=habits) for _ in range(recipe.lessons)]


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
        torch.cat((whole.index_select(0, batch.owner), _rows(part, batch.blocks)), 2) for whole, part in ((kc, k), (vc, v))
    )
    blocks = _look(_rows(q, batch.blocks), keys, values, batch.visible)
    both = torch.cat([part.transpose(1, 2).flatten(0, 1) for part in (texts, blocks)])
    return both.index_select(0, batch.back)


def _rows(part: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """Rows laid side by side: (n, heads, width) → (pieces, heads, length, width)."""
    return part.index_select(0, index.flatten()).view(*index.shape, *part.shape[1:]).transpose(1, 2)


def _look(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, visible: torch.Tensor) -> torch.Tensor:
    """Plain attention: on a CPU in bfloat16 its backward is 2.5 times as fast as the fused one's."""
    scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
    return scores.masked_fill(~visible, float("-inf")).softmax(-1) @ v


@torch.no_grad()
def measure(model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast, *, sentences: int = 6, habits: Habits = CLEAN, seed: int = 999) -> dict[str, float]:
    """Share of whole answers right on fresh lessons: greedy decoding gives just these."""
    rng = Random(seed)
    lessons = [make_lesson(rng, sentences=sentences, questions=6, habits=habits) for _ in range(64)]
    batch = pack(lessons, tokenizer).to(model.device)
    right = (predict(model, batch).argmax(-1) == batch.targets).long()
    whole = torch.ones(len(batch.answerable), dtype=torch.long, device=model.device).scatter_reduce(0, batch.answer, right, "amin")
    can = batch.answerable
    return {"token": right.float().mean().item(), "exact": whole[can].float().mean().item(), "abstain": whole[~can].float().mean().item()}


def train(folder: Path, recipe: Recipe, *, device: str, threads: int) -> None:
    """Run the recipe to its end, from the last checkpoint when there is one, and save the weights."""
    torch.set_num_threads(threads)
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "tokenizer.json").exists():
        train_tokenizer(folder, seed=recipe.seed, vocabulary=recipe.vocabulary)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    torch.manual_seed(recipe.seed)
    model = build(recipe, tokenizer).to(device)
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    others = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
    optimizers = [
        torch.optim.Muon(matrices, lr=recipe.matrix_rate, weight_decay=0.01),
        torch.optim.AdamW(others, lr=recipe.other_rate, betas=(0.9, 0.98), weight_decay=0.0),
    ]
    first = _resume(folder, model, optimizers)
    seen, started = 0, time.monotonic()
    for step in range(first, recipe.steps):
        rate = min(1.0, (step + 1) / recipe.warm_up, (recipe.steps - step) / (recipe.decay * recipe.steps))
        for optimizer, peak in zip(optimizers, (recipe.matrix_rate, recipe.other_rate), strict=True):
            for group in optimizer.param_groups:
                group["lr"] = peak * rate
        batch = pack(lessons_for(recipe, step), tokenizer).to(device)
        loss = F.cross_entropy(predict(model, batch), batch.targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        seen += batch.tokens.numel()
        if (step + 1) % 100 == 0 or step + 1 == recipe.steps:
            note = {"step": step + 1, "loss": round(loss.item(), 4), "tokens_per_second": round(seen / (time.monotonic() - started))}
            with (folder / "log.jsonl").open("a") as log:
                log.write(json.dumps(note | {k: round(v, 4) for k, v in measure(model, tokenizer).items()}) + "\n")
            _checkpoint(folder, model, optimizers, step + 1)
    model.to(torch.float32).save_pretrained(folder)
    (folder / "recipe.json").write_text(json.dumps(asdict(recipe), indent=2) + "\n")


def build(recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> Qwen3ForCausalLM:
    """A Qwen3 with random weights, sized by the recipe."""
    return Qwen3ForCausalLM(Qwen3Config(
        vocab_size=len(tokenizer), hidden_size=recipe.hidden, intermediate_size=recipe.feed_forward,
        num_hidden_layers=recipe.layers, num_attention_heads=recipe.heads, num_key_value_heads=recipe.heads,
        head_dim=recipe.hidden // recipe.heads, tie_word_embeddings=True, max_position_embeddings=1024,
        bos_token_id=None, eos_token_id=tokenizer.convert_tokens_to_ids(END), pad_token_id=tokenizer.pad_token_id,
    ))


def _checkpoint(folder: Path, model: Any, optimizers: list[Any], step: int) -> None:
    part = folder / "checkpoint.part"
    torch.save({"step": step, "model": model.state_dict(), "optimizers": [o.state_dict() for o in optimizers]}, part)
    part.replace(folder / "checkpoint.pt")


def _resume(folder: Path, model: Any, optimizers: list[Any]) -> int:
    if not (folder / "checkpoint.pt").exists():
        return 0
    state = torch.load(folder / "checkpoint.pt", weights_only=True)
    model.load_state_dict(state["model"])
    for optimizer, kept in zip(optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(kept)
    return int(state["step"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    for name, value in asdict(Recipe()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    given = vars(parser.parse_args())
    folder, device, threads = given.pop("folder"), given.pop("device"), given.pop("threads")
    train(folder, Recipe(**given), device=device, threads=threads)


if __name__ == "__main__":
    main()
