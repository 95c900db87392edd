"""Labels of many raters without the truth: Dawid and Skene's model. Intervals: `rater_rates`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

Array = NDArray[np.float64]
Codes = NDArray[np.intp]


class Prior(NamedTuple):
    """What is believed before anything is seen: pseudo-judgements per row of a confusion matrix."""

    right: float = 1.5  # most people judge better than chance
    wrong: float = 0.5  # shared out over the other labels


class Errors(NamedTuple):
    """What Dawid and Skene's model makes of labels."""

    confusion_rkl: Array  # P(rater says l | truth k)
    prior_k: Array  # P(truth k)
    posterior_ik: Array  # P(truth k | all said of the item)
    iterations: int
    converged: bool


class Labels(NamedTuple):
    """Judgements as parallel codes from 0, and how many of each there are."""

    rater_n: Codes
    item_n: Codes
    label_n: Codes
    raters: int
    items: int
    labels: int


def labels_of(
    rater: ArrayLike,
    item: ArrayLike,
    label: ArrayLike,
    *,
    raters: int | None = None,
    items: int | None = None,
    labels: int | None = None,
) -> Labels:
    """Check codes and count what they name.

    Args:
        rater: Who judged, from 0, shape (judgements,).
        item: What was judged, from 0, shape (judgements,).
        label: What was said, from 0, shape (judgements,).
        raters: How many there are; None is as many as occur. So for items and labels.

    Raises:
        ValueError: Lengths differ, there is no judgement, or a code is out of range.

    >>> labels_of([0, 1], [0, 0], [1, 1]).labels
    2
    """
    codes = [np.asarray(one, dtype=np.intp) for one in (rater, item, label)]
    if len({len(one_n) for one_n in codes}) > 1 or not len(codes[0]):
        raise ValueError("expected as many raters, items and labels, and at least one judgement")
    sizes = []
    for one_n, given, least in zip(codes, (raters, items, labels), (1, 1, 2), strict=True):
        size = max(int(one_n.max()) + 1, least) if given is None else given
        if one_n.min() < 0 or one_n.max() >= size:
            raise ValueError(f"a code is out of range, expected 0 to {size - 1}")
        sizes.append(size)
    return Labels(codes[0], codes[1], codes[2], *sizes)


def dawid_skene(
    said: Labels,
    *,
    known: ArrayLike | None = None,
    learn_from_known: bool = True,
    trusted: ArrayLike | None = None,
    prior: Prior | None = None,
    most: int = 500,
    tolerance: float = 1e-6,
) -> Errors:
    """How often each rater says what of which truth, found together with the truth, by EM.

    It starts from raters who are all alike and as good as the prior says, so from the majority,
    which settles which of two mirror images is meant. Sums are taken in logs; no array has
    raters times items entries.

    Args:
        said: The judgements; of one rater there is one per item.
        known: The truth of an item where it is known (gold), else −1, shape (items,).
        learn_from_known: Whether errors on known items count for more than the start. Not where
            raters may find out which they are.
        trusted: Whether a rater has a say in what is true, shape (raters,); of one who has none
            the errors are found all the same. None trusts all.
        prior: Pseudo-judgements; they keep a rater of few judgements near the others.
        most: Iterations at most.
        tolerance: Largest change of a posterior at which it stops.

    Returns:
        The maximum a posteriori estimates; an item nobody judged has the prior.

    Raises:
        ValueError: known or trusted has another length.

    Source: Dawid and Skene 1979, Applied Statistics 28:20; the prior: Paun et al. 2018, TACL 6:571.

    >>> said = labels_of([0, 1, 2] * 4, [n // 3 for n in range(12)], [0, 0, 1, 1, 1, 0] * 2)
    >>> dawid_skene(said).posterior_ik.argmax(axis=1).tolist()
    [0, 1, 0, 1]
    """
    known_i = np.full(said.items, -1) if known is None else np.asarray(known, dtype=np.intp)
    trusted_r = np.ones(said.raters) if trusted is None else np.asarray(trusted, dtype=float)
    if len(known_i) != said.items or len(trusted_r) != said.raters:
        raise ValueError("expected a known truth (or -1) per item and a trust per rater")
    belief_kl = _belief(said.labels, prior or Prior())
    heard_n = trusted_r[said.rater_n]
    prior_k = np.full(said.labels, 1 / said.labels)
    confusion_rkl = _from_gold(said, known_i, belief_kl)
    posterior_ik = _posterior(said, confusion_rkl, prior_k, known_i, heard_n)
    judged_i = np.bincount(said.item_n, heard_n, said.items) > 0
    moved, iterations = np.inf, 0
    while moved > tolerance and iterations < most:
        learnt_ik = posterior_ik if learn_from_known else posterior_ik * (known_i < 0)[:, None]
        confusion_rkl = _confusion(said, learnt_ik, belief_kl)
        prior_k = posterior_ik[judged_i].sum(axis=0) + 1
        prior_k /= prior_k.sum()
        next_ik = _posterior(said, confusion_rkl, prior_k, known_i, heard_n)
        moved = float(np.abs(next_ik - posterior_ik).max())
        posterior_ik = next_ik
        iterations += 1
    return Errors(confusion_rkl, prior_k, posterior_ik, iterations, moved <= tolerance)


def _belief(labels: int, prior: Prior) -> Array:
    belief_kl = np.full((labels, labels), prior.wrong / (labels - 1))
    np.fill_diagonal(belief_kl, prior.right)
    return belief_kl


def _from_gold(said: Labels, known_i: Codes, belief_kl: Array) -> Array:
    """Confusion matrices by the prior and by items whose truth is known."""
    certain_ik = np.zeros((said.items, said.labels))
    golden_i = known_i >= 0
    certain_ik[golden_i, known_i[golden_i]] = 1.0
    return _confusion(said, certain_ik, belief_kl)


def _confusion(said: Labels, posterior_ik: Array, belief_kl: Array) -> Array:
    cell_n, size = said.rater_n * said.labels + said.label_n, said.raters * said.labels
    seen_rkl = np.empty((said.raters, said.labels, said.labels))
    for k in range(said.labels):
        counts_c = np.bincount(cell_n, posterior_ik[said.item_n, k], size)
        seen_rkl[:, k] = counts_c.reshape(-1, said.labels)
    seen_rkl += belief_kl
    return np.asarray(seen_rkl / seen_rkl.sum(axis=2, keepdims=True), dtype=float)


def _posterior(
    said: Labels, confusion_rkl: Array, prior_k: Array, known_i: Codes, heard_n: Array
) -> Array:
    log_rkl = np.log(confusion_rkl)
    log_ik = np.empty((said.items, said.labels))
    for k in range(said.labels):
        votes_n = log_rkl[said.rater_n, k, said.label_n] * heard_n
        log_ik[:, k] = np.bincount(said.item_n, votes_n, said.items)
    posterior_ik = special.softmax(log_ik + np.log(prior_k), axis=1)
    golden_i = known_i >= 0
    posterior_ik[golden_i] = np.eye(said.labels)[known_i[golden_i]]
    return np.asarray(posterior_ik, dtype=float)
