"""Training beside its peer, in one run: SFT and DPO by Ratchet and by TRL as it comes.

1. `speed`: the same rows, model, adapter, learning rate, batches and epochs on the same device,
   each side in a process of its own. Seconds from the loaded model to trained weights; tokens a
   second count every prompt once for each answer, on both sides. Ratchet's seconds include scoring
   the reference and the held-out rows. Held-out loss is measured by one and the same function. TRL
   runs as it comes, and once more in full precision without gradient checkpointing.
2. `methods`: every method on the pocket model over several seeds, its own held-out figure before
   and after.
3. `ceiling`, on a GPU: an architecture of 0.5 to 1.5 billion random weights; tokens a second,
   model FLOPs utilisation, peak memory, and the share of what the matrix product reaches there.

Rows are simulated: lessons of the pocket model's recipe, of very different lengths; the preferred
answer cites, the other one rambles and does not.

    python benchmarks/training.py speed|methods|ceiling [--rows 400] [--seeds 3] [--methods sft dpo]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from loop.pocket.lessons import Habits, make_lesson
from loop.settings import AssistantSettings, Settings, TrainSettings
from loop.store.records import Dataset

ROOT = Path(__file__).parents[1]
HELD = 64  # held-out rows
MOVES = {  # method → held-out figure, and the way it should go
    "sft": ("loss", -1),
    "dpo": ("reward_accuracy", 1),
    "kto": ("auc", 1),
    "reward": ("accuracy", 1),
    "grpo": ("reward", 1),
}
EVEN = {"reward_accuracy": 0.5, "auc": 0.5}  # what an untrained adapter has


def make_rows(folder: Path, rows: int, seed: int) -> Path:
    """A dataset version's files, marked simulated; prompts of up to 24 sentences."""
    pairs, singles = [], []
    for n in range(rows + HELD):
        sentences = max(2, min(24, round(Random(f"{seed}:{n}").lognormvariate(1.3, 0.9))))
        good, bad = (
            make_lesson(Random(f"{seed}:{n}:lesson"), sentences=sentences, questions=1, habits=h)
            for h in (Habits(), Habits(cites=0.0, rambles=1.0, guesses=1.0))
        )
        question = f"{good.passages}\n\nQuestion: {good.turns[0].question}"
        messages = [
            {"role": "system", "content": AssistantSettings().system},
            {"role": "user", "content": question},
        ]
        chosen, rejected = good.turns[0].answer, bad.turns[0].answer
        row = {
            "row": f"row-{n:05d}",
            "split": "train" if n < rows else "held_out",
            "messages": json.dumps(messages),
            "simulated": True,
        }
        pairs.append(row | {"chosen": chosen, "rejected": rejected, "votes": 2.0})
        singles.append(row | {"row": row["row"] + "+", "answer": chosen, "label": True})
        singles.append(row | {"row": row["row"] + "-", "answer": rejected, "label": False})
    pq.write_table(pa.Table.from_pylist(pairs), folder / "pairs.parquet")
    pq.write_table(pa.Table.from_pylist(singles), folder / "kto.parquet")
    answers = [row | {"answer": row["chosen"]} for row in pairs]
    pq.write_table(pa.Table.from_pylist(answers), folder / "sft.parquet")
    return folder


def known(args: argparse.Namespace, **more: Any) -> Settings:
    """The same settings for both sides; what ours would choose by itself is fixed."""
    common = {
        "rank": 16, "alpha": 32, "learning_rate": 1e-3, "epochs": 1.0, "batch_size": 16,
        "max_tokens": 1024, "save_every": 10**6, "keep": "last", "threads": args.threads,
    }  # fmt: skip
    return Settings(root=ROOT, train=TrainSettings(**common | more))


def ours(args: argparse.Namespace, data: Path, method: str, seed: int) -> dict[str, Any]:
    """Train as `ratchet train` does, in this process."""
    from loop.train.build import build
    from loop.train.journal import Journal
    from loop.train.meter import Meter

    job = _job(known(args), data, method, seed)
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder), 0)
        loaded: list[float] = []
        journal.write = lambda **_: loaded.append(time.monotonic())  # type: ignore[method-assign]
        meter = Meter(Path(folder), run=job.id, device=job.device)
        built = build(job, Path(folder), journal, Quiet(), meter)  # type: ignore[arg-type]
        built.trainer.watch.look(0, 0)
        built.trainer.train()
        done = time.monotonic()
    return {"seconds": done - loaded[0], **_held(built.trainer.model, data, method, job)}


