from __future__ import annotations

import pytest

from eval_suites.scorers.match import facts_present, forbidden_absent, states
from tests.eval_suites.builders import make_case, make_reply


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("A wire costs 35 dollars.", "35 dollars"),
        ("A wire costs $35.", "35 dollars"),
        ("A wire costs 35 dollars.", "$35"),
        ("A wire costs $ 35!", "$35"),
        ("The fee is 35.00 dollars", "35 dollars"),
        ("up to $7,500 a day", "7500 dollars"),
        ("up to 200,000 dollars", "$200,000"),
        ("It pays 3.20 percent.", "3.2%"),
        ("It pays 3.2 per cent.", "3.20 percent"),
        ("before 4:30 p.m. on a weekday", "4:30 pm"),
        ("by 2pm", "2:00 pm"),
        ("by 2:00 PM.", "2 p.m."),
        ("use form HQ-301.", "HQ-301"),
        ("use form hq 301", "HQ-301"),
        ("dial extension 2400[1].", "2400"),
        ("within a 14-day period", "14 days"),
        ("It takes\n5  business days", "5 Business Days"),
        ("signed by all holders of the account", "all holders"),
        ("a copy of the cancellation is needed", "copy of the cancellation"),
        ("１５０ transactions", "150 transactions"),
    ],
)
def test_a_fact_is_found_however_it_is_written(text: str, phrase: str) -> None:
    assert states(text, phrase)


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("It costs 135 dollars.", "35 dollars"),
        ("It costs 1,035 dollars.", "35 dollars"),
        ("It costs 35.50 dollars.", "35 dollars"),
        ("It costs 7,500 dollars.", "500 dollars"),
        ("It costs 35,000 dollars.", "35 dollars"),
        ("It costs $350.", "$35"),
        ("It costs 0.35 dollars.", "35 dollars"),
        ("It pays 12.5 percent.", "2.5 percent"),
        ("It pays 2.55 percent.", "2.5 percent"),
        ("by 12:30 pm", "2:30 pm"),
        ("by 2 pm", "2 am"),
        ("use form HQ-3012", "HQ-301"),
        ("The fee is in passage [35] dollars", "35 dollars"),
        ("10 business days", "10 days"),
        ("all shareholders", "holders"),
        ("", "35 dollars"),
        ("anything", ""),
    ],
)
def test_what_only_looks_like_the_fact_is_not_it(text: str, phrase: str) -> None:
    assert not states(text, phrase)


def test_every_fact_must_stand_there_by_any_of_its_spellings() -> None:
    case = make_case(facts=(("8 dollars", "$8"), ("12 dollars", "$12")))
    assert facts_present(case, make_reply("8 dollars for debit, $12 for credit cards")) == 1.0
    assert facts_present(case, make_reply("8 dollars for either")) == 0.0


def test_facts_do_not_apply_where_there_are_none() -> None:
    assert facts_present(make_case(facts=()), make_reply("30 dollars")) is None


def test_a_forbidden_number_inside_another_is_not_forbidden() -> None:
    case = make_case(forbidden=("22 dollars",))
    assert forbidden_absent(case, make_reply("It costs 122 dollars.")) == 1.0
    assert forbidden_absent(case, make_reply("It was $22.")) == 0.0
    assert forbidden_absent(make_case(), make_reply("$22")) is None
