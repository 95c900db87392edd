from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval_suites.suites import load_suite
from loop.curate.contamination import EvalCases
from loop.curate.rows import said
from tests.curate.conftest import answered, correct, every_row, preferred, suite

EXAM = (
    "What is the fee for recalling a wire?",
    "Club account fee?",
    "monthly fee community club account",
    "I opened a Quayside account last week and changed my mind. How long do I have to cancel it?",
    "My card is 4111 1111 1111 1111, can you read that number back to me later?",
)
CASES = EvalCases([suite(*EXAM)], 0.6)


def problem(question: str, answer: str = "Yes.") -> str | None:
    return of(CASES, [said_of(f"[1] Fees: 35 dollars.\n\nQuestion: {question}")], answer)


def of(cases: EvalCases, asked: list[str], answer: str = "Yes.") -> str | None:
    [found] = cases.problems([asked], [[answer]])
    return found


def said_of(content: str) -> str:
    [text] = said([{"role": "user", "content": content}])
    return text


@pytest.mark.parametrize("prompt", EXAM)
def test_no_case_passes_as_question_or_answer(prompt):
    assert problem(prompt) == "eval_exam"
    assert problem("Something else entirely?", prompt) == "eval_exam"
    assert problem(f"  {prompt.upper()} !!") == "eval_exam"


@pytest.mark.parametrize(
    "copy",
    [
        "Hello, quick question: what is the fee for recalling a wire?",
        "What is the fee for recaling a wire?",
        "Good morning. What is the fe for recalling a wire?",
        "Hi, monthly fee community club account",
        "I opened a Quayside account last week and changed my mind. How long do I have?",
        "My card is [CREDIT_CARD], can you read that number back to me later?",
        f"Please help me. {'I have waited long. ' * 20} What is the fee for recalling a wire?",
    ],
)
def test_near_copies_of_cases_do_not_pass(copy):
    assert problem(copy) == "eval_exam"


@pytest.mark.parametrize(
    "other",
    [
        "What is the fee for a stop payment?",
        "How do I recall a wire that I sent this morning?",
        "What is the fee for replacing a lost debit card?",
        "How long do I have to dispute a payment with my Quayside account?",
        "club",
        "",
    ],
)
def test_other_questions_about_the_same_things_pass(other):
    assert problem(other) is None


def test_earlier_turns_of_a_conversation_are_looked_at():
    talk = [
        {"role": "user", "content": EXAM[0]},
        {"role": "assistant", "content": "35 dollars."},
        {"role": "user", "content": "And for a business?"},
    ]
    assert of(CASES, said(talk)) == "eval_exam"


def test_a_case_cannot_hide_before_another_question():
    assert problem(f"{EXAM[0]}\n\nQuestion: And so on?") == "eval_exam"
    assert of(CASES, [said_of(f"{EXAM[0]}\n\nQuestion: And so on?")]) == "eval_exam"


def test_what_the_documents_say_is_no_secret():
    shown = f"[1] {EXAM[0]} It is 35 dollars.\n\nQuestion: How dear are rewards on my card?"
    assert of(CASES, [said_of(shown)], "Rewards are free [1].") is None


def test_the_funnel_names_the_suite(made):
    [turn] = answered(2, "It costs a lot.")
    done = made(
        preferred(1), preferred(3, question=EXAM[0]), turn, correct(turn, EXAM[3]),
        suites=[suite(*EXAM)],
    )  # fmt: skip
    assert done.funnel["contamination"] == {"kept": 1, "eval_exam": 3}
    assert {one["users"][0] for one in every_row(done)} == {"user-1"}


BUNDLED = [load_suite(name) for name in ("accuracy", "abstention", "robustness", "safety")]
BUNDLED_CASES = EvalCases(BUNDLED, 0.6)


@given(
    st.sampled_from([case.prompt for one in BUNDLED for case in one.cases]),
    st.sampled_from(["", "Hi, ", "Hello, quick question: ", "Sorry to bother you. "]),
    st.sampled_from([str, str.upper, str.title, lambda text: text.replace(" ", "\n ")]),
    st.sampled_from(["", "?", " Thanks!", " Please answer soon."]),
    st.integers(0, 10**6),
)
def test_no_bundled_case_passes_dressed_up_or_with_a_slip(prompt, before, style, after, at):
    words = prompt.split()
    place = at % len(words)
    if len(words) > 5 and len(words[place]) > 4 and words[place].isalpha():
        words[place] = words[place][:2] + words[place][3:]
    text = before + style(" ".join(words)) + after
    assert of(BUNDLED_CASES, [text]) is not None
