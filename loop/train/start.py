"""Start a run's training process, or the one that starts several."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loop.train.job import FOLLOWS, JOB, LOG, Job
from loop.train.launch import nodes
from loop.train.ranks import VARIABLES

_ROOT = Path(__file__).parents[2]  # where the process finds our packages


@contextmanager
def process_of(folder: Path, job: Job) -> Iterator[subprocess.Popen[bytes]]:
    """The training process; it never outlives this block."""
    program = "worker" if job.processes == 1 else "launch"
    with (folder / LOG).open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", f"loop.train.{program}", str(folder / JOB)],
            stdin=subprocess.PIPE,  # ends when we do, and tells the process so
            stdout=log,
            stderr=log,
            env=environment_of(job),
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
        if process.stdin is not None:
            process.stdin.close()


def environment_of(job: Job) -> dict[str, str]:
    from loop.models.bases import base_folder

    inherited = {k: v for k, v in os.environ.items() if k not in VARIABLES}  # of another launcher
    environment = inherited | {
        FOLLOWS: "1",
        "PYTHONPATH": os.pathsep.join([str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "OMP_NUM_THREADS": str(job.threads),
        "MKL_NUM_THREADS": str(job.threads),
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # deterministic matrix products on a GPU
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
        "TQDM_DISABLE": "1",
        "PYTHONHASHSEED": "0",
    }
    if job.device != "cpu":  # one device a process
        each = job.processes // nodes()
        all_devices = ",".join(map(str, range(each)))
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", all_devices)
        environment["CUDA_VISIBLE_DEVICES"] = ",".join(visible.split(",")[:each])
    elif job.processes > 1:
        environment["ACCELERATE_USE_CPU"] = "true"
    if base_folder(job.base, Path(job.root)) is not None:
        environment |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    return environment
