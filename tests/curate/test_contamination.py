from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval_suites.records import Case, Gold
from eval_suites.suites import Suite, load_suite
from loop.curate.contamination import EvalCases
from loop.curate.rows import Row, said
from tests.curate.conftest import answered, correct, every_row, preferred, suite
from tests.curate.test_duplicates import row

EXAM = (
    "What is the fee for recalling a wire?",
    "Club account fee?",
    "monthly fee community club account",
    "I opened a Quayside account last week and changed my mind. How long do I have to cancel it?",
    "My card is 4111 1111 1111 1111, can you read that number back to me later?",
)
CASES = EvalCases([suite(*EXAM)], 0.6)


def of_row(cases: EvalCases, row: Row) -> str | None:
    answers = [*said(row.messages, "assistant"), *row.answers]
    return cases.problems([said(row.messages, "user")], [answers])[0]


def problem(question: str, answer: str = "Yes.") -> str | None:
    return of_row(CASES, row(f"[1] Fees: 35 dollars.\n\nQuestion: {question}", answer))


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


def test_an_answer_may_say_what_it_is_about():
    assert problem("May I ask?", "The fee for recalling a wire is 35 dollars, as of May.") is None


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
    assert of_row(CASES, row(messages=talk)) == "eval_exam"


def test_a_case_cannot_hide_before_another_question():
    assert problem(f"{EXAM[0]}\n\nQuestion: And so on?") == "eval_exam"
    hidden = [{"role": "user", "content": f"{EXAM[0]}\n\nQuestion: And so on?"}]
    assert of_row(CASES, row(messages=hidden)) == "eval_exam"


def test_what_the_documents_say_is_no_secret():
    shown = f"[1] {EXAM[0]} It is 35 dollars.\n\nQuestion: How dear are rewards on my card?"
    assert of_row(CASES, row(shown, "Rewards are free [1].")) is None


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
    assert of_row(BUNDLED_CASES, row(f"Question: {text}")) is not None


def with_answers(*cases: Case) -> Suite:
    return Suite(name="exam", version="v1", metrics=(), primary="", cases=cases)


WIRE = Case(
    id="w",
    suite="exam",
    prompt="What is the fee for recalling a wire at the Harbour Street branch?",
    facts=(("32 dollars", "$32"),),
    gold=(Gold(document="d", quote="Recalling a wire at the Harbour Street branch costs $32."),),
)


def test_an_expected_answer_is_not_learnt_and_a_short_one_tells_nothing():
    short = Gold(document="d", quote="Fee: 32 dollars.")
    cases = EvalCases([with_answers(WIRE, replace(WIRE, id="x", gold=(short,)))], 0.6)
    said = f"Let me see. {WIRE.gold[0].quote} Anything else?"
    assert of_row(cases, row("May I ask something else?", said)) == "eval_exam"
    assert of_row(cases, row("What is a safe box?", "Fee: 32 dollars.")) is None


def test_a_batch_says_what_each_row_alone_would_hear_and_survives_pickling():
    questions = [[EXAM[0]], ["Hello?"], ["What is the fee for", "recalling a wire?"], [], ["A b c"]]
    answers = [[], [EXAM[3]], ["Yes."], ["No."], []]
    batch = pickle.loads(pickle.dumps(CASES)).problems(questions, answers)
    assert batch == ["eval_exam", "eval_exam", "eval_exam", None, None]
    alone = [CASES.problems([q], [a])[0] for q, a in zip(questions, answers, strict=True)]
    assert batch == alone
    assert CASES.problems([], []) == []
    assert EvalCases([], 0.6).problems([["What?"]], [["That."]]) == [None]


def along(cosine: float) -> np.ndarray:
    """A question so like the only case."""
    return np.array([[cosine, (1 - cosine**2) ** 0.5]], dtype=np.float32)


def meant(text: str, cosine: float, answer: str = "") -> str | None:
    cases = EvalCases(
        [with_answers(WIRE)], 0.6, embed=lambda texts: np.array([[1, 0]] * len(texts), np.float32)
    )
    return cases.by_meaning(along(cosine), [text], [[answer]])[0]


def test_a_question_that_means_what_a_case_asks_does_not_pass():
    other_words = "How dear is it to call money back?"
    assert meant(other_words, 0.83) == "eval_exam_by_meaning"
    assert meant(other_words, 0.80) is None
    assert meant("Price of a wire recalled at the Harbour Street branch?", 0.76) is not None


def test_an_answer_that_states_the_facts_gives_a_vaguer_question_away():
    assert meant("How dear is it to call money back?", 0.65, "It is $32 [1].") is not None
    assert meant("How dear is it to call money back?", 0.65, "It is $35 [1].") is None


def test_another_name_or_figure_makes_it_another_question():
    assert meant("What is the fee for recalling a wire at the Northgate branch?", 0.95) is None
    assert meant("Maria here. What does a recall cost at Harbour Street?", 0.90) is not None
    assert meant("What is the fee for recalling a wire at the Northgate branch?", 0.98) is not None


def test_without_an_embedder_nothing_is_said_of_meaning():
    with pytest.raises(ValueError, match="embed"):
        CASES.by_meaning(along(1.0), ["What?"])
