"""How far each rater can be relied on: what curation weighs votes by, and whom it holds back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eval_suites.stats.dawid_skene import Prior, dawid_skene, labels_of
from eval_suites.stats.rater_effects import Pairs, among, rater_effects, reliability
from eval_suites.stats.rater_rates import balanced_accuracy
from loop.feedback.judgements import TIE, Codes, Floats, Judgements
from loop.feedback.suspicion import Reading, suspects
from loop.settings import RatersSettings

ROUNDS = 3  # looks for suspects; each goes without the votes of those found before
PRIOR = Prior(right=3.0, wrong=1.0)  # a rater of few judgements is much like the others
PRIOR_RATE, PRIOR_LOW, PRIOR_HIGH = 0.75, 0.29, 0.99  # of its beta distribution
HIGHEST = 0.99  # nobody's vote counts for more than that of one who is right so often
CERTAIN = 30.0  # log odds of what gold says

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What one rater's vote is worth."""

    weight: float  # log odds that a vote is right; 0 for one at chance or held back
    held_back: str | None  # why no vote of theirs is trained on; None where it is
    accuracy: float  # share right, averaged over both sides; 0.5 is chance
    low: float  # its 95 % interval
    high: float
    judgements: int  # latest words on distinct items, ties too


def weigh(
    judgements: Judgements,
    *,
    gold: Mapping[str, int] | None = None,
    settings: RatersSettings | None = None,
) -> dict[str, Standing]:
    """The standing of every rater, from what all of them said.

    Thumbs, stars and rubric criteria are read with Dawid and Skene's model, comparisons with
    Bradley-Terry with a slope and a side for each rater; only items that two people judged say
    anything. Who judged none of those has the weight of a usual rater, so that without overlap all
    count alike. Gold questions say who fails them and where to start from; a weight is earned on
    the others, as who knows the gold may be right there and wrong elsewhere.

    A rater who is worse than chance is held back, and his votes are not turned round: that would
    let an attacker cast votes by being wrong on purpose, and turn good votes against us as soon
    as he changes. Who is held back has no say in what is true when the others are read again.

    Args:
        judgements: The latest words, one of each rater on an item.
        gold: Item → 1 or 0 where the truth is known; see `answer_item` and `pair_item`.
        settings: Thresholds; None takes the defaults.

    Returns:
        Rater → standing. Pure: the same judgements give the same standings.
    """
    settings = settings or RatersSettings()
    raters = len(judgements.raters)
    gold_i = gold_codes(judgements, gold or {})
    trusted_r = np.ones(raters, dtype=bool)
    reasons: dict[int, str] = {}
    reading = read(judgements, gold_i, trusted_r)
    for _ in range(ROUNDS if len(judgements.rater_n) else 0):
        new = suspects(judgements, reading, gold_i, trusted_r, settings)
        if not new:
            break
        reasons |= new
        trusted_r[list(new)] = False
        reading = read(judgements, gold_i, trusted_r)
    said_r = np.bincount(judgements.rater_n, minlength=raters)
    return {
        name: Standing(
            weight=0.0 if rater in reasons else _weight(float(reading.rate_r[rater])),
            held_back=reasons.get(rater),
            accuracy=float(reading.rate_r[rater]),
            low=float(reading.low_r[rater]),
            high=float(reading.high_r[rater]),
            judgements=int(said_r[rater]),
        )
        for rater, name in enumerate(judgements.raters)
    }


def usual_standing() -> Standing:
    """That of a rater of whom nothing is known."""
    return Standing(
        weight=_weight(PRIOR_RATE), held_back=None, accuracy=PRIOR_RATE, low=PRIOR_LOW,
        high=PRIOR_HIGH, judgements=0,
    )  # fmt: skip


def gold_codes(judgements: Judgements, gold: Mapping[str, int]) -> Codes:
    """The truth of each item where it is known, else −1, shape (items,)."""
    return np.array([gold.get(item, TIE) for item in judgements.items], dtype=np.intp)


def read(judgements: Judgements, gold_i: Codes, trusted_r: Flags) -> Reading:
    """What both models make of the judgements, with a say for those who are trusted only.

    Args:
        judgements: The latest words.
        gold_i: The truth of an item where it is known, else −1, shape (items,).
        trusted_r: Who has a say in what is true, shape (raters,).
    """
    raters, items = len(judgements.raters), len(judgements.items)
    decided_n = judgements.label_n != TIE
    heard_n = decided_n & trusted_r[judgements.rater_n]
    voices_i = np.bincount(judgements.item_n, heard_n.astype(float), items)
    shared_n = decided_n & ((voices_i > 1) | (gold_i >= 0))[judgements.item_n]
    compared_n = judgements.compared_n
    says_n2 = np.full((len(judgements.rater_n), 2), 0.5)
    prior_i = np.where(gold_i >= 0, np.where(gold_i == 1, CERTAIN, -CERTAIN), 0.0)
    parts = []
    for is_pair, model in ((False, _labels), (True, _pairs)):
        mine_n = compared_n == is_pair
        part = model(judgements, np.flatnonzero(mine_n & shared_n), gold_i, trusted_r)
        says_n2[mine_n, 0] = part.one_r[judgements.rater_n[mine_n]]
        says_n2[mine_n, 1] = part.zero_r[judgements.rater_n[mine_n]]
        of_part_i = np.zeros(items, dtype=bool)
        of_part_i[judgements.item_n[mine_n]] = True
        prior_i += np.where(of_part_i & (gold_i < 0), part.prior, 0.0)
        fresh_n = mine_n & shared_n & (gold_i[judgements.item_n] == TIE)
        judged_r = np.bincount(judgements.rater_n[fresh_n], minlength=raters) > 0
        parts.append((judged_r, part.rates))
    rates = _merged(parts)
    return Reading(
        said1_n=says_n2[:, 0], said0_n=says_n2[:, 1], prior_i=prior_i,
        rate_r=rates.rate_r, low_r=rates.low_r, high_r=rates.high_r,
    )  # fmt: skip


