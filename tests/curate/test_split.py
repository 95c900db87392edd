from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from loop.curate.split import Place, divide, parted, split
from tests.curate.conftest import every_row, preferred

PEOPLE = [f"user-{n:03d}" for n in range(200)]


def alone(*users: str):
    return [(user,) for user in users]


def held(sides):
    return {user for user, side in sides.items() if side == "held_out"}


@given(
    st.lists(
        st.lists(st.sampled_from(PEOPLE[:40]), min_size=1, max_size=3, unique=True), min_size=1
    ),
    st.lists(st.lists(st.sampled_from(PEOPLE[:40]), min_size=2, max_size=4), max_size=20),
    st.floats(0, 0.9),
    st.integers(0, 99),
)
def test_nobody_is_on_both_sides(users, kin, share, seed):
    rows = [sorted(of) for of in users]
    sides = split(rows, held_out=share, seed=seed, kin=kin)
    assert set(sides) == {user for one in rows for user in one}
    kept = [one for one in rows if not parted(one, sides)]
    people = {
        side: {u for one in kept if sides[one[0]] == side for u in one}
        for side in ("train", "held_out")
    }
    assert people["train"].isdisjoint(people["held_out"])
    assert "train" in sides.values()
    if share == 0:
        assert not held(sides)


def test_about_the_share_of_people_is_held_out():
    for seed in range(5):
        assert 20 <= len(held(split(alone(*PEOPLE), held_out=0.2, seed=seed))) <= 60


def test_people_who_share_a_row_or_said_the_same_stay_together():
    rows = [*alone(*PEOPLE[:40]), ("user-000", "user-001")]
    for seed in range(20):
        sides = split(rows, held_out=0.3, seed=seed, kin=[("user-001", "user-002")])
        assert len({sides[f"user-00{n}"] for n in range(3)}) == 1


def test_the_side_depends_on_person_and_seed_not_on_order_or_company():
    sides = split(alone(*PEOPLE), held_out=0.2, seed=1)
    assert split(alone(*PEOPLE[::-1]), held_out=0.2, seed=1) == sides
    fewer = split(alone(*PEOPLE[:150]), held_out=0.2, seed=1)
    assert all(sides[user] == side for user, side in fewer.items())
    assert held(split(alone(*PEOPLE), held_out=0.2, seed=2)) != held(sides)


def test_each_side_gets_somebody_where_there_are_two():
    for seed in range(20):
        sides = split(alone("ada", "bo"), held_out=0.2, seed=seed)
        assert set(sides.values()) == {"train", "held_out"}
    assert split(alone("ada"), held_out=0.2, seed=1) == {"ada": "train"}


def test_people_who_all_said_the_same_are_still_divided():
    chain = list(pairwise(PEOPLE))
    sides = split(alone(*PEOPLE), held_out=0.2, seed=3, kin=chain)
    assert 20 <= len(held(sides)) <= 60


def test_a_few_who_share_everything_are_trained_on_together():
    rows = [("ada", "bo", "cy")]
    assert set(split(rows, held_out=0.2, seed=3).values()) == {"train"}


def test_a_crowd_that_shares_rows_is_divided_and_loses_only_shared_rows():
    rows = list(pairwise(PEOPLE))
    sides = split(rows, held_out=0.2, seed=3)
    lost = [one for one in rows if parted(one, sides)]
    assert held(sides)
    assert 0 < len(lost) < len(rows) * 0.6


def test_the_files_have_nobody_on_both_sides(made):
    done = made(*(preferred(n, user=f"user-{n % 12}") for n in range(40)))
    people = {
        side: {user for r in every_row(done) if r["split"] == side for user in r["users"]}
        for side in ("train", "held_out")
    }
    assert all(people.values())
    assert people["train"].isdisjoint(people["held_out"])


START = datetime(2026, 1, 1, tzinfo=UTC)


def place(user: str, question: object, day: int = 0, *talks: str) -> Place:
    return Place(
        users=(user,), conversations=talks, question=question, at=START + timedelta(days=day)
    )


places = st.builds(
    place,
    st.sampled_from(PEOPLE[:30]),
    st.integers(0, 60),
    st.integers(0, 100),
    st.sampled_from([f"talk-{n}" for n in range(40)]),
)


@given(
    st.lists(places, min_size=1, max_size=150),
    st.floats(0, 0.6),
    st.integers(0, 99),
    st.sampled_from(["people", "time"]),
)
def test_no_person_conversation_or_question_is_on_both_sides(rows, share, seed, order):
    sides = divide(rows, held_out=share, seed=seed, order=order)
    assert len(sides) == len(rows)
    for of in (lambda p: p.users, lambda p: p.conversations, lambda p: (p.question,)):
        there = {
            side: {one for p, s in zip(rows, sides, strict=True) if s == side for one in of(p)}
            for side in ("train", "held_out")
        }
        assert there["train"].isdisjoint(there["held_out"])


@given(st.lists(places, min_size=1, max_size=150), st.floats(0.05, 0.6), st.integers(0, 99))
def test_in_time_order_nothing_is_learnt_from_after_what_is_held_out(rows, share, seed):
    sides = divide(rows, held_out=share, seed=seed, order="time")
    held = [p.at for p, side in zip(rows, sides, strict=True) if side == "held_out"]
    learnt = [p.at for p, side in zip(rows, sides, strict=True) if side == "train"]
    assert not held or not learnt or max(learnt) < min(held)


def test_a_question_everybody_asks_does_not_empty_the_held_out_side():
    rows = [place(user, f"question {n % 25}") for n, user in enumerate(PEOPLE * 2)]
    sides = divide(rows, held_out=0.2, seed=1)
    held, learnt = sides.count("held_out"), sides.count("train")
    assert held >= 0.02 * len(rows)
    assert learnt >= 0.4 * len(rows)
    assert set(sides) == {"held_out", "train", "question_on_both_sides"}


def test_time_order_can_be_asked_for(made):
    records = [r for n in range(30) for r in preferred(n, user=f"user-{n}")]
    done = made(records, split="time", held_out=0.3)
    when = {r.id: r.at for r in records}
    at = {
        side: [when[id] for r in every_row(done) if r["split"] == side for id in r["interactions"]]
        for side in ("train", "held_out")
    }
    assert at["held_out"]
    assert max(at["train"]) < min(at["held_out"])
