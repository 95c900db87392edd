"""How well each rater does by Dawid and Skene's model, with intervals."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse, special

from eval_suites.stats.dawid_skene import Errors, Labels, Prior
from eval_suites.stats.intervals import check_alpha

Array = NDArray[np.float64]
Codes = NDArray[np.intp]
DENSE = 1500  # parameters up to which raters' errors are taken together, not one by one


class Rates(NamedTuple):
    """A rate per rater with its interval, each shape (raters,)."""

    rate_r: Array
    low_r: Array
    high_r: Array


class Cells(NamedTuple):
    """Ends of an interval for each rater, truth and answer, shape (raters, labels, labels)."""

    low_rkl: Array
    high_rkl: Array


def balanced_accuracy(
    said: Labels, found: Errors, *, prior: Prior | None = None, alpha: float = 0.05
) -> Rates:
    """Share of each truth a rater calls right, averaged over the truths, with an interval.

    Guessing, or always saying the same, gives 1 / labels whatever is frequent.

    Returns:
        Rates in (0, 1) with intervals as those of `error_rates`.
    """
    return _rates(said, found, np.full(said.labels, 1 / said.labels), prior or Prior(), alpha)


def error_rates(
    said: Labels, found: Errors, *, prior: Prior | None = None, alpha: float = 0.05
) -> Rates:
    """Share of judgements a rater gets wrong, if every truth came as often as in the data.

    Args:
        said: The judgements.
        found: What `dawid_skene` makes of them, with the same prior.
        prior: The pseudo-judgements it was found with.
        alpha: One minus the confidence of each interval; divide it by the number of raters for
            intervals that all hold at once.

    Returns:
        Rates in (0, 1); the interval is Student's t on the logit scale, from the observed
        information. Up to 1,500 parameters that is of all raters together, above of each with the
        others' fixed.

    Source: Louis 1982, JRSS B 44:226 (information of an EM estimate).
    """
    right = _rates(said, found, found.prior_k, prior or Prior(), alpha)
    return Rates(1 - right.rate_r, 1 - right.high_r, 1 - right.low_r)


def confusion_intervals(
    said: Labels, found: Errors, *, prior: Prior | None = None, alpha: float = 0.05
) -> Cells:
    """Interval of each cell of the confusion matrices.

    A beta distribution with the mean of the cell, and as many judgements as give the observed
    information on the row's right answers.
    """
    check_alpha(alpha)
    truth_k = np.arange(said.labels)
    right_rk = found.confusion_rkl[:, truth_k, truth_k]
    spread_rk = _covariance(said, found, prior or Prior())[:, truth_k, truth_k]
    size_rk1 = (1 / (spread_rk * right_rk * (1 - right_rk)))[:, :, None]
    hits_rkl, misses_rkl = found.confusion_rkl * size_rk1, (1 - found.confusion_rkl) * size_rk1
    low_rkl, high_rkl = (
        special.betaincinv(hits_rkl, misses_rkl, tail) for tail in (alpha / 2, 1 - alpha / 2)
    )
    return Cells(low_rkl, high_rkl)


def _rates(said: Labels, found: Errors, share_k: Array, prior: Prior, alpha: float) -> Rates:
    """Σ_k share_k P(says k | truth k) with its interval, by the delta method on the logit."""
    check_alpha(alpha)
    truth_k = np.arange(said.labels)
    right_rk = found.confusion_rkl[:, truth_k, truth_k]
    rate_r = right_rk @ share_k
    slope_rp = (share_k * right_rk * (1 - right_rk)) / (rate_r * (1 - rate_r))[:, None]
    covariance_rpp = _covariance(said, found, prior)
    spread_r = np.einsum("rp,rpq,rq->r", slope_rp, covariance_rpp, slope_rp)
    # Few of the judgements are errors, so tails are those of t with a quarter of their number.
    df_r = np.maximum(0.25 / (spread_r * rate_r * (1 - rate_r)), 2.0)
    reach_r = -special.stdtrit(df_r, alpha / 2) * np.sqrt(spread_r)
    logit_r = special.logit(rate_r)
    return Rates(rate_r, special.expit(logit_r - reach_r), special.expit(logit_r + reach_r))


def _covariance(said: Labels, found: Errors, prior: Prior) -> Array:
    """Covariance of the logits of P(right | truth k) of each rater, shape (raters, labels, labels).

    Parameters are these logits and, when all raters are taken together, the logits of the prior;
    how wrong answers spread over other labels is taken as known.
    """
    truths = said.labels
    posterior_nk = found.posterior_ik[said.item_n]
    right_nk = found.confusion_rkl[:, np.arange(truths), np.arange(truths)][said.rater_n]
    hit_nk = said.label_n[:, None] == np.arange(truths)
    score_nk = hit_nk - right_nk  # slope of log P(said | truth k) by its logit
    pseudo = prior.right + prior.wrong
    cell_nk = said.rater_n[:, None] * truths + np.arange(truths)
    size = said.raters * truths
    right_p = found.confusion_rkl[:, np.arange(truths), np.arange(truths)].ravel()
    count_p = np.bincount(cell_nk.ravel(), posterior_nk.ravel(), size) + pseudo
    complete_p = count_p * right_p * (1 - right_p)
    if size + truths - 1 <= DENSE:
        return _jointly(said, found, score_nk, cell_nk, complete_p)
    block_rkk = np.zeros((said.raters, truths, truths))
    block_rkk[:, np.arange(truths), np.arange(truths)] = complete_p.reshape(-1, truths)
    for one in range(truths):  # one judgement an item, so only its own truth is uncertain
        for two in range(truths):
            both_n = posterior_nk[:, one] * ((one == two) - posterior_nk[:, two])
            lost_n = both_n * score_nk[:, one] * score_nk[:, two]
            block_rkk[:, one, two] -= np.bincount(said.rater_n, lost_n, said.raters)
    held_rkk = _positive(block_rkk, complete_p.reshape(-1, truths))
    return np.asarray(np.linalg.inv(held_rkk), dtype=float)


def _jointly(
    said: Labels, found: Errors, score_nk: Array, cell_nk: Codes, complete_p: Array
) -> Array:
    """As `_covariance`, from the information of all parameters at once."""
    truths, cells = said.labels, len(complete_p)
    size = cells + truths - 1
    judged_i = np.unique(said.item_n)
    centred_kq = np.eye(truths)[:, 1:] - found.prior_k[1:]
    information = np.zeros((size, size))
    information[np.arange(cells), np.arange(cells)] = complete_p
    information[cells:, cells:] = (len(judged_i) + truths) * (
        np.diag(found.prior_k[1:]) - np.outer(found.prior_k[1:], found.prior_k[1:])
    )
    mean_ip = sparse.csr_array((said.items, size))
    for k in range(truths):
        rows = np.concatenate((said.item_n, np.repeat(judged_i, truths - 1)))
        columns = np.concatenate((cell_nk[:, k], np.tile(np.arange(cells, size), len(judged_i))))
        values = np.concatenate((score_nk[:, k], np.tile(centred_kq[k], len(judged_i))))
        score_ip = sparse.coo_array((values, (rows, columns)), shape=(said.items, size)).tocsr()
        weighted_ip = sparse.diags_array(found.posterior_ik[:, k]) @ score_ip
        information -= (score_ip.T @ weighted_ip).toarray()
        mean_ip = mean_ip + weighted_ip
    information += (mean_ip.T @ mean_ip).toarray()
    inverse = np.linalg.inv(_positive(information[None], np.diag(information)[None])[0])
    place_rk = np.arange(cells).reshape(-1, truths)
    return np.asarray(inverse[place_rk[:, :, None], place_rk[:, None, :]], dtype=float)


def _positive(information_bpp: Array, complete_bp: Array) -> Array:
    """With eigenvalues held above 0: what cannot be told apart gets a wide interval, not none."""
    least_b = 1e-3 * np.abs(complete_bp).max(axis=1)
    value_bp, vector_bpp = np.linalg.eigh(
        (information_bpp + np.swapaxes(information_bpp, 1, 2)) / 2
    )
    value_bp = np.maximum(value_bp, least_b[:, None])
    return np.asarray((vector_bpp * value_bp[:, None, :]) @ np.swapaxes(vector_bpp, 1, 2))
