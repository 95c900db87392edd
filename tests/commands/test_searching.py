"""`ratchet search`: what it is told, what people read and what machines get."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from loop.cli import main
from loop.settings import AssistantSettings, Settings
from loop.store.store import LocalStore
from loop.train import search as searching
from loop.train.search import Found
from loop.train.space import Knob, Space
from loop.train.trials import Trial
from loop.train.verdict import Comparison
from tests.factories import make_dataset


def trial(number: int, rate: float, figure: float | None, ended: str = "finished") -> Trial:
    return Trial(
        number=number, settings={"learning_rate": rate}, figure=figure, curve=((20, 0.7),),
        steps=40, seconds=30.0, ended=ended,
    )  # fmt: skip


TRIALS = (trial(0, 0.001, 0.6), trial(1, 0.004, 0.5), trial(2, 0.0002, None, "stopped early"))
FOUND = Found(
    space=Space((Knob(name="learning_rate", values=(0.0001, 0.01), between=True),), {}),
    trials=TRIALS,
    best=TRIALS[1],
    comparison=Comparison(
        verdict="better", difference=0.1, low=0.04, high=0.16, p_value=0.002, rows=30, prompts=24,
        by_seed={8: 0.09, 9: 0.11},
    ),
    words="Better than the defaults by 0.1000 [0.0400, 0.1600].",
    ended="all 2 trials were made",
    seconds=300.0,
    cost=0.25,
    figure="loss",
    more=False,
    choosing_rows=29,
    judging_rows=30,
)  # fmt: skip


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """A project with one dataset; what a search was asked for, which finds what is in `FOUND`."""
    (tmp_path / "ratchet.toml").write_text(
        "[cost.rates]\ncpu = 0.5\ncuda = 0.5\n[search]\nrank = [4]\n", encoding="utf-8"
    )
    store = LocalStore(Settings(root=tmp_path, assistant=AssistantSettings()).store_path)
    store.append([make_dataset(rows=1)])
    store.close()
    calls: list[dict[str, Any]] = []

    def found(settings: Settings, dataset: Any, **known: Any) -> Found:
        calls.append({"search": settings.search, "dataset": dataset.id} | known)
        known["folder"].mkdir(parents=True)
        return FOUND

    monkeypatch.setattr(searching, "search", found)
    return calls


def test_what_is_typed_goes_before_what_is_set(asked: list[dict[str, Any]], tmp_path: Path):
    typed = ["--method", "sft", "--minutes", "5", "--trials", "3", "--seed", "11"]
    more = ["--set", "rank=[8, 16]", "--set", "seeds=2", "--json", "--project", str(tmp_path)]
    assert main(["search", *typed, *more]) == 0
    [call] = asked
    known = call["search"]
    assert (known.minutes, known.trials, known.rank, known.seeds) == (5.0, 3, (8, 16), 2)
    assert (call["method"], call["seed"], call["parent"]) == ("sft", 11, None)
    assert call["rate_per_hour"] == 0.5


def test_people_read_the_trials_the_verdict_and_what_to_paste(
    asked: list[dict[str, Any]], tmp_path: Path, capsys: Any
):
    assert main(["search", "--project", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "All 2 trials were made; 5.0 minutes of training, cost 0.25." in out
    assert "Better than the defaults by 0.1000 [0.0400, 0.1600]." in out
    assert "Seed by seed: 8: +0.0900, 9: +0.1100." in out
    assert "Paste it into ratchet.toml:\n\n[train]\nlearning_rate = 0.004\n" in out
    assert "stopped early" in out


def test_settings_that_are_not_shown_to_be_better_are_not_to_be_pasted(
    asked: list[dict[str, Any]], tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
):
    assert FOUND.comparison is not None
    luck = replace(FOUND.comparison, verdict="no better", low=-0.02)

    def found(settings: Settings, dataset: Any, **known: Any) -> Found:
        known["folder"].mkdir(parents=True)
        return replace(FOUND, comparison=luck, words=luck.words)

    monkeypatch.setattr(searching, "search", found)
    assert main(["search", "--project", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "No better than the defaults: 0.1000 [-0.0200, 0.1600] (30 rows" in out
    assert "Keep the default settings." in out
    assert "Paste" not in out


def test_machines_get_what_is_written_beside_the_picture(
    asked: list[dict[str, Any]], tmp_path: Path, capsys: Any
):
    assert main(["search", "--json", "--project", str(tmp_path)]) == 0
    data = json.loads(capsys.readouterr().out)
    folder = Path(data.pop("folder"))
    assert json.loads((folder / "search.json").read_text()) == data
    assert data["comparison"]["by_seed"] == {"8": 0.09, "9": 0.11}
    assert data["best"] == 1
    assert (folder / "search.svg").read_text().startswith("<svg")
