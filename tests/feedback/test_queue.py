from __future__ import annotations

from loop.feedback.queue import next_items, pairs_to_compare
from tests.factories import make_comparison, make_interaction, make_rating


def test_what_the_rater_has_not_judged_comes_least_judged_first(store):
    store.append([make_interaction(id=id) for id in "abc"])
    store.append(
        [make_rating(interaction="a", rater="rae"), make_rating(interaction="c", rater="bo")]
    )
    assert [one.id for one in next_items(store, "desk", "rae", 10)] == ["b", "c"]
    assert [one.id for one in next_items(store, "desk", "new", 1)] == ["b"]


def test_different_answers_to_one_prompt_are_paired(store):
    asked = {"question": "What is the fee?"}
    store.append(
        [
            make_interaction(id="a", answer="30 dollars.", **asked),
            make_interaction(id="b", answer="35 dollars.", **asked),
            make_interaction(id="same", answer="30 DOLLARS", **asked),
            make_interaction(id="other", question="When do you open?"),
        ]
    )
    [pair] = pairs_to_compare(store, "desk", "rae")
    assert {pair.left.answer, pair.right.answer} <= {"30 dollars.", "30 DOLLARS", "35 dollars."}
    assert pair == pairs_to_compare(store, "desk", "rae")[0]


def test_a_pair_is_shown_to_a_rater_once_and_the_least_compared_first(store):
    for name in ("one", "two"):
        answers = [
            make_interaction(id=f"{name}-{n}", question=name, answer=f"{name} {n}") for n in "ab"
        ]
        store.append(answers)
    store.append([make_comparison(interactions=["two-a", "two-b"], rater="bo")])
    assert [pair.left.question for pair in pairs_to_compare(store, "desk", "rae")] == ["one", "two"]
    assert [pair.left.question for pair in pairs_to_compare(store, "desk", "bo")] == ["one"]


def test_each_answer_stands_left_about_as_often(store):
    store.append([make_interaction(id=id, question="Q?", answer=f"answer {id}") for id in "ab"])
    left = [pairs_to_compare(store, "desk", f"rater-{n}")[0].left.id for n in range(60)]
    assert 15 <= left.count("a") <= 45
