"""What people said, as arrays: the latest word of each on each item."""

from __future__ import annotations

import numpy as np
import pytest

from loop.feedback.judgements import from_columns, judgements_of
from loop.feedback.vote import weighted_vote, weighted_votes
from tests.factories import make_comparison, make_rating


def labels(judgements) -> dict[tuple[str, str], int]:
    return {
        (judgements.raters[r], judgements.items[i]): int(label)
        for r, i, label in zip(
            judgements.rater_n, judgements.item_n, judgements.label_n, strict=True
        )
    }


def test_thumbs_stars_and_criteria_become_good_or_bad():
    ratings = [
        make_rating(rater="ann", interaction="a", value=-1.0),
        make_rating(rater="bo", interaction="a", kind="stars", value=3.0),
        make_rating(rater="cy", interaction="a", kind="stars", value=5.0),
        make_rating(rater="cy", interaction="b", kind="rubric", rubric={"clear": 2.0, "true": 1.0}),
        make_rating(rater="di", interaction="b", kind="rubric", rubric={"clear": 4.0, "true": 0.0}),
        make_rating(rater="di", interaction="b", kind="comment", text="Fine."),
    ]
    assert labels(judgements_of(ratings, [])) == {
        ("ann", "a"): 0, ("bo", "a"): -1, ("cy", "a"): 1, ("cy", "b#clear"): 0,
        ("cy", "b#true"): 1, ("di", "b#clear"): 1, ("di", "b#true"): 0,
    }  # fmt: skip


def test_a_later_word_of_a_rater_on_an_item_replaces_the_earlier():
    ratings = [
        make_rating(rater="ann", interaction="a", value=-1.0),
        make_rating(rater="ann", interaction="a", kind="stars", value=4.0),
    ]
    assert labels(judgements_of(ratings, [])) == {("ann", "a"): 1}


def test_each_two_answers_of_a_comparison_are_judged_whichever_is_named_first():
    one = make_comparison(rater="ann", interactions=["c", "a", "b"], ranks=[1, 2, 2])
    found = judgements_of([], [one], lengths={"a": 10, "b": 10, "c": 4})
    assert labels(found) == {("ann", "a c"): 0, ("ann", "b c"): 0, ("ann", "a b"): -1}
    at = found.items.index("a c")
    assert found.side_n[found.item_n == at] == -0.5  # a stood to the right of c
    assert found.longer_n[found.item_n == at] == 6


def test_answers_that_read_the_same_are_one_item():
    compared = [
        make_comparison(rater="ann", interactions=["a1", "b1"]),
        make_comparison(rater="bo", interactions=["b2", "a2"]),
        make_comparison(rater="cy", interactions=["a1", "a2"]),
    ]
    same = {"a1": "A", "a2": "A", "b1": "B", "b2": "B"}
    found = judgements_of([], compared, same=same)
    assert labels(found) == {("ann", "A B"): 1, ("bo", "A B"): 0}


def test_two_judgements_of_one_rater_on_an_item_are_refused():
    with pytest.raises(ValueError, match="two judgements"):
        from_columns(rater=["ann", "ann"], item=["x", "x"], label=[1, 0])
    with pytest.raises(ValueError, match="label"):
        from_columns(rater=["ann"], item=["x"], label=[2])
    with pytest.raises(ValueError, match="length"):
        from_columns(rater=["ann"], item=["x"], label=[1, 0])


def test_one_good_rater_outvotes_two_poor_ones_and_a_close_vote_is_a_tie():
    weights = {"ann": 3.0, "bo": 1.0, "cy": 1.0, "eve": 0.0}
    assert weighted_vote([("ann", 1), ("bo", 0), ("cy", 0)], weights).side == 1
    assert weighted_vote([("bo", 1), ("cy", 0)], weights).side is None
    assert weighted_vote([("eve", 1), ("stranger", 1)], weights).side is None
    assert weighted_vote([("bo", 0), ("ann", -1)], weights).side == 0


def test_votes_on_many_items_are_counted_as_one_by_one():
    random = np.random.default_rng(1)
    item_n, rater_n = np.repeat(np.arange(50), 3), np.tile(np.arange(3), 50)
    side_n, weight_r = random.integers(-1, 2, 150), np.array([0.4, 1.0, 2.0])
    found = weighted_votes(item_n, side_n, weight_r[rater_n], items=50)
    weights = {str(r): float(w) for r, w in enumerate(weight_r)}
    for item in range(50):
        votes = [(str(r), int(s)) for r, s in zip(rater_n, side_n, strict=True)][3 * item :][:3]
        one = weighted_vote(votes, weights)
        assert found.side_i[item] == (-1 if one.side is None else one.side)
        assert found.margin_i[item] == pytest.approx(one.margin)
