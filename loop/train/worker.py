"""The training process: `python -m loop.train.worker RUN/job.json`. Knows files, no store.

Its folder tells everything: metrics.jsonl as it goes, checkpoints, at the end adapter/ and
result.json, or error.json. Killed, it is started again and goes on from its last checkpoint;
SIGTERM makes it save first and exit 143. Of several processes that share a run (`launch` starts
them) the first one writes, and all decide alike.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from knowledge.errors import RatchetError
from loop.train import ranks
from loop.train.job import (
    ATTEMPTS,
    CHECKPOINTS,
    ERROR,
    FOLLOWS,
    FULL,
    LOCK,
    STOPPED,
    Job,
    read_job,
    write_json,
)
from loop.train.journal import Journal, is_whole, newest, step_of

_LEFT = 4 << 20  # bytes below which a disk is full
_TOO_MUCH = (
    "Memory ran out in one of {} processes. Lower train.micro_batch, or train.processes on a CPU, "
    "and train again."
)


def main(argv: list[str]) -> int:
    """Train as the job says; 0 done, 2 the user's to mend, 28 disk full, 143 stopped."""
    from loop.train.watch import Stop

    stop = Stop()
    if FOLLOWS in os.environ:
        stop.follow_parent()
    path = Path(argv[0])
    job = read_job(path)
    if job is None:
        print(f"{path}: not a training job.", file=sys.stderr)
        return 2
    try:
        with alone(path.parent), _metered(job, path.parent) as meter:
            ranks.meet(job.device)
            return _work(job, path.parent, stop, meter)
    except RatchetError as problem:
        _tell(path.parent, str(problem))
        return 2
    except Exception as problem:  # libraries word a full disk in many ways
        if job.processes > 1 and _is_out_of_memory(problem):
            _tell(path.parent, _TOO_MUCH.format(job.processes))
            return 2
        if not _is_full(path.parent, problem):
            raise
        return FULL


def _work(job: Job, folder: Path, stop: Any, meter: Any) -> int:
    """The story: build, train, keep the best weights, measure, save."""
    from loop.train.build import build

    checkpoint = ranks.told(lambda: _begin(folder))
    begun = step_of(checkpoint) if checkpoint else 0
    journal = Journal(folder, begun, writes=ranks.is_main())
    ranks.wait()  # all have read what was there
    journal.write(phase="load")
    built = build(job, folder, journal, stop, meter)
    with built.trainer.reports:
        return _train(job, folder, built, journal, stop, checkpoint)


def _train(
    job: Job, folder: Path, built: Any, journal: Journal, stop: Any, checkpoint: Path | None
) -> int:
    from loop.train.finish import finish, keep_best
    from loop.train.watch import Diverged

    trainer, checkpoints = built.trainer, folder / CHECKPOINTS
    _first_look(trainer, journal, checkpoint, job.settings.save_every)
    journal.write(phase="train")
    started, stop.careful = time.monotonic(), True
    if trainer.watch.ended is None:
        try:
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        except Diverged as problem:
            at = int(trainer.state.global_step)
            trainer.watch.ended = {"sign": "divergence", "words": str(problem), "step": at}
    seconds = time.monotonic() - started
    if trainer.watch.asked and trainer.watch.ended is None and not _is_through(trainer):
        return STOPPED
    stop.careful = False
    kept = keep_best(job, folder, built, journal)
    journal.write(phase="score")
    finish(job, folder, built, journal, kept=kept, seconds=seconds)
    if ranks.is_main():
        shutil.rmtree(checkpoints, ignore_errors=True)
    return 0


def _metered(job: Job, folder: Path) -> Any:
    from loop.train.meter import Meter

    return Meter(
        folder,
        run=job.id,
        device=job.device,
        devices=job.processes if job.device != "cpu" else 1,
        country=job.prices.country,
        writes=ranks.is_main(),
    )


def _first_look(trainer: Any, journal: Journal, checkpoint: Path | None, every: int) -> None:
    """What is to be known before the first step: of this attempt, or of the whole run."""
    if not any(line["step"] == 0 for line in journal.evaluations):
        if checkpoint is not None:
            raise RatchetError(
                f"{checkpoint.parent.parent}: {checkpoint.name} is there, but the figures from the "
                "start of the run are not. Remove the folder and train again."
            )
        trainer.watch.look(0, 0)
        return
    last = journal.evaluations[-1]
    trainer.watch.ended = last.get("ended")
    if checkpoint is not None and (step := step_of(checkpoint)) % every == 0:
        trainer.watch.pending = step  # killed between the checkpoint and its evaluation


def _begin(folder: Path) -> Path | None:
    """Note that an attempt begins, and find the checkpoint that it goes on from."""
    _tidy(folder / CHECKPOINTS)
    with (folder / ATTEMPTS).open("ab") as file:
        file.write(b".")
    return newest(folder / CHECKPOINTS)


def _tell(folder: Path, message: str) -> None:
    """Say what is the user's to mend; of several processes each may."""
    own = folder / f"{ranks.rank()}-{ERROR}"
    write_json(own, {"message": message})
    own.replace(folder / ERROR)


def _is_out_of_memory(problem: Exception) -> bool:
    from loop.train.trainer import out_of_memory

    return isinstance(problem, RuntimeError) and out_of_memory(problem)


def _is_through(trainer: Any) -> bool:
    return bool(trainer.state.global_step >= trainer.state.max_steps)


def _tidy(checkpoints: Path) -> None:
    """Remove checkpoints that were only half written, or damaged since."""
    for checkpoint in checkpoints.glob("checkpoint-*"):
        if not is_whole(checkpoint):
            shutil.rmtree(checkpoint)


def _is_full(folder: Path, problem: Exception) -> bool:
    told = isinstance(problem, OSError) and problem.errno == errno.ENOSPC
    return told or "No space left" in str(problem) or shutil.disk_usage(folder).free < _LEFT


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One process a run, or one of each number; waits a little for one that is just ending.

    Raises:
        RatchetError: Another process trains in this folder.
    """
    name = LOCK if ranks.is_main() else f"{LOCK}-{ranks.rank()}"
    with (folder / name).open("a") as file:
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
