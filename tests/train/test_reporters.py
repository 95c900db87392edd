"""Figures to TensorBoard, MLflow and Weights & Biases: what they get; they harm nothing."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from knowledge.errors import RatchetError
from loop.train.job import CARD, LOG, REPORTED, TENSORBOARD, TrainResult, read_json
from loop.train.journal import read_journal
from loop.train.plan import named_by, plan
from loop.train.run import StoppedEarly, train
from tests.train.data import dataset, settings


def run(base: Path, data: Path, folder: Path, *report_to: str, watch: Any = None) -> TrainResult:
    # Long enough to be stopped on the way.
    made = settings(base.parent, base, epochs=8.0, report_to=report_to)
    return train(
        made, dataset(data), method="dpo", seed=1, parent=None, run_folder=folder, watch=watch
    )


@pytest.fixture(scope="module")
def silent(
    base_folder: Path, dataset_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> TrainResult:
    """The run of these tests, told to nobody."""
    return run(base_folder, dataset_folder, tmp_path_factory.mktemp("silent"))


def weights(done: TrainResult) -> bytes:
    return (done.folder / "adapter_model.safetensors").read_bytes()


@pytest.fixture(scope="module")
def drawn(
    base_folder: Path, dataset_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, TrainResult]:
    """The same, told to TensorBoard; stopped on the way and gone on with."""
    folder = tmp_path_factory.mktemp("drawn")
    with pytest.raises(StoppedEarly):
        run(
            base_folder, dataset_folder, folder, "tensorboard",
            watch=lambda line: "evaluation" in line and line["step"] == 2,
        )  # fmt: skip
    return folder, run(base_folder, dataset_folder, folder, "tensorboard")


def test_it_is_the_same_run_with_the_same_weights_whoever_is_told(silent, drawn) -> None:
    folder, done = drawn
    assert done.run.id == silent.run.id
    assert weights(done) == weights(silent)
    assert read_json(folder / CARD)["timings"]["attempts"] == 2  # type: ignore[index]


def test_tensorboard_has_every_step_every_evaluation_and_the_result(drawn) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder, done = drawn
    seen = EventAccumulator(str(folder / TENSORBOARD)).Reload()
    journal = read_journal(folder)
    logged = {line["step"]: line["loss"] for line in journal if "loss" in line}
    told = {one.step: one.value for one in seen.Scalars("train/loss")}
    assert told == pytest.approx(logged)
    held = {line["step"]: line["evaluation"]["loss"] for line in journal if "evaluation" in line}
    assert {one.step: one.value for one in seen.Scalars("eval/loss")} == pytest.approx(held)
    [last] = seen.Scalars("eval/held_out_loss_after")
    assert last.value == pytest.approx(done.run.metrics["held_out_loss_after"])


def test_no_row_leaves_with_the_figures(drawn) -> None:
    folder, _ = drawn
    files = [path.read_bytes() for path in (folder / TENSORBOARD).iterdir()]
    assert len(files) == 2  # one an attempt
    assert not any(text in file for file in files for text in (b"fee", b"dollars"))


def test_a_reporter_that_fails_is_left_out_and_said(
    base_folder, dataset_folder, silent, tmp_path, monkeypatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", str(tmp_path / "file"))
    done = run(base_folder, dataset_folder, tmp_path / "run", "tensorboard")
    assert weights(done) == weights(silent)
    card = read_json(tmp_path / "run" / CARD)
    assert card is not None
    [event] = card["events"]
    assert (event["event"], event["reporter"]) == ("report_failed", "tensorboard")
    assert "tensorboard is left out" in (tmp_path / "run" / LOG).read_text()


def test_a_folder_for_all_runs_has_one_below_it_for_each(
    base_folder, dataset_folder, tmp_path, monkeypatch
) -> None:
    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", str(tmp_path / "all"))
    done = run(base_folder, dataset_folder, tmp_path / "run", "tensorboard")
    assert [path.name for path in (tmp_path / "all").iterdir()] == [done.run.id]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("tensorbord", "'tensorbord' is unknown; known are tensorboard, mlflow, wandb"),
        ("mlflow", r'pip install "ratchet-loop\[mlflow\]"'),
    ],
)
def test_a_reporter_that_is_not_to_be_had_is_said_before_anything_starts(
    base_folder, dataset_folder, monkeypatch, name, words
) -> None:
    monkeypatch.setattr("loop.train.reporters.find_spec", lambda package: None)
    made = settings(base_folder.parent, base_folder, report_to=(name,))
    with pytest.raises(RatchetError, match=words):
        plan(made, dataset(dataset_folder), method="dpo", seed=1, parent=None)


def test_the_runs_folder_is_the_same_whoever_is_told(base_folder, dataset_folder) -> None:
    made = settings(base_folder.parent, base_folder)
    told = replace(made, train=replace(made.train, report_to=("tensorboard",)))
    names = [
        named_by(one, dataset(dataset_folder), method="dpo", seed=1, parent=None)
        for one in (made, told)
    ]
    assert names[0] == names[1]


@pytest.mark.skipif(not importlib.util.find_spec("mlflow"), reason="needs ratchet-loop[mlflow]")
def test_a_resumed_run_goes_on_under_its_name_in_mlflow(
    base_folder, dataset_folder, silent, tmp_path, monkeypatch
) -> None:
    import mlflow  # type: ignore[import-not-found]

    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    with pytest.raises(StoppedEarly):
        run(
            base_folder, dataset_folder, tmp_path / "run", "mlflow",
            watch=lambda line: "evaluation" in line and line["step"] == 2,
        )  # fmt: skip
    done = run(base_folder, dataset_folder, tmp_path / "run", "mlflow")
    assert weights(done) == weights(silent)
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    [experiment] = [e for e in client.search_experiments() if e.name == "ratchet"]
    [found] = client.search_runs([experiment.experiment_id])
    assert found.info.run_id == (read_json(tmp_path / "run" / REPORTED) or {})["MLFLOW_RUN_ID"]
    assert (found.info.run_name, found.info.status) == (done.run.id, "FINISHED")
    told = {one.step for one in client.get_metric_history(found.info.run_id, "eval_loss")}
    assert told == {x["step"] for x in read_journal(tmp_path / "run") if "evaluation" in x}


@pytest.mark.skipif(not importlib.util.find_spec("wandb"), reason="needs ratchet-loop[wandb]")
def test_weights_and_biases_gets_a_run_that_ended_well(
    base_folder, dataset_folder, silent, tmp_path, monkeypatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    done = run(base_folder, dataset_folder, tmp_path / "run", "wandb")
    assert weights(done) == weights(silent)
    [left] = (tmp_path / "run" / "wandb").glob("offline-run-*/run-*.wandb")
    content = left.read_bytes()
    assert b"held_out_loss_after" in content
    assert b"dollars" not in content
    assert not (read_json(tmp_path / "run" / CARD) or {})["events"]
