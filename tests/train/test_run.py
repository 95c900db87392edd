"""Training in a process of its own: what it makes, how it is repeated, stopped and resumed."""

from __future__ import annotations

import fcntl
import hashlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from knowledge.errors import RatchetError
from loop.models.weights import read_adapter
from loop.store.records import Adapter
from loop.train.job import ADAPTER, CHECKPOINTS, LOCK, METRICS, TrainResult, read_json
from loop.train.journal import newest, read_journal, step_of
from loop.train.run import train
from tests.train.data import AT, dataset, make_dataset, pair, settings

ROOT = Path(__file__).parents[2]
EPOCHS = 8.0  # 24 steps, a checkpoint at every second


def run(base: Path, data: Path, folder: Path, **more: Any) -> TrainResult:
    known = {"method": "dpo", "seed": 1, "parent": None} | more
    options = {"epochs": EPOCHS} | known.pop("options", {})
    made = settings(base.parent, base, **options)
    return train(made, dataset(data), run_folder=folder, **known)


def weights(folder: Path) -> str:
    return hashlib.sha256((folder / "adapter_model.safetensors").read_bytes()).hexdigest()


def wait_for(what: Any, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.005)


@pytest.fixture(scope="module")
def whole(
    base_folder: Path, dataset_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, TrainResult]:
    """A preference run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, run(base_folder, dataset_folder, folder)


def start(base: Path, data: Path, folder: Path) -> subprocess.Popen[bytes]:
    """The same run, begun by a process that leads a group of its own."""
    script = f"""
        from pathlib import Path
        from tests.train.test_run import run
        run(Path({str(base)!r}), Path({str(data)!r}), Path({str(folder)!r}))
    """
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        start_new_session=True,
    )


def is_free(folder: Path) -> bool:
    """No process trains in the folder any more."""
    with (folder / LOCK).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def resumed_at(folder: Path) -> int:
    """The last step that the newest attempt did not do itself."""
    lines = read_journal(folder)
    kept = itertools.takewhile(lambda line: "phase" not in line, lines)
    return max((line["step"] for line in kept), default=0)


@pytest.fixture(scope="module")
def killed(
    base_folder: Path, dataset_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The folder of the same run, killed with all its processes after the second checkpoint."""
    for _ in range(3):  # a busy machine may let it end before it is killed
        folder = tmp_path_factory.mktemp("killed")
        process = start(base_folder, dataset_folder, folder)
        try:
            wait_for(lambda at=folder / CHECKPOINTS: (last := newest(at)) and step_of(last) >= 4)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        wait_for(lambda at=folder: is_free(at))
        if newest(folder / CHECKPOINTS) and not (folder / ADAPTER).exists():
            return folder
    raise AssertionError("the run ended before it could be killed, three times")


def test_preference_training_makes_preferred_answers_likelier(whole: tuple[Path, TrainResult]):
    folder, result = whole
    metrics = result.run.metrics
    assert metrics["steps"] == 24
    assert metrics["rows"] == 22
    assert metrics["held_out_rows"] == 6
    assert metrics["train_loss"] < 0.69
    assert metrics["held_out_margin"] > 0
    assert metrics["held_out_reward_accuracy"] > 0.5
    assert read_adapter(result.folder).config["r"] == 4
    lines = read_journal(folder)
    assert [line["step"] for line in lines if "loss" in line] == list(range(1, 25))
    assert [line["step"] for line in lines if "evaluation" in line] == list(range(0, 25, 2))
    assert not (folder / CHECKPOINTS).exists()


def test_an_adapter_names_no_place_of_this_machine(whole: tuple[Path, TrainResult]):
    _, result = whole
    config = read_json(result.folder / "adapter_config.json")
    assert config is not None
    assert sorted(path.name for path in result.folder.iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]
    assert str(ROOT) not in (result.folder / "adapter_config.json").read_text()


def test_the_same_answers_lead_to_the_same_bytes_in_any_folder(
    base_folder: Path, dataset_folder: Path, tmp_path: Path
):
    moved = shutil.copytree(dataset_folder, tmp_path / "moved")
    options = {"epochs": 2.0}
    one = run(base_folder, dataset_folder, tmp_path / "1", method="sft", options=options)
    two = run(base_folder, moved, tmp_path / "2", method="sft", options=options)
    assert weights(one.folder) == weights(two.folder)
    assert one.run.id == two.run.id
    assert one.run.metrics == two.run.metrics
    assert one.run.metrics["held_out_loss_after"] < one.run.metrics["held_out_loss_before"]


def test_a_killed_run_goes_on_from_its_checkpoint_and_ends_with_the_same_bytes(
    base_folder: Path, dataset_folder: Path, whole: tuple[Path, TrainResult], killed: Path,
    tmp_path: Path,
):  # fmt: skip
    folder = shutil.copytree(killed, tmp_path / "run")
    last = newest(folder / CHECKPOINTS)
    assert last is not None
    result = run(base_folder, dataset_folder, folder)
    assert resumed_at(folder) == step_of(last) >= 4
    assert weights(result.folder) == weights(whole[1].folder)
    assert result.run.metrics == whole[1].run.metrics


@pytest.mark.long
def test_a_truncated_checkpoint_is_passed_over_for_the_one_before_it(
    base_folder: Path, dataset_folder: Path, whole: tuple[Path, TrainResult], killed: Path,
    tmp_path: Path,
):  # fmt: skip
    folder = shutil.copytree(killed, tmp_path / "run")
    last = newest(folder / CHECKPOINTS)
    assert last is not None
    file = last / "optimizer.pt"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    before = newest(folder / CHECKPOINTS)
    assert before is not None
    result = run(base_folder, dataset_folder, folder)
    assert 2 <= resumed_at(folder) == step_of(before) < step_of(last)
    assert weights(result.folder) == weights(whole[1].folder)


