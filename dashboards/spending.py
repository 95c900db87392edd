"""What the Training page reads: runs with their cost and what it brought, and runs in progress."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from dashboards import source
from dashboards.words import amount
from loop.store.costs import Cost
from loop.train import ledger
from loop.train.cost import HOUR, Money, money
from loop.train.ledger import POINT, PerPoint, Spent, Week, per_point
from loop.train.live import Live, unfinished

Unit = Literal["money", "device-hours", "kWh"]
UNITS: tuple[Unit, ...] = ("money", "device-hours", "kWh")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bought:
    """A run whose cost and improvement are both known: a dot of the chart."""

    run: str
    method: str
    cost: float
    points: float  # of 0.01 of the metric
    low: float
    high: float
    reading: str  # better, worse, not clear
    per_point: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """Spend of a week and since the first."""

    week: date
    spent: float
    total: float
    runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """The weeks in one unit, and how many runs they leave out."""

    weeks: Sequence[Sum]
    unknown: int  # runs whose amount in this unit is not known
    elsewhere: int  # runs in another currency
    unmetered: int  # runs without any cost on record

    @property
    def left_out(self) -> str:
        """The runs that the sums do not hold, in words; "" if they hold all."""
        counted = (
            (self.unmetered, "not metered"),
            (self.unknown, "without a figure"),
            (self.elsewhere, "in another currency"),
        )
        return ", ".join(f"{count} {how}" for count, how in counted if count)


def runs(limit: int = 200) -> list[Spent]:
    """The newest finished runs, newest first."""
    here = source.here()
    return ledger.spent(here.store, here.settings, limit=limit)


def sums(unit: Unit) -> Sums:
    """Spend week by week, oldest first."""
    here = source.here()
    found = ledger.weeks(here.store, here.settings)
    mine = [week for week in found if week.currency == here.settings.cost.currency]
    return Sums(
        weeks=[one for week in mine if (one := _sum(week, unit)) is not None],
        unknown=sum({"money": w.unpriced, "kWh": w.unread}.get(unit, 0) for w in mine),
        elsewhere=sum(week.runs for week in found) - sum(week.runs for week in mine),
        unmetered=ledger.unmetered(here.store, here.settings),
    )


def in_progress() -> list[Live]:
    """Runs that have begun in the project's folder and not finished."""
    return unfinished(source.here().settings.runs, time.time())


def so_far(run: Live) -> Money | None:
    """What a run in progress has cost; None before its first reading."""
    return None if run.reading is None else money(run.reading, source.here().settings.cost)


def usual_unit(some: Sequence[Spent]) -> Unit:
    """Money where any run has a price, else device-hours."""
    priced = any(in_unit(one.cost, "money") is not None for one in some)
    return "money" if priced else "device-hours"


def symbol(unit: Unit) -> str:
    """The unit as it stands behind a number."""
    return source.here().settings.cost.currency if unit == "money" else unit


def in_unit(cost: Cost | None, unit: Unit) -> float | None:
    """A cost in the unit; None if it is not known, or in another currency."""
    if cost is None:
        return None
    if unit == "device-hours":
        return cost.device_seconds / HOUR
    if unit == "kWh":
        return cost.kwh
    return cost.amount if cost.currency == source.here().settings.cost.currency else None


def bought(some: Sequence[Spent], unit: Unit) -> list[Bought]:
    """The runs of which cost and improvement are known."""
    found = []
    for one in some:
        cost, got = in_unit(one.cost, unit), one.improvement
        if cost is None or got is None:
            continue
        found.append(
            Bought(
                run=one.run.id,
                method=one.run.method,
                cost=cost,
                points=got.difference / POINT,
                low=got.low / POINT,
                high=got.high / POINT,
                reading=got.reading,
                per_point=point_says(one, unit),
            )
        )
    return found


def point_says(one: Spent, unit: Unit) -> str:
    """The cost of a point with its interval, or why there is none."""
    cost = in_unit(one.cost, unit)
    found = per_point(cost, one.improvement)
    if found is not None:
        return _ranged(found, symbol(unit))
    if one.why:
        return one.why
    return "not metered" if one.cost is None else f"{symbol(unit)} not known"


def _ranged(found: PerPoint, unit: str) -> str:
    return f"{amount(found.mean, unit)} ({amount(found.low)} to {amount(found.high)})"


def _sum(week: Week, unit: Unit) -> Sum | None:
    spent, total = {
        "money": (week.amount, week.total_amount),
        "kWh": (week.kwh, week.total_kwh),
        "device-hours": (week.device_seconds / HOUR, week.total_device_seconds / HOUR),
    }[unit]
    if spent is None or total is None:
        return None
    return Sum(week=week.week, spent=spent, total=total, runs=week.runs)
