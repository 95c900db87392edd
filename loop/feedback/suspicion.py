"""Raters whose judgements should not be trained on, each with the reason.

Every test has its share of the false alarms that are allowed for a sound team, and within a test
every rater (or pair of them) has an equal share of that: Bonferroni's correction.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eval_suites.stats.coordination import Heard, coordinated
from eval_suites.stats.tails import binomial_at_least, binomial_at_most
from loop.feedback.judgements import TIE, Codes, Floats, Judgements
from loop.settings import RatersSettings

FAILS_GOLD = "fails_gold"
TOO_FAST = "too_fast"
SAME_SIDE = "always_same_side"
SAME_LABEL = "always_same_label"
WORSE = "worse_than_chance"
COORDINATED = "coordinated"
REASONS = {
    FAILS_GOLD: "right on too few of the questions whose answer is known",
    TOO_FAST: "more than a quarter of the judgements were too fast to be thought about",
    SAME_SIDE: "nearly always prefers the answer on one side, whichever it is",
    SAME_LABEL: "nearly always says the same, also where the others say the opposite",
    WORSE: "says the opposite of the others more often than not",
    COORDINATED: "makes the same mistakes as others far more often than chance would",
}
MOSTLY = 0.75  # share of one side that a sound rater may have
MISSED = 0.6  # share of what the others call bad that a sound rater may call good, or vice versa
HURRIED = 0.25  # share of fast judgements that a sound rater may have
SURE = float(np.log(7 / 3))  # log odds from which the others are taken to know
FEWEST_GOLD = 5

Flags = NDArray[np.bool_]


class Reading(NamedTuple):
    """What the models make of the judgements."""

    said1_n: Floats  # P(this rater says 1 | truth 1), shape (judgements,)
    said0_n: Floats  # P(this rater says 1 | truth 0)
    prior_i: Floats  # log odds of truth 1 before any judgement, shape (items,)
    rate_r: Floats  # share right, averaged over both sides, shape (raters,)
    low_r: Floats
    high_r: Floats


def suspects(
    judgements: Judgements,
    reading: Reading,
    gold_i: Codes,
    trusted_r: Flags,
    settings: RatersSettings,
) -> dict[int, str]:
    """Raters to hold back now, by number, each with the first reason that holds.

    Args:
        judgements: The latest words.
        reading: What the models make of them, with a say for the trusted.
        gold_i: The truth of an item where it is known, else −1, shape (items,).
        trusted_r: Who is trusted so far; the others are not looked at again, shape (raters,).
        settings: Thresholds.
    """
    raters = len(judgements.raters)
    said_r = np.bincount(judgements.rater_n, minlength=raters)
    looked_r = trusted_r & (said_r >= settings.minimum)
    if not looked_r.any():
        return {}
    share = settings.false_alarms / len(REASONS)
    others_n = _others(judgements, reading, trusted_r)
    p_values = {
        FAILS_GOLD: _gold(judgements, gold_i, settings.gold_accuracy),
        TOO_FAST: _fast(judgements, settings.fastest_seconds),
        SAME_SIDE: _same_side(judgements),
        SAME_LABEL: _same_label(judgements, others_n),
    }
    if trusted_r.sum() >= 3:  # of two who differ nobody can tell which one is wrong
        p_values[WORSE] = _worse(judgements, others_n, gold_i)
    level = share / looked_r.sum()
    found: dict[int, str] = {}
    for reason, p_r in p_values.items():
        for rater in np.flatnonzero(looked_r & (p_r < level)):
            found.setdefault(int(rater), reason)
    together_r = coordinated(_heard(judgements, reading, trusted_r), alpha=share)
    for rater in np.flatnonzero(looked_r & together_r):
        found.setdefault(int(rater), COORDINATED)
    return found


def _heard(judgements: Judgements, reading: Reading, trusted_r: Flags) -> Heard:
    at = np.flatnonzero((judgements.label_n != TIE) & trusted_r[judgements.rater_n])
    return Heard(
        judgements.rater_n[at], judgements.item_n[at], judgements.label_n[at],
        reading.said1_n[at], reading.said0_n[at], reading.prior_i, len(judgements.raters),
    )  # fmt: skip


def _others(judgements: Judgements, reading: Reading, trusted_r: Flags) -> Floats:
    """Log odds of truth 1 without the judgement itself; 0 where nobody else spoke."""
    one_n = np.where(judgements.label_n == 1, reading.said1_n, 1 - reading.said1_n)
    zero_n = np.where(judgements.label_n == 1, reading.said0_n, 1 - reading.said0_n)
    heard_n = (judgements.label_n != TIE) & trusted_r[judgements.rater_n]
    odds_n = np.where(heard_n, np.log(one_n) - np.log(zero_n), 0.0)
    items = len(judgements.items)
    odds_i = reading.prior_i + np.bincount(judgements.item_n, odds_n, items)
    voices_i = np.bincount(judgements.item_n, heard_n.astype(float), items)
    alone_n = (voices_i[judgements.item_n] - heard_n) < 1
    certain_n = np.abs(reading.prior_i[judgements.item_n]) > 10
    left_n = odds_i[judgements.item_n] - odds_n
    return np.asarray(np.where(alone_n & ~certain_n, 0.0, left_n), dtype=float)


def _count(judgements: Judgements, which_n: Flags) -> Codes:
    """How many of these judgements each rater gave, shape (raters,)."""
    return np.bincount(judgements.rater_n[which_n], minlength=len(judgements.raters))


def _gold(judgements: Judgements, gold_i: Codes, least: float) -> Floats:
    """P(so few right | a rater who is right just often enough)."""
    truth_n = gold_i[judgements.item_n]
    asked_n = (truth_n != TIE) & (judgements.label_n != TIE)
    asked_r = _count(judgements, asked_n)
    right_r = _count(judgements, asked_n & (judgements.label_n == truth_n))
    p_r = binomial_at_most(right_r, asked_r, least)
    return np.asarray(np.where(asked_r < FEWEST_GOLD, 1.0, p_r), dtype=float)


def _fast(judgements: Judgements, seconds: float) -> Floats:
    timed_r = _count(judgements, ~np.isnan(judgements.seconds_n))
    fast_r = _count(judgements, np.nan_to_num(judgements.seconds_n, nan=np.inf) < seconds)
    return binomial_at_least(fast_r, timed_r, HURRIED)


def _same_side(judgements: Judgements) -> Floats:
    """Left or right, against three in four or what the middle rater does, whichever is more.

    Where answers were not shown at random all raters lean alike, and none is to blame.
    """
    placed_n = ~np.isnan(judgements.side_n) & (judgements.label_n != TIE)
    left_n = placed_n & ((judgements.label_n == 1) == (judgements.side_n > 0))
    placed_r, left_r = _count(judgements, placed_n), _count(judgements, left_n)
    share_r = (left_r / np.maximum(placed_r, 1))[placed_r > 0]
    middle = float(np.median(share_r)) if len(share_r) else 0.5
    left_p = binomial_at_least(left_r, placed_r, max(MOSTLY, middle))
    right_p = binomial_at_least(placed_r - left_r, placed_r, max(MOSTLY, 1 - middle))
    return np.asarray(np.minimum(1.0, 2 * np.minimum(left_p, right_p)), dtype=float)


def _same_label(judgements: Judgements, others_n: Floats) -> Floats:
    """Good, or bad, also of what the others call the opposite; and of what they call the same."""
    p_values = []
    for label, sign in ((1, 1), (0, -1)):
        mine_n = ~judgements.compared_n & (judgements.label_n != TIE)
        against_n, along_n = (mine_n & (way * sign * others_n > SURE) for way in (-1, 1))
        said_n = judgements.label_n == label
        against_r, along_r = (_count(judgements, one_n) for one_n in (against_n, along_n))
        held_r = _count(judgements, along_n & said_n) >= MOSTLY * np.maximum(along_r, 1)
        p_r = binomial_at_least(_count(judgements, against_n & said_n), against_r, MISSED)
        p_values.append(np.where(held_r, p_r, 1.0))
    return np.asarray(np.minimum(1.0, 2 * np.minimum(*p_values)), dtype=float)


def _worse(judgements: Judgements, others_n: Floats, gold_i: Codes) -> Floats:
    """P(so little agreement with what the others know | a rater at chance).

    Gold questions are left out: who knows them may be right there and wrong elsewhere.
    """
    known_n = (np.abs(others_n) > SURE) & (gold_i[judgements.item_n] == TIE)
    known_n &= judgements.label_n != TIE
    same_n = known_n & (judgements.label_n == (others_n > 0))
    return binomial_at_most(_count(judgements, same_n), _count(judgements, known_n), 0.5)
