"""What finished runs cost and what they brought, as the store has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from knowledge.errors import RatchetError
from loop.store.costs import Cost
from loop.store.records import Run
from loop.store.tables import from_row

if TYPE_CHECKING:
    from loop.settings import Settings
    from loop.store.store import Store

POINT = 0.01  # of the metric
NO_IMPROVEMENT = "no improvement to divide by"


@dataclass(frozen=True, slots=True, kw_only=True)
class Improvement:
    """The gate's metric of a run's adapter minus the champion's it was measured against."""

    metric: str  # "suite:metric"
    champion: str
    difference: float
    low: float
    high: float
    confidence: float  # of the interval, 0.9 where the gate's alpha is 0.05
    n: int  # cases
    least: int  # cases that the gate asks for

    @property
    def reading(self) -> str:
        """Is it better, worse, or not clear?"""
        if self.n >= self.least and self.low > 0:
            return "better"
        return "worse" if self.n >= self.least and self.high < 0 else "not clear"


@dataclass(frozen=True, slots=True, kw_only=True)
class PerPoint:
    """Cost of a point (0.01) of the metric, in whatever unit it was asked for."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """A finished run with its cost and what it brought; None is not known."""

    run: Run
    cost: Cost | None  # None: the run was not metered
    adapter: str | None
    verdict: str | None
    improvement: Improvement | None
    why: str  # why there is no improvement to speak of; "" if there is


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """What the runs that ended in a week cost in one currency."""

    week: date  # its Monday
    currency: str
    runs: int
    unpriced: int  # of them, without an amount
    unread: int  # of them, without energy
    device_seconds: float
    kwh: float | None
    amount: float | None
    total_device_seconds: float  # since the first run
    total_kwh: float | None
    total_amount: float | None


def spent(store: Store, settings: Settings, *, limit: int = 200) -> list[Spent]:
    """The newest finished runs, newest first."""
    rows = store.query("spent_runs", assistant=settings.assistant.name, limit=limit)
    return [_spent(row, settings.gate.improve) for row in rows]


def spent_by(store: Store, settings: Settings, run: str) -> Spent:
    """One finished run.

    Raises:
        RatchetError: There is none of this id.
    """
    rows = store.query("spent_runs", assistant=settings.assistant.name, run=run)
    if not rows:
        raise RatchetError(f"No finished run {run!r}. See `ratchet runs list`.")
    return _spent(rows[0], settings.gate.improve)


def weeks(store: Store, settings: Settings, *, limit: int = 104) -> list[Week]:
    """Spend per week and currency, oldest first."""
    rows = store.query("spent_weeks", assistant=settings.assistant.name, limit=limit)
    return [Week(**row) for row in rows]


def unmetered(store: Store, settings: Settings) -> int:
    """How many finished runs have no cost on record, so that no sum holds them."""
    [row] = store.query("spent_unmetered", assistant=settings.assistant.name)
    return int(row["runs"])


def per_point(amount: float | None, found: Improvement | None) -> PerPoint | None:
    """What a point of improvement cost: None where there is no improvement, or no amount.

    The interval is the improvement's, turned over: what was spent is known, what it brought is
    not. It is given only where that interval lies above zero, since a quotient by a difference
    that may be zero has no bound (Fieller 1954).

    Args:
        amount: Spent, in any unit.
        found: What it brought.

    >>> got = Improvement(metric="accuracy:exact", champion="base", difference=0.1, low=0.05,
    ...                   high=0.2, confidence=0.9, n=40, least=30)
    >>> per_point(5.0, got)
    PerPoint(mean=0.5, low=0.25, high=1.0)
    """
    if amount is None or found is None or found.reading != "better":
        return None
    each = [amount * POINT / by for by in (found.difference, found.high, found.low)]
    return PerPoint(mean=each[0], low=each[1], high=each[2])


def improvement(
    rules: Sequence[Mapping[str, Any]], metric: str, champion: str
) -> tuple[Improvement | None, str]:
    """The improvement of a metric in the evidence of a gate's decision, or why there is none."""
    found = next((rule for rule in rules if str(rule["rule"]).startswith("improve ")), None)
    if found is None:
        return None, "the gate measured no improvement"
    measured = str(found["rule"]).removeprefix("improve ")
    if measured != metric:
        return None, f"measured by {measured}"
    evidence: Mapping[str, Any] = found["evidence"]
    if any(evidence.get(name) is None for name in ("difference", "low", "high", "n")):
        return None, "the gate could not compare"
    got = Improvement(
        metric=measured,
        champion=champion,
        difference=float(evidence["difference"]),
        low=float(evidence["low"]),
        high=float(evidence["high"]),
        confidence=1 - 2 * float(evidence.get("alpha", 0.05)),
        n=int(evidence["n"]),
        least=int(evidence.get("least_cases", 0)),
    )
    if got.n < got.least:
        return got, f"measured on {got.n} cases, it takes {got.least}"
    return got, "" if got.reading == "better" else NO_IMPROVEMENT


def _spent(row: Mapping[str, Any], metric: str) -> Spent:
    found, why = None, "not judged yet"
    if row["rules"] is not None:
        found, why = improvement(row["rules"], metric, str(row["champion"]))
    return Spent(
        run=from_row(Run, row),
        cost=from_row(Cost, {**row, "run": row["id"]}) if row["metered"] else None,
        adapter=row["adapter"],
        verdict=row["verdict"],
        improvement=found,
        why=why,
    )
