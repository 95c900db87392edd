"""Which of a run's processes this one is, and what they tell one another; one alone just goes on.

Rank, world size and where to meet come from torchrun's environment variables.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, TypeVar

T = TypeVar("T")

VARIABLES = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
_PATIENCE = timedelta(minutes=30)  # that one process waits for the others


def rank() -> int:
    """This process's number; 0 writes the run's files."""
    return int(os.environ.get("RANK", "0"))


def world() -> int:
    """How many processes the run has, over all machines."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_main() -> bool:
    """Is this the process that writes?"""
    return rank() == 0


def meet(device: str) -> None:
    """Join the run's other processes.

    Args:
        device: "cuda" takes the GPU of this process's number on its machine; else the CPU.
    """
    if world() == 1:
        return
    import torch

    if torch.distributed.is_initialized():
        return
    backend = "gloo"
    if device == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        backend = "cpu:gloo,cuda:nccl"
    torch.distributed.init_process_group(backend, timeout=_PATIENCE)


def told(make: Callable[[], T]) -> T:
    """What the first process makes, in every process; only the first one makes it."""
    if world() == 1:
        return make()
    import torch

    box = [make() if is_main() else None]
    torch.distributed.broadcast_object_list(box, src=0)
    return box[0]  # type: ignore[return-value]


def gathered(value: T) -> list[T]:
    """What each process has, in order of their numbers."""
    if world() == 1:
        return [value]
    import torch

    box: list[Any] = [None] * world()
    torch.distributed.all_gather_object(box, value)
    return box


def summed(values: Sequence[float]) -> list[float]:
    """Each value, summed over the processes, in double precision."""
    if world() == 1:
        return list(values)
    import torch

    sums = torch.tensor(list(values), dtype=torch.float64)
    torch.distributed.all_reduce(sums)
    return sums.tolist()


def anyone(flag: bool) -> bool:
    """Does one of the processes say yes? All get the same answer at the same point."""
    return flag if world() == 1 else summed([float(flag)])[0] > 0


def wait() -> None:
    """Go on when every process has come here."""
    anyone(False)
