"""Strengths from paired comparisons: Bradley-Terry by maximum likelihood, with intervals."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse, special
from scipy.sparse import csgraph, linalg

from eval_suites.stats.intervals import check_alpha

STEPS = 100  # of Newton's method, which needs about eight


class Strengths(NamedTuple):
    """Log strengths of the contestants: a difference of 1 is odds of e. The reference has 0."""

    strength_c: NDArray[np.float64]
    se_c: NDArray[np.float64]  # of the difference to the reference; 0 for itself


class Drawn(NamedTuple):
    """Interval of each log strength against the reference, shape (contestants, 2)."""

    low_c: NDArray[np.float64]
    high_c: NDArray[np.float64]


def bradley_terry(
    winner: ArrayLike,
    loser: ArrayLike,
    times: ArrayLike | None = None,
    *,
    contestants: int | None = None,
    reference: int = 0,
    ridge: float = 0.0,
) -> Strengths:
    """Strengths that make the outcomes likeliest: P(a beats b) = 1 / (1 + exp(b − a)).

    A tie is half a win for each: give it twice, with times 0.5.

    Args:
        winner: Contestant who won, as a number from 0, shape (comparisons,).
        loser: Contestant who lost, shape (comparisons,).
        times: How often, shape (comparisons,); None is once each.
        contestants: How many there are; None is as many as occur.
        reference: Whose log strength is 0.
        ridge: Precision of a normal prior around equal strength; above 0 every outcome has an
            answer. 0 is plain maximum likelihood.

    Returns:
        Log strengths and standard errors from the observed information.

    Raises:
        ValueError: Lengths differ, someone meets himself, or without a ridge the strengths have no
            maximum: some contestants never lost to, or never met, the others.

    Source: Bradley and Terry 1952, Biometrika 39:324; existence: Ford 1957, Am Math Monthly 64:28.

    >>> found = bradley_terry([0, 1], [1, 0], [3, 1])
    >>> round(float(found.strength_c[1]), 4), round(float(found.se_c[1]), 4)
    (-1.0986, 1.1547)
    """
    winner_n, loser_n, times_n = _checked(winner, loser, times)
    size = contestants or int(max(winner_n.max(), loser_n.max())) + 1
    if not ridge and not _connected(winner_n, loser_n, times_n, size):
        raise ValueError(
            "strengths have no maximum: some contestants never lost to or never met the others; "
            "leave them out or give a ridge"
        )
    strength_c = _fit(winner_n, loser_n, times_n, size, ridge)
    free = np.delete(np.arange(size), reference)
    information = _information(strength_c, winner_n, loser_n, times_n, ridge)
    se_c = np.zeros(size)
    if not ridge:
        se_c[free] = np.sqrt(_inverse_diagonal(information[free][:, free]))
    else:
        inverse_cc = np.linalg.inv(information.toarray())
        spread_c = np.diag(inverse_cc)
        se_c = np.sqrt(spread_c + spread_c[reference] - 2 * inverse_cc[:, reference])
        se_c[reference] = 0.0
    return Strengths(strength_c - strength_c[reference], se_c)


def win_probability(one: float, other: float) -> float:
    """Chance that a contestant with the first log strength beats one with the other.

    Elo ratings are log strengths times 400 / ln 10.

    >>> round(win_probability(1.5814, 1.1077), 3)
    0.616
    """
    return float(special.expit(one - other))


def strength_intervals(
    winner: ArrayLike,
    loser: ArrayLike,
    person: Sequence[Hashable] | NDArray[np.generic],
    times: ArrayLike | None = None,
    *,
    reference: int = 0,
    draws: int = 400,
    alpha: float = 0.05,
    ridge: float = 0.1,
    seed: int = 0,
) -> Drawn:
    """Bootstrap intervals over people: all that one person said is drawn together.

    Args:
        winner: Contestant who won, shape (comparisons,).
        loser: Contestant who lost, shape (comparisons,).
        person: Who judged, shape (comparisons,).
        times: How often, shape (comparisons,); None is once each.
        reference: Whose log strength is 0.
        draws: Bootstrap samples.
        alpha: One minus the confidence.
        ridge: A weak prior, so that a sample in which someone never lost has an answer.
        seed: Of the draws.

    Raises:
        ValueError: Lengths differ, someone meets himself, or there are fewer than two people.

    >>> found = strength_intervals([0, 0, 1, 0, 0, 1], [1, 1, 0, 1, 1, 0], [1, 1, 2, 3, 3, 4])
    >>> bool(found.low_c[1] < -0.3 < found.high_c[1])
    True
    """
    check_alpha(alpha)
    winner_n, loser_n, times_n = _checked(winner, loser, times)
    if len(person) != len(winner_n):
        raise ValueError(f"{len(person)} people for {len(winner_n)} comparisons")
    person_n = np.unique(np.asarray(person), return_inverse=True)[1]
    people = int(person_n.max()) + 1
    if people < 2:
        raise ValueError(f"{people} person; an interval over people takes two at least")
    size = int(max(winner_n.max(), loser_n.max())) + 1
    met, pair_n = np.unique(winner_n * size + loser_n, return_inverse=True)
    cells_pm = sparse.coo_array((times_n, (person_n, pair_n)), shape=(people, len(met))).tocsr()
    random = np.random.default_rng(seed)
    drawn_bc = np.empty((draws, size))
    start_c = _fit(met // size, met % size, cells_pm.sum(axis=0), size, ridge)
    for draw in range(draws):
        picked_p = np.bincount(random.integers(people, size=people), minlength=people)
        won_m = cells_pm.T @ picked_p.astype(float)
        strength_c = _fit(met // size, met % size, won_m, size, ridge, start_c)
        drawn_bc[draw] = strength_c - strength_c[reference]
    low_c, high_c = np.quantile(drawn_bc, [alpha / 2, 1 - alpha / 2], axis=0)
    return Drawn(low_c, high_c)


def _fit(
    winner_n: NDArray[np.intp],
    loser_n: NDArray[np.intp],
    times_n: NDArray[np.float64],
    size: int,
    ridge: float,
    start_c: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Newton's method, halved where it would go down; the mean strength is 0."""
    strength_c = np.zeros(size) if start_c is None else start_c.copy()

    def value(strength_c: NDArray[np.float64]) -> float:
        log_n = special.log_expit(strength_c[winner_n] - strength_c[loser_n])
        return float(times_n @ log_n - ridge / 2 * strength_c @ strength_c)

    before = value(strength_c)
    for _ in range(STEPS):
        lost_n = times_n * special.expit(strength_c[loser_n] - strength_c[winner_n])
        won_c, lost_c = (np.bincount(side_n, lost_n, size) for side_n in (winner_n, loser_n))
        slope_c = won_c - lost_c - ridge * strength_c
        information = _information(strength_c, winner_n, loser_n, times_n, max(ridge, 1e-9))
        step_c = linalg.spsolve(information.tocsc(), slope_c)
        step_c -= step_c.mean()
        after = value(strength_c + step_c)
        while after < before - 1e-12 * abs(before) and np.abs(step_c).max() > 1e-12:
            step_c /= 2
            after = value(strength_c + step_c)
        strength_c += step_c
        before = after
        if np.abs(step_c).max() < 1e-10:
            break
    return strength_c


