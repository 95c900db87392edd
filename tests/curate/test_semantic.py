from __future__ import annotations

import numpy as np
import pytest

from loop.curate import semantic
from loop.curate.semantic import apart, semantic_groups


def unit(*vectors):
    found = np.array(vectors, dtype=np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def groups(questions, answers, *, keys="", kinds=None, **thresholds):
    keys = list(keys or "abcdefghij"[: len(questions)])
    kinds = kinds or ["sft"] * len(questions)
    return semantic_groups(questions, [answers], apart=kinds, keys=keys, **thresholds).tolist()


NEAR, FAR = (1.0, 0.1), (0.0, 1.0)


def test_rows_close_in_question_and_answer_are_one():
    assert groups(unit((1, 0), NEAR, FAR), unit((1, 0), NEAR, FAR)) == [0, 0, 2]


def test_a_question_with_two_different_answers_stays_two_rows():
    assert groups(unit((1, 0), NEAR), unit((1, 0), FAR)) == [0, 1]


def test_an_answer_to_two_different_questions_stays_two_rows():
    assert groups(unit((1, 0), FAR), unit((1, 0), NEAR)) == [0, 1]


def test_kinds_and_labels_are_never_one():
    assert groups(unit((1, 0), NEAR), unit((1, 0), NEAR), kinds=["kto+", "kto-"]) == [0, 1]


def test_there_are_no_chains():
    steps = unit(*((np.cos(n / 4), np.sin(n / 4)) for n in range(5)))
    found = groups(steps, np.ones((5, 1), dtype=np.float32), question=0.96)
    assert found == [0, 0, 2, 2, 4]


@pytest.mark.parametrize("block", [4, 1_024])
def test_the_order_of_the_rows_does_not_matter(monkeypatch, block):
    monkeypatch.setattr(semantic, "BLOCK", block)
    rng = np.random.default_rng(3)
    ways = rng.standard_normal((12, 16))
    rows = rng.integers(12, size=60)
    questions = unit(*(ways[rows] + 0.12 * rng.standard_normal((60, 16))))
    answers = unit(*(ways[rows] + 0.05 * rng.standard_normal((60, 16))))
    keys = np.array([f"{n:04d}" for n in rng.permutation(60)])

    def leaders(order):
        found = semantic_groups(
            questions[order], [answers[order]], apart=["sft"] * 60, keys=keys[order].tolist()
        )
        return dict(zip(keys[order], keys[order][found], strict=True))

    straight = leaders(np.arange(60))
    assert straight == leaders(rng.permutation(60))
    assert len(set(straight.values())) < 60
    assert all(head <= key for key, head in straight.items())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("A wire costs 25 dollars.", "A wire costs 35 dollars."),
        ("You can cancel it.", "You cannot cancel it."),
        ("Ask before noon.", "Ask after noon."),
        ("It is part of the Harbour account.", "It is part of the Mooring account."),
    ],
)
def test_figures_negations_opposites_and_names_keep_rows_apart(one, other):
    assert apart("sft", "What about wires?", [one]) != apart("sft", "What about wires?", [other])


def test_other_words_for_the_same_do_not_keep_rows_apart():
    assert apart("sft", "Hi, what does a wire cost?", ["It costs 25 dollars."]) == apart(
        "sft", "How much is a wire?", ["You pay $25 for it."]
    )


def test_no_rows_have_no_groups():
    none = np.zeros((0, 2), dtype=np.float32)
    assert semantic_groups(none, [none], apart=[], keys=[]).tolist() == []


def test_a_row_in_other_words_weighs_on_the_one_that_stays():
    from knowledge.embed import load_embedder

    rows = [
        ("How much does a wire trace cost?", "A wire trace costs 25 dollars."),
        ("How much is the cost of a wire trace?", "The wire trace costs $25."),
        ("How much does a wire trace cost?", "A wire trace costs 35 dollars."),
        ("How much does a cheque trace cost?", "A cheque trace costs 25 dollars."),
    ]
    encode = load_embedder("all-MiniLM-L6-v2").encode
    found = semantic_groups(
        encode([question for question, _ in rows]),
        [encode([answer for _, answer in rows])],
        apart=[apart("sft", question, [answer]) for question, answer in rows],
        keys=["a", "b", "c", "d"],
    )
    assert np.bincount(found, minlength=4).tolist() == [2, 0, 1, 1]
