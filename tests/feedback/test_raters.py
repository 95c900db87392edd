from __future__ import annotations

import pytest

from loop.feedback.raters import agreement, reliability
from tests.factories import make_comparison, make_interaction, make_rating


def test_raters_who_say_the_same_agree(store):
    store.append([make_interaction(id=f"i{n}") for n in range(6)])
    store.append(
        [
            make_rating(interaction=f"i{n}", rater=rater, value=1.0 if n % 2 else -1.0)
            for n in range(6)
            for rater in ("rae", "bo")
        ]
    )
    found = {one.kind: one for one in agreement(store, "desk")}
    assert found["thumb"].alpha == pytest.approx(1.0)
    assert (found["thumb"].raters, found["thumb"].items) == (2, 6)
    assert found["stars"].alpha is None


def test_a_changed_mind_counts_as_it_is_now(store):
    store.append([make_interaction(id=f"i{n}") for n in range(2)])
    said = [("rae", 1.0, 0), ("bo", -1.0, 0), ("rae", -1.0, 1), ("bo", 1.0, 1), ("bo", -1.0, 1)]
    store.append([make_rating(interaction=f"i{n}", rater=r, value=v) for r, v, n in said])
    store.append([make_rating(interaction="i0", rater="bo", value=1.0)])
    [thumb, *_] = agreement(store, "desk")
    assert thumb.alpha == pytest.approx(1.0)


def test_a_rater_who_is_against_everybody_stands_out(store):
    store.append([make_interaction(id=f"i{n}") for n in range(4)])
    store.append(
        [
            make_rating(interaction=f"i{n}", rater=rater, value=value, seconds=seconds)
            for n in range(4)
            for rater, value, seconds in (("ann", 1.0, 4), ("bo", 1.0, 6), ("eve", -1.0, 1))
        ]
    )
    found = {one.rater: one for one in reliability(store, "desk")}
    assert (found["eve"].agreement, found["eve"].shared) == (0.0, 4)
    assert (found["ann"].agreement, found["ann"].shared) == (None, 0)  # the others are split
    assert (found["eve"].seconds, found["ann"].left) == (1, None)


def test_a_leaning_to_the_left_shows(store):
    store.append([make_interaction(id=id, question="Q?") for id in "ab"])
    store.append(
        [
            make_comparison(interactions=["a", "b"], ranks=[1, 2], shown=["a", "b"], rater="rae"),
            make_comparison(interactions=["a", "b"], ranks=[2, 1], shown=["b", "a"], rater="rae"),
            make_comparison(interactions=["a", "b"], ranks=[1, 1], shown=["b", "a"], rater="rae"),
        ]
    )
    [report] = reliability(store, "desk")
    assert (report.left, report.judgements) == (1.0, 3)
