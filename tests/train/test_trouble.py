"""What a training process does when memory, disk or numbers give out, and when it is told to go."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from knowledge.errors import RatchetError
from loop.train.job import CHECKPOINTS, FULL, JOB, STOPPED, TrainResult, write_json
from loop.train.journal import newest, read_journal, step_of
from loop.train.plan import plan
from loop.train.run import train
from tests.train.data import dataset, settings
from tests.train.test_run import is_free, run, wait_for, weights

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("RATCHET_KILL_ROUNDS", "1"))  # for each method


def worker(
    base: Path, data: Path, folder: Path, harm: str, method: str = "dpo", **options: Any
) -> subprocess.CompletedProcess[str]:
    """The training process itself, with something done to it first."""
    known = settings(base.parent, base, **{"epochs": 8.0} | options)
    job = plan(known, dataset(data), method=method, seed=1, parent=None)
    folder.mkdir(exist_ok=True)
    write_json(folder / JOB, asdict(job))
    code = f"""
        import sys
        import torch
        from loop.train.dpo import Prefer
        whole, calls = Prefer.terms, [0]
        def terms(self, model, numbers):
            calls[0] += 1
            {harm}
            return whole(self, model, numbers)
        Prefer.terms = terms
        from loop.train.worker import main
        sys.exit(main([{str(folder / JOB)!r}]))
    """
    read, write = os.pipe()  # a parent that lives on
    try:
        return subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code)],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"},
            stdin=read,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        os.close(read)
        os.close(write)


@pytest.fixture(scope="module")
def undisturbed(
    base_folder: Path, dataset_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> TrainResult:
    return run(base_folder, dataset_folder, tmp_path_factory.mktemp("undisturbed"))


def test_short_of_memory_it_goes_on_with_fewer_rows_at_once(
    base_folder: Path, dataset_folder: Path, undisturbed: TrainResult, tmp_path: Path
):
    harm = "if len(numbers) > 3: raise torch.OutOfMemoryError('CUDA out of memory')"
    done = worker(base_folder, dataset_folder, tmp_path, harm)
    assert done.returncode == 0, done.stderr
    events = [line for line in read_journal(tmp_path) if "event" in line]
    assert [(line["event"], line["micro_batch"]) for line in events] == [
        ("out_of_memory", 4),
        ("out_of_memory", 2),
    ]
    result = run(base_folder, dataset_folder, tmp_path)  # finished: it is only read
    for name, value in undisturbed.run.metrics.items():
        assert result.run.metrics[name] == pytest.approx(value, rel=1e-2, abs=1e-3), name
    card = result.run.settings["card"]["events"]
    assert [line["micro_batch"] for line in card] == [4, 2]


def test_out_of_memory_with_a_single_row_ends_the_run(
    base_folder: Path, dataset_folder: Path, tmp_path: Path
):
    done = worker(
        base_folder, dataset_folder, tmp_path, "raise torch.OutOfMemoryError('out of memory')"
    )
    assert done.returncode == 1
    assert "out of memory" in done.stderr
    assert not (tmp_path / "adapter").exists()


def test_a_gradient_that_is_no_number_keeps_the_best_weights_there_were(
    base_folder: Path, dataset_folder: Path, tmp_path: Path
):
    harm = "if calls[0] == 13: model.get_base_model().lm_head.weight.data.fill_(float('nan'))"
    done = worker(base_folder, dataset_folder, tmp_path, harm)
    assert done.returncode == 0, done.stderr
    result = run(base_folder, dataset_folder, tmp_path)
    ended = result.run.settings["ended"]
    assert ended["sign"] == "divergence"
    assert "diverged at step" in ended["words"]
    assert 2 <= result.run.metrics["kept_step"] <= 12


@pytest.mark.parametrize(
    ("harm", "code", "saved"),
    [
        # A full disk loses the step under way; a run that is told to stop saves it first.
        ("if calls[0] == 5: raise OSError(28, 'No space left on device')", FULL, 4),
        ("calls[0] == 5 and __import__('os').kill(__import__('os').getpid(), 15)", STOPPED, 5),
    ],
    ids=["full disk", "told to stop"],
)
def test_a_run_that_must_end_says_why_and_leaves_where_it_goes_on(
    base_folder: Path, dataset_folder: Path, tmp_path: Path, harm: str, code: int, saved: int
):
    done = worker(base_folder, dataset_folder, tmp_path, harm)
    assert done.returncode == code, done.stderr
    last = newest(tmp_path / CHECKPOINTS)
    assert last is not None
    assert step_of(last) == saved
    assert not (tmp_path / "adapter").exists()


def test_told_to_stop_while_it_saves_it_looks_at_that_checkpoint_when_it_goes_on(
    base_folder: Path, dataset_folder: Path, tmp_path: Path, undisturbed: TrainResult
):
    told = "(__import__('os').kill(__import__('os').getpid(), 15), save(*a, **k))"
    harm = f"if calls[0] == 4: save = torch.save; torch.save = lambda *a, **k: {told}"
    done = worker(base_folder, dataset_folder, tmp_path, harm)
    assert done.returncode == STOPPED, done.stderr
    last = newest(tmp_path / CHECKPOINTS)
    assert last is not None
    assert step_of(last) == 4
    result = run(base_folder, dataset_folder, tmp_path)
    looked = [line["step"] for line in read_journal(tmp_path) if "evaluation" in line]
    assert looked == list(range(0, 26, 2))
    assert weights(result.folder) == weights(undisturbed.folder)


@pytest.mark.long
def test_a_full_disk_is_said_and_leaves_what_was_whole(
    base_folder: Path, dataset_folder: Path, undisturbed: TrainResult, tmp_path: Path
):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(small)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("only root may mount the small disk that this fills")
    try:
        with pytest.raises(RatchetError, match="the disk is full. Make room; the same command"):
            run(base_folder, dataset_folder, small)
        wait_for(lambda: is_free(small))
        subprocess.run(["mount", "-o", "remount,size=64m", str(small)], check=True)
        result = run(base_folder, dataset_folder, small)
        assert weights(result.folder) == weights(undisturbed.folder)
        assert result.run.metrics == undisturbed.run.metrics
    finally:
        subprocess.run(["umount", str(small)], check=True)


# DPO's single kill is in test_run.py
@pytest.mark.long
@pytest.mark.parametrize("method", ["sft", "kto", *(["dpo"] if KILLS > 1 else [])])
def test_killed_or_stopped_at_any_step_it_ends_with_the_same_bytes(
    base_folder: Path, dataset_folder: Path, tmp_path: Path, method: str
):
    whole = run(base_folder, dataset_folder, tmp_path / "whole", method=method)
    folder = tmp_path / "killed"
    steps = int(whole.run.metrics["steps"])
    rng = random.Random(method)
    for n, at in enumerate(sorted(rng.sample(range(2, steps - 2), KILLS))):
        script = f"""
            from pathlib import Path
            from tests.train.test_run import run
            run(*map(Path, {[str(base_folder), str(dataset_folder), str(folder)]!r}),
                method={method!r})
        """
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(script)],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_for(lambda at=at: any(line.get("step", 0) >= at for line in read_journal(folder)))
        os.killpg(process.pid, signal.SIGKILL if n % 2 == 0 else signal.SIGTERM)
        process.wait()
        wait_for(lambda: is_free(folder))
    result = run(base_folder, dataset_folder, folder, method=method)
    assert weights(result.folder) == weights(whole.folder)
    assert result.run.metrics == whole.run.metrics


def test_the_end_of_a_run_is_early_when_it_forgets(
    base_folder: Path, dataset_folder: Path, tmp_path: Path
):
    from dataclasses import replace

    from loop.settings import GuardSettings

    known = settings(base_folder.parent, base_folder, epochs=8.0)
    strict = replace(known, guard=GuardSettings(divergence=0.05))
    result = train(
        strict, dataset(dataset_folder), method="sft", seed=1, parent=None, run_folder=tmp_path
    )
    ended = result.run.settings["ended"]
    assert ended["sign"] == "forgetting"
    assert result.run.metrics["kept_step"] < ended["step"] < 24
    assert result.run.metrics["general_divergence"] <= 0.05
