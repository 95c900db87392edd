"""What a run computes on: how much memory it may take, and the same arithmetic every time."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from loop.train.job import Job


def same_every_time(job: Job) -> None:
    """Have torch do the same arithmetic every time."""
    torch.set_num_threads(job.threads)
    torch.set_num_interop_threads(1)
    torch.use_deterministic_algorithms(True)
    deterministic: Any = torch.utils.deterministic
    deterministic.fill_uninitialized_memory = False  # slow, and guards nothing here
    if job.device != "cpu":  # the backward passes of these add up in any order
        torch.backends.cuda.enable_mem_efficient_sdp(False)
        torch.backends.cuda.enable_cudnn_sdp(False)


def free_memory(device: str) -> int:
    """Bytes that training may take on a device."""
    if device != "cpu":
        free, _ = torch.cuda.mem_get_info()
        return int(free)
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        found = {line.split(":")[0]: int(line.split()[1]) << 10 for line in lines}
        return found["MemAvailable"]
    except (OSError, KeyError, ValueError, IndexError):
        return int(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2)