@pytest.mark.long
def test_a_run_whose_starter_dies_saves_and_ends(
    base_folder: Path, dataset_folder: Path, tmp_path: Path
):
    process = start(base_folder, dataset_folder, tmp_path)
    wait_for(lambda: newest(tmp_path / CHECKPOINTS))
    process.kill()
    process.wait()
    wait_for(lambda: is_free(tmp_path))
    assert newest(tmp_path / CHECKPOINTS) or (tmp_path / ADAPTER).exists()


def test_a_finished_run_returns_at_once(
    base_folder: Path, dataset_folder: Path, whole: tuple[Path, TrainResult],
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    folder, result = whole
    monkeypatch.setattr(subprocess, "Popen", None)
    assert run(base_folder, dataset_folder, folder) == result


def test_a_finished_run_whose_adapter_was_damaged_is_trained_again(
    base_folder: Path, dataset_folder: Path, whole: tuple[Path, TrainResult], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    folder = shutil.copytree(whole[0], tmp_path / "run")
    (folder / ADAPTER / "adapter_model.safetensors").write_bytes(b"damaged")

    def started(*arguments: Any, **options: Any) -> None:
        raise InterruptedError("training began")

    monkeypatch.setattr(subprocess, "Popen", started)
    with pytest.raises(InterruptedError, match="training began"):
        run(base_folder, dataset_folder, folder)


def test_training_goes_on_from_a_parent_and_is_measured_against_it(
    base_folder: Path, dataset_folder: Path, whole: tuple[Path, TrainResult], tmp_path: Path
):
    parent = make_parent(whole[1], base=str(base_folder))
    result = run(base_folder, dataset_folder, tmp_path, parent=parent, options={"epochs": 1.0})
    first = next(line for line in read_journal(tmp_path) if "loss" in line)
    assert first["loss"] == pytest.approx(0.6931, abs=1e-3)  # no step away from the parent yet
    parents = whole[1].run.metrics["held_out_accuracy_after"]
    assert result.run.metrics["held_out_accuracy_before"] == pytest.approx(parents)
    assert weights(result.folder) != weights(whole[1].folder)


def test_going_on_needs_an_adapter_and_trains_one(
    base_folder: Path, dataset_folder: Path, whole: tuple[Path, TrainResult], tmp_path: Path
):
    parent = make_parent(whole[1], base=str(base_folder))
    with pytest.raises(
        RatchetError, match="from ad-parent .kind: adapter. with train.tuning = 'full'"
    ):
        run(base_folder, dataset_folder, tmp_path, parent=parent, options={"tuning": "full"})
    judge = make_parent(whole[1], base=str(base_folder), kind="reward")
    with pytest.raises(RatchetError, match="from ad-parent .kind: reward."):
        run(base_folder, dataset_folder, tmp_path, parent=judge)


def test_a_run_that_diverges_says_so_and_leaves_no_adapter_of_an_earlier_job(
    base_folder: Path, dataset_folder: Path, whole: tuple[Path, TrainResult], tmp_path: Path
):
    folder = shutil.copytree(whole[0], tmp_path / "run")
    with pytest.raises(RatchetError, match=r"diverged at step \d.*learning_rate"):
        run(base_folder, dataset_folder, folder, options={"learning_rate": 1e30})
    assert not (folder / ADAPTER).exists()
    assert max(line.get("step", 0) for line in read_journal(folder)) < 24
    assert (folder / METRICS).exists()


def make_parent(result: TrainResult, **fields: Any) -> Adapter:
    known = {
        "id": "ad-parent",
        "at": AT,
        "assistant": "desk",
        "run": result.run.id,
        "dataset": result.run.dataset,
        "base": result.run.base,
        "parent": None,
        "path": str(result.folder),
        "sha256": weights(result.folder),
    }
    return Adapter(**known | fields)


def test_what_cannot_be_trained_is_refused_before_anything_starts(
    base_folder: Path, dataset_folder: Path, whole: tuple[Path, TrainResult], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    monkeypatch.setattr(subprocess, "Popen", None)
    nothing, empty, gone = (tmp_path / name for name in ("nothing", "empty", "gone"))
    for folder in (nothing, empty, gone):
        folder.mkdir()
    make_dataset(nothing, [pair(1, "held_out")])
    (empty / "pairs.parquet").write_bytes(b"PAR1")
    stranger = make_parent(whole[1], base="another-base")
    changed = make_parent(whole[1], sha256="0" * 64)

    def refused(match: str, data: Path = dataset_folder, **more: Any) -> None:
        with pytest.raises(RatchetError, match=match):
            run(more.pop("base", base_folder), data, tmp_path / "run", **more)

    refused("'ppo'; known are sft, dpo", method="ppo")
    refused("train.loss is 'best', expected sigmoid", options={"loss": "best"})
    refused("label_smoothing is 0.5", options={"label_smoothing": 0.5})
    refused("no such folder", base=Path("/nowhere/model"))
    refused("no config.json", base=tmp_path)
    refused("trained on 'another-base'", parent=stranger)
    refused("SHA-256", parent=changed)
    refused("holds no row to train dpo on", nothing)
    refused("pairs.parquet: cannot be read", empty)
    refused("pairs.parquet: cannot be read", gone)
    assert not (tmp_path / "run").exists()


def test_a_dataset_whose_rows_are_all_too_long_says_what_to_raise(
    base_folder: Path, dataset_folder: Path, tmp_path: Path
):
    with pytest.raises(RatchetError, match=r"all 22 rows .* longer than 8 tokens.*max_tokens"):
        run(base_folder, dataset_folder, tmp_path, options={"max_tokens": 8})
