"""Who prefers what, and how well: Bradley-Terry with a slope and a side for every rater."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from eval_suites.stats.intervals import check_alpha

Array = NDArray[np.float64]
Codes = NDArray[np.intp]
SPREAD = 2.0  # standard deviation of the difference of two strengths
# Means of eight equal parts of that normal distribution.
NODES = SPREAD * np.array([-1.647, -0.891, -0.491, -0.158, 0.158, 0.491, 0.891, 1.647])
SLOPE = 1.0  # of a usual rater; a pair is then judged right 78 times in 100
SLOPE_SD, SIDE_SD = 1.0, 1.0  # how far raters are from the usual slope, and from no side


class Pairs(NamedTuple):
    """Comparisons of two as parallel arrays, each shape (judgements,)."""

    rater_n: Codes  # from 0
    pair_n: Codes  # from 0; which two were compared
    first_n: Array  # 1 if the first of the two was preferred, 0 if the second
    side_n: Array  # +0.5 if the first stood left, −0.5 if right, 0 if nobody knows
    raters: int
    pairs: int


class Effects(NamedTuple):
    """P(first preferred) = expit(slope · difference + side · stood)."""

    slope_r: Array  # 1 is usual, 0 blind, below 0 inverted
    side_r: Array  # log odds that what stands left has over what stands right
    posterior_pq: Array  # P(difference in strength is NODES[q]) of each pair
    iterations: int
    converged: bool


class Reliability(NamedTuple):
    """Share of usual pairs a rater would judge right, standing equally often on either side."""

    rate_r: Array
    low_r: Array
    high_r: Array


def rater_effects(
    said: Pairs,
    *,
    known: ArrayLike | None = None,
    learn_from_known: bool = True,
    trusted: ArrayLike | None = None,
    most: int = 200,
    tolerance: float = 1e-3,
) -> Effects:
    """Fit every rater's slope and side, and how far apart the two of each pair are.

    The differences are integrated out over eight nodes, so that pairs with few judgements do not
    bias the slopes; slopes and sides are maximum a posteriori, with normal priors around a usual
    rater. It starts from usual raters.

    Args:
        said: The comparisons; of one rater there is one per pair.
        known: 1 where the first is known to be the better, 0 the second, −1 unknown, shape
            (pairs,).
        learn_from_known: Whether what is said of known pairs counts for more than the start. Not
            where raters may find out which they are.
        trusted: Whether a rater has a say in what is better, shape (raters,); the slope of one
            who has none is found all the same. None trusts all.
        most: Iterations at most.
        tolerance: Largest change of a slope or side at which it stops.

    Raises:
        ValueError: known or trusted has another length.

    Source: Chen et al. 2013, WSDM (Crowd-BT), as a logistic model with marginal likelihood (Bock
    and Aitkin 1981, Psychometrika 46:443).

    >>> said = Pairs(*map(np.array, ([0, 1, 2], [0, 0, 0], [1.0, 1.0, 0.0], [0.0] * 3)), 3, 1)
    >>> found = rater_effects(said)
    >>> bool(found.slope_r[0] > found.slope_r[2])
    True
    """
    known_p = np.full(said.pairs, -1) if known is None else np.asarray(known)
    trusted_r = np.ones(said.raters) if trusted is None else np.asarray(trusted, dtype=float)
    if len(known_p) != said.pairs or len(trusted_r) != said.raters:
        raise ValueError("expected a known side (or -1) per pair and a trust per rater")
    log_prior_pq = _log_prior(known_p)
    slope_r, side_r = np.full(said.raters, SLOPE), np.zeros(said.raters)
    if (known_p >= 0).any():  # who is known to be bad has less of a say from the start
        golden = among(said, np.flatnonzero(known_p[said.pair_n] >= 0))
        slope_r, side_r = _maximise(golden, np.exp(log_prior_pq), slope_r, side_r)
    moved, iterations = np.inf, 0
    while moved > tolerance and iterations < most:
        posterior_pq = _posterior(said, slope_r, side_r, log_prior_pq, trusted_r)
        before = slope_r, side_r
        learnt_pq = posterior_pq if learn_from_known else posterior_pq * (known_p < 0)[:, None]
        slope_r, side_r = _maximise(said, learnt_pq, slope_r, side_r)
        moved = max(float(np.abs(slope_r - before[0]).max()), _most(side_r - before[1]))
        iterations += 1
    posterior_pq = _posterior(said, slope_r, side_r, log_prior_pq, trusted_r)
    return Effects(slope_r, side_r, posterior_pq, iterations, moved <= tolerance)


def among(said: Pairs, picked: Codes) -> Pairs:
    """Some of the judgements, by their place; raters and pairs stay numbered as they were."""
    return said._replace(
        rater_n=said.rater_n[picked],
        pair_n=said.pair_n[picked],
        first_n=said.first_n[picked],
        side_n=said.side_n[picked],
    )


def reliability(said: Pairs, found: Effects, *, alpha: float = 0.05) -> Reliability:
    """How often each rater would be right on usual pairs, with an interval.

    Args:
        said: The comparisons.
        found: What `rater_effects` makes of them.
        alpha: One minus the confidence.

    Returns:
        Rates in (0, 1); the interval is normal on the logit scale, from the observed information
        on slope and side of each rater with the others' fixed.
    """
    check_alpha(alpha)
    apart_q = NODES[NODES > 0]
    rate_r, slope_r2 = np.zeros(said.raters), np.zeros((said.raters, 2))
    for stood in (0.5, -0.5):
        ahead_rq = found.slope_r[:, None] * apart_q + stood * found.side_r[:, None]
        chance_rq = special.expit(ahead_rq)
        steep_rq = chance_rq * (1 - chance_rq)
        rate_r += chance_rq.mean(axis=1) / 2
        slope_r2[:, 0] += (steep_rq * apart_q).mean(axis=1) / 2
        slope_r2[:, 1] += (steep_rq * stood).mean(axis=1) / 2
    covariance_r22 = np.linalg.inv(_information(said, found))
    spread_r = np.einsum("rp,rpq,rq->r", slope_r2, covariance_r22, slope_r2)
    se_r = np.sqrt(np.maximum(spread_r, 0.0)) / (rate_r * (1 - rate_r))
    reach_r = float(special.ndtri(1 - alpha / 2)) * se_r
    logit_r = special.logit(rate_r)
    return Reliability(rate_r, special.expit(logit_r - reach_r), special.expit(logit_r + reach_r))


def _information(said: Pairs, found: Effects) -> NDArray[np.float64]:
    """Observed information on slope and side, shape (raters, 2, 2)."""
    posterior_nq = found.posterior_pq[said.pair_n]
    chance_nq = _chance(said, found.slope_r, found.side_r)
    missed_nq = said.first_n[:, None] - chance_nq
    steep_nq = posterior_nq * chance_nq * (1 - chance_nq)
    parts_2 = (np.broadcast_to(NODES, chance_nq.shape), said.side_n[:, None])
    means_2 = [(posterior_nq * missed_nq * part).sum(axis=1) for part in parts_2]
    blocks_r22 = np.zeros((said.raters, 2, 2))
    for a, b in ((0, 0), (0, 1), (1, 1)):
        both_nq = parts_2[a] * parts_2[b]
        kept_n = ((steep_nq - posterior_nq * missed_nq**2) * both_nq).sum(axis=1)
        kept_n += means_2[a] * means_2[b]
        blocks_r22[:, a, b] = blocks_r22[:, b, a] = np.bincount(said.rater_n, kept_n, said.raters)
    prior_2 = np.array([SLOPE_SD, SIDE_SD]) ** -2.0
    value_r2, vector_r22 = np.linalg.eigh(blocks_r22)
    held_r22 = (vector_r22 * np.maximum(value_r2, 0)[:, None, :]) @ np.swapaxes(vector_r22, 1, 2)
    return np.asarray(held_r22 + np.diag(prior_2), dtype=float)


def _log_prior(known_p: NDArray[np.generic]) -> Array:
    log_pq = np.zeros((len(known_p), len(NODES)))
    log_pq[np.ix_(known_p == 1, NODES < 0)] = -np.inf
    log_pq[np.ix_(known_p == 0, NODES > 0)] = -np.inf
    return np.asarray(special.log_softmax(log_pq, axis=1), dtype=float)


def _posterior(
    said: Pairs, slope_r: Array, side_r: Array, log_prior_pq: Array, trusted_r: Array
) -> Array:
    heard_n = trusted_r[said.rater_n]
    log_pq = log_prior_pq.copy()
    for q, apart in enumerate(NODES):
        ahead_n = slope_r[said.rater_n] * apart + side_r[said.rater_n] * said.side_n
        log_n = special.log_expit((2 * said.first_n - 1) * ahead_n) * heard_n
        log_pq[:, q] += np.bincount(said.pair_n, log_n, said.pairs)
    return np.asarray(special.softmax(log_pq, axis=1), dtype=float)


def _maximise(
    said: Pairs, posterior_pq: Array, slope_r: Array, side_r: Array
) -> tuple[Array, Array]:
    """Newton steps on slope and side of every rater, from counts by side and node."""
    stood = np.unique(said.side_n)
    cell_n = said.rater_n * len(stood) + np.searchsorted(stood, said.side_n)
    shape = (said.raters, len(stood))
    seen_qrs, first_qrs = (np.empty((len(NODES), *shape)) for _ in range(2))
    for q in range(len(NODES)):
        weight_n = posterior_pq[said.pair_n, q]
        seen_qrs[q] = np.bincount(cell_n, weight_n, said.raters * len(stood)).reshape(shape)
        won_n = weight_n * said.first_n
        first_qrs[q] = np.bincount(cell_n, won_n, said.raters * len(stood)).reshape(shape)
    parts = (NODES[:, None, None], stood[None, None, :])
    for _ in range(3):
        ahead_qrs = slope_r[:, None] * parts[0] + side_r[:, None] * parts[1]
        chance_qrs = special.expit(ahead_qrs)
        missed_qrs, steep_qrs = first_qrs - seen_qrs * chance_qrs, seen_qrs * chance_qrs
        steep_qrs *= 1 - chance_qrs
        up_slope = (missed_qrs * parts[0]).sum(axis=(0, 2)) - (slope_r - SLOPE) / SLOPE_SD**2
        up_side = (missed_qrs * parts[1]).sum(axis=(0, 2)) - side_r / SIDE_SD**2
        i_slope = (steep_qrs * parts[0] ** 2).sum(axis=(0, 2)) + SLOPE_SD**-2
        i_side = (steep_qrs * parts[1] ** 2).sum(axis=(0, 2)) + SIDE_SD**-2
        i_both = (steep_qrs * parts[0] * parts[1]).sum(axis=(0, 2))
        scale = i_slope * i_side - i_both**2
        slope_r = slope_r + np.clip((i_side * up_slope - i_both * up_side) / scale, -1, 1)
        side_r = side_r + np.clip((i_slope * up_side - i_both * up_slope) / scale, -1, 1)
    return slope_r, side_r


def _chance(said: Pairs, slope_r: Array, side_r: Array) -> Array:
    """P(first preferred) at each node, shape (judgements, nodes)."""
    ahead_nq = slope_r[said.rater_n, None] * NODES + (side_r[said.rater_n] * said.side_n)[:, None]
    return np.asarray(special.expit(ahead_nq), dtype=float)


def _most(change_r: Array) -> float:
    return float(np.abs(change_r).max())
