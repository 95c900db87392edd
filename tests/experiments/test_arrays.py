"""The public function: arrays in, people counted once, looks allowed for, fast."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest

from knowledge.errors import RatchetError
from loop.cli import main
from loop.experiments import analyze
from loop.experiments.analysis import analyze_rows
from loop.experiments.people import Observation


def arms(rate: float, lift: float, people: int, seed: int) -> tuple[np.ndarray, ...]:
    random = np.random.default_rng(seed)
    variant = np.arange(people) % 2
    value = (random.random(people) < rate + lift * variant).astype(float)
    return np.arange(people), variant, value


def test_it_is_what_the_same_rows_give() -> None:
    random = np.random.default_rng(1)
    unit = random.integers(0, 150, 600)
    variant = unit % 2
    value = random.normal(variant * 0.3, 1.0, 600)
    rows = [
        Observation(str(u), ("control", "treatment")[v], x)
        for u, v, x in zip(unit, variant, value, strict=True)
    ]
    mine = analyze(unit, variant, value, planned=150, looks=1)
    theirs = analyze_rows(rows, control="control", horizon=150, minimum_per_arm=2)
    assert mine.estimate == pytest.approx(theirs.estimate)
    assert mine.ci == pytest.approx(theirs.ci, abs=1e-6)
    assert mine.p_value == pytest.approx(theirs.p_value, abs=1e-6)
    assert mine["verdict"] == mine.verdict == theirs.verdict
    named = analyze([f"u{u}" for u in unit], list(variant), list(value), planned=150, looks=1)
    assert named.p_value == pytest.approx(mine.p_value)


def test_an_earlier_look_is_held_to_a_higher_bar() -> None:
    unit, variant, value = arms(0.3, 0.1, 2000, 3)
    early = analyze(unit, variant, value, planned=8000)
    late = analyze(unit, variant, value, planned=2000)
    only = analyze(unit, variant, value, planned=2000, look=1, looks=1)
    assert (early.looks, late.looks, only.looks) == (5, 20, 1)
    assert early.p_value > late.p_value > only.p_value
    width = [found.ci[1] - found.ci[0] for found in (early, late, only)]
    assert width[0] > width[1] > width[2]
    listed = analyze(unit, variant, value, planned=2000, looks=[100 * n for n in range(1, 20)])
    assert listed.p_value == pytest.approx(late.p_value, abs=1e-5)


def test_peeking_with_nothing_but_the_horizon_keeps_the_level() -> None:
    crossed = 0
    for seed in range(300):
        unit, variant, value = arms(0.3, 0.0, 1000, seed)
        crossed += any(
            analyze(unit[:n], variant[:n], value[:n], planned=1000).significant
            for n in range(50, 1001, 50)
        )
    assert crossed / 300 < 0.08  # .05 with three standard errors of chance; naive peeking: .25


def test_without_a_horizon_it_is_valid_at_any_time_and_needs_fifty_an_arm() -> None:
    unit, variant, value = arms(0.1, 0.8, 80, 1)
    found = analyze(unit, variant, value)
    assert (found.method, found.verdict) == ("any time", "CONTINUE")
    assert analyze(*arms(0.1, 0.8, 200, 1)).verdict == "PROMOTE"


def test_people_in_both_arms_and_uneven_arms_make_it_invalid() -> None:
    unit, variant, value = arms(0.2, 0.5, 400, 1)
    unit[:20] = np.arange(10).repeat(2)  # ten people were shown both
    crossed = analyze(unit, variant, value, planned=400)
    assert (crossed.verdict, crossed.significant) == ("INVALID", False)
    assert crossed.health["crossovers"] == 10
    keep = (variant == 1) | (np.arange(400) % 3 > 0)
    assert analyze(*(x[keep] for x in arms(0.2, 0.5, 400, 1)), planned=400).verdict == "INVALID"


def test_who_was_shown_an_arm_and_gave_nothing_counts_for_health_alone() -> None:
    unit, variant, value = arms(0.3, 0.1, 400, 2)
    silent = np.where(np.arange(400) % 4 == 0, np.nan, value)
    found = analyze(unit, variant, silent, planned=400)
    assert found.users == {"control": 200, "treatment": 200}
    assert found.health["ratings"] == {"control": 100, "treatment": 200}
    assert found.health["response_pvalue"] < 0.01


def test_what_was_known_before_is_taken_out() -> None:
    random = np.random.default_rng(5)
    unit = np.arange(300)
    before = random.normal(size=300)
    value = before + random.normal(0, 0.3, 300) + 0.2 * (unit % 2)
    plain = analyze(unit, unit % 2, value, planned=300)
    informed = analyze(unit, unit % 2, value, planned=300, pre=before)
    assert informed.ci[1] - informed.ci[0] < 0.5 * (plain.ci[1] - plain.ci[0])


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (([1, 2], [0, 1], [1.0]), "one length"),
        (([1, 2], [0, 2], [1.0, 0.0]), "0 .control. and 1"),
        (([1, 2], [0, 1], [1.0, np.inf]), "infinite"),
    ],
)
def test_what_cannot_be_analysed_is_refused(given: tuple[list, ...], says: str) -> None:
    with pytest.raises(RatchetError, match=says):
        analyze(*given, planned=10)
    with pytest.raises(RatchetError, match="horizon is 1"):
        analyze([1, 2], [0, 1], [1.0, 0.0], planned=1)


def test_nothing_and_next_to_nothing_decide_nothing() -> None:
    assert analyze([], [], [], planned=10).verdict == "CONTINUE"
    assert analyze([1], [1], [1.0], planned=10).estimate is None


def test_a_look_takes_milliseconds() -> None:
    unit, variant, value = arms(0.3, 0.04, 4000, 1)
    analyze(unit, variant, value, planned=4000)
    began = time.perf_counter()
    for _ in range(50):
        analyze(unit, variant, value, planned=4000)
    assert (time.perf_counter() - began) / 50 < 0.02


def test_the_command_reads_a_file_with_the_people_planned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unit, variant, value = arms(0.2, 0.3, 400, 1)
    names = ("treatment", "control")  # treatment stands first: control is still the control
    lines = [f"u{u},{names[1 - v]},{x:g}" for u, v, x in zip(unit, 1 - variant, value, strict=True)]
    file = tmp_path / "test.csv"
    file.write_text("unit,variant,value\n" + "\n".join(lines) + "\n")
    assert main(["experiment", "analyze", str(file), "--planned", "400", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {"p_value", "significant", "ci", "estimate", "verdict", "health"} <= found.keys()
    assert found["significant"]
    assert found["estimate"] < 0  # the variants were swapped


def test_people_who_come_back_are_no_clock() -> None:
    random = np.random.default_rng(4)
    unit = random.integers(0, 300, 3000)  # nearly all are seen early, and most rows come late
    variant, value = unit % 2, random.random(3000)
    once = analyze(np.arange(1500), np.arange(1500) % 2, value[:1500], planned=3000)
    back = analyze(unit[:600], variant[:600], value[:600], planned=300)
    assert once.looks == 10
    assert len(np.unique(unit[:600])) > 0.8 * 300
    assert back.looks <= 15  # of 20, though over 80 % of the people were there


def test_rows_of_a_file_come_in_the_order_of_their_time(tmp_path: Path) -> None:
    from loop.experiments.csv_file import read_observations

    file = tmp_path / "test.csv"
    file.write_text(
        "unit,variant,value,timestamp\n"
        "b,control,1,2026-11-24T09:00:00+01:00\na,treatment,0,2026-11-24T07:30:00\n"
    )
    assert [row.user for row in read_observations(file)] == ["a", "b"]
