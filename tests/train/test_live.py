from __future__ import annotations

import fcntl
import os
from pathlib import Path

from loop.train.energy import NoEnergy
from loop.train.job import ERROR, JOB, LOCK, METRICS, RESULT, write_json
from loop.train.journal import Journal
from loop.train.live import live, unfinished
from loop.train.meter import Meter

NOW = 2_000_000_000.0


def begun(runs: Path, name: str = "run-1", *, ago: float = 5.0) -> Path:
    """A run that has taken two steps of ten."""
    folder = runs / name
    folder.mkdir(parents=True)
    write_json(folder / JOB, {"method": "dpo", "dataset": "ds-1"})
    (folder / LOCK).touch()
    journal = Journal(folder, 0)
    journal.write(phase="train")
    journal.write(step=1, of=10, loss=0.9)
    journal.write(step=2, of=10, loss=0.7)
    os.utime(folder / METRICS, (NOW - ago, NOW - ago))
    return folder


def test_a_run_in_progress_tells_its_step_loss_and_sign_of_life(tmp_path: Path) -> None:
    folder = begun(tmp_path)
    found = live(folder, NOW)
    assert found is not None
    assert (found.folder, found.method, found.dataset) == ("run-1", "dpo", "ds-1")
    assert (found.running, found.phase, found.step, found.of) == (True, "train", 2, 10)
    assert [(point.step, point.loss) for point in found.losses] == [(1, 0.9), (2, 0.7)]
    assert found.heard == 5.0
    assert (found.reading, found.tokens_per_second) == (None, None)


def test_what_it_used_so_far_is_its_meters_reading(tmp_path: Path) -> None:
    folder = begun(tmp_path)
    meter = Meter(folder, run="run-1", device="cpu", energy=NoEnergy())
    with meter:
        meter.count(100)
    found = live(folder, NOW)
    assert found is not None
    assert found.reading == meter.reading()
    assert found.tokens_per_second is not None


def test_a_stage_and_a_trial_under_way_are_seen_with_what_they_belong_to(tmp_path: Path) -> None:
    write_json(begun(tmp_path, "run-1/1-sft") / RESULT, {})
    begun(tmp_path, "run-1/2-dpo", ago=4)
    begun(tmp_path, "search-1/trial-000", ago=900)  # stopped early, as trials are
    begun(tmp_path, "search-1/trial-001", ago=2)
    found = unfinished(tmp_path, NOW)
    assert [one.folder for one in found] == ["search-1/trial-001", "run-1/2-dpo"]


def test_a_run_that_is_silent_has_stopped_unless_its_process_holds_the_lock(tmp_path: Path) -> None:
    folder = begun(tmp_path, ago=3600)
    silent = live(folder, NOW)
    assert silent is not None
    assert not silent.running
    with (folder / LOCK).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        held = live(folder, NOW)
    assert held is not None
    assert held.running


def test_what_ended_a_run_is_told(tmp_path: Path) -> None:
    folder = begun(tmp_path)
    write_json(folder / ERROR, {"message": "Training diverged at step 3."})
    found = live(folder, NOW)
    assert found is not None
    assert (found.running, found.problem) == (False, "Training diverged at step 3.")


def test_finished_runs_and_strangers_are_left_out_and_the_running_come_first(
    tmp_path: Path,
) -> None:
    write_json(begun(tmp_path, "done") / RESULT, {})
    (tmp_path / "stranger").mkdir()
    (tmp_path / "file").touch()
    begun(tmp_path, "stopped", ago=900)
    begun(tmp_path, "given up", ago=8 * 86_400)
    begun(tmp_path, "older", ago=30)
    begun(tmp_path, "newer", ago=2)
    found = unfinished(tmp_path, NOW)
    assert [one.folder for one in found] == ["newer", "older", "stopped"]
    assert unfinished(tmp_path / "missing", NOW) == []


def test_a_folder_with_half_a_journal_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    folder = begun(tmp_path)
    with (folder / METRICS).open("a", encoding="utf-8") as file:
        file.write('{"step": 3, "of": 10, "lo')
    found = live(folder, NOW)
    assert found is not None
    assert found.step == 2
