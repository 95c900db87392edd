"""The end of a run: the best weights, what they are worth, and files that say how they came."""

from __future__ import annotations

import json
import os
import platform
import shutil
import time
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from knowledge.errors import RatchetError
from loop.models.weights import HEAD, weights_sha256
from loop.train import ranks
from loop.train.build import Built
from loop.train.job import (
    ADAPTER,
    ATTEMPTS,
    BY_ROW,
    CARD,
    CHECKPOINTS,
    CHOSEN,
    MODEL,
    RESULT,
    Job,
    read_json,
    write_json,
)
from loop.train.journal import HARMLESS, Journal, is_whole, read_journal
from loop.train.measure import DECIDES
from loop.train.parallel import is_split

_PACKAGES = ("torch", "transformers", "peft", "trl", "accelerate", "datasets", "ratchet-loop")


def keep_best(job: Job, folder: Path, built: Built, journal: Journal) -> int:
    """Put the weights that are kept into the model: the best, or the last good ones.

    Returns:
        The step they are from.

    Raises:
        RatchetError: The run ended early and there are no good weights yet.
    """
    trainer, ended = built.trainer, built.trainer.watch.ended
    figure, more = DECIDES[job.method]
    now = int(trainer.state.global_step)
    wanted = now if ended is None else int(ended["step"])
    alarmed = ended is not None and ended["sign"] not in HARMLESS
    if alarmed or job.settings.keep == "best":
        good = journal.best(figure, more)
        if alarmed and (job.settings.keep == "last" or good is None):
            good = journal.sound()
        if good is None and alarmed:
            raise RatchetError(
                f"Training {ended['words']}. There is no good checkpoint before that. Lower "
                "train.learning_rate, or save more often (train.save_every), and train again."
            )
        wanted = wanted if good is None else good
    if wanted != now or alarmed:
        _load(folder / CHECKPOINTS / f"checkpoint-{wanted}", job, trainer)
    return wanted


def finish(
    job: Job, folder: Path, built: Built, journal: Journal, *, kept: int, seconds: float
) -> None:
    """Measure, save, and write the result last: with it the run is done.

    Every process measures; the first one writes.
    """
    trainer = built.trainer
    held, by_row = built.held_out(), built.by_row()
    state = whole_state(trainer) if is_split(job) else None
    if not ranks.is_main():
        return
    metrics = training_metrics(folder) | built.counts
    metrics |= {"steps": float(trainer.state.global_step), "kept_step": float(kept)}
    metrics |= held
    for line in journal.evaluations:
        if line["step"] == kept and "divergence" in line["evaluation"]:
            metrics["general_divergence"] = line["evaluation"]["divergence"]
    if by_row:
        write_json(folder / BY_ROW, by_row)
    sha256 = _save(trainer.model, job, folder, state)
    write_json(folder / CARD, card(job, folder, built, journal))
    write_json(
        folder / RESULT,
        {
            "metrics": metrics,
            "seconds": round(journal.seconds, 3),
            "tokens_per_second": round(trainer.watch.tokens / max(seconds, 1e-9), 1),
            "at": time.time(),
            "sha256": sha256,
            "ended": trainer.watch.ended,
            "reading": asdict(trainer.watch.meter.stop()),
        },
    )
    trainer.reports.result(metrics)


def whole_state(trainer: Any) -> dict[str, Any]:
    """The weights of a model whose processes hold parts of it, in the first one; all take part."""
    state: dict[str, Any] = trainer.accelerator.get_state_dict(trainer.model_wrapped)
    return state


