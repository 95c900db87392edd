"""How a run is spread over processes: each holds the whole model (ddp), or a part of its state."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

from knowledge.errors import RatchetError
from loop.settings import TrainSettings
from loop.train.launch import nodes

if TYPE_CHECKING:
    from loop.train.job import Job

PARALLEL = ("ddp", "fsdp", "deepspeed")


class Machine(NamedTuple):
    """What a run may take, on each machine it is spread over."""

    device: str  # "cuda" or "cpu"
    gpus: int
    cores: int


class Spread(NamedTuple):
    """What a run takes."""

    processes: int  # over all machines
    threads: int  # CPU threads of each


def here() -> Machine:
    """This machine."""
    import torch

    from loop.models.bases import best_device

    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return Machine(best_device(), gpus, len(os.sched_getaffinity(0)))


def spread(known: TrainSettings, machine: Machine) -> Spread:
    """How many processes and threads a run gets: one process a GPU, on a CPU one.

    Args:
        known: `processes` and `threads`; 0 leaves them to us.
        machine: Where it will run.

    Raises:
        RatchetError: There are too few GPUs, or the way to spread is not to be had here.
    """
    on_gpu = machine.device != "cpu"
    wanted = known.processes or (machine.gpus * nodes() if on_gpu else 1)
    if known.processes < 0:
        raise RatchetError(
            f"train.processes is {known.processes}, expected 0 (one per GPU) or more. "
            "Mend that line of ratchet.toml."
        )
    each, left = divmod(wanted, nodes())
    if left or not each:
        raise RatchetError(
            f"train.processes is {wanted}, expected a multiple of the {nodes()} machines that "
            "PET_NNODES names."
        )
    if on_gpu and each > machine.gpus:
        raise RatchetError(
            f"train.processes wants {each} GPUs on a machine and there are {machine.gpus}. "
            "Lower it, or set it to 0 for one process per GPU."
        )
    if wanted > 1:
        _check(known, on_gpu)
    return Spread(wanted, known.threads or max(1, machine.cores // each))


def _check(known: TrainSettings, on_gpu: bool) -> None:
    if known.parallel == "ddp":
        return
    if not on_gpu:
        raise RatchetError(
            f'train.parallel = "{known.parallel}" splits a model over GPUs, and there is none. '
            'Set it to "ddp".'
        )
    if known.tuning == "qlora" or "grpo" in known.method:
        raise RatchetError(
            f'train.parallel = "{known.parallel}" does not go with a 4-bit base or with GRPO. '
            'Set it to "ddp", or another train.tuning or train.method.'
        )
    if known.parallel == "deepspeed" and find_spec("deepspeed") is None:
        raise RatchetError(
            'train.parallel = "deepspeed" needs the package deepspeed. Install it with '
            '`pip install "ratchet-loop[deepspeed]"`, or set train.parallel to "fsdp".'
        )


def is_split(job: Job) -> bool:
    """Does each process hold only a part of the model's weights?"""
    return job.processes > 1 and job.settings.parallel == "fsdp"


def arguments(job: Job) -> dict[str, Any]:
    """What transformers' TrainingArguments need to know of it; nothing for one process.

    Sources: Zhao et al., VLDB 2023 (FSDP); Rajbhandari et al., SC 2020 (ZeRO).
    """
    if job.processes == 1:
        return {}
    match job.settings.parallel:
        case "fsdp":
            # Version 2 keeps frozen and trained weights apart, as adapters need.
            return {"fsdp": True, "fsdp_config": {"version": 2, "reshard_after_forward": True}}
        case "deepspeed":
            return {"deepspeed": zero()}
    # Every buffer is the same in all processes, and every trained weight is used at every step.
    known: dict[str, Any] = {"ddp_broadcast_buffers": False, "ddp_find_unused_parameters": False}
    return known | ({"ddp_backend": "gloo"} if job.device == "cpu" else {})


def zero() -> Mapping[str, Any]:
    """DeepSpeed's configuration: ZeRO 2, optimizer state and gradients split over the GPUs."""
    return {
        "zero_optimization": {
            "stage": 2,
            "overlap_comm": True,
            "contiguous_gradients": True,
        },
        "bf16": {"enabled": "auto"},
        "gradient_clipping": "auto",
        "gradient_accumulation_steps": "auto",
        "train_micro_batch_size_per_gpu": "auto",
        "train_batch_size": "auto",
    }
