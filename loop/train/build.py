"""A job → a model, its rows, the settings they call for, and a trainer that is ready to go."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig, set_peft_model_state_dict
from transformers import set_seed

from knowledge.errors import RatchetError
from loop.models.load import Base, load_base
from loop.models.weights import read_adapter
from loop.train.choose import Chosen, Facts, choose, settled
from loop.train.cost import Budget
from loop.train.device import free_memory, same_every_time
from loop.train.examine import Exam
from loop.train.guard import General, general_texts
from loop.train.halves import parted
from loop.train.job import CHECKPOINTS, Job
from loop.train.journal import Journal
from loop.train.kto import weights_of
from loop.train.layout import can_share
from loop.train.measure import DECIDES, Scorer, Stance
from loop.train.meter import Meter
from loop.train.parallel import is_split
from loop.train.reporters import Reports, prepare
from loop.train.rows import Row, mismatched, read_asked, read_rows
from loop.train.trainer import Batches, check_targets, lora, options
from loop.train.watch import Examine, Stop, Watch


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A run that is ready to go."""

    trainer: Any  # its `watch` and `reports` belong to this run
    chosen: Chosen
    counts: dict[str, float]  # rows, rows too long, held-out rows
    held_out: Callable[[], dict[str, float]]  # figures of every held-out row, before and now
    by_row: Callable[[], dict[str, float]]  # of rows that judge: row → the figure that decides


def build(job: Job, folder: Path, journal: Journal, stop: Stop, meter: Meter) -> Built:
    """Everything up to the first step.

    Raises:
        RatchetError: The base, the dataset or the settings do not allow it.
    """
    same_every_time(job)
    prepare(job, folder)
    set_seed(job.seed)
    base = _base(job)
    check_targets(job, base.model)
    ready = _drawing if job.method == "grpo" else _learning
    built, examine = ready(job, folder, base, journal)
    trainer = built.trainer
    trainer.reports = Reports(trainer, job, folder, journal)
    trainer.watch = Watch(
        journal,
        stop,
        examine,
        limits=job.limits,
        decides=DECIDES[job.method],
        patience=job.settings.patience,
        meter=meter,
        budget=Budget(job.prices),
        report=trainer.reports.held_out,
    )
    trainer.watch.main = trainer.accelerator.is_main_process
    trainer.add_callback(trainer.reports)
    trainer.add_callback(trainer.watch)
    return built


def _learning(job: Job, folder: Path, base: Base, journal: Journal) -> tuple[Built, Examine]:
    """A method that learns from answers that are there."""
    train, held, judging, chosen, counts = _rows(job, folder, base)
    common, peft = _common(job, chosen, base, folder, len(train))
    trainer: Any = _method(job.method).trainer(
        job.settings,
        common,
        model=base.model,
        processing_class=base.tokenizer,
        train_dataset=Dataset.from_dict({"number": list(range(len(train)))}),
        peft_config=peft,
    )
    _start(job, trainer.model)
    scorer = Scorer(
        pad=base.tokenizer.pad_token_id,
        share=can_share(base.model),
        device=job.device,
        rewards=job.settings.pooling if job.method == "reward" else None,
        autocast=trainer.compute_loss_context_manager,
        split=not is_split(job),  # else all take part in every forward pass
        sight=base.sight,
    )
    journal.write(phase="score")
    trainer.batches = Batches([row.tokens for row in train], chosen.batch_size, job.seed)
    trainer.task = _method(job.method).objective(job.settings, train, scorer, trainer.model)
    trainer.micro = _micro(journal, chosen)
    weights = weights_of(train) if job.method == "kto" else (1.0, 1.0)
    known = job.settings
    stance = Stance(job.method, known.loss, known.beta, weights, known.label_smoothing)
    general = _general(job, base, trainer.model)
    exam, judge = (
        Exam(
            stance=stance,
            model=trainer.model,
            scorer=scorer,
            rows=rows,
            some=job.settings.held_rows,
            general=general if rows is held else None,
        )
        for rows in (held, judging)
    )
    built = Built(
        trainer=trainer, chosen=chosen, counts=counts, held_out=exam.whole, by_row=judge.by_row
    )
    return built, exam.part


def _drawing(job: Job, folder: Path, base: Base, journal: Journal) -> tuple[Built, Examine]:
    """A method that draws answers itself."""
    from loop.train import drawn, grpo
    from loop.train.judge import Judge

    known, data = job.settings, Path(job.dataset_folder)
    most = base.context - known.answer_tokens
    train, held = (
        read_asked(data, split, base.tokenizer, most=most) for split in ("train", "held_out")
    )
    if not train:
        raise RatchetError(
            f"Dataset {job.dataset}: no prompt to train on leaves room for an answer of "
            f"{known.answer_tokens} tokens. Lower train.answer_tokens or assistant.passages."
        )
    facts = grpo.facts(train, base, known.answer_tokens, _facts(job, base, []))
    chosen = settled(folder, lambda: choose(known, facts))
    common, peft = _common(job, chosen, base, folder, len(train) * known.generations)
    judges = {name: Judge(job, name) for name in job.judge_folders}
    trainer = grpo.trainer(job, chosen, base, train, common, peft, judges)
    _start(job, trainer.model)
    if job.parent_folder is not None and known.beta:
        grpo.keep_start(trainer.model, read_adapter(Path(job.parent_folder)).tensors)
    general = _general(job, base, trainer.model)
    held, judging = parted(held, data, job.method, job.held_out)
    exam = drawn.Exam(job, base, trainer.model, held, general, judges)
    judge = drawn.Exam(job, base, trainer.model, judging, None, judges)
    counts = {"rows": float(len(train)), "held_out_rows": float(len(held))}
    built = Built(
        trainer=trainer, chosen=chosen, counts=counts, held_out=exam.whole, by_row=judge.by_row
    )
    return built, exam.part


