"""Train the pocket model from nothing: `python -m loop.pocket.train FOLDER`.

Loss is on answers only. Muon moves the matrices (Jordan et al. 2024), AdamW the rest. Texts grow
longer by stage; the last stage mixes the habits in. A stopped run goes on from its last checkpoint.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

import torch
from torch.nn import functional as F  # noqa: N812 - the name PyTorch's own documentation uses
from transformers import AutoTokenizer, Qwen3Config, Qwen3ForCausalLM

from loop.pocket.batch import pack, predict
from loop.pocket.lessons import CLEAN, MIXED, Habits, Lesson, make_lesson
from loop.pocket.tokenizer import END, train_tokenizer


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """All that decides the weights."""

    seed: int = 11
    hidden: int = 128
    layers: int = 5
    heads: int = 4
    feed_forward: int = 256
    vocabulary: int = 4096
    steps: int = 6600
    lessons: int = 16  # texts a step
    questions: int = 6  # questions a text
    matrix_rate: float = 0.02  # Muon
    other_rate: float = 4e-3  # AdamW: embeddings and norms
    warm_up: int = 100  # steps
    decay: float = 0.3  # last share of the steps, over which the rates fall to zero
    best_first: float = 0.4  # how often the first sentence is asked about, beyond chance
    best_first_late: float = 0.75  # the same later on, as often as retrieval gets it right
    late_from: float = 0.47  # share of the steps after which that holds
    habits_from: float = 0.85  # share of the steps after which the habits are mixed in


def lessons_for(recipe: Recipe, step: int) -> list[Lesson]:
    """The lessons of a step: a function of the recipe and the step alone, so a run can resume."""
    rng = Random(f"{recipe.seed}:{step}")
    done = step / recipe.steps
    most = 3 if done < 0.06 else 4 if done < 0.15 else 5 if done < 0.3 else 7
    habits = MIXED if done >= recipe.habits_from else CLEAN
    first = recipe.best_first_late if done >= recipe.late_from else recipe.best_first
    return [
        make_lesson(
            rng,
            sentences=rng.randint(2, most),
            questions=recipe.questions,
            habits=habits,
            best_first=first,
        )
        for _ in range(recipe.lessons)
    ]


@torch.no_grad()
def measure(
    model: Qwen3ForCausalLM,
    tokenizer: Any,
    *,
    sentences: int = 6,
    habits: Habits = CLEAN,
    seed: int = 999,
) -> dict[str, float]:
    """Share of whole answers right on fresh lessons: greedy decoding gives just these."""
    rng = Random(seed)
    lessons = [make_lesson(rng, sentences=sentences, questions=6, habits=habits) for _ in range(64)]
    batch = pack(lessons, tokenizer).to(model.device)
    right = (predict(model, batch).argmax(-1) == batch.targets).long()
    whole = torch.ones(len(batch.answerable), dtype=torch.long, device=model.device).scatter_reduce(
        0, batch.answer, right, "amin"
    )
    can = batch.answerable
    return {
        "token": right.float().mean().item(),
        "exact": whole[can].float().mean().item(),
        "abstain": whole[~can].float().mean().item(),
    }


def train(folder: Path, recipe: Recipe, *, device: str, threads: int) -> None:
    """Run the recipe to its end, from the last checkpoint if there is one; save the weights."""
    torch.set_num_threads(threads)
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "tokenizer.json").exists():
        train_tokenizer(folder, seed=recipe.seed, vocabulary=recipe.vocabulary)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    torch.manual_seed(recipe.seed)
    model: Any = build(recipe, tokenizer)
    model.to(device)
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    others = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
    optimizers = [
        torch.optim.Muon(matrices, lr=recipe.matrix_rate, weight_decay=0.01),
        torch.optim.AdamW(others, lr=recipe.other_rate, betas=(0.9, 0.98), weight_decay=0.0),
    ]
    first = _resume(folder, model, optimizers)
    seen, started = 0, time.monotonic()
    for step in range(first, recipe.steps):
        rate = min(
            1.0, (step + 1) / recipe.warm_up, (recipe.steps - step) / (recipe.decay * recipe.steps)
        )
        for optimizer, peak in zip(
            optimizers, (recipe.matrix_rate, recipe.other_rate), strict=True
        ):
            for group in optimizer.param_groups:
                group["lr"] = peak * rate
        batch = pack(lessons_for(recipe, step), tokenizer).to(device)
        loss: Any = F.cross_entropy(predict(model, batch), batch.targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        seen += batch.tokens.numel()
        if (step + 1) % 100 == 0 or step + 1 == recipe.steps:
            note = {
                "step": step + 1,
                "loss": round(loss.item(), 4),
                "tokens_per_second": round(seen / (time.monotonic() - started)),
            }
            with (folder / "log.jsonl").open("a") as log:
                log.write(
                    json.dumps(
                        note | {k: round(v, 4) for k, v in measure(model, tokenizer).items()}
                    )
                    + "\n"
                )
            _checkpoint(folder, model, optimizers, step + 1)
    model.to(torch.float32).save_pretrained(folder)
    (folder / "recipe.json").write_text(json.dumps(asdict(recipe), indent=2) + "\n")


def build(recipe: Recipe, tokenizer: Any) -> Qwen3ForCausalLM:
    """A Qwen3 with random weights, sized by the recipe."""
    return Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=len(tokenizer),
            hidden_size=recipe.hidden,
            intermediate_size=recipe.feed_forward,
            num_hidden_layers=recipe.layers,
            num_attention_heads=recipe.heads,
            num_key_value_heads=recipe.heads,
            head_dim=recipe.hidden // recipe.heads,
            tie_word_embeddings=True,
            max_position_embeddings=1024,
            bos_token_id=None,
            eos_token_id=tokenizer.convert_tokens_to_ids(END),
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def _checkpoint(folder: Path, model: Any, optimizers: list[Any], step: int) -> None:
    part = folder / "checkpoint.part"
    torch.save(
        {
            "step": step,
            "model": model.state_dict(),
            "optimizers": [o.state_dict() for o in optimizers],
        },
        part,
    )
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
