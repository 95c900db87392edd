"""What a look says, in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loop.experiments.measure import Found, Plan, Verdict
from loop.experiments.people import Arms, People, ailment

UNLIKE = 0.01  # p-value below which arms' response rates are said to differ


def means(people: People, arms: Arms) -> dict[str, float]:
    rated = {arm: people.rated[arm] for arm in arms if people.raters(arm)}
    return {arm: float(some.sums_u.sum() / some.counts_u.sum()) for arm, some in rated.items()}


def sentence(
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
    found_means = means(people, arms)
    text = (
        f"{opening}: {found_means[control]:.3f} → {found_means[other]:.3f}, a difference of "
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
