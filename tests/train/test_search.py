"""A search over training settings: what it tries, stops, repeats and says, and that it goes on."""

from __future__ import annotations

import json
import math
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from knowledge.errors import RatchetError
from loop.settings import SearchSettings, Settings, TrainSettings, load_settings
from loop.store.records import Adapter, Dataset, Run
from loop.train.halves import halves
from loop.train.history import TRIALS, Repeat, note, read_history
from loop.train.job import BY_ROW, ERROR, METRICS, TrainResult, read_json, write_json
from loop.train.journal import read_journal
from loop.train.picture import picture
from loop.train.report import report, search_folder
from loop.train.run import StoppedEarly, train
from loop.train.search import Found, search
from loop.train.trials import Trial
from loop.train.verdict import compare
from tests.train.data import AT, dataset, make_dataset, pair, settings

STEPS = 100  # of a run by itself, an evaluation at every twentieth
USUAL = {"learning_rate": 1e-3, "epochs": 2.0, "rank": 16}


@dataclass(slots=True)
class World:
    """Training as a function: `loss` of the settings; a run takes `seconds`."""

    loss: Callable[[TrainSettings, int], float] = field(
        default=lambda known, seed: 0.5 + 0.1 * math.log10(known.learning_rate / 3e-3) ** 2
    )
    seconds: float = 60.0
    now: float = 0.0
    kill_at: int = -1  # the run, counted from 0, that does not come to its end
    runs: list[tuple[str, str]] = field(default_factory=list)  # folder's name, held-out rows

    def clock(self) -> float:
        return self.now

    def train(
        self,
        settings: Settings,
        dataset: Dataset,
        *,
        method: str,
        seed: int,
        parent: Adapter | None,
        run_folder: Path,
        held_out: str = "whole",
        watch: Callable[[dict[str, Any]], bool] | None = None,
        progress: bool = False,
    ) -> TrainResult:
        self.runs.append((run_folder.name, held_out))
        known = settings.train
        known = replace(
            known,
            **{k: v for k, v in USUAL.items() if not getattr(known, k)},  # type: ignore[arg-type]
        )
        run_folder.mkdir(parents=True, exist_ok=True)
        loss, steps = self.loss(known, seed), int(STEPS * known.epochs / 2)
        if not math.isfinite(loss):
            write_json(run_folder / ERROR, {"message": "diverged at step 3"})
            raise RatchetError("diverged at step 3")
        (run_folder / METRICS).write_text("")
        for step in range(20, steps + 1, 20):
            self.now += self.seconds * 20 / STEPS
            if len(self.runs) - 1 == self.kill_at:
                raise KeyboardInterrupt
            line = {"step": step, "of": steps, "evaluation": {"loss": loss + 1 / step}}
            with (run_folder / METRICS).open("a") as file:
                file.write(json.dumps(line) + "\n")
            if watch is not None and watch(line):
                raise StoppedEarly("stopped")
        if held_out == "judging":
            rows = halves(Path(dataset.path), "dpo").judge
            figures = {row: loss + 0.01 * (n % 3) for n, row in enumerate(rows)}
            write_json(run_folder / BY_ROW, figures)
        chosen = {name: getattr(known, name) for name in USUAL}
        made = Run(
            id="run", at=AT, dataset=dataset.id, method=method, base="b", seed=seed,
            settings={"chosen": chosen, "ended": None}, seconds=1.0, tokens_per_second=1.0,
            metrics={"steps": float(steps), "held_out_loss_after": loss},
        )  # fmt: skip
        return TrainResult(folder=run_folder, run=made, reading=None, cost=None)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """22 rows to train on and 40 held out, two to a prompt."""
    rows = [pair(n) for n in range(22)]
    for n in range(100, 120):
        rows += [
            pair(n, "held_out"),
            pair(n, "held_out", row=f"row-{n}-b", rejected="No idea at all."),
        ]
    return dataset(make_dataset(tmp_path_factory.mktemp("data"), rows))


def look(world: World, data: Dataset, folder: Path, **known: Any) -> Found:
    train = known.pop("train", TrainSettings())
    method, seed, parent = (
        known.pop(k, d) for k, d in (("method", "dpo"), ("seed", 7), ("parent", None))
    )
    rate = known.pop("rate", 0.0)
    chosen = SearchSettings(**{"trials": 8, "minutes": 0.0} | known)
    return search(
        Settings(search=chosen, train=train),
        data,
        method=method,
        seed=seed,
        parent=parent,
        folder=folder,
        rate_per_hour=rate,
        run=world.train,
        clock=world.clock,
    )


