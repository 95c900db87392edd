"""A run over several processes: the same steps as one takes, and no end that leaves one behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from knowledge.errors import RatchetError
from loop.models.weights import read_adapter
from loop.settings import TrainSettings
from loop.train.job import (
    ADAPTER,
    BY_ROW,
    CARD,
    CHECKPOINTS,
    JOB,
    RESULT,
    TrainResult,
    read_json,
    write_json,
)
from loop.train.journal import newest, read_journal, step_of
from loop.train.launch import worst
from loop.train.parallel import Machine, Spread, arguments, spread
from loop.train.plan import plan
from loop.train.run import train
from loop.train.trainer import shares
from tests.train.data import dataset, settings
from tests.train.test_run import ROOT, is_free, resumed_at, wait_for, weights

METHODS = {"sft": 2.0, "dpo": 8.0, "kto": 2.0}  # epochs: 24 steps of DPO, a checkpoint at each 2nd
CPU = Machine("cpu", 0, 8)
GPUS = Machine("cuda", 4, 64)


def options(method: str, processes: int) -> dict[str, Any]:
    return {"processes": processes, "micro_batch": 2, "epochs": METHODS[method]}


def run(base: Path, data: Path, folder: Path, processes: int = 2) -> TrainResult:
    made = settings(base.parent, base, **options("dpo", processes))
    return train(made, dataset(data), method="dpo", seed=1, parent=None, run_folder=folder)


def finished(base: Path, data: Path, root: Path, processes: int) -> Path:
    """A folder with a finished run of each method, and of SFT by FSDP where there are several."""
    jobs = {}
    for method in METHODS:
        made = settings(base.parent, base, **options(method, processes))
        held = "judging" if method == "dpo" else "whole"  # as a search's runs are
        jobs[method] = plan(
            made, dataset(data), method=method, seed=1, parent=None, held_out=held
        )  # fmt: skip
    if processes > 1:
        made = settings(base.parent, base, **options("sft", processes), parallel="fsdp")
        gpus = Machine("cuda", processes, processes)
        job = plan(made, dataset(data), method="sft", seed=1, parent=None, machine=gpus)
        jobs["fsdp"] = replace(job, device="cpu")
    for name, job in jobs.items():
        (root / name).mkdir(parents=True)
        write_json(root / name / JOB, asdict(job))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    known = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
    meet = {"WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    command = [sys.executable, "-m", "tests.train.several"]
    command += [str(root / name / JOB) for name in jobs]
    logs = [root / f"log-{n}.txt" for n in range(processes)]
    started = []
    for n, log in enumerate(logs):
        number = {"RANK": str(n), "LOCAL_RANK": str(n), "ACCELERATE_USE_CPU": "true"}
        env = known | (meet | number if processes > 1 else {})
        with log.open("wb") as file:
            one = subprocess.Popen(command, env=env, cwd=ROOT, stdout=file, stderr=file)
        started.append(one)
    for process, log in zip(started, logs, strict=True):
        assert process.wait(timeout=300) == 0, log.read_text(encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def alone(
    base_folder: Path, dataset_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    return finished(base_folder, dataset_folder, tmp_path_factory.mktemp("alone"), 1)


@pytest.fixture(scope="module")
def together(
    base_folder: Path, dataset_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    return finished(base_folder, dataset_folder, tmp_path_factory.mktemp("together"), 2)


@pytest.mark.parametrize("method", METHODS)
def test_two_processes_take_the_steps_that_one_takes(alone: Path, together: Path, method: str):
    one, two = (
        [line for line in read_journal(folder / method) if "loss" in line]
        for folder in (alone, together)
    )
    assert [line["step"] for line in one] == [line["step"] for line in two]
    assert len(one) >= 6
    for left, right in zip(one, two, strict=True):
        assert right["loss"] == pytest.approx(left["loss"], abs=1e-4)
        assert right["grad_norm"] == pytest.approx(left["grad_norm"], rel=1e-3)
        assert right.get("margin", 0) == pytest.approx(left.get("margin", 0), abs=1e-3)
        assert right["tokens"] == left["tokens"]  # of both, not of one


def test_a_model_split_over_two_processes_learns_what_a_whole_one_learns(
    alone: Path, together: Path
):
    one, two = (
        [line["loss"] for line in read_journal(folder) if "loss" in line]
        for folder in (alone / "sft", together / "fsdp")
    )
    assert two == pytest.approx(one, abs=1e-4)
    left, right = (read_adapter(folder / ADAPTER) for folder in (alone / "sft", together / "fsdp"))
    for name, weight in left.tensors.items():
        assert (weight - right.tensors[name]).abs().max() < 1e-3, name


@pytest.mark.parametrize("method", METHODS)
def test_two_processes_make_nearly_the_same_adapter(alone: Path, together: Path, method: str):
    one, two = (read_adapter(folder / method / ADAPTER) for folder in (alone, together))
    assert one.config == two.config
    for name, weight in one.tensors.items():
        assert (weight - two.tensors[name]).abs().max() < 1e-3, name


@pytest.mark.parametrize("method", METHODS)
def test_two_processes_measure_what_one_measures_and_one_of_them_writes(
    alone: Path, together: Path, method: str
):
    one, two = (
        [line for line in read_journal(folder / method) if "evaluation" in line]
        for folder in (alone, together)
    )
    assert len(one) == len(two) >= 4
    for left, right in zip(one, two, strict=True):
        assert right["step"] == left["step"]
        assert right["evaluation"] == pytest.approx(left["evaluation"], abs=1e-3)
    judged = [read_json(folder / method / BY_ROW) for folder in (alone, together)]
    assert judged[0] == (pytest.approx(judged[1], abs=1e-3) if method == "dpo" else None)
    results = [read_json(folder / method / RESULT) for folder in (alone, together)]
    assert results[0]
    assert results[1]
    assert results[1]["metrics"] == pytest.approx(results[0]["metrics"], abs=1e-3)
    card = read_json(together / method / CARD)
    assert card
    assert card["hardware"]["processes"] == 2
    assert card["timings"]["attempts"] == 1
    assert not (together / method / CHECKPOINTS).exists()


def start(folder: Path) -> subprocess.Popen[bytes]:
    """Go on with a run as `train` does, from a process that can be killed."""
    script = f"""
        from pathlib import Path
        from loop.train.job import JOB, read_job
        from loop.train.start import process_of
        folder = Path({str(folder)!r})
        with process_of(folder, read_job(folder / JOB)) as process:
            process.wait()
    """
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


def process_of_rank(folder: Path, rank: int) -> int | None:
    """The process of that number which trains in a folder."""
    for place in Path("/proc").glob("[0-9]*"):
        try:
            command = (place / "cmdline").read_bytes().split(b"\0")
            known = (place / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if str(folder / JOB).encode() in command and f"RANK={rank}".encode() in known:
            return int(place.name)
    return None


def all_ended(folder: Path) -> bool:
    return is_free(folder) and not any(process_of_rank(folder, rank) for rank in (0, 1))


@pytest.mark.long
def test_when_one_process_dies_the_run_ends_and_when_its_starter_dies_it_saves_and_goes_on_later(
    base_folder: Path, dataset_folder: Path, together: Path, tmp_path: Path
):
    def has_come_to(step: int) -> Any:
        return lambda: (last := newest(tmp_path / CHECKPOINTS)) and step_of(last) >= step

    def kill() -> None:
        wait_for(has_come_to(4), 120)
        victim = process_of_rank(tmp_path, 1)
        assert victim
        os.kill(victim, signal.SIGKILL)

    with ThreadPoolExecutor() as beside:
        killing = beside.submit(kill)
        with pytest.raises(RatchetError, match=r"killed .SIGKILL.*goes on from step \d"):
            run(base_folder, dataset_folder, tmp_path)
        killing.result()
    wait_for(lambda: all_ended(tmp_path))
    last = newest(tmp_path / CHECKPOINTS)
    assert last is not None

    process = start(tmp_path)
    wait_for(lambda: resumed_at(tmp_path) and has_come_to(step_of(last) + 2)(), 120)
    process.kill()
    process.wait()
    wait_for(lambda: all_ended(tmp_path), 60)
    saved = newest(tmp_path / CHECKPOINTS)
    assert saved is not None
    assert step_of(saved) > step_of(last)

    result = run(base_folder, dataset_folder, tmp_path)
    assert resumed_at(tmp_path) == step_of(saved)
    assert weights(result.folder) == weights(together / "dpo" / ADAPTER)
    card = read_json(tmp_path / CARD)
    assert card
    assert card["timings"]["attempts"] == 3


def test_every_row_of_a_step_is_computed_once_and_every_process_has_as_many_parts():
    numbers = list(range(100, 111))
    for processes in (1, 2, 3, 4, 16):
        for micro in (1, 2, 3, 8):
            dealt = [shares(numbers, rank, processes, micro) for rank in range(processes)]
            assert len({len(parts) for parts in dealt}) == 1
            counted = [n for parts in dealt for part, weight in parts if weight for n in part]
            assert sorted(counted) == numbers
            assert all(part for parts in dealt for part, _ in parts)


def test_a_run_takes_every_gpu_or_one_process_of_a_cpu():
    assert spread(TrainSettings(), CPU) == Spread(1, 8)
    assert spread(TrainSettings(), GPUS) == Spread(4, 16)
    assert spread(TrainSettings(processes=2), CPU) == Spread(2, 4)
    assert spread(TrainSettings(processes=2, threads=3), GPUS) == Spread(2, 3)


def test_several_machines_share_the_processes(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PET_NNODES", "2")
    assert spread(TrainSettings(), GPUS) == Spread(8, 16)
    with pytest.raises(RatchetError, match="multiple of the 2 machines"):
        spread(TrainSettings(processes=3), GPUS)


def test_what_this_machine_cannot_do_is_refused(monkeypatch: pytest.MonkeyPatch):
    def refused(match: str, machine: Machine = GPUS, **known: Any) -> None:
        with pytest.raises(RatchetError, match=match):
            spread(TrainSettings(**known), machine)

    refused("wants 8 GPUs on a machine and there are 4", processes=8)
    refused("expected 0 .one per GPU. or more", processes=-1)
    refused('"fsdp" splits a model over GPUs', CPU, processes=2, parallel="fsdp")
    refused("4-bit base", parallel="fsdp", tuning="qlora")
    monkeypatch.setattr("loop.train.parallel.find_spec", lambda name: None)
    refused(r"pip install .ratchet-loop\[deepspeed\]", parallel="deepspeed")


def test_a_cluster_without_its_package_says_what_to_install(
    base_folder: Path, dataset_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "ray", None)
    made = settings(base_folder.parent, base_folder, on="ray")
    with pytest.raises(RatchetError, match=r"pip install .ratchet-loop\[ray\]"):
        train(made, dataset(dataset_folder), method="sft", seed=1, parent=None, run_folder=tmp_path)


def test_processes_decide_a_runs_name_and_one_is_as_it_always_was(
    base_folder: Path, dataset_folder: Path
):
    made = settings(base_folder.parent, base_folder)
    ids = set()
    for processes in (0, 1, 2):
        known = replace(made, train=replace(made.train, processes=processes))
        job = plan(known, dataset(dataset_folder), method="sft", seed=1, parent=None, machine=CPU)
        ids.add(job.id)
        assert ("parallel" in job.train) == (processes == 2)
        assert (arguments(job) == {}) == (processes < 2)
    assert len(ids) == 2


def test_splitting_a_model_is_told_to_the_trainer(base_folder: Path, dataset_folder: Path):
    def told(parallel: str) -> dict[str, Any]:
        made = settings(base_folder.parent, base_folder)
        known = replace(made, train=replace(made.train, parallel=parallel))
        monkey = pytest.MonkeyPatch()
        with monkey.context() as patched:
            patched.setattr("loop.train.parallel.find_spec", lambda name: True)
            data = dataset(dataset_folder)
            job = plan(known, data, method="sft", seed=1, parent=None, machine=GPUS)
        return arguments(job)

    assert told("fsdp")["fsdp_config"]["version"] == 2
    assert told("deepspeed")["deepspeed"]["zero_optimization"]["stage"] == 2
    assert "fsdp" not in told("ddp")


def test_the_exit_of_a_run_is_that_of_the_process_that_says_most():
    assert worst([1, -9]) == 137
    assert worst([143, 2]) == 2
    assert worst([143, 143]) == 143
    assert worst([28, 1]) == 28
    assert worst([143, -6]) == 134
