"""A run's checkpoints and its metrics file, whatever happened to them."""

from __future__ import annotations

from pathlib import Path

import pytest

from loop.train.journal import Journal, newest, read_journal, seal


def checkpoint(folder: Path, step: int, *, sealed: bool = True) -> Path:
    made = folder / f"checkpoint-{step}"
    made.mkdir()
    for name in ("adapter_model.safetensors", "optimizer.pt"):
        (made / name).write_bytes(f"{name} {step}".encode())
    if sealed:
        seal(made)
    return made


def test_the_newest_checkpoint_is_told_by_its_step_not_its_name(tmp_path: Path):
    expected = [checkpoint(tmp_path, step) for step in (8, 20, 100)][-1]
    assert newest(tmp_path) == expected
    assert newest(tmp_path / "nowhere") is None


@pytest.mark.parametrize("harm", ["half written", "truncated", "changed", "lost a file"])
def test_a_checkpoint_that_is_not_whole_does_not_count(tmp_path: Path, harm: str):
    good = checkpoint(tmp_path, 2)
    bad = checkpoint(tmp_path, 4, sealed=harm != "half written")
    file = bad / "optimizer.pt"
    if harm == "truncated":
        file.write_bytes(file.read_bytes()[:5])
    elif harm == "changed":
        file.write_bytes(file.read_bytes()[::-1])
    elif harm == "lost a file":
        file.unlink()
    assert newest(tmp_path) == good


def test_a_resumed_journal_forgets_what_will_be_done_again(tmp_path: Path):
    first = Journal(tmp_path, 0)
    first.write(phase="load")
    for step in (1, 2, 3):
        first.write(step=step, of=4, loss=0.5)
    Journal(tmp_path, 2).write(step=3, of=4, loss=0.4)
    lines = read_journal(tmp_path)
    assert [(line["step"], line["loss"]) for line in lines] == [(1, 0.5), (2, 0.5), (3, 0.4)]
    assert lines[2]["seconds"] >= lines[1]["seconds"]


def test_the_last_sound_evaluation_is_the_one_before_the_alarm(tmp_path: Path):
    journal = Journal(tmp_path, 0)
    assert journal.sound() is None
    for step in (0, 20, 40):
        journal.evaluate(step, 80, {"divergence": 0.1})
    journal.evaluate(60, 80, {"divergence": 9.0}, {"sign": "forgetting", "step": 60, "words": ""})
    assert journal.best("loss", False) is None  # nothing was held out
    assert journal.sound() == 40


def test_a_line_half_written_is_left_out(tmp_path: Path):
    Journal(tmp_path, 0).write(step=1)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 2, "lo')
    assert [line["step"] for line in read_journal(tmp_path)] == [1]
