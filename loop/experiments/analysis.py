"""What an A/B test shows: people counted once, health first, then the difference and a verdict."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from knowledge.errors import RatchetError
from loop.experiments.guardrails import Guarded, Guardrail, broken, guarded
from loop.experiments.measure import Plan, Verdict, judge, measure
from loop.experiments.people import (
    Arms,
    Observation,
    People,
    health_of,
    people_of,
    people_of_arrays,
)
from loop.experiments.wording import means, sentence

MINIMUM_PER_ARM = 50  # people an arm needs before anything is decided on the way
LOOKS = 20  # looks taken for made by the horizon, where nobody says how many
Method = Literal["fixed look", "declared horizon", "any time"]
NAMES = Arms("control", "treatment")


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """What a test shows at one look. The difference is the other arm's mean minus control's."""

    verdict: Verdict
    sentence: str  # in plain words, one line
    significant: bool  # the interval is clear of 0, and the test is sound and large enough
    estimate: float | None  # None: fewer than two people of an arm rated
    ci: tuple[float, float] | None  # holds at every look under `method`
    p_value: float | None  # two-sided, adjusted for the looks under `method`
    method: Method
    looks: int  # looks made at different sizes, with this one
    users: dict[str, int]  # arm → people shown it, those seen in both left out
    arms: dict[str, float]  # arm → mean over its ratings
    health: dict[str, Any]  # see `loop.experiments.people.health_of`
    guardrails: tuple[Guarded, ...] = ()

    def __getitem__(self, name: str) -> Any:
        """A figure by its name, as in JSON."""
        if name not in self.__dataclass_fields__:
            raise KeyError(name)
        return getattr(self, name)


def analyze(
    unit: ArrayLike,
    variant: ArrayLike,
    value: ArrayLike,
    *,
    planned: int | None = None,
    look: int | None = None,
    looks: int | Sequence[int] | None = None,
    pre: ArrayLike | None = None,
    alpha: float = 0.05,
    minimum_per_arm: int | None = None,
) -> Analysis:
    """Look at a test of two arms, given as arrays of one length, in the order the rows came.

    People are the units: rows of one person are pooled, whoever was seen in both arms is left out
    and counted. With `planned`, looks spend alpha after O'Brien and Fleming, so that any number of
    them keeps the level, also where people come back. Where nobody says how many looks there were,
    they are taken for evenly spaced, 20 by the horizon, which costs little power if there were
    fewer. Without `planned` the analysis is valid at any time.

    Args:
        unit: Whose row it is, shape (n,).
        variant: 0 is control, 1 is treatment, shape (n,).
        value: What was measured; NaN for one who was shown the variant and gave nothing.
        planned: People at the horizon, over both arms, declared beforehand.
        look: Which look this is, from 1; None goes by the people there are.
        looks: How many looks are planned by the horizon, evenly spaced; or the people at each
            look that was made before this one. One look planned: the plain t test at the horizon.
        pre: Each person's mean before the test, NaN where unknown; taken out by CUPED.
        alpha: Two-sided level of all looks together.
        minimum_per_arm: People with a value that an arm needs before anything is decided; None is
            2 with a horizon and 50 without.

    Raises:
        RatchetError: Lengths differ, a variant is neither 0 nor 1, a value is infinite, or a
            number is out of range.

    Source: Lan and DeMets 1983; Cameron and Miller 2015 (jackknife over people); Kish 1965;
    Waudby-Smith et al. 2024 without a horizon.
    """
    units = unit if isinstance(unit, np.ndarray) else list(unit)  # type: ignore[arg-type]
    variant_n, value_n = np.asarray(variant), np.asarray(value, dtype=float)
    pre_n = None if pre is None else np.asarray(pre, dtype=float)
    lengths = {len(units), len(variant_n), len(value_n), *([] if pre_n is None else [len(pre_n)])}
    if len(lengths) > 1:
        raise RatchetError(
            f"unit has {len(units)} rows, variant {len(variant_n)} and value {len(value_n)}, "
            "expected one length."
        )
    if not np.isin(variant_n, (0, 1)).all():
        raise RatchetError("variant holds something else than 0 (control) and 1 (treatment).")
    if np.isinf(value_n).any():
        raise RatchetError("value is infinite somewhere; expected numbers, or NaN for none.")
    people = people_of_arrays(units, variant_n.astype(bool), value_n, NAMES, pre=pre_n)
    plan = plan_of(people, planned, look, looks, alpha, minimum_per_arm)
    return analysis_of(people, NAMES, plan, [1.0, 1.0])


def analyze_rows(
    observations: Iterable[Observation],
    *,
    control: str,
    horizon: int | None = None,
    alpha: float = 0.05,
    shares: Mapping[str, float] | None = None,
    looks: Sequence[int] = (),
    sequential: bool = False,
    minimum_per_arm: int = MINIMUM_PER_ARM,
) -> Analysis:
    """Look at a test of two arms whose earlier looks are on record.

    With a horizon, looks spend alpha after O'Brien and Fleming; with `sequential` they are valid
    at any time; with neither this must be the only look. People are the unit throughout, and
    those seen in both arms are left out and counted. Where people's earlier means are given,
    they are taken out (CUPED). A broken split or more than 1 % of people in both arms make the
    test INVALID, whatever it shows.

    Args:
        observations: One row per rating, and one without value per person who was shown an arm.
        control: Name of the control arm.
        horizon: People planned over all arms, declared beforehand.
        alpha: Two-sided level of all looks together.
        shares: Planned traffic per arm, any scale; None is even.
        looks: People over all arms at each earlier look. One at as many people as now spends
            nothing more.
        sequential: Valid at any time without a horizon; one that is given only tunes it.
        minimum_per_arm: People with a rating that an arm needs before anything is decided.

    Raises:
        RatchetError: There are not two arms, control is not one of them, or alpha or horizon is
            out of range.
    """
    rows = list(observations)
    arms = arms_of(rows, control, shares)
    return analyze_people(
        people_of(rows, arms),
        arms,
        horizon=horizon,
        alpha=alpha,
        shares=[1.0 if shares is None else shares[arm] for arm in arms],
        looks=looks,
        sequential=sequential,
        minimum_per_arm=minimum_per_arm,
    )


def analyze_people(
    people: People,
    arms: Arms,
    *,
    horizon: int | None = None,
    alpha: float = 0.05,
    shares: Sequence[float] = (1.0, 1.0),
    looks: Sequence[int] = (),
    sequential: bool = False,
    minimum_per_arm: int = MINIMUM_PER_ARM,
    guardrails: Mapping[Guardrail, People] = MappingProxyType({}),
) -> Analysis:
    """As `analyze_rows`, from people who have been counted already.

    A guardrail that is broken makes the verdict ROLLBACK; while one is open nothing is promoted.
    They share alpha among them, so that all together rarely stop a change that does no harm.

    Args:
        people: So far.
        arms: Their names.
        horizon: People planned over all arms, declared beforehand.
        alpha: Two-sided level of all looks together.
        shares: Planned traffic in the order of `arms`, any scale.
        looks: People over all arms at each earlier look.
        sequential: Valid at any time without a horizon; one that is given only tunes it.
        minimum_per_arm: People with a rating that an arm needs before anything is decided.
        guardrails: Each with the same people, counted by its metric.

    Raises:
        RatchetError: alpha or horizon is out of range.
    """
    check(alpha, horizon)
    now = max((people.total, *looks))  # people who cross over later may make it fewer
    plan = Plan(
        horizon,
        alpha,
        sequential,
        tuple(sorted({*looks, now} - {0})) or (0,),
        minimum_per_arm,
        people.haste,
    )
    found = analysis_of(people, arms, plan, shares)
    if not guardrails:
        return found
    shared = plan._replace(alpha=alpha / len(guardrails))
    held = tuple(
        guarded(
            rule,
            measure(theirs, arms, shared._replace(haste=theirs.haste)),
            enough=min(theirs.raters(arm) for arm in arms) >= minimum_per_arm,
        )
        for rule, theirs in guardrails.items()
    )
    return under(found, held, finished=plan.finished)


def under(found: Analysis, held: tuple[Guarded, ...], *, finished: bool) -> Analysis:
    """The analysis as its guardrails let it stand."""
    verdict, words = found.verdict, found.sentence
    open_ones = [one for one in held if one.state == "open"]
    if verdict != "INVALID" and broken(held):
        verdict = "ROLLBACK"
        words = f"Harm is shown: {' '.join(one.says for one in broken(held))} {words}"
    elif verdict == "PROMOTE" and open_ones:
        verdict = "INCONCLUSIVE" if finished else "CONTINUE"
        words = f"{words} But {' '.join(one.says for one in open_ones)}"
    return replace(found, verdict=verdict, sentence=words, guardrails=held)


def plan_of(
    people: People,
    planned: int | None,
    look: int | None,
    looks: int | Sequence[int] | None,
    alpha: float,
    minimum: int | None,
) -> Plan:
    """How the test is looked at, from what the caller knows of it."""
    check(alpha, planned)
    least = minimum if minimum is not None else MINIMUM_PER_ARM if planned is None else 2
    now = people.total
    if planned is None:
        return Plan(None, alpha, True, (now,), least)
    if isinstance(looks, Sequence) and not isinstance(looks, str):
        seen = tuple(sorted({*(int(one) for one in looks if one > 0), max(now, *looks, 1)}))
        return Plan(planned, alpha, False, seen, least, people.haste)
    most = LOOKS if looks is None else int(looks)
    if most < 1 or (look is not None and look < 1):
        raise RatchetError(f"look is {look} of {looks}, expected whole numbers from 1.")
    plan = Plan(planned, alpha, False, (max(now, 1),), least, people.haste)
    if look is None:
        look = max(1, math.ceil(most * plan.fraction(now) - 1e-9))
    return plan._replace(even=look)


def check(alpha: float, planned: int | None) -> None:
    if not 0 < alpha < 1:
        raise RatchetError(f"alpha is {alpha}, expected a number between 0 and 1, such as 0.05.")
    if planned is not None and planned < 2:
        raise RatchetError(f"horizon is {planned}, expected people over both arms, at least 2.")


def analysis_of(people: People, arms: Arms, plan: Plan, shares: Sequence[float]) -> Analysis:
    """The analysis of people under a plan."""
    health = health_of(people, arms, shares)
    found = measure(people, arms, plan)
    verdict = judge(found, people, health, arms, plan)
    return Analysis(
        verdict=verdict,
        sentence=sentence(verdict, found, people, health, arms, plan),
        significant=verdict in ("PROMOTE", "ROLLBACK"),
        estimate=found.estimate,
        ci=found.ci,
        p_value=found.p_value,
        method=_method(plan),
        looks=plan.even or len(plan.looks),
        users=dict(people.shown),
        arms=means(people, arms),
        health=health | {"variance_reduction": found.variance_reduction},
    )


def _method(plan: Plan) -> Method:
    if plan.sequential:
        return "any time"
    return "declared horizon" if plan.horizon else "fixed look"


def arms_of(rows: Sequence[Observation], control: str, shares: Mapping[str, float] | None) -> Arms:
    names = list(dict.fromkeys([*(shares or ()), *(row.arm for row in rows)]))
    others = [name for name in names if name != control]
    if len(names) != 2 or len(others) != 1 or (shares is not None and len(shares) != 2):
        raise RatchetError(
            f"the arms are {', '.join(names) or 'none'} and control is {control!r}, expected "
            "control and one other. Keep the rows of two arms and name one of them as control."
        )
    return Arms(control, others[0])
