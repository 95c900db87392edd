"""What our trainers share: the order of rows, the watch over each step, a fresh adapter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import torch
from torch.utils.data import Sampler

from loop.train.job import Job
from loop.train.layout import Laid, lay
from loop.train.rows import Row
from loop.train.watch import Watch, check_finite


class LikeLengths(Sampler[int]):
    """Indices such that each batch holds rows of like length; batches come in random order.

    A function of seed and epoch alone, so a resumed run meets the same batches.
    """

    def __init__(self, lengths: Sequence[int], batch: int, seed: int) -> None:
        self._lengths = lengths
        self._batch = batch
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        rng = Random(f"{self._seed}:{self._epoch}")
        noisy = [length * rng.uniform(0.9, 1.1) for length in self._lengths]
        order = sorted(range(len(noisy)), key=noisy.__getitem__)
        batches = [order[n : n + self._batch] for n in range(0, len(order), self._batch)]
        short = [batches.pop()] if len(batches[-1]) < self._batch else []  # must come last
        rng.shuffle(batches)
        for batch in batches + short:
            yield from batch


class Collate:
    """Rows of the trainer's dataset → one laid-out batch."""

    def __init__(self, rows: Sequence[Row], pad: int, *, share: bool) -> None:
        self._rows = rows
        self._pad = pad
        self._share = share

    def __call__(self, examples: Sequence[dict[str, int]]) -> dict[str, Any]:
        numbers = [example["number"] for example in examples]
        laid = lay([self._rows[n] for n in numbers], self._pad, share=self._share)
        return {"laid": laid, "numbers": numbers}


class Steady:
    """Mixed into a TRL trainer: our batches, our order, and a check of every step."""

    args: Any
    state: Any
    model: Any
    lengths: Sequence[int]
    watch: Watch

    def _prepare_dataset(self, dataset: Any, *more: Any, **options: Any) -> Any:
        return dataset  # rows are coded already, just as generation codes them

    def _get_train_sampler(self, train_dataset: Any = None) -> LikeLengths:
        return LikeLengths(self.lengths, self.args.per_device_train_batch_size, self.args.seed)

    def create_model_card(self, *more: Any, **options: Any) -> None:
        """None: a card with a checkpoint only costs time."""

    def training_step(self, model: Any, inputs: dict[str, Any], *more: Any, **options: Any) -> Any:
        """One step; a loss or gradient that is not finite ends the run before it does harm."""
        laid: Laid = inputs["laid"]
        self.watch.tokens += laid.tokens
        loss = super().training_step(model, inputs, *more, **options)  # type: ignore[misc]
        grads = [p.grad for p in self.model.parameters() if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(grads)
        checkpoints = Path(self.args.output_dir)
        check_finite(float(loss), float(norm), self.state.global_step + 1, checkpoints)
        return loss


def options(job: Job, folder: Path, steps: int) -> dict[str, Any]:
    """Arguments that SFTConfig and DPOConfig share.

    Args:
        job: What to train.
        folder: Where checkpoints go.
        steps: How many steps there will be, for the pace of the log.
    """
    gpu = job.device != "cpu"
    return {
        "output_dir": str(folder),
        "per_device_train_batch_size": job.batch_size,
        "num_train_epochs": job.epochs,
        "learning_rate": job.learning_rate,
        "lr_scheduler_type": "linear",
        "warmup_steps": 0.1,  # share of all steps
        "weight_decay": 0.0,
        "max_grad_norm": 1.0,
        "seed": job.seed,
        "data_seed": job.seed,
        "use_cpu": not gpu,
        "bf16": gpu,
        "fp16": False,
        "gradient_checkpointing": False,  # TRL's default trades a third of the speed for memory
        "max_length": None,  # long rows were dropped, and counted
        "remove_unused_columns": False,
        "dataloader_num_workers": 0,
        "dataloader_pin_memory": False,
        "logging_steps": max(1, steps // 200),
        "logging_nan_inf_filter": False,
        "save_strategy": "steps",
        "save_steps": job.save_every,
        "save_total_limit": 2,
        "report_to": "none",
        "disable_tqdm": True,
        "push_to_hub": False,
    }


def lora(job: Job) -> Any:
    """A fresh adapter on every linear layer but the head."""
    from peft import LoraConfig

    return LoraConfig(
        r=job.rank,
        lora_alpha=job.alpha,
        lora_dropout=0.0,
        bias="none",
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
