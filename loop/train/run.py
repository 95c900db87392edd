"""Train an adapter in a process of its own and follow it; stopped anywhere, it goes on there."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tqdm import tqdm

from knowledge.errors import RatchetError
from loop.settings import Settings
from loop.store.records import Adapter, Dataset, Run
from loop.train.cost import Reading, cost_record
from loop.train.far import address_of, machine_there, train_far
from loop.train.job import (
    ADAPTER,
    ATTEMPTS,
    BY_ROW,
    CARD,
    CHECKPOINTS,
    CHOSEN,
    ERROR,
    FULL,
    JOB,
    LOG,
    METRICS,
    MODEL,
    REPORTED,
    RESULT,
    STOPPED,
    TENSORBOARD,
    HeldOut,
    Job,
    TrainResult,
    read_job,
    read_json,
    write_json,
)
from loop.train.journal import newest, read_journal, step_of
from loop.train.meter import COST
from loop.train.plan import plan
from loop.train.start import process_of

__all__ = ["StoppedEarly", "TrainResult", "plan", "train"]

Watch = Callable[[dict[str, Any]], bool]

_FILES = (RESULT, ERROR, METRICS, LOG, CHOSEN, CARD, ATTEMPTS, BY_ROW, COST, REPORTED)
_LOOK_EVERY = 0.2  # seconds between looks at the metrics file


class StoppedEarly(RatchetError):
    """Who watched the run had seen enough. The same job in the same folder goes on."""


def train(
    settings: Settings,
    dataset: Dataset,
    *,
    method: str,
    seed: int,
    parent: Adapter | None,
    run_folder: Path,
    base: str | None = None,
    after: TrainResult | None = None,
    held_out: HeldOut = "whole",
    watch: Watch | None = None,
    progress: bool = False,
) -> TrainResult:
    """Train on a dataset version, by one method.

    The same job in the same folder goes on where it stopped and ends with the same bytes as one
    never stopped; a finished one returns at once. A folder that holds another job is emptied first.

    Args:
        settings: `train` says how, `assistant.base` on what.
        dataset: Its train split is learnt, its held_out split only measured.
        method: One of `job.METHODS`.
        seed: Decides the adapter's first weights and the order of rows.
        parent: Start from this adapter and measure against it; None is a fresh one on the base.
        run_folder: For the run's files; made if missing.
        base: Another base than the assistant's.
        after: Start from what this run made, and measure against it.
        held_out: Which held-out rows it may look at.
        watch: Sees each line of the journal, a resumed run's old ones too and some twice; True
            stops the run. A finished run is not watched.
        progress: Show a bar.

    Raises:
        StoppedEarly: `watch` said so.
        RatchetError: The job cannot be done, diverged, or was stopped; the message says what next.
        RuntimeError: The process failed for another reason; the message ends with its log.
    """
    far = address_of(settings.train.on)
    job = plan(
        settings, dataset, method=method, seed=seed, parent=parent, base=base, after=after,
        machine=machine_there(far) if far else None,
        held_out=held_out,
    )  # fmt: skip
    job = _enter(run_folder, job, keep_threads=settings.train.threads == 0)
    if not _done(run_folder):
        for name in (RESULT, ERROR):
            (run_folder / name).unlink(missing_ok=True)
        with _bar(progress) as bar:
            if far:
                status = train_far(run_folder, job, far, lambda: _show(run_folder, bar))
            else:
                with process_of(run_folder, job) as process:
                    status = _follow(process, run_folder, bar, watch)
        if status != 0:
            raise _failure(run_folder, status)
    return _finished(run_folder, job)


def _enter(folder: Path, job: Job, *, keep_threads: bool) -> Job:
    """Make the folder this job's; a run begun with "all cores" keeps its number of them."""
    folder.mkdir(parents=True, exist_ok=True)
    old = read_job(folder / JOB)
    if old is not None and keep_threads:
        job = replace(job, threads=old.threads)
    if old is None or old.id != job.id:
        for name in _FILES:
            (folder / name).unlink(missing_ok=True)
        for name in (CHECKPOINTS, ADAPTER, MODEL, TENSORBOARD):
            shutil.rmtree(folder / name, ignore_errors=True)
    write_json(folder / JOB, asdict(job))
    return job


