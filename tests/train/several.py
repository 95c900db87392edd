"""Do several training jobs one after another in one process: `python -m tests.train.several JOB…`.

Each test of its own process would import torch anew, which takes longer than these runs.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import accelerate.state
import torch
from accelerate.utils import DistributedType

from loop.train.job import read_job
from loop.train.worker import main


def split_on_a_cpu() -> None:
    """Accelerate splits a model over GPUs only; PyTorch can do it between CPU processes as well."""
    state: Any = accelerate.state.PartialState
    known = state._prepare_backend

    def prepared(self: Any, *more: Any, **options: Any) -> Any:
        backend, kind = known(self, *more, **options)
        cpu = kind == DistributedType.MULTI_CPU
        return backend, DistributedType.MULTI_GPU if cpu else kind

    state._prepare_backend = prepared
    state.set_device = lambda self: setattr(self, "device", torch.device("cpu"))


if __name__ == "__main__":
    torch.set_num_interop_threads(1)
    torch.set_num_interop_threads = lambda number: None  # torch takes it once
    statuses = []
    for path in sys.argv[1:]:
        job = read_job(Path(path))
        if job is not None and job.settings.parallel == "fsdp":
            split_on_a_cpu()
        statuses.append(main([path]))
    print(statuses)
    sys.stdout.flush()
    os._exit(max(statuses))