def test_better_settings_are_found_and_shown_to_be_better_on_rows_that_chose_nothing(
    data: Dataset, tmp_path: Path
):
    world = World()
    found = look(world, data, tmp_path)
    assert [trial.number for trial in found.trials] == list(range(9))
    assert found.trials[0].settings["learning_rate"] == 1e-3
    assert found.best.figure < found.trials[0].figure
    assert found.comparison.verdict == "better"
    assert found.comparison.low <= found.comparison.difference <= found.comparison.high
    assert found.words.startswith("Better than the defaults by ")
    assert set(found.comparison.by_seed) == {8, 9, 10}
    assert found.comparison.rows == 20
    assert found.comparison.prompts == 10
    told = report(found, tmp_path)
    assert f"learning_rate = {found.best.settings['learning_rate']}" in told["snippet"]
    (tmp_path / "ratchet.toml").write_text(told["snippet"])
    pasted = load_settings(tmp_path).train
    assert pasted.learning_rate == found.best.settings["learning_rate"]


def test_trials_see_one_half_of_the_held_out_rows_and_only_the_comparison_the_other(
    data: Dataset, tmp_path: Path
):
    world = World()
    look(world, data, tmp_path)
    kinds = {name.split("-")[0]: seen for name, seen in world.runs}
    assert kinds == {"trial": "choosing", "best": "judging", "default": "judging"}
    parts = halves(Path(data.path), "dpo")
    assert len(parts.choose) == len(parts.judge) == 20
    assert set(parts.choose.values()).isdisjoint(parts.judge.values())
    assert parts == halves(Path(data.path), "dpo")


def test_the_same_seed_tries_the_same_settings_and_another_one_others(
    data: Dataset, tmp_path: Path
):
    one, two, other = (
        look(World(), data, tmp_path / name, seed=seed).trials
        for name, seed in (("1", 7), ("2", 7), ("3", 8))
    )
    assert one == two
    assert [trial.settings for trial in one[1:]] != [trial.settings for trial in other[1:]]


def test_a_trial_that_falls_behind_is_stopped_and_not_held_to_be_finished(
    data: Dataset, tmp_path: Path
):
    found = look(World(), data, tmp_path, trials=14)
    stopped = [trial for trial in found.trials if trial.ended == "stopped early"]
    assert stopped
    for trial in stopped:
        assert trial.figure is None
        assert trial.steps == trial.curve[-1][0] < STEPS * trial.settings["epochs"] / 2
        before = [one for one in found.trials[: trial.number] if one.ended == "finished"]
        assert trial.curve[-1][1] > min(one.figure for one in before)
    never = look(World(), data, tmp_path / "never", trials=14, prune=False)
    assert {trial.ended for trial in never.trials} == {"finished"}


@pytest.mark.parametrize("kill_at", [0, 3, 12])
def test_a_search_that_was_killed_goes_on_and_ends_as_one_that_was_not(
    data: Dataset, tmp_path: Path, kill_at: int
):
    whole = look(World(), data, tmp_path / "whole")
    broken = World(kill_at=kill_at)
    with pytest.raises(KeyboardInterrupt):
        look(broken, data, tmp_path / "broken")
    with (tmp_path / "broken" / TRIALS).open("a") as file:
        file.write('{"kind": "trial", "numb')  # a line half written
    after = World()
    went_on = look(after, data, tmp_path / "broken")
    assert went_on.trials == whole.trials
    assert went_on.comparison == whole.comparison
    assert went_on.seconds >= whole.seconds
    assert len(broken.runs) - 1 + len(after.runs) == 9 + 6
    again = World()
    look(again, data, tmp_path / "broken")
    assert again.runs == []


def test_more_trials_take_a_finished_search_further(data: Dataset, tmp_path: Path):
    few = look(World(), data, tmp_path, trials=4)
    world = World()
    more = look(world, data, tmp_path, trials=8)
    assert more.trials[:5] == few.trials
    assert more.trials == look(World(), data, tmp_path / "at once", trials=8).trials
    assert "default-seed-8" not in [name for name, _ in world.runs]


def test_the_budget_keeps_time_for_the_comparison(data: Dataset, tmp_path: Path):
    found = look(World(), data, tmp_path, trials=50, minutes=20.0)
    assert found.ended == "the budget was spent, but for the comparison"
    assert 1 < len(found.trials) < 50
    assert found.comparison is not None
    assert len(found.comparison.by_seed) == 3
    assert found.seconds <= 20 * 60 + 60  # one run may take longer than the ones before


def test_money_is_time_at_the_rate_of_the_machine(data: Dataset, tmp_path: Path):
    paid = look(World(), data, tmp_path / "1", trials=50, money=0.5, rate=1.5)
    timed = look(World(), data, tmp_path / "2", trials=50, minutes=20.0)
    assert paid.trials == timed.trials
    assert paid.cost == pytest.approx(paid.seconds / 3600 * 1.5, abs=1e-4)
    with pytest.raises(RatchetError, match=r"search\.money is 0\.5, but what an hour"):
        look(World(), data, tmp_path / "3", money=0.5)


