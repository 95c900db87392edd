"""A test's rows reduced to people, and whether those people came as planned."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

    from eval_suites.stats.ratio import PerUser

MOST_HASTE = 10.0
CROSSED = 0.01  # share of people seen in both arms above which the test is broken


class Observation(NamedTuple):
    """One rating of a person in a test, or that they were shown an arm (value None)."""

    user: str
    arm: str
    value: float | None
    pre: float | None = None  # the person's mean before the test, where it is known


class Arms(NamedTuple):
    """The names of the two sides."""

    control: str
    other: str


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Who is in which arm. Those seen in both are only counted."""

    shown: dict[str, int]  # arm → people
    rated: dict[str, PerUser]  # arm → sums and counts of those who rated
    pre: dict[str, NDArray[np.float64]]  # arm → earlier mean of who rated, NaN where unknown
    crossovers: int
    gave: int  # people, of whatever arm, with a value
    early: int  # those of them who were heard in an early part of the test
    early_share: float  # of all values, that came in that part

    @property
    def total(self) -> int:
        """People over both arms."""
        return sum(self.shown.values())

    @property
    def haste(self) -> float:
        """How far the count of people runs ahead of the rows, 1 or more.

        Where people come back, most of them have been seen long before most of their rows: the
        count of people is then this power of a clock that goes with the rows, turned over.
        """
        if not self.early or not 0 < self.early_share < 1:
            return 1.0
        grown, told = math.log(self.gave / self.early), -math.log(self.early_share)
        return max(1.0, min(MOST_HASTE, told / grown if grown > 0 else MOST_HASTE))

    def raters(self, arm: str) -> int:
        """How many people of an arm rated."""
        return len(self.rated[arm].sums_u)


def people_of(rows: Sequence[Observation], arms: Arms) -> People:
    """Reduce rows to people.

    Args:
        rows: Of these two arms only.
        arms: Their names.
    """
    return people_of_arrays(
        [row.user for row in rows],
        np.array([row.arm == arms.other for row in rows], dtype=bool),
        np.array([math.nan if row.value is None else row.value for row in rows], dtype=float),
        arms,
        pre=np.array([math.nan if row.pre is None else row.pre for row in rows], dtype=float),
    )


