from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from loop.curate.split import parted, split
from tests.curate.conftest import every_row, preferred
from tests.curate.test_duplicates import row

PEOPLE = [f"user-{n:03d}" for n in range(200)]


def alone(*users: str):
    return [row(users=(user,)) for user in users]


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
    rows = [row(f"question {n}", users=tuple(sorted(of))) for n, of in enumerate(users)]
    sides = split(rows, held_out=share, seed=seed, kin=kin)
    assert set(sides) == {user for one in rows for user in one.users}
    kept = [one for one in rows if not parted(one, sides)]
    people = {
        side: {u for one in kept if sides[one.users[0]] == side for u in one.users}
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
    rows = [*alone(*PEOPLE[:40]), row(users=("user-000", "user-001"))]
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
    rows = [row(users=("ada", "bo", "cy"))]
    assert set(split(rows, held_out=0.2, seed=3).values()) == {"train"}


def test_a_crowd_that_shares_rows_is_divided_and_loses_only_shared_rows():
    rows = [row(f"q{n}", users=pair) for n, pair in enumerate(pairwise(PEOPLE))]
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
