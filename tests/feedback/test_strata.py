from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from loop.feedback.novelty import UNLIKE, unlike
from loop.feedback.strata import Candidate, mix


def of(reason: str, count: int) -> list[Candidate]:
    return [Candidate(item=f"{reason}{n}", reason=reason) for n in range(count)]


def test_a_list_asked_for_one_by_one_is_mixed_like_the_whole():
    strata = {name: of(name, 100) for name in "abc"}
    parts = {"a": 0.6, "b": 0.3, "c": 0.1}
    singles = [mix(strata, parts, seed="s", start=n, limit=1)[0].reason for n in range(60)]
    assert Counter(singles) == {"a": 36, "b": 18, "c": 6}


def test_the_smallest_part_has_a_place_in_every_twenty():
    strata = {"big": of("big", 100), "small": of("small", 100)}
    found = mix(strata, {"big": 1.0, "small": 0.001}, seed="s", start=0, limit=100)
    for start in range(0, 100, 20):
        assert any(one.reason == "small" for one in found[start : start + 20])


def test_what_one_reason_lacks_the_others_fill():
    found = mix({"a": of("a", 2), "b": of("b", 50)}, {"a": 1, "b": 1}, seed="s", start=0, limit=40)
    assert Counter(one.reason for one in found) == {"a": 2, "b": 38}


def test_a_part_of_zero_is_left_out():
    assert mix({"a": of("a", 5)}, {"a": 0}, seed="s", start=0, limit=9) == []


def test_where_gold_stands_cannot_be_foreseen():
    strata = {"gold": of("gold", 20), "waiting": of("waiting", 400)}
    places = {
        tuple(
            n
            for n, one in enumerate(
                mix(strata, {"gold": 0.05, "waiting": 0.95}, seed=f"s{seed}", start=0, limit=20)
            )
            if one.reason == "gold"
        )
        for seed in range(30)
    }
    assert len(places) > 8


@given(
    st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 30), min_size=1),
    st.integers(0, 500),
    st.integers(0, 60),
)
def test_nothing_is_given_twice_and_nothing_is_lost(counts, start, limit):
    strata = {name: of(name, count) for name, count in counts.items()}
    parts = {name: 0.1 + ord(name) % 5 for name in counts}
    found = mix(strata, parts, seed="s", start=start, limit=limit)
    assert len({one.item for one in found}) == len(found) == min(limit, sum(counts.values()))


def test_of_many_like_questions_one_comes_before_what_else_is_new():
    questions = [f"My card {word} stolen abroad" for word in ("was", "got", "is", "seems")]
    found = unlike([*questions, "Mortgage approval duration"], ["What is the wire fee?"], 5)
    assert {found[0].at, found[1].at} == {0, 4}
    assert all(one.nearest < UNLIKE for one in found)


def test_without_anything_judged_every_corner_is_new():
    assert len(unlike(["wire fee", "lost card", "branch hours"], [], 9)) == 3
    assert unlike([], ["a"], 3) == []