def _information(
    strength_c: NDArray[np.float64],
    winner_n: NDArray[np.intp],
    loser_n: NDArray[np.intp],
    times_n: NDArray[np.float64],
    ridge: float,
) -> sparse.csr_array:
    """Observed information, a graph's Laplacian, with the ridge on its diagonal."""
    size = len(strength_c)
    ahead_n = strength_c[winner_n] - strength_c[loser_n]
    weight_n = times_n * special.expit(ahead_n) * special.expit(-ahead_n)
    rows = np.concatenate((winner_n, loser_n))
    columns = np.concatenate((loser_n, winner_n))
    apart = sparse.coo_array((-np.tile(weight_n, 2), (rows, columns)), shape=(size, size)).tocsr()
    return apart + sparse.diags_array(ridge - apart.sum(axis=1), format="csr")


def _inverse_diagonal(matrix: sparse.csr_array) -> NDArray[np.float64]:
    return np.asarray(np.diag(np.linalg.inv(matrix.toarray())))


def _connected(
    winner_n: NDArray[np.intp], loser_n: NDArray[np.intp], times_n: NDArray[np.float64], size: int
) -> bool:
    """Is there a way of wins from each contestant to each other?"""
    beat = sparse.coo_array((times_n, (winner_n, loser_n)), shape=(size, size)).tocsr()
    parts, _ = csgraph.connected_components(beat, directed=True, connection="strong")
    return bool(parts == 1)


def _checked(
    winner: ArrayLike, loser: ArrayLike, times: ArrayLike | None
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    winner_n, loser_n = np.asarray(winner, dtype=np.intp), np.asarray(loser, dtype=np.intp)
    times_n = np.ones(len(winner_n)) if times is None else np.asarray(times, dtype=float)
    if not len(winner_n) == len(loser_n) == len(times_n) or not len(winner_n):
        raise ValueError(f"{len(winner_n)} winners, {len(loser_n)} losers, {len(times_n)} times")
    if (winner_n == loser_n).any():
        raise ValueError("a contestant meets himself")
    if min(winner_n.min(), loser_n.min()) < 0 or not (times_n >= 0).all():
        raise ValueError("a contestant or a number of times is negative")
    return winner_n, loser_n, times_n
