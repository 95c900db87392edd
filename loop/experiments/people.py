"""A test's rows reduced to people, and whether those people came as planned."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from eval_suites.stats.ratio import PerUser

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
    pre: dict[str, list[float]]  # arm → earlier mean of those who rated, NaN where unknown
    crossovers: int

    @property
    def total(self) -> int:
        """People over both arms."""
        return sum(self.shown.values())

    def raters(self, arm: str) -> int:
        """How many people of an arm rated."""
        return len(self.rated[arm].sums_u)


def people_of(rows: Sequence[Observation], arms: Arms) -> People:
    """Reduce rows to people.

    Args:
        rows: Of these two arms only.
        arms: Their names.
    """
    from eval_suites.stats.ratio import per_user

    first: dict[str, str] = {}
    both = {row.user for row in rows if first.setdefault(row.user, row.arm) != row.arm}
    shown, rated, pre = dict.fromkeys(arms, 0), {}, {}
    for user, arm in first.items():
        shown[arm] += user not in both
    for arm in arms:
        given: list[tuple[str, float]] = []
        known: dict[str, float] = {}
        for row in rows:
            if row.arm == arm and row.user not in both:
                if row.pre is not None:
                    known.setdefault(row.user, row.pre)
                if row.value is not None:
                    given.append((row.user, row.value))
        users = [user for user, _ in given]
        rated[arm] = per_user(users, [value for _, value in given])
        pre[arm] = [known.get(user, math.nan) for user in dict.fromkeys(users)]
    return People(shown=shown, rated=rated, pre=pre, crossovers=len(both))


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
