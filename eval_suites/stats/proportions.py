"""Two proportions, one row per person: other intervals of their difference, and non-inferiority.

What Ratchet reports is Newcombe's interval (`intervals.newcombe`). These are for reading it beside
other programs' figures, and for small samples.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from scipy import optimize, special

from eval_suites.stats.intervals import Interval, check_alpha, normal_quantile

EDGE = 1e-12  # differences are looked for between −1 and 1, less this


class Inferiority(NamedTuple):
    """A test of whether the first side is worse than the second by the margin or more."""

    z: float
    p_value: float  # one-sided; small: it is not


def wald(s1: float, n1: int, s2: float, n2: int, alpha: float = 0.05) -> Interval:
    """Interval of s1/n1 − s2/n2 by the normal approximation. Too narrow in small samples.

    Args:
        s1: Successes on the first side, in [0, n1].
        n1: Its independent trials.
        s2: Successes on the second side, in [0, n2].
        n2: Its independent trials.
        alpha: One minus the confidence.

    Raises:
        ValueError: Successes or alpha are out of range, or a side has no trial.

    Source: Newcombe 1998, Stat Med 17:873 (method 1).

    >>> [round(end, 4) for end in wald(56, 70, 48, 80)]
    [0.0575, 0.3425]
    """
    check_alpha(alpha)
    p1, p2 = _rates(s1, n1, s2, n2)
    reach = normal_quantile(1 - alpha / 2) * _unpooled(p1, n1, p2, n2)
    return Interval(p1 - p2 - reach, p1 - p2 + reach)


def miettinen_nurminen(s1: float, n1: int, s2: float, n2: int, alpha: float = 0.05) -> Interval:
    """Score interval of s1/n1 − s2/n2: good down to the smallest samples, zeros included.

    Args:
        s1: Successes on the first side, in [0, n1].
        n1: Its independent trials.
        s2: Successes on the second side, in [0, n2].
        n2: Its independent trials.
        alpha: One minus the confidence.

    Raises:
        ValueError: Successes or alpha are out of range, or a side has no trial.

    Source: Miettinen and Nurminen 1985, Stat Med 4:213; rates under the null in closed form.

    >>> [round(end, 4) for end in miettinen_nurminen(56, 70, 48, 80)]
    [0.0528, 0.3382]
    """
    check_alpha(alpha)
    p1, p2 = _rates(s1, n1, s2, n2)
    bound = normal_quantile(1 - alpha / 2)
    difference = p1 - p2

    def excess(delta: float) -> float:
        variance = _null_variance(s1, n1, s2, n2, delta)
        apart = abs(difference - delta)
        if variance <= 0:
            return math.inf if apart > EDGE else -bound
        return apart / math.sqrt(variance) - bound

    ends = []
    for edge in (-1 + EDGE, 1 - EDGE):
        if abs(edge - difference) <= 2 * EDGE or excess(edge) <= 0:
            ends.append(math.copysign(1.0, edge))
        else:
            inside = difference + (edge - difference) * EDGE
            low, high = sorted((edge, inside))
            ends.append(float(optimize.brentq(excess, low, high, xtol=1e-12)))
    return Interval(ends[0], ends[1])


def inferiority(s1: float, n1: int, s2: float, n2: int, margin: float) -> Inferiority:
    """Is the first proportion below the second by the margin or more? Rejected: it is not.

    Args:
        s1: Successes on the first side, in [0, n1].
        n1: Its independent trials.
        s2: Successes on the second side, in [0, n2].
        n2: Its independent trials.
        margin: How much may be lost, above 0.

    Raises:
        ValueError: Successes or the margin are out of range, or a side has no trial.

    Source: the Wald test of p1 − p2 <= −margin, with unpooled variance (Blackwelder 1982).

    >>> round(inferiority(880, 1000, 900, 1000, 0.05).p_value, 4)
    0.016
    """
    if margin <= 0:
        raise ValueError(f"margin is {margin}, expected how much may be lost, above 0")
    p1, p2 = _rates(s1, n1, s2, n2)
    se, above = _unpooled(p1, n1, p2, n2), p1 - p2 + margin
    z = above / se if se > 0 else math.copysign(math.inf, above) if above else 0.0
    return Inferiority(z, float(special.ndtr(-z)))


def _rates(s1: float, n1: int, s2: float, n2: int) -> tuple[float, float]:
    for successes, n in ((s1, n1), (s2, n2)):
        if n < 1 or not 0 <= successes <= n:
            raise ValueError(f"{successes} successes of {n} trials, expected 0 to n of 1 or more")
    return s1 / n1, s2 / n2


def _unpooled(p1: float, n1: int, p2: float, n2: int) -> float:
    return math.sqrt(p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2)


def _null_variance(s1: float, n1: int, s2: float, n2: int, delta: float) -> float:
    """Of the difference, at the likeliest rates that lie delta apart, with the factor N/(N − 1)."""
    total = n1 + n2
    # The cubic of the likelihood in the second rate, solved by its one root within range.
    c3 = float(total)
    c2 = (n1 + 2 * n2) * delta - total - (s1 + s2)
    c1 = (n2 * delta - total - 2 * s2) * delta + s1 + s2
    c0 = s2 * delta * (1 - delta)
    q = c2**3 / (3 * c3) ** 3 - c1 * c2 / (6 * c3**2) + c0 / (2 * c3)
    p = math.copysign(math.sqrt(max(0.0, c2**2 / (3 * c3) ** 2 - c1 / (3 * c3))), q)
    angle = (math.pi + math.acos(max(-1.0, min(1.0, q / p**3 if p else 0.0)))) / 3
    low = min(max(2 * p * math.cos(angle) - c2 / (3 * c3), max(0.0, -delta)), min(1.0, 1 - delta))
    high = low + delta
    spread = high * (1 - high) / n1 + low * (1 - low) / n2
    return spread * total / (total - 1)
