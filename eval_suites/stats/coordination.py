"""Do raters make the same mistakes together more often than their errors explain?

Whoever is right agrees with everyone who is right, so agreement alone says nothing. What counts
is agreeing against what the others on the item leave to believe, next to how often two raters of
such errors would do so by chance.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse, special
from scipy.sparse import linalg

from eval_suites.stats.tails import poisson_at_least

Array = NDArray[np.float64]
Codes = NDArray[np.intp]
Flags = NDArray[np.bool_]
DECIDED = float(np.log(1.5))  # log odds from which the others lean to one side
SLACK = 1.25  # mistakes that are expected are themselves estimates
FEWEST = 5  # joint mistakes below which nothing is said
NEIGHBOURS = 60  # judgements of one item that each is paired with, at most
MEMBER = 0.01  # level at which each member of a proven group must stand out too


class Heard(NamedTuple):
    """Judgements of two sides as parallel arrays, with what the rater's errors make of them."""

    rater_n: Codes
    item_n: Codes
    label_n: Codes  # 1 or 0
    said1_n: Array  # P(this rater says 1 | truth 1)
    said0_n: Array  # P(this rater says 1 | truth 0)
    prior_i: Array  # log odds of truth 1 before any judgement; far from 0 for gold
    raters: int

    @property
    def odds_n(self) -> Array:
        """Log odds for truth 1 that each judgement adds."""
        one_n, zero_n = self.given(self.label_n)
        return np.asarray(np.log(one_n) - np.log(zero_n), dtype=float)

    def given(self, label_n: Codes) -> tuple[Array, Array]:
        """P(this rater says that label | truth 1), and | truth 0."""
        ones_n = label_n == 1
        return (
            np.where(ones_n, self.said1_n, 1 - self.said1_n),
            np.where(ones_n, self.said0_n, 1 - self.said0_n),
        )


class _Joint(NamedTuple):
    """Of two raters, in one half of the items: mistakes together and how many were expected."""

    one_p: Codes
    other_p: Codes
    half_p: Codes
    seen_p: Array
    expected_p: Array
    shared_p: Array


def coordinated(heard: Heard, *, alpha: float) -> Flags:
    """Raters who make mistakes together: two of them, or a group.

    Two are compared on all items they share, with Bonferroni's correction over pairs. A group is
    looked for in one half of the items and tested in the other, and the other way round; each of
    its members must then stand out as well. The usual ratio of joint mistakes to expected ones is
    taken from the median rater, so that items which are hard for all accuse nobody.

    Args:
        heard: Judgements of raters who are trusted so far; of one rater there is one per item.
        alpha: Chance of accusing anyone of a team that does not coordinate.

    Returns:
        Whether each rater is one of them, shape (raters,).
    """
    joint = _joint(heard)
    if not len(joint.one_p):
        return np.zeros(heard.raters, dtype=bool)
    usual = SLACK * _usual(joint, heard.raters)
    found_r = _pairs(joint, usual, alpha / 2, heard.raters)
    for half in (0, 1):
        group_r = _look(joint, usual, half, heard.raters)
        if group_r.sum() > 1:
            found_r |= _proven(heard, group_r, 1 - half, usual, alpha / 4)
    return found_r


def _half(item_n: Codes) -> Codes:
    """0 or 1 for each item, without regard to its order."""
    return (
        (item_n.astype(np.uint64) * np.uint64(2654435761) >> np.uint64(16)) & np.uint64(1)
    ).astype(np.intp)


