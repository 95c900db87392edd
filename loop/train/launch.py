"""Start a run's processes and stand by them: `python -m loop.train.launch RUN/job.json`.

torchrun's agent does it. When one process dies, it ends the others; told to stop by SIGTERM, it
tells them, and they save. Over several machines: start this on each, with torchrun's own variables
PET_NNODES and PET_RDZV_ENDPOINT set, and the run's folder on a shared disk.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

from loop.train.job import FULL, STOPPED, read_job

_GRACE = "60"  # seconds in which a process saves and ends before it is killed


def main(argv: list[str]) -> int:
    """Run to the end; the exit status is that of the process that failed first, 0 if none did."""
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides, and tells by SIGTERM
    os.environ.setdefault("TORCH_ELASTIC_SHUTDOWN_TIMEOUT", _GRACE)
    job = read_job(Path(argv[0]))
    if job is None:
        print(f"{argv[0]}: not a training job.", file=sys.stderr)
        return 2
    machines = nodes()
    config = LaunchConfig(
        min_nodes=machines,
        max_nodes=machines,
        nproc_per_node=job.processes // machines,
        run_id=job.id,
        rdzv_backend="c10d",
        rdzv_endpoint=os.environ.get("PET_RDZV_ENDPOINT", "localhost:0"),
        local_addr=None if machines > 1 else "localhost",
        max_restarts=0,
        signals_to_handle="SIGTERM",
    )
    try:
        elastic_launch(config, sys.executable)("-m", "loop.train.worker", argv[0])
    except SignalException:
        return STOPPED
    except ChildFailedError as problem:
        return worst(failure.exitcode for failure in problem.failures.values())
    return 0


def nodes() -> int:
    """Machines that a run is spread over, as torchrun is told."""
    return int(os.environ.get("PET_NNODES", "1"))


def worst(statuses: Iterable[int]) -> int:
    """Of several processes' exit statuses the one that says why the run ended.

    One process's end ends the others, so that what they say may be only an echo.

    Returns:
        The status; of a process killed by a signal 128 plus its number, as a shell has it.

    >>> worst([1, -9]), worst([143, 2]), worst([1, 143])
    (137, 2, 1)
    """
    codes = [code if code >= 0 else 128 - code for code in statuses]
    for telling in (2, FULL):
        if telling in codes:
            return telling
    killed = [code for code in codes if code > 128 and code != STOPPED]
    return (killed or [code for code in codes if code != STOPPED] or [STOPPED])[0]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
