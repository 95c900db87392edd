from __future__ import annotations

import doctest

import pytest

from knowledge.errors import RatchetError
from loop.settings import CostSettings
from loop.train import cost
from loop.train.cost import Budget, Reading, add, check, cost_record, money, rate_of

H100 = "NVIDIA H100 80GB HBM3"


def used(**fields: object) -> Reading:
    known = {"kind": "cuda", "device": H100, "seconds": 1800.0, "device_seconds": 3600.0}
    return Reading(**(known | fields))  # type: ignore[arg-type]


def test_the_examples_hold() -> None:
    assert doctest.testmod(cost).failed == 0


def test_the_most_exact_name_sets_the_rate_whatever_its_case() -> None:
    rates = {"cuda": 1.0, "nvidia": 1.5, "nvidia h100": 2.8}
    assert rate_of("cuda", H100, rates) == 2.8
    assert rate_of("cuda", "NVIDIA L4", rates) == 1.5
    assert rate_of("cuda", "AMD MI300", rates) == 1.0
    assert rate_of("cpu", "cpu", rates) is None


def test_every_device_is_paid_by_the_hour_and_electricity_on_top() -> None:
    rates = CostSettings(rates={"cuda": 2.0}, energy_price=0.5)
    assert money(used(devices=2, kwh=3.0), rates).amount == pytest.approx(2.0 + 1.5)


def test_an_amount_that_is_not_known_is_none_and_says_why() -> None:
    without = money(used(), CostSettings())
    assert without.amount is None
    assert without.rate is None
    assert H100 in without.missing
    unread = money(used(), CostSettings(rates={"cuda": 2.0}, energy_price=0.5))
    assert (unread.amount, unread.rate) == (None, 2.0)
    assert "energy is not known" in unread.missing


def test_a_machine_of_ones_own_may_cost_only_its_electricity() -> None:
    assert money(used(kwh=2.0), CostSettings(energy_price=0.5)).amount == 1.0
    assert money(used(), CostSettings(rates={"cuda": 0.0})).amount == 0.0


def test_attempts_add_up_and_memory_is_the_most_of_them() -> None:
    first = used(tokens=10, peak_bytes=9, kwh=1.0, energy_source="measured", grams_co2e=2.0)
    both = add(first, used(tokens=5, peak_bytes=7, kwh=0.5, energy_source="measured"))
    assert (both.seconds, both.device_seconds, both.tokens) == (3600, 7200, 15)
    assert (both.peak_bytes, both.kwh, both.energy_source, both.attempts) == (9, 1.5, "measured", 2)
    assert both.grams_co2e is None  # of one attempt it is not known


def test_energy_is_measured_only_if_it_was_in_every_attempt() -> None:
    measured = used(kwh=1.0, energy_source="measured")
    assert add(measured, used(kwh=1.0, energy_source="estimated")).energy_source == "estimated"
    unknown = add(measured, used())
    assert (unknown.kwh, unknown.energy_source) == (None, "none")
    assert "one of the attempts" in unknown.note


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (CostSettings(budget_minutes=30), "30 of 30 minutes spent (cost.budget_minutes)"),
        (
            CostSettings(budget_money=1.5, rates={"cuda": 2}, currency="USD"),
            "2 of 1.5 USD spent (cost.budget_money)",
        ),
        (CostSettings(budget_kwh=0.25), "0.25 of 0.25 kWh spent (cost.budget_kwh)"),
        (CostSettings(budget_minutes=31, budget_kwh=0.3), None),
        (CostSettings(), None),
    ],
)
def test_a_budget_says_when_it_is_spent(settings: CostSettings, says: str | None) -> None:
    assert Budget(settings).spent(used(kwh=0.25)) == says


def test_what_is_not_known_spends_no_budget() -> None:
    assert Budget(CostSettings(budget_money=1, budget_kwh=1)).spent(used()) is None


def test_a_budget_is_held_against_what_is_known_where_an_attempt_was_not_read():
    both = add(used(kwh=0.5), used())
    assert (both.kwh, both.kwh_at_least) == (None, 0.5)
    assert add(both, used(kwh=0.25)).kwh_at_least == 0.75
    assert (
        Budget(CostSettings(budget_kwh=0.5)).spent(both) == "0.5 of 0.5 kWh spent (cost.budget_kwh)"
    )
    priced = CostSettings(rates={"cuda": 100.0}, energy_price=0.3, budget_money=1)
    assert "of 1 EUR spent" in str(Budget(priced).spent(both))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (CostSettings(budget_money=5), r"no rate for 'NVIDIA H100.*\[cost.rates\]"),
        (CostSettings(budget_kwh=5), r"pip install 'ratchet-loop\[cost\]'"),
        (CostSettings(budget_money=5, rates={"cuda": 2}, energy_price=0.3), "electricity"),
        (CostSettings(rates={"cuda": -1}), "cost.rates.cuda is -1"),
        (CostSettings(budget_minutes=float("nan")), "cost.budget_minutes is nan"),
        (CostSettings(country="de"), "'de'.*three letters"),
    ],
)
def test_a_budget_that_cannot_be_kept_stops_the_run_before_it_starts(
    settings: CostSettings, says: str
) -> None:
    with pytest.raises(RatchetError, match=says):
        check(settings, kind="cuda", device=H100, energy=False)


def test_a_sound_table_is_let_through() -> None:
    check(CostSettings(), kind="cpu", device="cpu", energy=False)
    full = CostSettings(rates={"cpu": 0.1}, budget_money=3, budget_kwh=1, country="DEU")
    check(full, kind="cpu", device="cpu", energy=True)


def test_the_row_keeps_the_rate_of_its_day() -> None:
    row = cost_record("run-1", used(tokens=7), CostSettings(rates={"cuda": 2.0}))
    assert (row.run, row.device, row.device_seconds, row.tokens) == ("run-1", H100, 3600.0, 7)
    assert (row.amount, row.currency, row.rate, row.kwh) == (2.0, "EUR", 2.0, None)
