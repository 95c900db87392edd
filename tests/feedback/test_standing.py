"""Who may be relied on, who is held back, and that nobody is accused for nothing."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.poisoning import make_world
from loop.feedback.judgements import Judgements, from_columns
from loop.feedback.standing import Standing, weigh
from loop.settings import RatersSettings

HONEST = 8


def team(
    kind: str, *others: NDArray[np.intp], seconds: float = 20.0, fast: int = -1, seed: int = 1
) -> Judgements:
    """Eight sound raters and what others say, all on the same 120 items; simulated."""
    random = np.random.default_rng(seed)
    truth_i, side_i = planted()
    rows = [np.where(random.random(120) < 0.85, truth_i, 1 - truth_i) for _ in range(HONEST)]
    rows += list(others)
    names = [f"sound {n}" for n in range(HONEST)] + [f"other {n}" for n in range(len(others))]
    took = [1.0 if number == fast else seconds for number in range(len(rows))]
    return from_columns(
        rater=[name for name in names for _ in range(120)],
        item=[f"item {i:03d}" for i in range(120)] * len(rows),
        label=np.concatenate(rows),
        kind=[kind] * 120 * len(rows),
        side=np.tile(side_i, len(rows)) if kind == "comparison" else None,
        seconds=np.repeat(took, 120),
    )


def planted() -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Truth and side of each of the items."""
    random = np.random.default_rng(0)
    return random.integers(0, 2, 120), random.choice([-0.5, 0.5], 120)


def held(standings: dict[str, Standing]) -> dict[str, str]:
    return {name: one.held_back for name, one in standings.items() if one.held_back}


def test_a_vote_is_worth_the_log_odds_of_being_right():
    truth_i, _ = planted()
    random = np.random.default_rng(5)
    fair = np.where(random.random(120) < 0.6, truth_i, 1 - truth_i)
    for kind in ("thumb", "comparison"):
        found = weigh(team(kind, truth_i, random.integers(0, 2, 120), fair))
        assert found["other 0"].weight > found["sound 0"].weight > found["other 1"].weight
        assert found["other 1"].weight < 0.5
        assert found["sound 3"].weight == pytest.approx(math.log(0.85 / 0.15), abs=0.7)
        assert found["other 2"].low < 0.6 < found["other 2"].high
        assert held(found) == {}


@pytest.mark.parametrize("kind", ["thumb", "comparison"])
def test_who_says_the_opposite_is_held_back_and_not_turned_round(kind):
    truth_i, _ = planted()
    found = weigh(team(kind, 1 - truth_i))
    assert held(found) == {"other 0": "worse_than_chance"}
    assert found["other 0"].weight == 0
    assert found["other 0"].high < 0.5


def test_who_always_takes_one_side_is_held_back():
    _, side_i = planted()
    found = weigh(team("comparison", (side_i > 0).astype(int), (side_i < 0).astype(int)))
    assert held(found) == {"other 0": "always_same_side", "other 1": "always_same_side"}


def test_who_calls_everything_good_is_held_back():
    found = weigh(team("thumb", np.ones(120, dtype=int), np.zeros(120, dtype=int)))
    assert held(found) == {"other 0": "always_same_label", "other 1": "always_same_label"}


def test_who_is_too_fast_is_held_back():
    assert held(weigh(team("thumb", fast=2))) == {"sound 2": "too_fast"}
    assert held(weigh(team("thumb", fast=2), settings=RatersSettings(fastest_seconds=0.5))) == {}


def test_who_fails_gold_questions_is_held_back():
    truth_i, _ = planted()
    gold = {f"item {i:03d}": int(truth_i[i]) for i in range(30)}
    failed = np.where(np.arange(120) < 30, 1 - truth_i, truth_i)
    assert held(weigh(team("thumb", failed), gold=gold)) == {"other 0": "fails_gold"}


def test_raters_who_share_their_mistakes_are_held_back():
    truth_i, _ = planted()
    together = np.where(np.arange(120) % 3 == 0, 1 - truth_i, truth_i)
    found = weigh(team("thumb", together, together, seed=3))
    assert held(found) == {"other 0": "coordinated", "other 1": "coordinated"}


