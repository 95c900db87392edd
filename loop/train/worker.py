"""The training process: `python -m loop.train.worker RUN/job.json`. Knows files, no store.

Its folder tells everything: metrics.jsonl as it goes, checkpoints, at the end adapter/ and
result.json, or error.json. Killed, it is started again and goes on from its last checkpoint;
SIGTERM makes it save first and exit 143.
"""

from __future__ import annotations

import errno
import fcntl
import math
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from knowledge.errors import RatchetError
from loop.train.job import (
    ADAPTER,
    CHECKPOINTS,
    ERROR,
    LOCK,
    RESULT,
    STOPPED,
    Job,
    read_job,
    write_json,
)
from loop.train.journal import Journal, is_whole, newest, read_journal, step_of


def main(argv: list[str]) -> int:
    """Train as the job says; 0 done, 2 the user's to mend, 143 stopped."""
    from loop.train.watch import Stop

    stop = Stop()
    stop.follow_parent()
    path = Path(argv[0])
    job = read_job(path)
    if job is None:
        print(f"{path}: not a training job.", file=sys.stderr)
        return 2
    try:
        with _alone(path.parent):
            return _work(job, path.parent, stop)
    except RatchetError as problem:
        write_json(path.parent / ERROR, {"message": str(problem)})
        return 2
    except OSError as problem:
        if problem.errno != errno.ENOSPC:
            raise
        print(f"{path.parent}: the disk is full.", file=sys.stderr)
        return 2


def _work(job: Job, folder: Path, stop: Any) -> int:
    """The story: rows, model, scores before, training, scores after, the adapter, the result."""
    from loop.models.weights import weights_sha256
    from loop.train import measure
    from loop.train.layout import can_share

    checkpoints = folder / CHECKPOINTS
    _tidy(checkpoints)
    checkpoint = newest(checkpoints)
    journal = Journal(folder, step_of(checkpoint) if checkpoint else 0)
    journal.write(phase="load")
    _settle(job)
    base = _base(job)
    train, held = _rows(job, base)
    trainer = _trainer(job, base, checkpoints, train.rows, can_share(base.model), journal, stop)
    pad = base.tokenizer.pad_token_id

    def score(rows: Any) -> Any:
        return measure.score(
            trainer.model, rows, pad, autocast=trainer.compute_loss_context_manager
        )

    journal.write(phase="score")
    if job.method == "dpo":
        trainer.reference, _ = score(train.rows)
    before = score(held.rows) if held.rows else None
    journal.write(phase="train")
    started, stop.careful = time.monotonic(), True
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    seconds = time.monotonic() - started
    if stop.asked and trainer.state.global_step < trainer.state.max_steps:
        return STOPPED
    stop.careful = False
    metrics = _training_metrics(folder) | {
        "rows": float(len(train.rows)),
        "rows_too_long": float(train.too_long + held.too_long),
        "held_out_rows": float(len(held.rows)),
        "steps": float(trainer.state.global_step),
    }
    if before is not None:
        journal.write(phase="score")
        after, tokens = score(held.rows)
        if job.method == "dpo":
            metrics |= measure.preferences(before[0], after)
        else:
            metrics |= measure.losses(before[0], after, tokens)
    _save(trainer.model, job, folder / ADAPTER)
    result = {
        "metrics": metrics,
        "seconds": round(journal.seconds, 3),
        "tokens_per_second": round(trainer.watch.tokens / max(seconds, 1e-9), 1),
        "at": time.time(),
        "sha256": weights_sha256(folder / ADAPTER),
    }
    write_json(folder / RESULT, result)
    shutil.rmtree(checkpoints, ignore_errors=True)
    return 0


def _settle(job: Job) -> None:
    """Same arithmetic every time."""
    import torch

    torch.set_num_threads(job.threads)
    torch.set_num_interop_threads(1)
    torch.use_deterministic_algorithms(True)
    deterministic: Any = torch.utils.deterministic
    deterministic.fill_uninitialized_memory = False  # slow, and guards nothing here
    if job.device != "cpu":  # the backward passes of these add up in any order
        torch.backends.cuda.enable_mem_efficient_sdp(False)
        torch.backends.cuda.enable_cudnn_sdp(False)


def _base(job: Job) -> Any:
    from loop.models.load import load_base

    return load_base(job.base, root=Path(job.root), device=job.device)


