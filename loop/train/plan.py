"""What a run will do, settled and checked before anything starts."""

from __future__ import annotations

from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from knowledge.errors import RatchetError
from loop.settings import Settings
from loop.store.records import Adapter, Dataset
from loop.train import energy
from loop.train.cost import check
from loop.train.job import (
    METHODS,
    PAIR_LOSSES,
    TUNINGS,
    HeldOut,
    Job,
    TrainResult,
    judges_of,
)
from loop.train.parallel import PARALLEL, Machine, here, spread

_PACKAGES = ("torch", "transformers", "peft", "trl")
# Fields of their own, or no matter.
_ELSEWHERE = ("method", "start", "threads", "processes", "on", "report_to")


def plan(
    settings: Settings,
    dataset: Dataset,
    *,
    method: str,
    seed: int,
    parent: Adapter | None,
    base: str | None = None,
    after: TrainResult | None = None,
    machine: Machine | None = None,
    held_out: HeldOut = "whole",
) -> Job:
    """All that a run needs to know, checked as far as possible without loading a model.

    Args:
        machine: Where it will run; None is here. The rest is as `run.train` has it.

    Raises:
        RatchetError: The method is unknown, the base missing, the parent unfit, or no row is there.
    """
    from loop.models.bases import base_folder, fingerprint
    from loop.models.registry import verify
    from loop.train.meter import device_name
    from loop.train.rows import count_rows

    known = settings.train
    _check(settings, method)
    name = base or settings.assistant.base
    if parent is not None:
        if parent.base != name:
            raise RatchetError(
                f"Adapter {parent.id} was trained on {parent.base!r}, this run is on {name!r}. "
                "Start from an adapter of the same base, or from none."
            )
        if parent.kind != "adapter" or known.tuning == "full":
            raise RatchetError(
                f"Training cannot go on from {parent.id} (kind: {parent.kind}) with train.tuning = "
                f"{known.tuning!r}. Start from an adapter and train one, or start from the base."
            )
        verify(parent)
    if after is not None and (known.tuning == "full" or after.run.method == "reward"):
        raise RatchetError(
            f"train.method: a stage after {after.run.method!r} needs the adapter that it made, and "
            'there is none. Stages go with adapters of "sft", "dpo", "kto" and "grpo".'
        )
    machine = machine or here()
    taken = spread(known, machine)
    lone = ("parallel",) if taken.processes == 1 else ()
    folder = Path(dataset.path)
    if count_rows(folder, method) == 0:  # type: ignore[arg-type]
        raise RatchetError(
            f"Dataset {dataset.id} holds no row to train {method} on. Gather more feedback and run "
            "`ratchet curate`; its table says why rows were left out."
        )
    device = machine.device
    check(settings.cost, kind=device, device=device_name(device), energy=energy.known())
    return Job(
        method=method,  # type: ignore[arg-type]
        dataset=dataset.id,
        base=name,
        base_fingerprint=fingerprint(base_folder(name, settings.root), name),
        parent=after.run.id if after else parent.id if parent else None,
        seed=seed,
        train={k: v for k, v in asdict(known).items() if k not in (*_ELSEWHERE, *lone)},
        guard=asdict(settings.guard),
        processes=taken.processes,
        threads=taken.threads,
        device=machine.device,
        packages={package: version(package) for package in _PACKAGES},
        dataset_folder=str(folder.resolve()),
        root=str(settings.root.resolve()),
        parent_folder=_folder(parent, after),
        cost=asdict(settings.cost),
        report_to=list(dict.fromkeys(known.report_to)),
        judge_folders=_judges(settings, method),
        held_out=held_out,
    )


def named_by(
    settings: Settings, dataset: Dataset, *, method: str, seed: int, parent: Adapter | None
) -> list[Any]:
    """All that a run's folder is named by, so that the same command finds what was begun.

    Where it runs and who is told does not count: it is the same run.
    """
    return [
        dataset.id,
        method,
        seed,
        settings.assistant.base,
        None if parent is None else parent.id,
        asdict(settings.train) | {"on": "", "report_to": ()},
        asdict(settings.guard),
    ]


def _judges(settings: Settings, method: str) -> dict[str, str]:
    if method != "grpo" or not judges_of(settings.train.rewards):
        return {}
    from loop.train.judge import judge_folders

    return judge_folders(settings.train.rewards, settings.adapters, settings.assistant.base)


def _folder(parent: Adapter | None, after: TrainResult | None) -> str | None:
    path = after.folder if after else Path(parent.path) if parent else None
    return None if path is None else str(path.resolve())


def _check(settings: Settings, method: str) -> None:
    """Are the settings of a kind that exists?"""
    known = settings.train
    if method not in METHODS:
        raise RatchetError(f"Training method {method!r}; known are {', '.join(METHODS)}.")
    words = {
        "loss": PAIR_LOSSES,
        "tuning": TUNINGS,
        "keep": ("best", "last"),
        "pooling": ("last", "mean"),
        "parallel": PARALLEL,
        "precision": ("auto", "bf16", "fp32"),
        "attention": ("auto", "sdpa", "eager", "flash_attention_2"),
    }
    for name, possible in words.items():
        if (value := getattr(known, name)) not in possible:
            raise RatchetError(
                f"train.{name} is {value!r}, expected {', '.join(possible)}. "
                "Mend that line of ratchet.toml."
            )
    for name in ("beta", "save_every"):
        if getattr(known, name) <= 0:
            raise RatchetError(
                f"train.{name} is {getattr(known, name)}, expected more than 0. "
                "Mend that line of ratchet.toml."
            )
    if known.label_smoothing >= 0.5:
        raise RatchetError(
            f"train.label_smoothing is {known.label_smoothing}, expected less than 0.5: at a half "
            "nobody knows which answer was preferred. Mend that line of ratchet.toml."
        )
    if known.report_to:
        from loop.train.reporters import check as check_reporters

        check_reporters(known.report_to)