def _joint(heard: Heard) -> _Joint:
    order = np.argsort(heard.item_n, kind="stable")
    heard = heard._replace(
        rater_n=heard.rater_n[order], item_n=heard.item_n[order], label_n=heard.label_n[order],
        said1_n=heard.said1_n[order], said0_n=heard.said0_n[order],
    )  # fmt: skip
    odds_n = heard.odds_n
    odds_i = heard.prior_i + np.bincount(heard.item_n, odds_n, len(heard.prior_i))
    parts = []
    for apart in range(1, min(NEIGHBOURS, int(np.bincount(heard.item_n).max(initial=1)))):
        a = np.flatnonzero(heard.item_n[:-apart] == heard.item_n[apart:])
        b = a + apart
        left_p = odds_i[heard.item_n[a]] - odds_n[a] - odds_n[b]
        kept = np.abs(left_p) > DECIDED
        a, b, left_p = a[kept], b[kept], left_p[kept]
        against_n = np.zeros(len(odds_n), dtype=np.intp)
        against_p = (left_p < 0).astype(np.intp)
        chances = []
        for side in (a, b):
            against_n[side] = against_p
            one_n, zero_n = heard.given(against_n)
            chances.append((one_n[side], zero_n[side]))
        truth_p = special.expit(left_p)
        expected_p = truth_p * chances[0][0] * chances[1][0]
        expected_p += (1 - truth_p) * chances[0][1] * chances[1][1]
        seen_p = (heard.label_n[a] == against_p) & (heard.label_n[b] == against_p)
        low = np.minimum(heard.rater_n[a], heard.rater_n[b])
        high = np.maximum(heard.rater_n[a], heard.rater_n[b])
        key = (low * heard.raters + high) * 2 + _half(heard.item_n[a])
        parts.append(_summed(key, seen_p.astype(float), expected_p, np.ones(len(a))))
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)] if parts else []
    if not columns:
        none = np.zeros(0)
        return _Joint(none.astype(np.intp), none.astype(np.intp), none.astype(np.intp), *[none] * 3)
    key, *sums = _summed(columns[0].astype(np.intp), *columns[1:])
    pair = key // 2
    return _Joint(pair // heard.raters, pair % heard.raters, key % 2, *sums)


def _summed(key: Codes, *columns: Array) -> tuple[Codes, Array, Array, Array]:
    keys, place = np.unique(key, return_inverse=True)
    seen, expected, shared = (
        np.bincount(place, column, len(keys)).astype(float) for column in columns
    )
    return keys, seen, expected, shared


def _usual(joint: _Joint, raters: int) -> float:
    """Joint mistakes over expected ones of the median rater, at least 1."""
    seen_r, expected_r = (
        np.bincount(joint.one_p, column, raters) + np.bincount(joint.other_p, column, raters)
        for column in (joint.seen_p, joint.expected_p)
    )
    enough_r = expected_r >= 1
    if not enough_r.any():
        return 1.0
    return max(1.0, float(np.median(seen_r[enough_r] / expected_r[enough_r])))


def _pairs(joint: _Joint, usual: float, alpha: float, raters: int) -> Flags:
    key = joint.one_p * raters + joint.other_p
    key, seen, expected, shared = _summed(key, joint.seen_p, joint.expected_p, joint.shared_p)
    tested = shared >= FEWEST
    p_value = poisson_at_least(seen, usual * expected)
    guilty = key[tested & (seen >= FEWEST) & (p_value < alpha / max(tested.sum(), 1))]
    found_r = np.zeros(raters, dtype=bool)
    found_r[guilty // raters] = found_r[guilty % raters] = True
    return found_r


def _look(joint: _Joint, usual: float, half: int, raters: int) -> Flags:
    """The raters with the most mistakes in common: the leading eigenvector of the excess."""
    none_r = np.zeros(raters, dtype=bool)
    here = joint.half_p == half
    if raters < 4 or not here.any():
        return none_r
    expected_p = usual * joint.expected_p[here]
    excess_p = (joint.seen_p[here] - expected_p) / np.sqrt(expected_p + 0.5)
    one, other = joint.one_p[here], joint.other_p[here]
    matrix = sparse.coo_array(
        (np.tile(excess_p, 2), (np.concatenate((one, other)), np.concatenate((other, one)))),
        shape=(raters, raters),
    ).tocsr()
    try:
        _, vectors = linalg.eigsh(matrix, k=1, which="LA", v0=np.ones(raters), maxiter=2000)
    except linalg.ArpackNoConvergence:
        return none_r
    vector_r = vectors[:, 0] * (1 if vectors[:, 0].sum() >= 0 else -1)
    return np.asarray(vector_r > vector_r.max() / 3, dtype=bool)


def _proven(heard: Heard, group_r: Flags, half: int, usual: float, alpha: float) -> Flags:
    """Members of the group, if in this half of the items all its members on an item err alike."""
    member_n = group_r[heard.rater_n]
    items = len(heard.prior_i)
    odds_i = heard.prior_i + np.bincount(heard.item_n, heard.odds_n * ~member_n, items)
    against_i = (odds_i < 0).astype(np.intp)
    members_i = np.bincount(heard.item_n, member_n.astype(float), items)
    counted_i = (np.abs(odds_i) > DECIDED) & (members_i > 1) & (_half(np.arange(items)) == half)
    one_n, zero_n = heard.given(against_i[heard.item_n])
    logs_i = [
        np.bincount(heard.item_n, np.log(chance_n) * member_n, items)
        for chance_n in (one_n, zero_n)
    ]
    truth_i = special.expit(odds_i)
    expected_i = (truth_i * np.exp(logs_i[0]) + (1 - truth_i) * np.exp(logs_i[1])) * counted_i
    missed_n = member_n & (heard.label_n == against_i[heard.item_n])
    seen_i = (np.bincount(heard.item_n, missed_n.astype(float), items) == members_i) & counted_i
    seen = float(seen_i.sum())
    none_r = np.zeros(heard.raters, dtype=bool)
    if seen < FEWEST or poisson_at_least(seen, usual * expected_i.sum()) >= alpha:
        return none_r
    seen_r, expected_r = (
        np.bincount(heard.rater_n, column[heard.item_n] * member_n, heard.raters)
        for column in (seen_i.astype(float), expected_i)
    )
    guilty_r = poisson_at_least(seen_r, usual * expected_r) < MEMBER
    return np.asarray(guilty_r & group_r & (seen_r >= 3), dtype=bool)
