"""Sentences, table cells and headings become questions; variants ask the same."""

from __future__ import annotations

import pytest

from knowledge.chunk import chunk
from loop.answer.handover import is_abstention
from loop.store.synthetics import SyntheticKind
from loop.synthesize.asking import ask_row, ask_sentence
from loop.synthesize.drafts import VARIANTS, Variation
from loop.synthesize.rules import RuleWriter, vary
from loop.synthesize.targets import Target
from tests.answer.fakes import document
from tests.factories import make_synthetic
from tests.synthesize.conftest import WIRES


def target(text: str = WIRES, id: str = "wires.md") -> Target:
    whole = document(id, text, title="Wires")
    return Target(whole, chunk(whole)[1])


@pytest.mark.parametrize(
    ("sentence", "question", "fact"),
    [
        ("The fee for a wire is 35 dollars.", "What is the fee for a wire?", "35 dollars"),
        (
            "A closed account can be reopened within 30 days of the closing.",
            "Within how many days of the closing can a closed account be reopened?",
            "30 days",
        ),
        (
            "A locked login opens again after 30 minutes.",
            "After how many minutes does a locked login open again?",
            "30 minutes",
        ),
        (
            "Unarranged overdraft fees are limited to 65 dollars a month.",
            "To how many dollars a month are unarranged overdraft fees limited?",
            "65 dollars",
        ),
        (
            "All debts together may take at most 41 percent of the income.",
            "What percentage at most of the income may all debts together take?",
            "41 percent",
        ),
    ],
)
def test_a_sentence_with_a_figure_is_turned_into_a_question_for_it(sentence, question, fact):
    asked = ask_sentence(sentence)
    assert asked is not None
    assert (asked.question, asked.answer, asked.facts) == (question, sentence, (fact,))


@pytest.mark.parametrize(
    "sentence",
    [
        "It costs 35 dollars.",  # what does?
        "Cheques are used less each year.",
        "Codes are changed every 43 days.",
        "The desk is open from 8 am to 5 pm.",
        "A device that has not been used for 9 months is removed.",
        "Send 35 dollars",
    ],
)
def test_what_cannot_be_asked_well_is_not_asked(sentence):
    assert ask_sentence(sentence) is None


def test_a_cell_without_a_figure_is_not_asked_for():
    assert ask_row("Bank draft", "Where", "At a branch") is None
    asked = ask_row("Beacon Gold card", "Yearly fee", "80 dollars")
    assert asked is not None
    assert asked.question == "What is the yearly fee for Beacon Gold card?"


def test_a_passage_runs_out_of_questions_and_each_is_another():
    drafts = RuleWriter().questions([(target(), n) for n in range(10)], seed=7)
    asked = [one.question for one in drafts if one is not None]
    assert 2 <= len(asked) == len(set(asked)) < 10
    assert drafts[len(asked) :] == [None] * (10 - len(asked))
    again = RuleWriter().questions([(target(), n) for n in range(10)], seed=7)
    assert again == drafts


@pytest.mark.parametrize("kind", VARIANTS)
def test_a_variant_says_how_it_was_made_and_is_the_same_every_time(kind: SyntheticKind):
    of = make_synthetic(
        question="What is the fee for an outgoing wire?",
        answer="The fee for an outgoing wire is 35 dollars [2].",
        facts=["35 dollars"],
    )
    partner = make_synthetic(question="How many dollars does a wire trace cost?")
    wanted = Variation(kind=kind, of=of, target=target(), partner=partner)
    one, again = vary(wanted, seed=7), vary(wanted, seed=7)
    assert one is not None
    assert one == again
    assert one.instruction == f"rules@1: {kind}"
    if kind == "missing":
        assert is_abstention(" ".join(one.answer))
        assert one.question == of.question
    else:
        assert one.question != of.question
        assert one.answer[0] == "The fee for an outgoing wire is 35 dollars."
        assert "35 dollars" in one.facts
    if kind == "false_premise":
        assert "35" not in one.question


def test_without_a_figure_nothing_false_is_claimed_and_without_a_second_question_none_is_added():
    of = make_synthetic(facts=[])
    assert not Variation(kind="false_premise", of=of, target=target()).is_possible()
    assert not Variation(kind="two_in_one", of=of, target=target()).is_possible()