class _Part(NamedTuple):
    one_r: Floats  # P(says 1 | truth 1)
    zero_r: Floats  # P(says 1 | truth 0)
    prior: float  # log odds of truth 1
    rates: _Rates


class _Rates(NamedTuple):
    rate_r: Floats
    low_r: Floats
    high_r: Floats


def _labels(judgements: Judgements, at: Codes, gold_i: Codes, trusted_r: Flags) -> _Part:
    """P(says 1 | truth 1), | truth 0, log odds of truth 1, and rates, by Dawid and Skene."""
    if not len(at):
        return _unseen(len(trusted_r))
    items, item_n = np.unique(judgements.item_n[at], return_inverse=True)
    said = labels_of(
        judgements.rater_n[at], item_n, judgements.label_n[at],
        raters=len(trusted_r), items=len(items), labels=2,
    )  # fmt: skip
    known_i = gold_i[items]
    found = dawid_skene(said, known=known_i, trusted=trusted_r, learn_from_known=False, prior=PRIOR)
    odds = math.log(found.prior_k[1] / found.prior_k[0])
    fresh = np.flatnonzero(known_i[item_n] == TIE)
    said = said._replace(
        rater_n=said.rater_n[fresh], item_n=said.item_n[fresh], label_n=said.label_n[fresh]
    )
    rates = balanced_accuracy(said, found, prior=PRIOR)
    says_rk = found.confusion_rkl[:, :, 1]
    return _Part(says_rk[:, 1], says_rk[:, 0], odds, _Rates(*rates))


def _pairs(judgements: Judgements, at: Codes, gold_i: Codes, trusted_r: Flags) -> _Part:
    """As `_labels`, of comparisons, by Bradley-Terry with rater effects."""
    if not len(at):
        return _unseen(len(trusted_r))
    items, item_n = np.unique(judgements.item_n[at], return_inverse=True)
    said = Pairs(
        judgements.rater_n[at], item_n, judgements.label_n[at].astype(float),
        np.nan_to_num(judgements.side_n[at]), len(trusted_r), len(items),
    )  # fmt: skip
    found = rater_effects(said, known=gold_i[items], trusted=trusted_r, learn_from_known=False)
    rates = reliability(among(said, np.flatnonzero(gold_i[items][item_n] == TIE)), found)
    return _Part(rates.rate_r, 1 - rates.rate_r, 0.0, _Rates(*rates))


def _unseen(raters: int) -> _Part:
    right_r = np.full(raters, PRIOR_RATE)
    ends = np.full(raters, PRIOR_LOW), np.full(raters, PRIOR_HIGH)
    return _Part(right_r, 1 - right_r, 0.0, _Rates(right_r, *ends))


def _merged(
    parts: list[tuple[Flags, _Rates]],
) -> _Rates:
    """Rates of both models as one, each with the weight of its precision on the logit scale."""
    precision_r = np.zeros(len(parts[0][0]))
    logit_r = np.zeros_like(precision_r)
    for judged_r, (rate_r, low_r, high_r) in parts:
        width_r = (_logit(high_r) - _logit(low_r)) / (2 * 1.96)
        weight_r = np.where(judged_r, width_r**-2.0, 0.0)
        precision_r += weight_r
        logit_r += weight_r * _logit(rate_r)
    unseen_r = precision_r == 0
    safe_r = np.where(unseen_r, 1.0, precision_r)
    centre_r, reach_r = logit_r / safe_r, 1.96 / np.sqrt(safe_r)
    ends = (centre_r, centre_r - reach_r, centre_r + reach_r)
    unknown = (PRIOR_RATE, PRIOR_LOW, PRIOR_HIGH)
    rate_r, low_r, high_r = (
        np.where(unseen_r, prior, 1 / (1 + np.exp(-end)))
        for prior, end in zip(unknown, ends, strict=True)
    )
    return _Rates(rate_r, low_r, high_r)


def _logit(rate_r: Floats) -> Floats:
    safe_r = np.clip(rate_r, 1e-9, 1 - 1e-9)
    return np.asarray(np.log(safe_r / (1 - safe_r)), dtype=float)


def _weight(rate: float) -> float:
    return max(0.0, math.log(min(rate, HIGHEST) / (1 - min(rate, HIGHEST))))