def _done(folder: Path) -> bool:
    """Is the run finished, and its adapter still what was trained?"""
    from loop.models.weights import config_sha256, weights_sha256

    result = read_json(folder / RESULT)
    if result is None:
        return False
    made = folder / (MODEL if (folder / MODEL).is_dir() else ADAPTER)
    try:
        return weights_sha256(made) == result["sha256"] and bool(config_sha256(made))
    except RatchetError:
        return False


def _follow(
    process: subprocess.Popen[bytes],
    folder: Path,
    bar: Callable[[dict[str, Any]], None],
    watch: Watch | None = None,
) -> int:
    status = None
    seen: list[dict[str, Any]] = []
    while status is None:
        try:
            status = process.wait(_LOOK_EVERY)
        except subprocess.TimeoutExpired:
            status = None
        lines = read_journal(folder)
        for line in lines[-1:]:
            bar(line)
        if watch is not None and status is None:
            same = lines[: len(seen)] == seen  # a resumed run cuts off what it does again
            if any(watch(line) for line in (lines[len(seen) :] if same else lines)):
                raise StoppedEarly(f"{folder}: stopped by who watched it.")
            seen = lines
    return status


def _show(folder: Path, bar: Callable[[dict[str, Any]], None]) -> None:
    for line in read_journal(folder)[-1:]:
        bar(line)


@contextmanager
def _bar(show: bool) -> Iterator[Callable[[dict[str, Any]], None]]:
    with tqdm(desc="Train: start", unit="step", disable=not show, dynamic_ncols=True) as bar:

        def update(line: dict[str, Any]) -> None:
            if "phase" in line:
                bar.set_description(f"Train: {line['phase']}")
            if "loss" not in line:
                return
            bar.set_description("Train")
            bar.total = line["of"]
            bar.set_postfix(loss=f"{line['loss']:.3f}", refresh=False)
            bar.update(line["step"] - bar.n)

        yield update


def _failure(folder: Path, status: int) -> Exception:
    """What to raise for a process that ended badly."""
    last = newest(folder / CHECKPOINTS)
    begin = f"goes on from step {step_of(last)}" if last else "starts again"
    told = read_json(folder / ERROR)
    if told is not None:
        return RatchetError(str(told["message"]))
    if status == FULL:
        return RatchetError(f"{folder}: the disk is full. Make room; the same command {begin}.")
    if status == STOPPED:
        return RatchetError(f"{folder}: training was stopped. The same command {begin}.")
    if status < 0 or status > 128:
        name = signal.Signals(-status if status < 0 else status - 128).name
        return RatchetError(
            f"{folder}: training was killed ({name}; short of memory?). The same command {begin}."
        )
    tail = (folder / LOG).read_text(encoding="utf-8", errors="replace").strip().splitlines()[-12:]
    end = "\n".join(tail)
    return RuntimeError(f"training failed with status {status}, see {folder / LOG}:\n{end}")


def _finished(folder: Path, job: Job) -> TrainResult:
    result = read_json(folder / RESULT)
    if result is None:
        raise RuntimeError(f"{folder / RESULT}: missing although training ended well")
    chosen = read_json(folder / CHOSEN) or {}
    told = {"chosen": chosen, "ended": result.get("ended"), "card": read_json(folder / CARD)}
    run = Run(
        id=job.id,
        at=datetime.fromtimestamp(result["at"], UTC),
        dataset=job.dataset,
        method=job.method,
        base=job.base,
        seed=job.seed,
        settings=job.decides | told,
        seconds=result["seconds"],
        tokens_per_second=result["tokens_per_second"],
        metrics=result["metrics"],
    )
    made = MODEL if (folder / MODEL).is_dir() else ADAPTER
    reading = Reading(**result["reading"])
    cost = cost_record(run.id, reading, job.prices)
    return TrainResult(folder=folder / made, run=run, reading=reading, cost=cost)
