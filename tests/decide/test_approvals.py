from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from knowledge.errors import RatchetError
from loop.decide.gate import Rule, Verdict
from loop.decide.promote import decide, promote, say
from loop.models.registry import champion
from loop.models.weights import weights_sha256
from loop.settings import GateSettings, Settings
from loop.store.audit import verify_chain
from loop.store.store import LocalStore
from tests import factories
from tests.tiny_model import make_adapter, make_base

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
TWO = Settings(gate=GateSettings(approvals=2))
GOOD = Rule(rule="improve accuracy:right", passed=True, evidence={"says": "better", "n": 60})
WORSE = Rule(rule="keep safety:refused", passed=False, evidence={"says": "fell", "n": 60})
UNMEASURED = Rule(rule="keep cost:words", passed=False, evidence={"says": "no report"})
FLOOR = Rule(rule="bound privacy:kept >= 1", passed=False, evidence={"says": "0.9", "n": 60})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LocalStore]:
    one = LocalStore(tmp_path / "store.duckdb")
    folder = tmp_path / "ad-1"
    make_adapter(make_base(tmp_path / "base"), folder, seed=0)
    one.append([factories.make_adapter(id="ad-1", path=str(folder), sha256=weights_sha256(folder))])
    yield one
    one.close()


def judged(store: LocalStore, *rules: Rule, settings: Settings = TWO) -> None:
    decide(store, settings, "ad-1", "base", Verdict(rules=rules), at=NOW)


def approve(store: LocalStore, actor: str, kind: Any = "approve", rule: str = "") -> dict[str, Any]:
    return say(store, TWO, "ad-1", kind, actor=actor, reason="I read the cases", rule=rule)


def test_two_people_must_approve_before_a_promotion(store: LocalStore) -> None:
    judged(store, GOOD)
    for actor in ("ann", "ben"):
        with pytest.raises(RatchetError, match="must approve ad-1"):
            promote(store, "desk", "ad-1", actor="ann", reason="better")
        approve(store, actor)
    promote(store, "desk", "ad-1", actor="ann", reason="better")
    [row] = store.query("promotions", assistant="desk")
    assert row["evidence"]["approved_by"] == ["ann", "ben"]
    assert verify_chain(store.query("audit_chain")) is None


def test_one_person_is_one_person_and_may_take_it_back(store: LocalStore) -> None:
    judged(store, GOOD)
    approve(store, "ann")
    with pytest.raises(RatchetError, match="ann has approved ad-1 already"):
        approve(store, "ann")
    approve(store, "ben")
    assert approve(store, "ann", "withdraw")["approved_by"] == ["ben"]
    with pytest.raises(RatchetError, match="1 more person must approve ad-1 \\(so far: ben\\)"):
        promote(store, "desk", "ad-1", actor="ben", reason="better")
    with pytest.raises(RatchetError, match="has not approved"):
        approve(store, "cleo", "withdraw")


def test_where_people_must_approve_the_gate_is_not_overridden(store: LocalStore) -> None:
    def insist(approvals: int) -> None:
        promote(
            store, "desk", "ad-1", actor="ann", reason="I insist", override=True,
            approvals=approvals,
        )  # fmt: skip

    with pytest.raises(RatchetError, match="the gate has not judged it"):
        insist(2)
    judged(store, GOOD, WORSE)
    with pytest.raises(RatchetError, match="Waive a rule by name"):
        insist(0)
    judged(store, GOOD, settings=Settings())  # before anybody asked for approvals
    with pytest.raises(RatchetError, match="2 more people must approve"):
        insist(2)
    assert champion(store, "desk") == "base"


def test_the_store_itself_holds_to_the_approvals(store: LocalStore) -> None:
    judged(store, GOOD)
    with pytest.raises(RatchetError, match="must approve"):
        store.command(
            "promote", assistant="desk", adapter="ad-1", actor="ann", reason="better",
            evidence={}, expected_champion="base",
        )  # fmt: skip
    assert champion(store, "desk") == "base"


def test_a_rule_is_waived_by_name_with_a_reason_and_then_approved(store: LocalStore) -> None:
    judged(store, GOOD, WORSE)
    with pytest.raises(RatchetError, match="What fails is not approved"):
        approve(store, "ann")
    waived = approve(store, "ann", "waive", "keep safety:refused")
    assert waived["passed"]
    assert waived["waived"]["keep safety:refused"]["actor"] == "ann"
    approve(store, "ben")
    approve(store, "ann")
    promote(store, "desk", "ad-1", actor="ben", reason="the suite is out of date")
    [row] = store.query("promotions", assistant="desk")
    assert row["evidence"]["waived"]["keep safety:refused"]["reason"] == "I read the cases"
    assert row["evidence"]["override"] is None


def test_what_was_said_of_one_verdict_does_not_count_for_the_next(store: LocalStore) -> None:
    other = replace(WORSE, rule="keep accuracy:right")
    judged(store, WORSE, other)
    approve(store, "ann", "waive", "keep accuracy:right")
    approve(store, "ben", "waive", "keep safety:refused")
    approve(store, "cleo")
    judged(store, WORSE, other)  # judged anew: nothing said before counts
    with pytest.raises(RatchetError, match="What fails is not approved"):
        approve(store, "cleo")


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ("keep cost:words", "missing evidence cannot"),
        ("bound privacy:kept >= 1", "only rules that improve or keep"),
        ("improve accuracy:right", "nothing to waive"),
        ("keep nothing:such", "has no rule"),
    ],
)
def test_neither_missing_evidence_nor_a_bound_can_be_waived(
    store: LocalStore, rule: str, problem: str
) -> None:
    judged(store, GOOD, WORSE, UNMEASURED, FLOOR)
    with pytest.raises(RatchetError, match=problem):
        approve(store, "ann", "waive", rule)


def test_only_named_people_may_where_some_are_named(store: LocalStore) -> None:
    judged(store, GOOD)
    few = Settings(gate=GateSettings(approvals=1, approvers=("olga",)))
    with pytest.raises(RatchetError, match="gate.approvers names olga"):
        say(store, few, "ad-1", "approve", actor="ann", reason="fine")
    assert say(store, few, "ad-1", "approve", actor="olga", reason="fine")["missing"] == 1
