from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from eval_suites.records import Report
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
