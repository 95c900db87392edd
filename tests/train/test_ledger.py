from __future__ import annotations

import doctest
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from knowledge.errors import RatchetError
from loop.settings import Settings
from loop.store.store import LocalStore
from loop.train import ledger
from loop.train.ledger import NO_IMPROVEMENT, Spent, per_point, spent, spent_by, weeks
from tests.factories import make_adapter, make_cost, make_dataset, make_decision, make_run

SETTINGS = Settings()
GOOD: dict[str, Any] = {
    "difference": 0.1, "low": 0.05, "high": 0.2, "n": 40, "least_cases": 30, "alpha": 0.05,
}  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Any:
    opened = LocalStore(tmp_path / "store.duckdb")
    opened.append([make_dataset(id="ds-1")])
    yield opened
    opened.close()


def judged(store: LocalStore, *, rule: str | None = None, cost: Any = None, **evidence: Any) -> str:
    """A run whose adapter the gate judged with this evidence; its id."""
    run = make_run(dataset="ds-1")
    adapter = make_adapter(run=run.id)
    name = rule or f"improve {SETTINGS.gate.improve}"
    rules = [
        {"rule": "same cases accuracy", "passed": True, "evidence": {}},
        {"rule": name, "passed": True, "evidence": GOOD | evidence},
    ]
    decision = make_decision(candidate=adapter.id, champion="ad-before", rules=rules)
    store.append([run, adapter, decision, make_cost(run=run.id) if cost is None else cost])
    return run.id


def found(store: LocalStore, run: str) -> Spent:
    return spent_by(store, SETTINGS, run)


def test_the_examples_hold() -> None:
    assert doctest.testmod(ledger).failed == 0


def test_a_point_costs_what_was_spent_by_what_it_brought(store: LocalStore) -> None:
    one = found(store, judged(store))
    assert one.cost is not None
    assert one.improvement is not None
    assert (one.improvement.champion, one.improvement.confidence) == ("ad-before", 0.9)
    point = per_point(one.cost.amount, one.improvement)
    assert point is not None
    assert point.mean == pytest.approx(0.05)
    assert (point.low, point.high) == pytest.approx((0.025, 0.1))
    assert one.why == ""


@pytest.mark.parametrize(
    ("evidence", "why", "reading"),
    [
        ({"low": -0.01}, NO_IMPROVEMENT, "not clear"),
        ({"low": 0.0}, NO_IMPROVEMENT, "not clear"),
        ({"difference": -0.1, "low": -0.2, "high": -0.05}, NO_IMPROVEMENT, "worse"),
        ({"n": 5}, "measured on 5 cases, it takes 30", "not clear"),
    ],
)
def test_no_number_stands_for_an_improvement_that_is_not_there(
    store: LocalStore, evidence: dict[str, Any], why: str, reading: str
) -> None:
    one = found(store, judged(store, **evidence))
    assert one.improvement is not None
    assert (one.why, one.improvement.reading) == (why, reading)
    assert per_point(1.0, one.improvement) is None


def test_another_metric_and_reports_that_did_not_compare_are_not_divided_by(
    store: LocalStore,
) -> None:
    other = found(store, judged(store, rule="improve safety:refused"))
    assert (other.improvement, other.why) == (None, "measured by safety:refused")
    silent = found(store, judged(store, difference=None))
    assert (silent.improvement, silent.why) == (None, "the gate could not compare")


def test_an_amount_that_is_not_known_makes_no_cost_of_a_point(store: LocalStore) -> None:
    one = found(store, judged(store))
    assert per_point(None, one.improvement) is None


def test_runs_come_newest_first_with_or_without_cost_and_verdict(store: LocalStore) -> None:
    old, new = make_run(dataset="ds-mine"), make_run(dataset="ds-mine")
    foreign = make_run(dataset="ds-theirs")
    store.append(
        [
            make_dataset(id="ds-mine"), make_dataset(id="ds-theirs", assistant="other"),
            old, new, foreign, make_cost(run=old.id),
        ]
    )  # fmt: skip
    rows = spent(store, SETTINGS)
    assert [row.run.id for row in rows] == [new.id, old.id]
    assert [row.cost is None for row in rows] == [True, False]
    assert {row.why for row in rows} == {"not judged yet"}
    assert [row.run.id for row in spent(store, SETTINGS, limit=1)] == [new.id]
    with pytest.raises(RatchetError, match="ratchet runs list"):
        spent_by(store, SETTINGS, "run-none")


def test_the_newest_verdict_counts(store: LocalStore) -> None:
    run = judged(store, low=-0.5)
    [adapter] = [row.adapter for row in spent(store, SETTINGS) if row.run.id == run]
    rules = [{"rule": f"improve {SETTINGS.gate.improve}", "passed": True, "evidence": GOOD}]
    store.append([make_decision(candidate=adapter, rules=rules, verdict="pass")])
    assert found(store, run).why == ""


def test_spend_adds_up_week_by_week_in_each_currency(store: LocalStore) -> None:
    monday = datetime(2026, 11, 2, 1, tzinfo=UTC)
    rows: list[Any] = []
    for days, currency, amount, kwh in (
        (0, "EUR", 1.0, 0.5),
        (6, "EUR", 2.0, None),
        (7, "EUR", None, 0.5),
        (7, "USD", 9.0, 0.5),
        (15, "EUR", 4.0, 0.5),
    ):
        run = make_run(dataset="ds-1", at=monday + timedelta(days=days))
        rows += [run, make_cost(run=run.id, currency=currency, amount=amount, kwh=kwh)]
    store.append([*rows, make_run(dataset="ds-1", at=monday)])  # one was not metered
    euros = [week for week in weeks(store, SETTINGS) if week.currency == "EUR"]
    assert [week.week.day for week in euros] == [2, 9, 16]
    assert [week.runs for week in euros] == [2, 1, 1]
    assert [(week.unpriced, week.unread) for week in euros] == [(0, 1), (1, 0), (0, 0)]
    assert [week.amount for week in euros] == [3.0, None, 4.0]
    assert [week.total_amount for week in euros] == [3.0, 3.0, 7.0]
    assert [week.total_device_seconds for week in euros] == [7200.0, 10800.0, 14400.0]
    assert [week.week.day for week in weeks(store, SETTINGS, limit=1)] == [16]
    assert weeks(store, SETTINGS, limit=1)[0].total_amount == 7.0