def people_of_arrays(
    units: Sequence[Any] | NDArray[Any],
    other_n: NDArray[np.bool_],
    value_n: NDArray[np.float64],
    arms: Arms,
    *,
    pre: NDArray[np.float64] | None = None,
) -> People:
    """Reduce rows, given as arrays of one length, to people.

    Args:
        units: Whose row it is, shape (n,).
        other_n: Whether it is of the other arm, shape (n,).
        value_n: What was measured, NaN where the arm was only shown, shape (n,).
        arms: Names.
        pre: The person's mean before the test, NaN where unknown, shape (n,). The first counts.
    """
    from eval_suites.stats.ratio import PerUser

    place_n, people = _places(units)
    in_other_u = np.bincount(place_n[other_n], minlength=people) > 0
    in_control_u = np.bincount(place_n[~other_n], minlength=people) > 0
    both_u = in_other_u & in_control_u
    given_n = ~np.isnan(value_n)
    counts_u = np.bincount(place_n[given_n], minlength=people).astype(float)
    sums_u = np.bincount(place_n[given_n], weights=value_n[given_n], minlength=people)
    pre_u = np.full(people, math.nan)
    if pre is not None:
        known_n = np.flatnonzero(~np.isnan(pre))[::-1]  # so that the first is written last
        pre_u[place_n[known_n]] = pre[known_n]
    shown, rated, before = {}, {}, {}
    for arm, in_arm_u in ((arms.control, in_control_u), (arms.other, in_other_u)):
        mine_u = in_arm_u & ~both_u
        raters_u = mine_u & (counts_u > 0)
        shown[arm] = int(mine_u.sum())
        rated[arm] = PerUser(sums_u[raters_u].astype(float), counts_u[raters_u])
        before[arm] = pre_u[raters_u]
    given = place_n[given_n]
    return People(
        shown=shown,
        rated=rated,
        pre=before,
        crossovers=int(both_u.sum()),
        gave=int((counts_u > 0).sum()),
        early=len(np.unique(given[: len(given) // 2])),
        early_share=(len(given) // 2) / max(1, len(given)),
    )


def people_of_table(table: pa.Table, arms: Arms) -> People:
    """People as the store has reduced them already.

    Args:
        table: Of a query `metric_…`: other, only, total, n, early; a row per person.
        arms: Names.
    """
    from eval_suites.stats.ratio import PerUser

    other_u, only_u, sums_u, counts_u, early_u = (
        table[name].to_numpy() for name in ("other", "only", "total", "n", "early")
    )
    # A store gives people in any order, and sums round: the same people must give the same figures.
    in_order = np.lexsort((counts_u, sums_u))
    other_u, only_u, sums_u, counts_u, early_u = (
        column[in_order] for column in (other_u, only_u, sums_u, counts_u, early_u)
    )
    crossed_u = other_u & ~only_u
    shown, rated, before = {}, {}, {}
    for arm, mine_u in ((arms.control, ~other_u), (arms.other, only_u)):
        raters_u = mine_u & (counts_u > 0)
        shown[arm] = int(mine_u.sum())
        rated[arm] = PerUser(sums_u[raters_u].astype(float), counts_u[raters_u].astype(float))
        before[arm] = np.full(int(raters_u.sum()), math.nan)
    return People(
        shown=shown,
        rated=rated,
        pre=before,
        crossovers=int(crossed_u.sum()),
        gave=int((counts_u > 0).sum()),
        early=int((early_u > 0).sum()),
        early_share=float(early_u.sum() / max(1.0, counts_u.sum())),
    )


def _places(units: Sequence[Any] | NDArray[Any]) -> tuple[NDArray[np.intp], int]:
    """A number from 0 for each unit, per row, and how many there are."""
    if isinstance(units, np.ndarray) and units.dtype.kind in "iub" and units.size:
        low = int(units.min())
        if int(units.max()) - low < 4 * units.size + 1000:  # dense enough to count directly
            shifted_n = (units.astype(np.int64) - low).astype(np.intp)
            seen = np.bincount(shifted_n) > 0
            return (np.cumsum(seen) - 1)[shifted_n].astype(np.intp), int(seen.sum())
    if isinstance(units, np.ndarray) and units.dtype.kind in "iufbUS":
        names, place_n = np.unique(units, return_inverse=True)
        return place_n.astype(np.intp), len(names)
    numbers: dict[Any, int] = {}
    places = [numbers.setdefault(unit, len(numbers)) for unit in units]
    return np.array(places, dtype=np.intp), len(numbers)


def health_of(people: People, arms: Arms, planned: Sequence[float]) -> dict[str, Any]:
    """Figures that say whether the test may be believed; None where there is nothing to tell.

    Args:
        people: So far.
        arms: Their names.
        planned: Traffic per arm in the order of `arms`, any scale.
    """
    from eval_suites.stats.intervals import two_proportions
    from eval_suites.stats.srm import srm_e_value, srm_pvalue

    shown = [people.shown[arm] for arm in arms]
    raters = [people.raters(arm) for arm in arms]
    everyone = people.total + people.crossovers
    health: dict[str, Any] = {
        "users": dict(people.shown),
        "srm_pvalue": srm_pvalue(shown, planned) if people.total else None,
        "srm_anytime_pvalue": srm_e_value(shown, planned).p_value if people.total else None,
        "crossovers": people.crossovers,
        "crossover_share": people.crossovers / everyone if everyone else 0.0,
        "ratings": {arm: int(people.rated[arm].counts_u.sum()) for arm in arms},
        "response_rates": {
            arm: rated / seen for arm, rated, seen in zip(arms, raters, shown, strict=True) if seen
        },
        "response_pvalue": None,
    }
    if min(shown):
        health["response_pvalue"] = two_proportions(
            raters[1], shown[1], raters[0], shown[0]
        ).p_value
    return health


def ailment(health: Mapping[str, Any], arms: Arms) -> str | None:
    """Why the test must not be believed, as a clause; None if it may."""
    from eval_suites.stats.srm import DISTRUST

    if health["crossover_share"] > CROSSED:
        share = health["crossover_share"]
        return f"{health['crossovers']} people ({share:.1%}) were seen in both arms"
    if health["srm_pvalue"] is not None and health["srm_pvalue"] < DISTRUST:
        seen = " and ".join(f"{health['users'][arm]} in {arm}" for arm in arms)
        return f"people did not arrive as planned: {seen} (p = {health['srm_pvalue']:.2g})"
    return None
