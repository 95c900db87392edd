"""Training on a Ray cluster of two machines: what goes there, what comes back, what survives."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from knowledge.errors import RatchetError
from loop.settings import AssistantSettings, Settings
from loop.train.carry import paths, read_tree, sweep, write_tree
from loop.train.far import address_of
from loop.train.job import ADAPTER, CARD, CHECKPOINTS, METRICS, RESULT, TrainResult, read_json
from loop.train.journal import newest, read_journal, step_of
from loop.train.run import train
from tests.train.data import dataset, settings
from tests.train.test_run import ROOT, make_parent, weights

ray = pytest.importorskip("ray")
EPOCHS = 8.0  # 24 steps of DPO, a checkpoint at every second


def made(base: Path, on: str = "", **train: Any) -> Settings:
    """Settings of a project whose base lies in its own folder."""
    known = settings(base.parent, base, **{"on": on, "epochs": EPOCHS} | train)
    return replace(known, assistant=AssistantSettings(base=base.name))


def run(known: Settings, data: Path, folder: Path, **more: Any) -> TrainResult:
    options = {"method": "dpo", "seed": 1, "parent": None} | more
    return train(known, dataset(data), run_folder=folder, **options)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head that takes no work, so that what is trained is trained elsewhere."""
    from ray.cluster_utils import Cluster

    patch = pytest.MonkeyPatch()
    patch.setenv("PYTHONPATH", str(ROOT))
    patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    small = {"object_store_memory": 80 << 20}
    head = {"num_cpus": 0, "include_dashboard": False} | small
    running = Cluster(initialize_head=True, head_node_args=head)
    running.small = {"num_cpus": 1} | small
    running.worker = running.add_node(**running.small)
    try:
        yield running
    finally:
        ray.shutdown()
        running.shutdown()
        patch.undo()


@pytest.fixture(scope="module")
def here(
    base_folder: Path, dataset_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> TrainResult:
    """The run on this machine."""
    return run(made(base_folder), dataset_folder, tmp_path_factory.mktemp("here"))


def test_a_run_whose_machine_dies_goes_on_elsewhere_and_ends_as_one_here(
    cluster: Any, here: TrainResult, base_folder: Path, dataset_folder: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    folder, seen, died = tmp_path / "far", [], []

    def look(at: Path, bar: Any) -> None:
        seen.append(len(read_journal(at)))
        last = newest(at / CHECKPOINTS)
        if not died and last is not None and step_of(last) >= 4:
            died.append(cluster.worker)
            cluster.add_node(**cluster.small)
            cluster.remove_node(died[0], allow_graceful=False)

    monkeypatch.setattr("loop.train.run._show", look)
    far = run(made(base_folder, f"ray:{cluster.address}"), dataset_folder, folder)
    assert weights(far.folder) == weights(here.folder)
    assert far.folder == folder / ADAPTER
    assert far.run.id == here.run.id
    assert far.run.metrics == here.run.metrics
    assert died
    assert len(set(seen)) > 3  # lines came back as they were written
    card = read_json(folder / CARD)
    assert card
    assert card["timings"]["attempts"] == 2
    steps = [line["step"] for line in read_journal(folder) if "loss" in line]
    assert steps == list(range(1, 25))
    assert paths(folder) == paths(here.folder.parent)
    assert str(ROOT) not in (folder / METRICS).read_text()


@pytest.mark.long
def test_a_run_that_is_stopped_saves_there_and_brings_it_back(
    cluster: Any, base_folder: Path, dataset_folder: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    at: list[int] = []

    def stop(folder: Path, bar: Any) -> None:
        if not at and (last := newest(folder / CHECKPOINTS)):
            at.append(step_of(last))
            raise KeyboardInterrupt

    monkeypatch.setattr("loop.train.run._show", stop)
    with pytest.raises(KeyboardInterrupt):
        run(made(base_folder, f"ray:{cluster.address}"), dataset_folder, tmp_path)
    last = newest(tmp_path / CHECKPOINTS)
    assert last is not None
    assert at[0] <= step_of(last) < 24
    assert not (tmp_path / RESULT).exists()


@pytest.mark.long
def test_a_parent_goes_along_and_a_job_that_cannot_be_done_says_why(
    cluster: Any, here: TrainResult, base_folder: Path, dataset_folder: Path, tmp_path: Path
):
    address = f"ray:{cluster.address}"
    parent = make_parent(here, base=base_folder.name)
    known = made(base_folder, address, epochs=1.0)
    two = run(known, dataset_folder, tmp_path / "2", parent=parent)
    first = next(line for line in read_journal(tmp_path / "2") if "loss" in line)
    assert first["loss"] == pytest.approx(0.6931, abs=1e-3)  # no step away from the parent yet
    assert weights(two.folder) != parent.sha256

    short = made(base_folder, address, max_tokens=8)
    with pytest.raises(RatchetError, match="all 22 rows"):
        run(short, dataset_folder, tmp_path / "3")
    wide = made(base_folder, address, threads=64)
    with pytest.raises(RatchetError, match="No machine of the Ray cluster has 64 CPU"):
        run(wide, dataset_folder, tmp_path / "4")


def test_a_cluster_that_does_not_answer_is_named(
    base_folder: Path, dataset_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def nobody(**options: Any) -> None:
        raise ConnectionError("nobody answers")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", nobody)
    with pytest.raises(RatchetError, match="No Ray cluster answers at 'auto'"):
        run(made(base_folder, "ray"), dataset_folder, tmp_path)


def test_where_to_train_is_an_address_or_here():
    assert address_of("") is None
    assert [address_of(on) for on in ("ray", "ray:head:6379", "ray://head:10001")] == [
        ("auto",), ("head:6379",), ("ray://head:10001",),
    ]  # fmt: skip
    for wrong in ("ray:", "slurm", "rays"):
        with pytest.raises(RatchetError, match="train.on"):
            address_of(wrong)


def test_a_folder_travels_as_content_without_what_is_half_written(tmp_path: Path):
    files = {"job.json": b"{}", "checkpoints/checkpoint-2/whole.json": b"{}", "lock": b""}
    write_tree(tmp_path, files | {".adapter.part/weights": b"half", "metrics.part": b""})
    assert read_tree(tmp_path) == {k: v for k, v in files.items() if k != "lock"}


def test_what_a_dead_machine_left_on_its_disk_is_removed_by_the_next_run_there(tmp_path: Path):
    left, used = tmp_path / "ratchet-run-1", tmp_path / "ratchet-run-2"
    for folder in (left, used):
        write_tree(folder, {"held": b"", "data/pairs.parquet": b"what people said"})
    with (used / "held").open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["ratchet-run-2"]