def test_a_budget_without_room_for_a_search_says_how_much_it_takes(data: Dataset, tmp_path: Path):
    found = look(World(), data, tmp_path, minutes=4.0)
    assert len(found.trials) == 1
    assert found.comparison is None
    assert "allow at least 8 minutes" in found.words
    with pytest.raises(RatchetError, match="alone takes longer than the 0.5 minutes"):
        look(World(), data, tmp_path / "less", minutes=0.5)
    assert look(World(), data, tmp_path / "less", minutes=20.0).comparison is not None


def test_defaults_that_nothing_beats_are_not_trained_again(data: Dataset, tmp_path: Path):
    world = World(loss=lambda known, seed: 0.5 + abs(math.log(known.learning_rate / 1e-3)))
    found = look(world, data, tmp_path)
    assert found.best.number == 0
    assert found.words == "None of 8 other settings was better than the defaults."
    assert {name.split("-")[0] for name, _ in world.runs} == {"trial"}
    assert report(found, tmp_path)["snippet"] == ""


def test_settings_that_were_only_lucky_are_not_called_better(data: Dataset, tmp_path: Path):
    """With the seed of the trials a high rate looks good; with others it is worse."""

    def luck(known: TrainSettings, seed: int) -> float:
        good = known.learning_rate / 1e-3 if seed == 7 else 1e-3 / known.learning_rate
        return 0.5 - 0.01 * math.log10(good)

    found = look(World(loss=luck), data, tmp_path)
    assert found.best.number > 0
    assert found.comparison.verdict == "worse"


def test_settings_that_cannot_be_trained_are_a_trial_that_failed(data: Dataset, tmp_path: Path):
    def brittle(known: TrainSettings, seed: int) -> float:
        return math.inf if known.learning_rate > 2e-3 else 0.5

    found = look(World(loss=brittle), data, tmp_path)
    failed = [trial for trial in found.trials if trial.ended == "failed"]
    assert failed
    assert all(one.figure is None and "diverged" in one.why for one in failed)
    svg = (report(found, tmp_path), (tmp_path / "search.svg").read_text())[1]
    assert svg.count("×") == len(failed)


def test_an_interval_takes_prompts_and_not_seeds_for_independent():
    rows = {f"r{n}": f"p{n // 2}" for n in range(40)}
    better = {row: 0.01 * (n % 7) for n, row in enumerate(rows)}

    def repeats(shift: float, figures: dict[str, float], seeds: int) -> list[Repeat]:
        moved = {row: value + shift for row, value in figures.items()}
        return [Repeat(settings={}, seed=s, seconds=1.0, figures=moved) for s in range(seeds)]

    flat = dict.fromkeys(rows, 0.03)
    one = compare(repeats(0, better, 1), repeats(0, flat, 1), rows, more=True)
    nine = compare(repeats(0, better, 9), repeats(0, flat, 9), rows, more=True)
    assert (one.low, one.high) == pytest.approx((nine.low, nine.high))
    assert one.verdict == "no better"
    less = compare(repeats(0, better, 1), repeats(0, flat, 1), rows, more=False)
    assert less.difference == pytest.approx(-one.difference)


def test_seeds_that_do_not_agree_are_no_proof():
    rows = {f"r{n}": f"p{n}" for n in range(40)}

    def repeat(seed: int, value: float) -> Repeat:
        return Repeat(settings={}, seed=seed, seconds=1.0, figures=dict.fromkeys(rows, value))

    old = [repeat(1, 0.5), repeat(2, 0.5)]
    split = compare([repeat(1, 0.9), repeat(2, 0.4)], old, rows, more=True)
    assert split.low > 0
    assert split.verdict == "no better"
    assert split.words.endswith("The seeds do not agree.")
    assert compare([repeat(1, 0.9), repeat(2, 0.6)], old, rows, more=True).verdict == "better"


def test_what_has_no_meaning_for_a_method_is_left_out(data: Dataset, tmp_path: Path):
    def names(**known: Any) -> set[str]:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        found = look(World(), data, folder, trials=1, **known)
        assert {*found.space.left_out}.isdisjoint(knob.name for knob in found.space.knobs)
        return {knob.name for knob in found.space.knobs}

    every = names()
    assert every == {"learning_rate", "epochs", "rank", "beta", "weight_decay", "dropout"}
    assert names(train=TrainSettings(loss="ipo")) == every - {"beta"}
    assert names(train=TrainSettings(tuning="full")) == every - {"rank", "dropout"}
    assert names(rank=(), beta=(), dropout=()) == every - {"rank", "beta", "dropout"}