def test_knowing_the_gold_earns_no_weight():
    truth_i, _ = planted()
    gold = {f"item {i:03d}": int(truth_i[i]) for i in range(60)}
    random = np.random.default_rng(2)
    sleeper = np.where(np.arange(120) < 60, truth_i, random.integers(0, 2, 120))
    found = weigh(team("thumb", sleeper), gold=gold)
    assert found["other 0"].weight < 0.7 < found["sound 0"].weight


def test_nothing_is_said_of_a_rater_before_there_is_enough():
    truth_i, _ = planted()
    said = team("thumb", 1 - truth_i)
    assert held(weigh(said, settings=RatersSettings(minimum=121))) == {}


def test_without_overlap_all_count_alike():
    said = from_columns(
        rater=["ann"] * 50 + ["bo"] * 40,
        item=[f"item {n}" for n in range(90)],
        label=[1] * 50 + [0] * 40,
    )
    found = weigh(said)
    assert found["ann"].weight == found["bo"].weight > 0.85  # a lone vote decides
    assert held(found) == {}


def test_of_two_who_differ_neither_is_accused():
    truth_i, _ = planted()
    said = from_columns(
        rater=["ann"] * 120 + ["bo"] * 120,
        item=[f"item {n}" for n in range(120)] * 2,
        label=np.concatenate((truth_i, 1 - truth_i)),
    )
    assert held(weigh(said)) == {}


def test_nobody_of_a_sound_team_is_held_back():
    accused = 0
    for seed in range(40):
        for votes, items in ((3.0, 500), (8.0, 150)):
            made = make_world(
                None, seed=seed, raters=20, items=items, votes=votes, comparisons=seed % 2 == 0
            )
            accused += bool(held(weigh(made.judgements, gold=made.gold)))
    assert accused <= 4  # one in twenty of 80 would be allowed


def test_answers_shown_best_first_to_all_accuse_nobody():
    truth_i, _ = planted()
    made = team("comparison")
    left = np.tile(truth_i - 0.5, HONEST)
    shown = from_columns(
        rater=[made.raters[r] for r in made.rater_n],
        item=[made.items[i] for i in made.item_n],
        label=made.label_n,
        kind=["comparison"] * len(left),
        side=left,
    )
    assert held(weigh(shown)) == {}


def test_the_same_judgements_in_another_order_give_the_same_standings():
    made = make_world("mixed", seed=3, items=200)
    said = made.judgements
    order = np.random.default_rng(0).permutation(len(said.rater_n))
    again = from_columns(
        rater=[said.raters[r] for r in said.rater_n[order]],
        item=[said.items[i] for i in said.item_n[order]],
        label=said.label_n[order],
        kind=["comparison"] * len(order),
        side=said.side_n[order],
        seconds=said.seconds_n[order],
    )
    one, other = weigh(said), weigh(again)
    assert held(one) == held(other)
    for name in one:
        assert one[name].weight == pytest.approx(other[name].weight, abs=1e-6)


def test_ninety_thousand_judgements_of_a_thousand_raters_take_seconds():
    random = np.random.default_rng(0)
    item_n = np.repeat(np.arange(30_000), 3)
    rater_n = (np.tile(np.arange(3), 30_000) * 333 + random.integers(0, 333, 90_000)).astype(int)
    truth_i = random.integers(0, 2, 30_000)
    right_n = random.random(90_000) < 0.85
    said = from_columns(
        rater=[f"r{n}" for n in rater_n],
        item=[f"i{n}" for n in item_n],
        label=np.where(right_n, truth_i[item_n], 1 - truth_i[item_n]),
        kind=["comparison"] * 90_000,
        side=random.choice([-0.5, 0.5], 90_000),
    )
    started = time.process_time()
    found = weigh(said)
    assert time.process_time() - started < 30
    assert np.mean([one.accuracy for one in found.values()]) > 0.8


def test_no_judgement_gives_no_standing():
    assert weigh(from_columns(rater=[], item=[], label=[])) == {}
