"""Drawn answers are scored as the suites score, by what people found good."""

from __future__ import annotations

import pytest

from knowledge.errors import RatchetError
from loop.train.grpo import case_of, rewards_of, score
from loop.train.rows import Asked

PASSAGES = "[1] Fees > Wire: A wire costs 15 dollars.\n[2] Fees > Stop: A stop costs 30 dollars."
ALL = ("facts_present", "cited_gold", "grounded", "abstained_rightly")


def asked(answer: str, passages: str = PASSAGES) -> Asked:
    messages = [{"role": "user", "content": f"{passages}\n\nQuestion: What does a wire cost?"}]
    return Asked(messages, answer)


def test_a_good_answer_tells_facts_and_gold():
    case = case_of(asked("A wire costs 15 dollars [1]."))
    assert case.facts == (("15",),)
    assert [gold.quote for gold in case.gold] == ["A wire costs 15 dollars."]


@pytest.mark.parametrize(("drawn", "expected"), [
    ("A wire costs 15 dollars [1].", 3.0),
    ("A wire costs 15 dollars.", 2.0),  # right, but cites nothing
    ("A stop costs 30 dollars [2].", 1.0),  # borne out, but not what was asked
    ("I do not know.", 0.0),
])  # fmt: skip
def test_drawn_answers_are_scored_by_it(drawn: str, expected: float):
    assert score(ALL, asked("A wire costs 15 dollars [1]."), drawn) == expected


def test_where_holding_back_is_right_it_pays():
    prompt = asked("I do not know; the handbook does not say.")
    assert score(ALL, prompt, "I do not know.") == 1.0
    assert score(ALL, prompt, "A wire costs 15 dollars [1].") == 0.0


def test_passages_in_tags_are_read_alike():
    opening = '<passage number="1" document="fees.md" heading="Wire">'
    tags = f"<passages>\n{opening}A wire costs 15 dollars.</passage>\n</passages>"
    case = case_of(asked("A wire costs 15 dollars [1].", tags))
    assert [(gold.document, gold.quote) for gold in case.gold] == [
        ("fees.md", "A wire costs 15 dollars.")
    ]


def test_a_reward_that_does_not_exist_names_those_that_do():
    with pytest.raises(RatchetError, match="train.rewards: nice; known are facts_present"):
        rewards_of(["nice"])
