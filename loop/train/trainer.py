"""What our trainers share: the order of rows, a step that fits in memory, a fresh adapter."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, Protocol

import torch
from torch.utils.data import DataLoader

from knowledge.errors import RatchetError
from loop.train import ranks
from loop.train.choose import Chosen
from loop.train.job import Job
from loop.train.parallel import arguments
from loop.train.reporters import Reports
from loop.train.rows import Row
from loop.train.watch import Watch, check_finite


class Terms(NamedTuple):
    """Some rows' part in a step."""

    loss: torch.Tensor  # summed; the step divides by the size of all its rows
    noted: dict[str, float]  # metric → sum over the rows
    tokens: int


class Objective(Protocol):
    """What a method makes small, and how well it does on rows it has not learnt."""

    rows: Sequence[Row]

    def prepare(self, model: Any, numbers: Sequence[int]) -> None:
        """Whatever a step must know of all its rows at once; no gradient."""

    def size(self, numbers: Sequence[int]) -> float:
        """What the summed loss of these rows is divided by."""

    def terms(self, model: Any, numbers: Sequence[int]) -> Terms:
        """Loss and metrics of some rows, with gradient."""


class Batches:
    """The rows of each step, as numbers: of like length within, in random order between.

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
        return math.ceil(len(self._lengths) / self._batch)

    def __iter__(self) -> Iterator[list[int]]:
        rng = Random(f"{self._seed}:{self._epoch}")
        noisy = [length * rng.uniform(0.9, 1.1) for length in self._lengths]
        order = sorted(range(len(noisy)), key=noisy.__getitem__)
        batches = [order[n : n + self._batch] for n in range(0, len(order), self._batch)]
        short = [batches.pop()] if len(batches[-1]) < self._batch else []  # must come last
        rng.shuffle(batches)
        yield from batches + short

    @property
    def batch_sampler(self) -> Batches:
        """Itself: transformers tells the epoch to the sampler that its own wrappers hold."""
        return self


class Steady:
    """Mixed into a TRL trainer: our batches, in parts that fit, and a check of every step.

    Every process walks over the same batches and takes its own rows of each, so that two of them
    do what one does.
    """

    args: Any
    state: Any
    model: Any
    accelerator: Any
    batches: Batches
    task: Objective
    watch: Watch
    reports: Reports
    micro: int  # rows computed at once
    _metrics: Any

    def get_train_dataloader(self) -> Any:
        return DataLoader(
            range(len(self.task.rows)),  # type: ignore[arg-type]
            batch_sampler=self.batches,
            collate_fn=lambda numbers: {"numbers": list(numbers)},
        )

    def _prepare_dataset(self, dataset: Any, *more: Any, **options: Any) -> Any:
        return dataset  # rows are coded already, just as generation codes them

    def _precompute_ref_logps(self, dataset: Any, *more: Any, **options: Any) -> Any:
        return dataset  # the objective scores them

    def create_model_card(self, *more: Any, **options: Any) -> None:
        """None: a card with a checkpoint only costs time."""

    def training_step(self, model: Any, inputs: dict[str, Any], *more: Any, **options: Any) -> Any:
        """One step; numbers that are not finite end the run before they do harm.

        Short of memory, fewer rows are computed at once from then on, and the step is done again.
        """
        model.train()
        numbers: list[int] = inputs["numbers"]
        while True:
            try:
                loss = self._step(model, numbers)
                break
            except RuntimeError as problem:
                if not out_of_memory(problem) or self.micro == 1 or self._processes > 1:
                    raise
            self._smaller()
        check_finite(float(loss), gradient_norm(self.model), self.state.global_step + 1)
        return loss

    @property
    def _processes(self) -> int:
        return int(self.accelerator.num_processes)

    def _step(self, model: Any, numbers: Sequence[int]) -> torch.Tensor:
        size = self.task.size(numbers)
        parts = shares(numbers, ranks.rank(), self._processes, self.micro)
        self.task.prepare(model, numbers)
        total = torch.zeros((), device=self.accelerator.device)
        noted: dict[str, float] = {}
        tokens = 0
        for n, (part, share) in enumerate(parts):
            last = n == len(parts) - 1
            waits = self._processes > 1 and not last
            if self._processes > 1:  # DeepSpeed steps where this is set
                self.accelerator.gradient_state.sync_gradients = last
            with self.accelerator.no_sync(model) if waits else nullcontext():
                with self.compute_loss_context_manager():  # type: ignore[attr-defined]
                    terms = self.task.terms(model, part)
                # Gradients are averaged over processes; what counts is their sum.
                self.accelerator.backward(terms.loss * (share * self._processes / size))
            total += terms.loss.detach() * (share / size)
            for name, value in terms.noted.items():
                noted[name] = noted.get(name, 0.0) + share * value
            tokens += int(share * terms.tokens)
        if self._processes > 1:
            loss, all_tokens, *sums = ranks.summed([float(total), tokens, *noted.values()])
            total, tokens = torch.full_like(total, loss), int(all_tokens)
            noted = dict(zip(noted, sums, strict=True))
        self.watch.tokens += tokens
        for name, value in noted.items():
            self._metrics["train"][name].append(value / len(numbers))
        return total

    def _smaller(self) -> None:
        self.micro = math.ceil(self.micro / 2)
        for parameter in self.model.parameters():
            parameter.grad = None
        if self.accelerator.device.type == "cuda":
            torch.cuda.empty_cache()
        self.watch.note_memory(self.state.global_step, self.micro)


def shares(
    numbers: Sequence[int], rank: int, processes: int, micro: int
) -> list[tuple[Sequence[int], float]]:
    """The rows of a step that one of several processes computes, in parts, each with its weight.

    Every process gets as many parts, since some wait for one another at each; one that has no rows
    left computes the first once more, with weight 0.

    >>> shares([7, 8, 9], 1, 2, 1)
    [([8], 1.0), ([7], 0.0)]
    """
    mine = numbers[rank::processes]
    parts = [(mine[n : n + micro], 1.0) for n in range(0, len(mine), micro)]
    most = math.ceil(math.ceil(len(numbers) / processes) / micro)
    return parts + [(numbers[:1], 0.0)] * (most - len(parts))


def gradient_norm(model: Any) -> float:
    """Of all gradients as one vector; over all processes where each holds a part."""
    grads = [p.grad for p in model.parameters() if p.grad is not None]
    norm: Any = torch.nn.utils.get_total_norm(grads)
    return float(norm.full_tensor() if hasattr(norm, "full_tensor") else norm)


def out_of_memory(problem: RuntimeError) -> bool:
    """Did torch not get the memory it asked for, on a GPU or on the CPU?"""
    return isinstance(problem, torch.OutOfMemoryError) or "can't allocate memory" in str(problem)


def options(job: Job, chosen: Chosen, folder: Path, steps: int) -> dict[str, Any]:
    """Arguments that the methods' TRL configurations share.

    Args:
        job: What to train.
        chosen: With which settings.
        folder: Where checkpoints go.
        steps: How many steps there will be, for the pace of the log.
    """
    known = job.settings
    return {
        "output_dir": str(folder),
        # Batches are ours; TRL only reports this, and some of its trainers refuse 1.
        "per_device_train_batch_size": max(2, chosen.batch_size // job.processes),
        "num_train_epochs": chosen.epochs,
        "learning_rate": chosen.learning_rate,
        "lr_scheduler_type": "linear",
        "warmup_steps": chosen.warmup,  # share of all steps
        "weight_decay": known.weight_decay,
        "max_grad_norm": 1.0,
        "seed": job.seed,
        "data_seed": job.seed,
        "use_cpu": job.device == "cpu",
        "bf16": chosen.precision == "bf16",
        "fp16": False,
        # TRL's default trades a third of the speed for memory
        "gradient_checkpointing": chosen.gradient_checkpointing,
        "remove_unused_columns": False,
        "dataloader_num_workers": 0,
        "dataloader_pin_memory": False,
        "logging_steps": max(1, steps // 200),
        "logging_nan_inf_filter": False,
        "save_strategy": "steps",
        "save_steps": known.save_every,
        "report_to": job.report_to or "none",
        "run_name": job.id,
        "disable_tqdm": True,
        "push_to_hub": False,
        **arguments(job),
    }


def lora(job: Job, chosen: Chosen, task: str = "CAUSAL_LM") -> Any:
    """A fresh adapter; None where the whole model is tuned.

    Sources: Hu et al., ICLR 2022 (LoRA); Kalajdzievski, 2023 (rsLoRA); Liu et al., ICML 2024
    (DoRA).
    """
    from peft import LoraConfig

    known = job.settings
    if known.tuning == "full":
        return None
    targets = known.targets
    return LoraConfig(
        r=chosen.rank,
        lora_alpha=chosen.alpha,
        lora_dropout=known.dropout,
        bias="none",
        target_modules="all-linear" if targets == ("all-linear",) else list(targets),
        use_rslora=known.tuning == "rslora",
        use_dora=known.tuning == "dora",
        task_type=task,
    )


def check_targets(job: Job, model: Any) -> None:
    """Are there layers of the names that an adapter is to sit on?

    Raises:
        RatchetError: There are none of one of them; the message names those there are.
    """
    names = {name.rpartition(".")[2] for name, _ in model.named_modules()}
    for target in job.settings.targets:
        if target != "all-linear" and target.rpartition(".")[2] not in names:
            linear = sorted(
                {
                    name.rpartition(".")[2]
                    for name, module in model.named_modules()
                    if isinstance(module, torch.nn.Linear)
                }
            )
            raise RatchetError(
                f"train.targets: {job.base!r} has no layer {target!r}. "
                f"Its linear layers are {', '.join(linear)}."
            )
