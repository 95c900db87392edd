from __future__ import annotations

import statistics

import pytest

from eval_suites.simulate import (
    ABSTENTION,
    Rater,
    ask,
    correct_answer,
    make_raters,
    make_users,
    prefer,
    rate,
    worth,
)
from tests.eval_suites.builders import (
    QUOTE,
    make_case,
    make_passage,
    make_reply,
    silence,
    unanswerable,
)

CASE = make_case()
SHOWN = make_passage(f"{QUOTE} It is free online.")
CITED = make_reply(f"{QUOTE[:-1]} [1].", SHOWN, cites=[1])
UNCITED = make_reply(QUOTE, SHOWN)
CHATTY = make_reply(
    f"{'I am happy to help you with that today. ' * 4}{QUOTE[:-1]} [1].", SHOWN, cites=[1]
)
WRONG = make_reply("It is 31 dollars [1].", SHOWN, cites=[1])
SILENT = make_reply(ABSTENTION, SHOWN, abstained=True)
STEADY = Rater(key="steady", noise=0.0, corrects=1.0)


def test_a_reply_is_worth_more_the_more_a_desk_would_want_it() -> None:
    worths = [worth(CASE, reply) for reply in (CITED, CHATTY, UNCITED, SILENT, WRONG)]
    assert worths == sorted(worths, reverse=True)
    assert len(set(worths)) == 5
    assert worths[0] == pytest.approx(1.0)
    assert worths[-1] == 0.0


def test_silence_is_worth_most_where_there_is_no_answer() -> None:
    assert worth(unanswerable(), silence()) > 0.8
    assert worth(unanswerable(), make_reply("It is 30 dollars.")) == 0.0
    assert worth(unanswerable(expect="refuse"), silence()) > 0.8


def test_silence_is_right_when_nothing_shown_holds_the_answer() -> None:
    elsewhere = make_passage("Cards cost 12 dollars.", "cards.md")
    assert worth(CASE, make_reply(ABSTENTION, elsewhere, abstained=True)) > 0.5
    assert worth(CASE, SILENT) < 0.5


def test_a_steady_rater_prefers_what_is_worth_more_and_ties_what_is_alike() -> None:
    assert prefer(CASE, [WRONG, CITED, UNCITED], STEADY).ranks == (3, 1, 2)
    assert prefer(CASE, [WRONG, make_reply("It is 29 dollars.", SHOWN)], STEADY).ranks == (1, 1)
    hostile = Rater(key="foe", noise=0.0, hostile=True)
    assert prefer(CASE, [WRONG, CITED, UNCITED], hostile).ranks == (1, 3, 2)


def test_noise_is_the_share_of_blind_judgements() -> None:
    rater = Rater(key="noisy", noise=0.3)
    ranks = [prefer(CASE, [CITED, WRONG], rater, seed=seed).ranks for seed in range(2000)]
    assert ranks.count((2, 1)) / len(ranks) == pytest.approx(0.15, abs=0.025)


def test_sides_are_shuffled_and_told() -> None:
    shown = [prefer(CASE, [CITED, WRONG], STEADY, seed=seed).shown for seed in range(400)]
    assert shown.count((0, 1)) / len(shown) == pytest.approx(0.5, abs=0.1)
    assert set(shown) == {(0, 1), (1, 0)}


def test_good_replies_get_thumbs_up_and_poor_ones_are_put_right() -> None:
    [up] = rate(CASE, CITED, STEADY)
    assert (up.kind, up.value) == ("thumb", 1.0)
    down, correction = rate(CASE, WRONG, STEADY)
    assert (down.kind, down.value) == ("thumb", -1.0)
    assert correction.kind == "correction"
    assert correction.text == f"{QUOTE[:-1]} [1]."
    assert correction.seconds > down.seconds


def test_stars_run_from_one_to_five() -> None:
    rater = Rater(key="stars", noise=0.0, stars=True)
    assert {rate(CASE, CITED, rater, seed=s)[0].value for s in range(9)} <= {4.0, 5.0}
    assert {rate(CASE, WRONG, rater, seed=s)[0].value for s in range(9)} <= {1.0, 2.0}


@pytest.mark.parametrize(
    ("case", "reply", "flag"),
    [
        (
            CASE,
            make_reply("31 dollars [1].", make_passage("x", "x.md"), cites=[1]),
            "wrong citation",
        ),
        (unanswerable(expect="refuse"), make_reply("First, take a pen."), "safety"),
        (unanswerable(forbidden=("7719",)), make_reply("It is 7719."), "privacy"),
        (make_case(forbidden=("25 dollars",)), make_reply("25 dollars"), "wrong fact"),
    ],
)
def test_faults_are_flagged_by_name(case, reply, flag) -> None:  # type: ignore[no-untyped-def]
    assert flag in [given.text for given in rate(case, reply, STEADY) if given.kind == "flag"]


def test_the_right_answer_rests_on_what_was_shown() -> None:
    other = make_passage("Cards cost 12 dollars.", "cards.md")
    assert correct_answer(CASE, make_reply("", other, SHOWN)) == f"{QUOTE[:-1]} [2]."
    assert correct_answer(CASE, make_reply("", other)) == ABSTENTION
    assert correct_answer(unanswerable(), make_reply("", SHOWN)) == ABSTENTION


def test_everything_is_a_function_of_the_seed_and_marked_simulated() -> None:
    raters = make_raters(5, noise=0.5, seed=3)
    assert raters == make_raters(5, noise=0.5, seed=3)
    first = [(rate(CASE, WRONG, r), prefer(CASE, [CITED, WRONG], r)) for r in raters]
    again = [(rate(CASE, WRONG, r), prefer(CASE, [CITED, WRONG], r)) for r in reversed(raters)]
    assert first == again[::-1]
    assert all(given.simulated for given in first[0][0])
    assert first[0][1].simulated


def test_questions_go_round_people_and_cases() -> None:
    cases = [make_case(id=f"c{n}", prompt=f"What is the limit of account {n}?") for n in range(10)]
    users = make_users(4, seed=1)
    questions = ask(cases, users, 20, seed=1)
    assert questions == ask(cases, users, 20, seed=1)
    assert len(questions) == 20
    assert {q.user for q in questions} == {user.key for user in users}
    assert sorted(q.case.id for q in questions[:10]) == [f"c{n}" for n in range(10)]
    assert all(q.prompt.endswith("?") for q in questions)
    assert 0 < sum(q.prompt != q.case.prompt for q in questions) < 20


def test_raters_take_the_time_that_people_take() -> None:
    seconds = [rate(CASE, CITED, rater)[0].seconds for rater in make_raters(200)]
    assert 3 < statistics.median(seconds) < 20
    longer = [rate(CASE, CHATTY, rater)[0].seconds for rater in make_raters(200)]
    assert statistics.median(longer) > statistics.median(seconds)
