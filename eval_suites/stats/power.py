"""How many people a test needs, and what it can see with those it gets."""

from __future__ import annotations

import math
from collections.abc import Callable

from scipy import optimize, special

from eval_suites.stats.intervals import check_alpha, normal_quantile, t_quantile

OBF_INFLATION = 1.03  # nightly looks under O'Brien-Fleming spending cost about 3 % more people


def people_per_arm(
    old_rate: float,
    new_rate: float,
    *,
    power: float = 0.8,
    alpha: float = 0.05,
    rows_per_person: float = 1.0,
    icc: float = 0.0,
    correlation: float = 0.0,
    sequential: bool = False,
) -> float:
    """People each of two equal arms needs to tell one rate from another.

    Args:
        old_rate: Rate expected of the control, in (0, 1).
        new_rate: Rate worth finding, in (0, 1).
        power: Chance to find it.
        alpha: Two-sided level.
        rows_per_person: Mean number of ratings a person gives, 1 or more.
        icc: How alike ratings of one person are, 0 to 1 (intraclass correlation).
        correlation: Between the metric before and during the test, if CUPED will be used.
        sequential: Whether it will be looked at on the way.

    Returns:
        People per arm, not rounded.

    Raises:
        ValueError: A rate, power, alpha or other share is out of range, or the rates are equal.

    Source: Fleiss 1981 (R power.prop.test); design effect of Kish 1965; Deng et al. 2013.

    >>> round(people_per_arm(0.30, 0.34, sequential=True) / 1.03)
    2134
    """
    check_alpha(alpha)
    for share in (old_rate, new_rate, power):
        if not 0 < share < 1:
            raise ValueError(f"{share} is not between 0 and 1")
    if old_rate == new_rate:
        raise ValueError(f"both rates are {old_rate}; no number of people tells them apart")
    if rows_per_person < 1 or not 0 <= icc <= 1 or not -1 < correlation < 1:
        raise ValueError("expected rows_per_person of 1 or more, icc and correlation within 1")
    middle = (old_rate + new_rate) / 2
    spread = normal_quantile(1 - alpha / 2) * math.sqrt(2 * middle * (1 - middle))
    spread += normal_quantile(power) * math.sqrt(
        old_rate * (1 - old_rate) + new_rate * (1 - new_rate)
    )
    rows = (spread / (new_rate - old_rate)) ** 2
    rows *= (1 + (rows_per_person - 1) * icc) * (1 - correlation**2)
    return rows / rows_per_person * (OBF_INFLATION if sequential else 1.0)


def detectable_difference(
    rate: float, per_arm: float, *, power: float = 0.8, alpha: float = 0.05
) -> float:
    """The smallest difference of rates that two arms of this size find, as a rate.

    Args:
        rate: Of the control, in (0, 1); its variance stands for both arms.
        per_arm: People per arm, one row each.
        power: Chance to find it.
        alpha: Two-sided level.

    Raises:
        ValueError: rate, power or alpha is out of range, or there is nobody.

    >>> round(detectable_difference(0.3, 2000), 4)
    0.0406
    """
    check_alpha(alpha)
    if not (0 < rate < 1 and 0 < power < 1 and per_arm > 0):
        raise ValueError(f"rate {rate}, power {power}, {per_arm} people: out of range")
    z = normal_quantile(1 - alpha / 2) + normal_quantile(power)
    return z * math.sqrt(2 * rate * (1 - rate) / per_arm)


def per_arm_for_means(effect_size: float, *, power: float = 0.8, alpha: float = 0.05) -> float:
    """Independent values per arm that a t test needs to find a difference of means.

    Args:
        effect_size: Difference over the common standard deviation, not 0.
        power: Chance to find it.
        alpha: Two-sided level.

    Raises:
        ValueError: effect_size is 0, or power or alpha is out of range.

    Source: R power.t.test (noncentral t).

    >>> round(per_arm_for_means(1.0, power=0.9), 3)
    22.021
    """
    return _size(effect_size, power, alpha, lambda n: (2 * (n - 1), math.sqrt(n / 2)))


def pairs_for_means(effect_size: float, *, power: float = 0.8, alpha: float = 0.05) -> float:
    """Pairs that a paired t test needs to find a mean difference.

    Args:
        effect_size: Mean over standard deviation of the paired differences, not 0.
        power: Chance to find it.
        alpha: Two-sided level.

    Raises:
        ValueError: effect_size is 0, or power or alpha is out of range.

    Source: R power.t.test(type = "paired").

    >>> round(pairs_for_means(0.2), 2)
    198.15
    """
    return _size(effect_size, power, alpha, lambda n: (n - 1, math.sqrt(n)))


def _size(
    effect_size: float, power: float, alpha: float, design: Callable[[float], tuple[float, float]]
) -> float:
    """n whose power is the one asked; design: n → degrees of freedom, noncentrality per effect."""
    check_alpha(alpha)
    if effect_size == 0 or not alpha < power < 1:
        raise ValueError(
            f"effect_size {effect_size} and power {power}: no number of people will do"
        )

    def lacking(n: float) -> float:
        df, scale = design(n)
        missed = special.nctdtr(df, abs(effect_size) * scale, t_quantile(1 - alpha / 2, df))
        return float(missed) - (1 - power)

    least, most = 1.5, 4.0
    while lacking(most) > 0:
        most *= 2
    return float(optimize.brentq(lacking, least, most)) if lacking(least) > 0 else 2.0
