"""Looking again and again without crying wolf: at a declared horizon, without one, vote by vote."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from eval_suites.stats.intervals import Difference, check_alpha
from eval_suites.stats.ratio import Effect

HIGHEST = 8.0  # bounds are capped here: chance beyond it is 1e-15
CLOSEST = 1e-5  # looks nearer than this share of the information to the last spend nothing
N_STAR = 2000  # people at which a sequence without a horizon is tightest
PANEL = 16  # Gauss-Legendre nodes per panel of the grid
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(PANEL)


class EValue(NamedTuple):
    """Evidence that may be read after every vote, and the p-value it is worth."""

    log_e: float  # natural logarithm; above log(1/alpha) the null is rejected
    p_value: float  # min(1, 1/e)


def obf_spent(fraction: float, alpha: float = 0.05) -> float:
    """Share of false alarms spent by a fraction of the information, after O'Brien and Fleming.

    Args:
        fraction: People so far over people planned, in (0, 1].
        alpha: Two-sided level of all looks together.

    Source: Lan and DeMets 1983, Biometrika 70:659.

    >>> round(obf_spent(0.5), 4), round(obf_spent(1.0), 4)
    (0.0031, 0.05)
    """
    check_alpha(alpha)
    return float(4 * special.ndtr(special.ndtri(alpha / 4) / math.sqrt(fraction)))


def obf_bounds(fractions: Sequence[float], alpha: float = 0.05) -> tuple[float, ...]:
    """z bounds of the looks made so far; |z| at or above the last one decides.

    The looks need not be evenly spaced nor known in advance; the horizon must be.

    Args:
        fractions: People at each look over people planned, increasing, in (0, 1].
        alpha: Two-sided level of all looks together.

    Raises:
        ValueError: The fractions do not increase within (0, 1], or alpha is out of range.

    Source: Lan and DeMets 1983; recursion of Jennison and Turnbull 2000, chapter 19.

    >>> [round(bound, 2) for bound in obf_bounds([0.2, 0.4, 0.6, 0.8, 1.0])]
    [4.88, 3.36, 2.68, 2.29, 2.03]
    """
    check_alpha(alpha)
    return spending_bounds(fractions, lambda fraction: obf_spent(fraction, alpha))


def spending_bounds(
    fractions: Sequence[float], spent: Callable[[float], float]
) -> tuple[float, ...]:
    """Two-sided z bounds under which the chance of any crossing so far is what was spent.

    Args:
        fractions: Information at each look, increasing, in (0, 1].
        spent: From a fraction to the level spent by then; increasing.

    Returns:
        A bound per look, at most 8. A look within 1e-5 of the last spends nothing: it gets 8.

    Raises:
        ValueError: The fractions do not increase within (0, 1].

    >>> [round(b, 3) for b in spending_bounds([0.5, 1.0], lambda fraction: 0.05 * fraction**2)]
    [2.498, 2.018]
    """
    times = [float(fraction) for fraction in fractions]
    if not times or times[0] <= 0 or times[-1] > 1 or any(np.diff(times) <= 0):
        raise ValueError(f"fractions {times} do not increase within (0, 1]")
    bounds: list[float] = []
    grid_s, density_s = np.zeros(1), np.ones(1)  # of the walk, where it has not crossed
    before, used = 0.0, 0.0
    for time in times:
        if time - before < CLOSEST:
            bounds.append(HIGHEST)
            continue
        step = math.sqrt(time - before)
        total = spent(time)
        bound = _bound(grid_s, density_s, step, math.sqrt(time), total - used)
        grid_s, density_s = density_at(grid_s, density_s, bound * math.sqrt(time), step)
        bounds.append(bound)
        before, used = time, total
    return tuple(bounds)


def obf_look(found: Effect, fractions: Sequence[float], alpha: float = 0.05) -> Difference:
    """One look of many at a declared horizon: repeated interval and repeated p-value.

    Args:
        found: Difference of the arms now, with its standard error and degrees of freedom.
        fractions: People at each look made over people planned, this one last, increasing.
        alpha: Two-sided level of all looks together.

    Returns:
        The interval holds at every look at once; it is clear of 0 exactly if p_value < alpha. At
        a first and only look at the horizon both are those of the plain t test.

    Raises:
        ValueError: The fractions do not increase within (0, 1], or alpha is out of range.

    Source: Jennison and Turnbull 1989, JRSS B 51:305, for repeated intervals and p-values.

    >>> round(obf_look(Effect(0.08, 0.03, 300.0), [0.25, 0.5]).p_value, 3)
    0.084
    """
    bound = _t(obf_bounds(fractions, alpha)[-1], found.df)
    reach = bound * found.se
    if found.se == 0:
        p_value = 1.0 if found.difference == 0 else 0.0
    else:
        z = -float(special.ndtri(special.stdtr(found.df, -abs(found.difference) / found.se)))
        p_value = _repeated_p(z, fractions)
    return Difference(found.difference, found.difference - reach, found.difference + reach, p_value)


def asymptotic_cs(
    difference: float, se: float, n: float, *, n_star: float = N_STAR, alpha: float = 0.05
) -> Difference:
    """A look that is valid at any time with no horizon, for about 60 % of the power of one.

    Asymptotic: decide nothing below 50 people an arm.

    Args:
        difference: Of the two arms.
        se: Its standard error.
        n: People behind it, over both arms.
        n_star: People at which the interval is tightest; set beforehand, half of those planned.
        alpha: Two-sided level of all looks together.

    Raises:
        ValueError: n or n_star is not above 0, se is negative, or alpha is out of range.

    Source: Waudby-Smith et al. 2024, Ann Stat 52:2613 (arXiv:2103.06476, eq. 9).

    >>> round(asymptotic_cs(0.08, 0.02, 2000).p_value, 4)
    0.0025
    """
    check_alpha(alpha)
    if n <= 0 or n_star <= 0 or se < 0:
        raise ValueError(
            f"n is {n}, n_star {n_star}, se {se}; expected above 0, above 0, at least 0"
        )
    twice_log = -2 * math.log(alpha)
    scaled = n * (twice_log + math.log(twice_log + 1)) / n_star  # n times rho squared
    reach = se * math.sqrt(2 * (scaled + 1) / scaled * math.log(math.sqrt(scaled + 1) / alpha))
    if se == 0:
        p_value = 1.0 if difference == 0 else 0.0
    else:
        evidence = scaled * (difference / se) ** 2 / (2 * (scaled + 1))
        p_value = min(1.0, math.exp(min(0.5 * math.log(scaled + 1) - evidence, 0.0)))
    return Difference(difference, difference - reach, difference + reach, p_value)


def preference_e_value(
    wins: int, losses: int, *, null: float = 0.5, prior: tuple[float, float] = (1.0, 1.0)
) -> EValue:
    """Evidence that one side is preferred, exact after every vote.

    Leave ties out and count one vote per person.

    Args:
        wins: Votes for the new side.
        losses: Votes for the old one.
        null: Chance of a win if neither is preferred.
        prior: Beta weights of wins and losses under the alternative.

    Raises:
        ValueError: A count is negative, or null or prior is out of range.

    Source: Robbins 1970; Howard et al. 2021, Ann Stat 49:1055 (beta-binomial mixture).

    >>> round(preference_e_value(80, 40).p_value, 4)
    0.0104
    """
    if min(wins, losses) < 0 or not 0 < null < 1 or min(prior) <= 0:
        raise ValueError(f"{wins} wins, {losses} losses, null {null}, prior {prior}: out of range")
    log_e = float(
        special.betaln(prior[0] + wins, prior[1] + losses)
        - special.betaln(*prior)
        - wins * math.log(null)
        - losses * math.log1p(-null)
    )
    return EValue(log_e, math.exp(min(0.0, -log_e)))


def density_at(
    grid_s: NDArray[np.float64], density_s: NDArray[np.float64], end: float, step: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The walk a step on, as far as it has stayed between −end and end.

    Args:
        grid_s: Places where it may be, shape (s,).
        density_s: Its chance there, times the width of each place, shape (s,).
        end: Where it is stopped.
        step: Standard deviation of the step.

    Returns:
        New places and chances.
    """
    nodes_s, weights_s = _grid(end, step)
    apart = (nodes_s[:, None] - grid_s[None, :]) / step
    here_s = np.exp(-0.5 * apart * apart) @ density_s / (step * math.sqrt(2 * math.pi))
    return nodes_s, here_s * weights_s