def test_a_search_that_cannot_be_made_says_why_before_anything_is_trained(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    world = World()

    def refused(match: str, **known: Any) -> None:
        with pytest.raises(RatchetError, match=match):
            look(world, known.pop("data", data), tmp_path / "none", **known)

    few = tmp_path / "few"
    few.mkdir()
    make_dataset(few)
    refused(r"leave 3 prompts on one side; a search needs 10", data=dataset(few))
    refused(r"'sft\+dpo'.*one method", method="sft+dpo")
    refused(r"search\.trials is 0, expected at least 1", trials=0)
    refused(r"search\.learning_rate is \[10\.0, 0\.1\]", learning_rate=(10.0, 0.1))
    refused(r"search\.dropout is \[1\.5\]", dropout=(1.5,))
    monkeypatch.setitem(sys.modules, "optuna", None)
    refused(r"needs Optuna.*pip install")
    assert world.runs == []
    assert not (tmp_path / "none").exists()


def test_only_one_search_works_in_a_folder(data: Dataset, tmp_path: Path):
    from loop.train.history import alone

    with alone(tmp_path), pytest.raises(RatchetError, match="another process searches here"):
        look(World(), data, tmp_path)


def test_a_search_has_a_folder_of_its_own_whatever_its_budget(data: Dataset, tmp_path: Path):
    def place(**known: Any) -> Path:
        made = Settings(root=tmp_path, search=SearchSettings(**known))
        return search_folder(made, data, method="dpo", seed=7, parent=None)

    assert place() == place(trials=99, minutes=1.0, seeds=5)
    assert place() != place(rank=(4,))


def test_the_picture_shows_every_trial_and_hollow_where_it_was_stopped():
    def trial(number: int, ended: str, figure: float | None) -> Trial:
        return Trial(
            number=number, settings={}, figure=figure, curve=((20, 0.7),), steps=20, seconds=1.0,
            ended=ended,
        )  # fmt: skip

    trials = [trial(0, "finished", 0.6), trial(1, "stopped early", None), trial(2, "finished", 0.5)]
    root = ET.fromstring(picture(trials, figure="loss & more", more=False))
    dots = root.findall("{http://www.w3.org/2000/svg}circle")
    assert [dot.get("fill") == "#ffffff" for dot in dots] == [False, True, False]


def test_notes_of_a_search_are_read_as_they_were_written(tmp_path: Path):
    trial = Trial(
        number=0, settings={"rank": 16}, figure=0.5, curve=((20, 0.7),), steps=20, seconds=2.0,
        ended="finished",
    )  # fmt: skip
    repeat = Repeat(settings={}, seed=8, seconds=3.0, figures={"r": 0.5})
    for one in (trial, 4.0, repeat):
        note(tmp_path, one)
    done = read_history(tmp_path)
    assert done.trials == [trial]
    assert done.repeats == [repeat]
    assert done.seconds == 9.0


@pytest.mark.long
def test_a_watched_run_is_stopped_and_goes_on_later(
    base_folder: Path, data: Dataset, tmp_path: Path
):
    seen: list[int] = []

    def watch(line: dict[str, Any]) -> bool:
        if "evaluation" in line:
            seen.append(line["step"])
        return seen[-1:] == [4]

    made = settings(base_folder.parent, base_folder, epochs=8.0)
    known: dict[str, Any] = {
        "method": "dpo", "seed": 1, "parent": None, "run_folder": tmp_path, "held_out": "judging",
    }  # fmt: skip
    with pytest.raises(StoppedEarly):
        train(made, data, watch=watch, **known)
    assert seen[:3] == [0, 2, 4]
    assert not (tmp_path / BY_ROW).exists()
    result = train(made, data, **known)
    assert result.run.metrics["steps"] == 24
    assert result.run.metrics["held_out_rows"] == 20
    by_row = read_json(tmp_path / BY_ROW)
    assert set(by_row) == set(halves(Path(data.path), "dpo").judge)
    assert sum(by_row.values()) / len(by_row) < 0.69  # preferred answers have gained, here too
    attempts = [line for line in read_journal(tmp_path) if line.get("phase") == "load"]
    assert len(attempts) == 1  # of the second attempt; it went on from a checkpoint


@pytest.mark.long
def test_a_search_with_the_tiny_model_trains_for_real(
    base_folder: Path, data: Dataset, tmp_path: Path
):
    made = settings(base_folder.parent, base_folder, learning_rate=1e-4, epochs=2.0)
    known = SearchSettings(
        learning_rate=(10.0, 50.0), epochs=(), rank=(), beta=(), weight_decay=(), dropout=(),
        trials=1, seeds=1, minutes=0.0,
    )  # fmt: skip
    found = search(
        replace(made, search=known), data, method="dpo", seed=7, parent=None, folder=tmp_path
    )
    assert found.best.number == 1
    assert found.comparison.verdict == "better"
    assert found.trials[0].steps == 6
    assert [step for step, _ in found.trials[0].curve] == [2, 4, 6]
    assert not list(tmp_path.rglob("*.safetensors"))
