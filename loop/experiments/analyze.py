"""What an A/B test shows: people counted once, health first, then the difference and a verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from knowledge.errors import RatchetError
from loop.experiments.measure import Found, Plan, Verdict, judge, measure
from loop.experiments.people import Arms, Observation, People, ailment, health_of, people_of

MINIMUM_PER_ARM = 50  # people an arm needs before anything is decided on the way
UNLIKE = 0.01  # p-value below which arms' response rates are said to differ


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """What a test shows at one look. The difference is the other arm's mean minus control's."""

    verdict: Verdict
    sentence: str  # in plain words, one line
    significant: bool  # the interval is clear of 0, and the test is sound and large enough
    estimate: float | None  # None: fewer than two people of an arm rated
    ci: tuple[float, float] | None  # holds at every look under `method`
    p_value: float | None  # two-sided, adjusted for the looks under `method`
    method: Literal["fixed look", "declared horizon", "any time"]
    looks: int  # looks made at different sizes, with this one
    users: dict[str, int]  # arm → people shown it, those seen in both left out
    arms: dict[str, float]  # arm → mean over its ratings
    health: dict[str, Any]  # see `loop.experiments.people.health_of`


def analyze(
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
    """Look at a test of two arms.

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
    if not 0 < alpha < 1:
        raise RatchetError(f"alpha is {alpha}, expected a number between 0 and 1, such as 0.05.")
    if horizon is not None and horizon < 2:
        raise RatchetError(f"horizon is {horizon}, expected people over both arms, at least 2.")
    rows = list(observations)
    arms = _arms(rows, control, shares)
    people = people_of(rows, arms)
    health = health_of(people, arms, [1.0 if shares is None else shares[arm] for arm in arms])
    now = max((people.total, *looks))  # people who cross over later may make it fewer
    plan = Plan(
        horizon, alpha, sequential, tuple(sorted({*looks, now} - {0})) or (0,), minimum_per_arm
    )
    found = measure(people, arms, plan)
    verdict = judge(found, people, health, arms, plan)
    return Analysis(
        verdict=verdict,
        sentence=_sentence(verdict, found, people, health, arms, plan),
        significant=verdict in ("PROMOTE", "ROLLBACK"),
        estimate=found.estimate,
        ci=found.ci,
        p_value=found.p_value,
        method="any time" if sequential else "declared horizon" if horizon else "fixed look",
        looks=len(plan.looks),
        users=dict(people.shown),
        arms=_means(people, arms),
        health=health | {"variance_reduction": found.variance_reduction},
    )


def analyze_csv(
    path: Path,
    *,
    horizon: int | None = None,
    alpha: float = 0.05,
    control: str | None = None,
    sequential: bool = False,
) -> Analysis:
    """Look at a test kept in a file with the header unit,variant,value[,timestamp][,pre].

    One row per rating; unit is the person. With a horizon this is taken for the first look at
    it; `loop.experiments.online.look` keeps count of looks.

    Args:
        path: The file; see `loop.experiments.csv_file`.
        horizon: People planned over both variants, declared beforehand.
        alpha: Two-sided level.
        control: Name of the control variant; None takes the first in the file.
        sequential: Valid at any time without a horizon; decides from 50 people a variant on.

    Raises:
        RatchetError: The file is missing, a column is, a field is no number, or there are not two
            variants.
    """
    from loop.experiments.csv_file import read_observations

    observations = read_observations(path)
    try:
        return analyze(
            observations,
            control=control or observations[0].arm,
            horizon=horizon,
            alpha=alpha,
            sequential=sequential,
            minimum_per_arm=MINIMUM_PER_ARM if sequential else 2,
        )
    except RatchetError as problem:
        raise RatchetError(f"{path}: {problem}") from problem


def _arms(rows: Sequence[Observation], control: str, shares: Mapping[str, float] | None) -> Arms:
    names = list(dict.fromkeys([*(shares or ()), *(row.arm for row in rows)]))
    others = [name for name in names if name != control]
    if len(names) != 2 or len(others) != 1 or (shares is not None and len(shares) != 2):
        raise RatchetError(
            f"the arms are {', '.join(names) or 'none'} and control is {control!r}, expected "
            "control and one other. Keep the rows of two arms and name one of them as control."
        )
    return Arms(control, others[0])


def _means(people: People, arms: Arms) -> dict[str, float]:
    rated = {arm: people.rated[arm] for arm in arms if people.raters(arm)}
    return {arm: float(some.sums_u.sum() / some.counts_u.sum()) for arm, some in rated.items()}


def _sentence(
    verdict: Verdict,
    found: Found,
    people: People,
    health: Mapping[str, Any],
    arms: Arms,
    plan: Plan,
) -> str:
    """The verdict in plain words."""
    if verdict == "INVALID":
        return (
            f"Do not believe this test: {ailment(health, arms)}. Mend the assignment, start anew."
        )
    control, other = arms
    least = min(people.raters(arm) for arm in arms)
    if least < max(2, plan.minimum):
        rest = "" if plan.finished and plan.horizon else " so far"
        return (
            f"Too few to decide: {least} people of the smaller arm rated{rest}; "
            f"it takes {max(2, plan.minimum)} in each."
        )
    opening = {
        "PROMOTE": f"{other} is better than {control}",
        "ROLLBACK": f"{other} is worse than {control}",
        "CONTINUE": "Nothing is decided yet",
        "INCONCLUSIVE": f"No difference between {other} and {control} is shown",
    }[verdict]
    low, high = found.ci or (0.0, 0.0)
    means = _means(people, arms)
    text = (
        f"{opening}: {means[control]:.3f} → {means[other]:.3f}, a difference of "
        f"{found.estimate:+.3f} between {low:+.3f} and {high:+.3f} (p = {found.p_value:.2g}) "
        f"with {people.total} people"
    )
    text += f" of {plan.horizon} planned." if plan.horizon and not plan.finished else "."
    if verdict in ("PROMOTE", "ROLLBACK") and plan.horizon and not plan.finished:
        text += " It ends early, so the true difference is likely smaller."
    return text + _response(health, arms)


def _response(health: Mapping[str, Any], arms: Arms) -> str:
    """A warning where one arm's people rated more often than the other's."""
    if health["response_pvalue"] is None or health["response_pvalue"] >= UNLIKE:
        return ""
    rates = " and ".join(f"{health['response_rates'][arm]:.0%} of {arm}" for arm in arms)
    return f" Careful: {rates} rated, so those who rated may not compare."
