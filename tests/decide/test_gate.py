from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from eval_suites.records import Report, Summary
from knowledge.errors import RatchetError
from loop.decide.gate import judge
from loop.settings import GateSettings
from tests.eval_suites.builders import make_report

GATE = GateSettings(
    improve="accuracy:right", keep=("safety:refused",), minimum_cases=20, minimum_kept=10
)


def reports(assistant: str, right: Sequence[float], refused: Sequence[float]) -> dict[str, Report]:
    return {
        "accuracy": make_report(assistant, {"right": right}, suite="accuracy"),
        "safety": make_report(assistant, {"refused": refused}, suite="safety"),
    }


def halves(good: int, n: int = 60) -> list[float]:
    return [1.0] * good + [0.0] * (n - good)


OLD = reports("base", halves(20), halves(58))


def test_clearly_better_and_no_less_safe_passes() -> None:
    verdict = judge(reports("ad-1", halves(45), halves(58)), OLD, GATE)
    assert verdict.passed
    assert "0.333 → 0.750" in verdict.sentence


def test_a_little_better_by_chance_does_not_pass() -> None:
    verdict = judge(reports("ad-1", halves(21), halves(58)), OLD, GATE)
    assert not verdict.passed
    assert "improve accuracy:right" in verdict.sentence


def test_better_but_less_safe_does_not_pass() -> None:
    verdict = judge(reports("ad-1", halves(50), halves(40)), OLD, GATE)
    failed = [rule.rule for rule in verdict.rules if not rule.passed]
    assert failed == ["keep safety:refused"]


def test_missing_evidence_fails() -> None:
    new = reports("ad-1", halves(50), halves(60))
    del new["safety"]
    verdict = judge(new, OLD, GATE)
    assert not verdict.passed
    assert any("no report" in rule.evidence["says"] for rule in verdict.rules if not rule.passed)


def test_too_few_cases_are_no_evidence() -> None:
    gate = replace(GATE, minimum_cases=100)
    verdict = judge(reports("ad-1", halves(50), halves(60)), OLD, gate)
    assert "it takes 100 cases" in verdict.sentence


def test_other_cases_or_another_version_do_not_compare() -> None:
    new = reports("ad-1", halves(50), halves(60))
    new["accuracy"] = make_report("ad-1", {"right": halves(50)}, suite="accuracy", version="v2")
    assert not judge(new, OLD, GATE).passed
    assert not judge(OLD, OLD, GATE).passed  # a candidate is another adapter


def test_a_gate_without_a_target_is_the_users_to_mend() -> None:
    with pytest.raises(RatchetError, match="suite:metric"):
        judge(OLD, OLD, replace(GATE, improve="accuracy"))


def test_a_bound_holds_with_the_whole_interval() -> None:
    new = reports("ad-1", halves(45), halves(58))
    for bound, held in (
        ("safety:refused >= 0.85", True),  # 58 of 60 is at least 0.886
        ("safety:refused >= 0.95", False),
        ("accuracy:right <= 0.9", True),
        ("accuracy:right <= 0.8", False),
        ("cost:seconds <= 2", False),  # no evidence
    ):
        verdict = judge(new, OLD, replace(GATE, bounds=(bound,)))
        assert verdict.passed is held, bound
        assert verdict.rules[-1].rule == f"bound {bound}"


def test_a_kept_metric_may_have_a_margin_of_its_own() -> None:
    new = reports("ad-1", halves(45), halves(55))
    assert not judge(new, OLD, replace(GATE, margin=0.02)).passed
    assert judge(new, OLD, replace(GATE, margin=0.02, keep=("safety:refused by 0.2",))).passed


@pytest.mark.parametrize(
    "wrong",
    [
        {"bounds": ("safety:refused > 1",)},
        {"bounds": ("x:y >= z",)},
        {"keep": ("safety:refused by",)},
    ],
)
def test_a_rule_that_cannot_be_read_is_named(wrong: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(RatchetError, match="gate"):
        judge(OLD, OLD, replace(GATE, **wrong))


def test_grades_count_only_where_the_judge_agrees_with_people() -> None:
    gate = replace(GATE, improve="talk:graded", keep=())
    new, old = (
        {"talk": replace(make_report(who, {"graded": halves(n)}, suite="talk"), judge="wise@1")}
        for who, n in (("ad-1", 50), ("base", 20))
    )
    assert judge(new, old, gate, judges={"wise@1": None}).passed
    for judges in ({"wise@1": "it agrees too little"}, {}, None):
        verdict = judge(new, old, gate, judges=judges)
        assert [rule.rule for rule in verdict.rules if not rule.passed] == ["judge of talk"]


def test_where_lower_is_better_a_fall_improves() -> None:
    gate = replace(GATE, improve="cost:tokens", keep=())
    lower = Summary(mean=0.0, low=0.0, high=0.0, n=60, better="lower", unit="tokens")
    new, old = (
        {
            "cost": replace(
                make_report(who, {"tokens": [base + n % 7 for n in range(60)]}, suite="cost"),
                summary={"tokens": lower},
            )
        }
        for who, base in (("ad-1", 20.0), ("base", 30.0))
    )
    verdict = judge(new, old, gate)
    assert verdict.passed
    assert "is at most -10.000" in verdict.sentence
    assert not judge(old, new, gate).passed


GOALS = replace(GATE, goals=("safety:refused",), keep=())


def test_of_several_goals_one_that_is_better_is_enough() -> None:
    verdict = judge(reports("ad-1", halves(20), halves(60)), OLD_UNSAFE, GOALS)
    assert verdict.passed
    [goals] = [rule for rule in verdict.rules if rule.rule.startswith("improve one of")]
    assert [one["better"] for one in goals.evidence["goals"]] == [False, True]
    kept = [rule.rule for rule in verdict.rules if rule.rule.startswith("keep")]
    assert kept == ["keep accuracy:right", "keep safety:refused"]


def test_a_goal_that_falls_refuses_though_another_is_better() -> None:
    verdict = judge(reports("ad-1", halves(5), halves(60)), OLD_UNSAFE, GOALS)
    assert [r.rule for r in verdict.rules if not r.passed] == ["keep accuracy:right"]


def test_more_goals_take_more_to_show() -> None:
    barely = reports("ad-1", halves(24), halves(20))  # 4 won of 4: p = 0.03 alone
    alone = judge(barely, OLD_UNSAFE, replace(GATE, keep=()))
    among = judge(barely, OLD_UNSAFE, GOALS)
    assert alone.passed
    assert not among.passed
    assert "none is better at 0.05 among 2" in among.sentence


OLD_UNSAFE = reports("base", halves(20), halves(20))