def _common(
    job: Job, chosen: Chosen, base: Base, folder: Path, rows: int
) -> tuple[dict[str, Any], Any]:
    """TRL's arguments that do not depend on the method, and the adapter to train."""
    full = job.settings.tuning == "full"
    if full:
        base.model.float().requires_grad_(True)
    elif chosen.precision == "fp32" and job.settings.tuning != "qlora":
        base.model.float()
    steps = math.ceil(math.ceil(rows / chosen.batch_size) * chosen.epochs)
    task = "SEQ_CLS" if job.method == "reward" else "CAUSAL_LM"
    if job.parent_folder is None:
        peft = lora(job, chosen, task)
    else:
        known = read_adapter(Path(job.parent_folder)).config
        peft = LoraConfig(**known, lora_dropout=job.settings.dropout, task_type=task)
    return options(job, chosen, folder / CHECKPOINTS, steps), peft


def _start(job: Job, model: Any) -> None:
    """The parent's weights, where there is one."""
    if job.parent_folder is not None:
        tensors = read_adapter(Path(job.parent_folder)).tensors
        set_peft_model_state_dict(model, tensors, adapter_name="default")


def _general(job: Job, base: Base, model: Any) -> General | None:
    """Text that must not be lost, as the bare base sees it; a reward model has none."""
    if job.method == "reward":
        return None
    general = General(general_texts(job.limits.general, Path(job.root)), base.tokenizer, job.device)
    bare = model.disable_adapter() if hasattr(model, "disable_adapter") else nullcontext()
    with bare:
        general.remember(model)
    return general


def _method(method: str) -> Any:
    """The module of a method: its trainer and its objective."""
    return import_module(f"loop.train.{method}")


def _base(job: Job) -> Base:
    known = job.settings
    base = load_base(
        job.base,
        root=Path(job.root),
        device=job.device,
        reward=job.method == "reward",
        attention=None if known.attention == "auto" else known.attention,
        four_bit=known.tuning == "qlora",
    )
    base.model.config.pad_token_id = base.tokenizer.pad_token_id
    return base


def _rows(
    job: Job, folder: Path, base: Base
) -> tuple[list[Row], list[Row], list[Row], Chosen, dict[str, float]]:
    data = Path(job.dataset_folder)
    train, held = (
        read_rows(
            data,
            job.method,
            split,
            base.tokenizer,
            most=base.context,
            ends=base.ends,
            sight=base.sight,
        )
        for split in ("train", "held_out")
    )
    chosen = settled(folder, lambda: choose(job.settings, _facts(job, base, train.rows)))
    learnt, measured = (
        [row for row in rows if row.longest <= chosen.max_tokens]
        for rows in (train.rows, held.rows)
    )
    total = len(train.rows) + train.too_long
    if not learnt:
        raise RatchetError(
            f"Dataset {job.dataset}: all {total} rows to train on are longer than "
            f"{chosen.max_tokens} tokens. Raise train.max_tokens, or lower assistant.passages."
        )
    if job.method == "kto":
        learnt, measured = (
            mismatched(rows, chosen.max_tokens) if rows else [] for rows in (learnt, measured)
        )
    long = total + len(held.rows) + held.too_long - len(learnt) - len(measured)
    examined, judging = parted(measured, data, job.method, job.held_out)
    counts = {
        "rows": float(len(learnt)),
        "rows_too_long": float(long),
        "held_out_rows": float(len(examined)),
    }
    return learnt, examined, judging, chosen, counts


def _facts(job: Job, base: Base, rows: Sequence[Row]) -> Facts:
    config = base.model.config.get_text_config()
    hidden = int(config.hidden_size)
    return Facts(
        method=job.method,
        lengths=[row.tokens for row in rows],
        longest=[row.longest for row in rows],
        answers=[sum(map(len, row.answers)) for row in rows],
        context=base.context,
        parameters=sum(p.numel() for p in base.model.parameters()),
        hidden=hidden,
        layers=int(config.num_hidden_layers),
        feed_forward=int(getattr(config, "intermediate_size", None) or 4 * hidden),
        vocabulary=int(config.vocab_size),
        device=job.device,
        memory=free_memory(job.device) // (job.processes if job.device == "cpu" else 1),
        bf16=job.device != "cpu" and torch.cuda.is_bf16_supported(),
        attention=str(config._attn_implementation),
        parent=read_adapter(Path(job.parent_folder)).config if job.parent_folder else None,
    )


def _micro(journal: Journal, chosen: Chosen) -> int:
    """Rows computed at once: as chosen, or as few as memory has allowed before."""
    known = [int(event["micro_batch"]) for event in journal.events if "micro_batch" in event]
    return min([chosen.micro_batch, *known])