def trl(
    args: argparse.Namespace, data: Path, method: str, seed: int, *, plain: bool
) -> dict[str, Any]:
    """Train by TRL's own trainer on the same rows.

    Args:
        plain: In full precision, without gradient checkpointing.
    """
    from datasets import Dataset as Rows
    from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer  # type: ignore[attr-defined]

    from loop.models.load import load_base
    from loop.train.choose import Chosen
    from loop.train.device import same_every_time
    from loop.train.trainer import lora

    job = _job(known(args), data, method, seed)
    same_every_time(job)
    base = load_base("pocket", device=job.device)
    rows = [r for r in _read(data, method) if r["split"] == "train"]
    names = ("chosen", "rejected") if method == "dpo" else ("answer",)
    table = Rows.from_list(
        [
            {"prompt": json.loads(row["messages"])}
            | {
                {"answer": "completion"}.get(name, name): [
                    {"role": "assistant", "content": row[name]}
                ]
                for name in names
            }
            for row in rows
        ]
    )
    chosen = Chosen(
        learning_rate=1e-3, epochs=1.0, max_tokens=1024, batch_size=16, warmup=0.1, micro_batch=16,
        rank=16, alpha=32, precision="fp32", attention="sdpa", gradient_checkpointing=False,
        reasons={},
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        options: dict[str, Any] = {
            "output_dir": folder,
            "per_device_train_batch_size": 16,
            "num_train_epochs": 1.0,
            "learning_rate": 1e-3,
            "lr_scheduler_type": "linear",
            "warmup_steps": 0.1,
            "seed": seed,
            "use_cpu": job.device == "cpu",
            "save_strategy": "no",
            "report_to": "none",
            "disable_tqdm": True,
            "logging_steps": 50,
            "max_length": 1024,
        }
        if plain:
            options |= {"bf16": False, "gradient_checkpointing": False}
        more = {
            "model": base.model,
            "processing_class": base.tokenizer,
            "train_dataset": table,
            "peft_config": lora(job, chosen),
        }
        started = time.monotonic()
        if method == "dpo":
            trainer: Any = DPOTrainer(args=DPOConfig(beta=0.1, **options), **more)
        else:
            trainer = SFTTrainer(args=SFTConfig(**options), **more)
        trainer.train()
        seconds = time.monotonic() - started
    return {"seconds": seconds, **_held(trainer.model, data, method, job)}


class Quiet:
    """Nobody wants the run to end."""

    asked = False
    careful = True


def _job(settings: Settings, data: Path, method: str, seed: int) -> Any:
    from loop.train.plan import plan

    made = Dataset(
        id="ds-simulated", at=datetime.now(UTC), assistant="desk", rows=0, path=str(data),
        manifest={},
    )  # fmt: skip
    return plan(settings, made, method=method, seed=seed, parent=None)


def _read(data: Path, method: str) -> list[dict[str, Any]]:
    name = "pairs" if method == "dpo" else "sft"
    rows: list[dict[str, Any]] = pq.read_table(data / f"{name}.parquet").to_pylist()
    return rows


def _held(model: Any, data: Path, method: str, job: Any) -> dict[str, Any]:
    """Held-out loss of a trained model, measured alike, and what the process took."""
    import torch

    from loop.models.load import load_base
    from loop.train.layout import can_share
    from loop.train.measure import Scorer, Stance, figures
    from loop.train.rows import read_rows

    base = load_base("pocket", device=job.device)
    held = read_rows(data, method, "held_out", base.tokenizer, most=1024, ends=base.ends).rows  # type: ignore[arg-type]
    train = read_rows(data, method, "train", base.tokenizer, most=1024, ends=base.ends).rows  # type: ignore[arg-type]
    scorer = Scorer(pad=base.tokenizer.pad_token_id, share=can_share(base.model), device=job.device)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if job.device != "cpu":
        peak = torch.cuda.max_memory_allocated() / 2**20
    with torch.autocast(job.device, torch.bfloat16, enabled=job.device != "cpu"):
        loss = figures(Stance(method), held, scorer(base.model, held), scorer(model, held))["loss"]
    tokens = sum(len(row.prompt) * len(row.answers) + sum(map(len, row.answers)) for row in train)
    return {"loss": loss, "tokens": tokens, "mib": peak}


def speed(args: argparse.Namespace) -> None:
    """Print the table of both sides and their ratios."""
    with tempfile.TemporaryDirectory() as folder:
        data = make_rows(Path(folder), args.rows, 0)
        print(f"{args.rows} simulated rows, one epoch of batches of 16, {args.threads} thread(s)\n")
        print("| method | side | tokens/s | peak MiB | held-out loss over seeds | times as fast |")
        print("| --- | --- | --- | --- | --- | --- |")
        for method in args.methods or ["sft", "dpo"]:
            sides = ("ratchet", "trl", "trl-fp32")
            found = {
                side: [_apart(args, side, data, method, seed) for seed in range(args.seeds)]
                for side in sides
            }
            for side in sides:
                rate = statistics.median(r["tokens"] / r["seconds"] for r in found[side])
                own = statistics.median(
                    other["seconds"] / mine["seconds"]
                    for other, mine in zip(found[side], found["ratchet"], strict=True)
                )
                losses = ", ".join(f"{r['loss']:.4f}" for r in found[side])
                peak = max(r["mib"] for r in found[side])
                print(
                    f"| {method} | {side} | {rate:,.0f} | {peak:,.0f} | {losses} | {own:.2f} |",
                    flush=True,
                )


def _apart(
    args: argparse.Namespace, side: str, data: Path, method: str, seed: int
) -> dict[str, Any]:
    """One side's run in a process of its own."""
    done = subprocess.run(
        [
            sys.executable, __file__, "_side", side, "--data", str(data), "--methods", method,
            "--seeds", str(seed), "--threads", str(args.threads),
        ],
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": str(args.threads)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def side(args: argparse.Namespace) -> None:
    """One run of one side; its figures as JSON."""
    run: dict[str, Callable[[], dict[str, Any]]] = {
        "ratchet": lambda: ours(args, args.data, args.methods[0], args.seeds),
        "trl": lambda: trl(args, args.data, args.methods[0], args.seeds, plain=False),
        "trl-fp32": lambda: trl(args, args.data, args.methods[0], args.seeds, plain=True),
    }
    print(json.dumps(run[args.side]()))


def methods(args: argparse.Namespace) -> None:
    """Print what each method makes of its own held-out figure."""
    from dataclasses import replace

    from loop.train.run import train

    print("| method | held-out figure | before | after, by seed | moved the right way |")
    print("| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        data.mkdir()
        make_rows(data, args.rows, 0)
        settings = known(args)
        for method in args.methods or list(MOVES):
            name, sign = MOVES[method]
            own = replace(settings.train, **_own(method))
            before, after = [], []
            for seed in range(args.seeds):
                done = train(
                    replace(settings, train=own),
                    Dataset(
                        id="ds-simulated", at=datetime.now(UTC), assistant="desk", rows=0,
                        path=str(data), manifest={},
                    ),
                    method=method, seed=seed, parent=None,
                    run_folder=Path(folder) / f"{method}-{seed}",
                ).run.metrics  # fmt: skip
                before.append(done.get(f"held_out_{name}_before", EVEN.get(name, 0.0)))
                after.append(done.get(f"held_out_{name}_after", done.get(f"held_out_{name}", 0.0)))
            right = sum(sign * (a - b) > 0 for a, b in zip(after, before, strict=True))
            shown = ", ".join(f"{value:.3f}" for value in after)
            print(
                f"| {method} | {name} | {statistics.mean(before):.3f} | {shown} "
                f"| {right} of {args.seeds} |",
                flush=True,
            )


def _own(method: str) -> dict[str, Any]:
    """Drawing answers takes long, so GRPO gets fewer steps."""
    if method == "grpo":
        return {"learning_rate": 5e-4, "generations": 8, "answer_tokens": 48, "batch_size": 64}
    return {}


def ceiling(args: argparse.Namespace) -> None:
    """Print how near training on a GPU comes to what its matrix product can do."""
    import torch

    if not torch.cuda.is_available():
        print("No GPU answers here: not run.")
        return
    from peft import LoraConfig, get_peft_model
    from transformers import Qwen3Config, Qwen3ForCausalLM

    size = 8192
    a = torch.randn(size, size, device="cuda", dtype=torch.bfloat16)
    best = 2 * size**3 / _timed(lambda: a @ a)
    config = Qwen3Config(
        hidden_size=1024, intermediate_size=3072, num_hidden_layers=28, num_attention_heads=16,
        num_key_value_heads=8, head_dim=128, vocab_size=151_936, tie_word_embeddings=True,
    )  # fmt: skip
    with torch.device("cuda"):
        model: Any = Qwen3ForCausalLM(config).to(torch.bfloat16)
    model = get_peft_model(model, LoraConfig(r=16, target_modules="all-linear"))
    weights = sum(p.numel() for p in model.parameters())
    ids = torch.randint(0, config.vocab_size, (8, 1024), device="cuda")

    def step() -> None:
        model(input_ids=ids, labels=ids).loss.backward()
        model.zero_grad()

    torch.cuda.reset_peak_memory_stats()
    seconds = _timed(step)
    tokens = ids.numel() / seconds
    # Forward 2 and backward 2 FLOPs a weight: gradients of frozen weights are not computed.
    used = 4 * weights * tokens
    print(f"{torch.cuda.get_device_name()}: matrix product {best / 1e12:,.0f} TFLOP/s")
    print(f"{weights / 1e9:.2f} B weights: {tokens:,.0f} tokens/s, {used / 1e12:,.0f} TFLOP/s")
    print(f"{used / best:.0%} of the ceiling, {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB")


def _timed(act: Callable[[], Any]) -> float:
    import torch

    for _ in range(3):
        act()
    torch.cuda.synchronize()
    started = time.monotonic()
    for _ in range(10):
        act()
    torch.cuda.synchronize()
    return (time.monotonic() - started) / 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("part", choices=["speed", "methods", "ceiling", "_side"])
    parser.add_argument("side", nargs="?")
    parser.add_argument("--rows", type=int, default=400)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--methods", nargs="+")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--data", type=Path)
    args = parser.parse_args()
    {"speed": speed, "methods": methods, "ceiling": ceiling, "_side": side}[args.part](args)


if __name__ == "__main__":
    main()
