"""The Training page: what is in progress, what runs cost, what a point of improvement cost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dashboards import spending, spending_charts
from loop.serve import state
from loop.settings import AssistantSettings, CostSettings, Settings
from loop.store.store import LocalStore
from loop.train.job import JOB, write_json
from loop.train.journal import Journal
from tests.dashboards import filled
from tests.dashboards.test_pages import open_page, shown
from tests.factories import make_adapter, make_cost, make_dataset, make_decision, make_run

METRIC = Settings().gate.improve


def learnt(store: LocalStore, n: int, *, low: float = 0.05, **cost: object) -> None:
    """A run that cost n/2 euros and was judged."""
    evidence = {"difference": 0.1, "low": low, "high": 0.2, "n": 40, "least_cases": 30}
    rules = [{"rule": f"improve {METRIC}", "passed": True, "evidence": evidence}]
    run = make_run(id=f"run-{n}", dataset="ds-1")
    adapter = make_adapter(run=run.id)
    known = {"run": run.id, "amount": n / 2, **cost}
    store.append(
        [run, make_cost(**known), adapter, make_decision(candidate=adapter.id, rules=rules)]
    )


@pytest.fixture
def spent(store: LocalStore) -> LocalStore:
    """Ten runs, one that brought nothing clear and one without price; one more was not metered."""
    store.append([make_dataset(id="ds-1")])
    learnt(store, 1, low=-0.05)
    learnt(store, 2, amount=None)
    store.append([make_run(id="run-0", dataset="ds-1", metrics={})])
    for n in range(3, 11):
        learnt(store, n)
    return store


def test_each_run_says_what_a_point_cost_or_why_it_does_not(spent: LocalStore):
    at = open_page("training")
    table = at.dataframe[0].value
    by_run = dict(zip(table["run"], table["a point, in EUR"], strict=True))
    assert by_run["run-10"] == "0.5 EUR (0.25 to 1)"
    assert by_run["run-1"] == "no improvement to divide by"
    assert by_run["run-2"] == "EUR not known"
    assert by_run["run-0"] == "not judged yet"
    assert len(table) == 11
    words = shown(at)
    assert "Runs left out: 1 not metered, 1 without a figure." in words
    assert "No run is in progress" in words


def test_the_unit_can_be_hours_or_energy(spent: LocalStore):
    some = spending.runs()
    assert spending.usual_unit(some) == "money"
    assert len(spending.bought(some, "money")) == 9
    assert len(spending.bought(some, "device-hours")) == 10
    assert {one.cost for one in spending.bought(some, "kWh")} == {0.04}
    assert spending.sums("device-hours").weeks[-1].total == 10.0


def test_without_any_price_device_hours_are_shown(store: LocalStore):
    store.append([make_dataset(id="ds-1")])
    learnt(store, 1, amount=None, rate=None)
    at = open_page("training")
    assert "a point, in device-hours" in at.dataframe[0].value
    assert "Money takes a rate" in shown(at)


def test_amounts_of_another_currency_are_not_mixed_in(spent: LocalStore, tmp_path: Path):
    dollars = Settings(root=tmp_path, cost=CostSettings(currency="USD"))
    state.use(filled.running(spent, replace(dollars, assistant=AssistantSettings())))
    assert spending.bought(spending.runs(), "money") == []
    assert (spending.sums("money").weeks, spending.sums("money").elsewhere) == ([], 10)


def test_a_run_in_progress_shows_step_and_loss(store: LocalStore, tmp_path: Path):
    folder = Settings(root=tmp_path).runs / "run-going"
    folder.mkdir(parents=True)
    write_json(folder / JOB, {"method": "dpo", "dataset": "ds-<img>"})
    journal = Journal(folder, 0)
    journal.write(step=1, of=9, loss=0.75)
    words = shown(open_page("training"))
    assert "1 of 9" in words
    assert "0.750" in words
    assert "training" in words
    assert "s ago" in words


def test_charts_hold_what_they_are_given(spent: LocalStore):
    dots = spending.bought(spending.runs(), "money")
    drawn = spending_charts.improvements(dots, unit="EUR", metric=METRIC).to_dict()
    assert drawn["layer"][1]["encoding"]["x"]["title"] == "cost, EUR"
    weeks = spending_charts.spend(spending.sums("money").weeks, unit="EUR").to_dict()
    assert len(weeks["layer"]) == 3