def training_metrics(folder: Path) -> dict[str, float]:
    """Loss and margin of the last quarter of the steps, from the journal: a resume changes none."""
    lines = [line for line in read_journal(folder) if "loss" in line]
    last = lines[-max(1, len(lines) // 4) :]
    names = {"loss": "train_loss", "accuracy": "train_accuracy", "margin": "train_margin"}
    return {
        name: sum(line[key] for line in last) / len(last)
        for key, name in names.items()
        if all(key in line for line in last) and last
    }


def card(job: Job, folder: Path, built: Built, journal: Journal) -> dict[str, Any]:
    """What a run was: data, code, packages, hardware, seed, settings with reasons, timings."""
    chosen = read_json(folder / CHOSEN) or {}
    adapter = built.trainer.model
    trained = sum(p.numel() for p in adapter.parameters() if p.requires_grad)
    return {
        "run": job.id,
        "method": job.method,
        "base": job.base,
        "base_fingerprint": job.base_fingerprint,
        "parent": job.parent,
        "dataset": {"id": job.dataset, **built.counts},
        "settings": job.train,
        "chosen": {k: v for k, v in chosen.items() if k != "reasons"},
        "reasons": chosen.get("reasons", {}),
        "seed": job.seed,
        "parameters": {
            "trained": trained,
            "all": sum(p.numel() for p in adapter.parameters()),
        },
        "packages": {name: version(name) for name in _PACKAGES},
        "hardware": hardware(job),
        "timings": {"seconds": round(journal.seconds, 1), "attempts": _attempts(folder)},
        "events": journal.events,
        "ended": built.trainer.watch.ended,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def hardware(job: Job) -> dict[str, Any]:
    """What the run computed on; names no machine."""
    told: dict[str, Any] = {
        "device": job.device,
        "processes": job.processes,
        "threads": job.threads,
        "machine": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
    }
    if job.device != "cpu":
        told["device_name"] = torch.cuda.get_device_name()
        told["cuda"] = torch.version.cuda
    return told


def _attempts(folder: Path) -> int:
    try:
        return (folder / ATTEMPTS).stat().st_size
    except OSError:
        return 1


def _load(checkpoint: Path, job: Job, trainer: Any) -> None:
    """Weights of a checkpoint into the model.

    Raises:
        RatchetError: The checkpoint is not whole any more.
    """
    if not is_whole(checkpoint):
        raise RatchetError(
            f"{checkpoint}: the best checkpoint is gone or damaged. Remove the run's folder and "
            "train again."
        )
    if is_split(job):
        for module in trainer.model.modules():
            if hasattr(module, "reshard"):  # FSDP leaves the outermost whole after an evaluation
                module.reshard()
        trainer._load_from_checkpoint(str(checkpoint))  # every process its part
        return
    from safetensors.torch import load_file

    model = trainer.model
    if job.settings.tuning == "full":
        found: dict[str, torch.Tensor] = {}
        for path in sorted(checkpoint.glob("model*.safetensors")):
            found |= load_file(path)
        model.load_state_dict(found, strict=False)
        return
    from peft import set_peft_model_state_dict

    tensors = load_file(checkpoint / "adapter_model.safetensors")
    set_peft_model_state_dict(model, tensors, adapter_name="default")


def _save(model: Any, job: Job, folder: Path, state: dict[str, Any] | None) -> str:
    """The adapter in PEFT's format, or the whole model; its SHA-256.

    Whole or not at all, with no path of this machine in it.

    Args:
        state: The whole model's weights, where its processes hold parts.
    """
    more: dict[str, Any] = {} if state is None else {"state_dict": state}
    full = job.settings.tuning == "full"
    target = folder / (MODEL if full else ADAPTER)
    part = target.with_name(f".{target.name}.part")
    for old in (part, target):
        shutil.rmtree(old, ignore_errors=True)
    if full:
        return _save_model(model, job, part, target, more)
    model.peft_config["default"].base_model_name_or_path = job.base
    model.save_pretrained(str(part), selected_adapters=["default"], safe_serialization=True, **more)
    (part / "README.md").unlink(missing_ok=True)  # peft's empty model card
    _tell_pooling(job, part)
    part.rename(target)
    return weights_sha256(target)


def _save_model(model: Any, job: Job, part: Path, target: Path, more: dict[str, Any]) -> str:
    from loop.models.load import load_base

    base = load_base(job.base, root=Path(job.root), device="cpu")
    dtype = base.model.dtype
    if more:
        more = {"state_dict": {k: v.to(dtype) for k, v in more["state_dict"].items()}}
    else:
        model.to(dtype)
    model.save_pretrained(str(part), safe_serialization=True, **more)
    (base.sight.processor if base.sight else base.tokenizer).save_pretrained(str(part))
    config = part / "config.json"
    data = json.loads(config.read_text(encoding="utf-8"))
    data.pop("_name_or_path", None)
    write_json(config, data)
    _tell_pooling(job, part)
    part.rename(target)
    return weights_sha256(target)


def _tell_pooling(job: Job, part: Path) -> None:
    if job.method == "reward":
        write_json(part / HEAD, {"pooling": job.settings.pooling})