def _rows(job: Job, base: Any) -> tuple[Any, Any]:
    from loop.train.rows import read_rows

    most = min(job.max_tokens, base.context)
    folder = Path(job.dataset_folder)
    train, held = (
        read_rows(folder, job.method, split, base.tokenizer, most=most, ends=base.ends)
        for split in ("train", "held_out")
    )
    if not train.rows:
        raise RatchetError(
            f"Dataset {job.dataset}: all {train.too_long} rows to train on are longer than {most} "
            "tokens. Raise train.max_tokens, or lower assistant.passages."
        )
    return train, held


def _trainer(
    job: Job, base: Any, folder: Path, rows: Any, share: bool, journal: Any, stop: Any
) -> Any:
    """A TRL trainer on the base with a fresh adapter, or with the parent's."""
    from datasets import Dataset
    from trl import DPOConfig, SFTConfig  # type: ignore[attr-defined]

    from loop.train.trainer import Collate, lora, options
    from loop.train.watch import Watch

    steps = math.ceil(math.ceil(len(rows) / job.batch_size) * job.epochs)
    common = options(job, folder, steps)
    more = {
        "model": base.model,
        "processing_class": base.tokenizer,
        "train_dataset": Dataset.from_dict({"number": list(range(len(rows)))}),
        "data_collator": Collate(rows, base.tokenizer.pad_token_id, share=share),
        "peft_config": lora(job) if job.parent_folder is None else _parent_config(job),
    }
    if job.method == "dpo":
        from loop.train.dpo import PairTrainer

        trainer: Any = PairTrainer(args=DPOConfig(beta=job.beta, **common), **more)
    else:
        from loop.train.sft import AnswerTrainer

        trainer = AnswerTrainer(args=SFTConfig(**common), **more)
    trainer.lengths = [row.tokens for row in rows]
    trainer.watch = Watch(journal, stop)
    trainer.add_callback(trainer.watch)
    if job.parent_folder is not None:
        _load_parent(job, trainer.model)
    return trainer


def _parent_config(job: Job) -> Any:
    from peft import LoraConfig

    from loop.models.weights import read_adapter

    kept = read_adapter(Path(str(job.parent_folder))).config
    return LoraConfig(**kept, task_type="CAUSAL_LM")


def _load_parent(job: Job, model: Any) -> None:
    from peft import set_peft_model_state_dict

    from loop.models.weights import read_adapter

    tensors = read_adapter(Path(str(job.parent_folder))).tensors
    set_peft_model_state_dict(model, tensors, adapter_name="default")


def _training_metrics(folder: Path) -> dict[str, float]:
    """Loss and margin of the last quarter of the steps, from the journal: a resume changes none."""
    lines = [line for line in read_journal(folder) if "loss" in line]
    last = lines[-max(1, len(lines) // 4) :]
    names = {"loss": "train_loss", "accuracy": "train_accuracy", "margin": "train_margin"}
    return {
        name: sum(line[key] for line in last) / len(last)
        for key, name in names.items()
        if all(key in line for line in last) and last
    }


def _save(model: Any, job: Job, target: Path) -> None:
    """The adapter in PEFT's format, whole or not at all, with no path of this machine in it."""
    part = target.with_name(f".{target.name}.part")
    for old in (part, target):
        shutil.rmtree(old, ignore_errors=True)
    model.peft_config["default"].base_model_name_or_path = job.base
    model.save_pretrained(str(part), selected_adapters=["default"], safe_serialization=True)
    (part / "README.md").unlink(missing_ok=True)  # peft's empty model card
    part.rename(target)


def _tidy(checkpoints: Path) -> None:
    """Remove checkpoints that were only half written, or damaged since."""
    for checkpoint in checkpoints.glob("checkpoint-*"):
        if not is_whole(checkpoint):
            shutil.rmtree(checkpoint)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process a run; waits a little for one that is just ending.

    Raises:
        RatchetError: Another process trains in this folder.
    """
    with (folder / LOCK).open("a") as file:
        for _ in range(100):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(0.1)
        else:
            raise RatchetError(
                f"{folder}: another process is training here. Wait for it to end, or stop it."
            )
        yield


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stderr.flush()
    os._exit(status)  # torch's threads have nothing left to do