def _t(bound: float, df: float) -> float:
    """The t bound that is crossed as rarely as the normal one."""
    return -float(special.stdtrit(df, special.ndtr(-bound)))


def _repeated_p(z: float, fractions: Sequence[float]) -> float:
    """The smallest alpha at which the last look would have decided."""

    def excess(log_alpha: float) -> float:
        return obf_bounds(fractions, math.exp(log_alpha))[-1] - z

    surely, hardly = -1e-9, math.log(1e-12)
    if excess(surely) >= 0:
        return 1.0
    if excess(hardly) <= 0:
        return 1e-12
    return math.exp(float(optimize.brentq(excess, hardly, surely, xtol=1e-7)))


def _bound(
    grid_s: NDArray[np.float64],
    density_s: NDArray[np.float64],
    step: float,
    scale: float,
    share: float,
) -> float:
    """The z bound that a walk from this density crosses, a step on, with chance `share`."""

    def excess(bound: float) -> float:
        end = bound * scale
        beyond_s = special.ndtr((grid_s - end) / step) + special.ndtr((-end - grid_s) / step)
        return float(beyond_s @ density_s) - share

    if excess(HIGHEST) >= 0:
        return HIGHEST
    return float(optimize.brentq(excess, 0.0, HIGHEST, xtol=1e-10)) if excess(0.0) > 0 else 0.0


def _grid(end: float, step: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Nodes and weights between −end and end, at least three to a step."""
    panels = max(8, math.ceil(6 * end / step / PANEL))
    edges = np.linspace(-end, end, panels + 1)
    half = (edges[1:] - edges[:-1]) / 2
    middle = (edges[1:] + edges[:-1]) / 2
    nodes_s = (middle[:, None] + half[:, None] * _NODES).ravel()
    return nodes_s, (half[:, None] * _WEIGHTS).ravel()
