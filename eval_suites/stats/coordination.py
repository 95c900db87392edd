"""Do raters make the same mistakes together more often than their errors explain?

Whoever is right agrees with everyone who is right, so agreement alone says nothing. What counts
is whether two speak against what the others on the item leave to believe at the same time, next
to how often they would if each erred on his own.
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
NOTABLE = 0.15  # correlation of mistakes, beyond the usual one, below which it does not matter
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
        ones_n = self.label_n == 1
        one_n = np.where(ones_n, self.said1_n, 1 - self.said1_n)
        zero_n = np.where(ones_n, self.said0_n, 1 - self.said0_n)
        return np.asarray(np.log(one_n) - np.log(zero_n), dtype=float)


class _Joint(NamedTuple):
    """Of two raters, in one half of the items: how their mistakes go together."""

    one_p: Codes
    other_p: Codes
    half_p: Codes
    excess_p: Array  # sum over items of the product of what each errs more than expected
    variance_p: Array  # of that sum, if the two err independently of each other
    shared_p: Array  # items
    seen_p: Array  # mistakes together


class _Tested(NamedTuple):
    """Sums over pairs, and the excess that is usual in this team."""

    excess: Array
    variance: Array
    scale: Array  # what the excess would be if the two always erred together
    seen: Array

    def p_value(self, usual: float, jump: float = 1.0) -> Array:
        """P(so much excess or more): a Poisson tail, as in Bennett's inequality.

        Args:
            usual: Correlation of mistakes that every two have.
            jump: What one item adds to the excess at most.
        """
        mean = self.variance / jump**2
        return poisson_at_least((self.excess - usual * self.scale) / jump + mean, mean)

    def strong(self, usual: float) -> Flags:
        """Is it enough to matter, however sure it is?"""
        correlated = self.excess > (usual + NOTABLE) * self.scale
        return np.asarray(correlated & (self.seen >= FEWEST), dtype=bool)


def coordinated(heard: Heard, *, alpha: float) -> Flags:
    """Raters who make mistakes together: two of them, or a group.

    Two are compared on all items they share, with Bonferroni's correction over pairs. A group is
    looked for in one half of the items and tested in the other, and the other way round; each of
    its members must then stand out as well. How far mistakes usually go together is taken from the
    median rater, so that items which are hard for all accuse nobody.

    Args:
        heard: Judgements of raters who are trusted so far; of one rater there is one per item.
        alpha: Chance of accusing anyone of a team that does not coordinate.

    Returns:
        Whether each rater is one of them, shape (raters,).
    """
    joint = _joint(heard)
    if not len(joint.one_p):
        return np.zeros(heard.raters, dtype=bool)
    usual = _usual(joint, heard.raters)
    found_r = _pairs(joint, usual, alpha / 2, heard.raters)
    for half in (0, 1):
        group_r = _look(joint, usual, half, heard.raters)
        if group_r.sum() > 1:
            found_r |= _proven(heard, joint, group_r, 1 - half, usual, alpha / 4)
    return found_r


def _half(item_n: Codes) -> Codes:
    """0 or 1 for each item, without regard to its order."""
    mixed_n = item_n.astype(np.uint64) * np.uint64(2654435761) >> np.uint64(16)
    return (mixed_n & np.uint64(1)).astype(np.intp)


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
        left_p = odds_i[heard.item_n[a]] - odds_n[a] - odds_n[a + apart]
        kept = np.abs(left_p) > DECIDED
        a, left_p = a[kept], left_p[kept]
        low = np.minimum(heard.rater_n[a], heard.rater_n[a + apart])
        high = np.maximum(heard.rater_n[a], heard.rater_n[a + apart])
        key = (low * heard.raters + high) * 2 + _half(heard.item_n[a])
        parts.append(_summed(key, *_together(heard, a, a + apart, left_p)))
    if not parts:
        none, nobody = np.zeros(0), np.zeros(0, dtype=np.intp)
        return _Joint(nobody, nobody, nobody, none, none, none, none)
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    key, *sums = _summed(columns[0].astype(np.intp), *columns[1:])
    pair = key // 2
    return _Joint(pair // heard.raters, pair % heard.raters, key % 2, *sums)


def _together(heard: Heard, a: Codes, b: Codes, left_p: Array) -> tuple[Array, ...]:
    """Excess, variance, items and mistakes of each two judgements, a and b, of one item.

    A mistake is to speak against the side to which the others on the item lean. Expectations
    allow for the others being wrong. As the excess is a product of two deviations, an error in
    what is expected of one rater alone does not shift it.
    """
    against_p = (left_p < 0).astype(np.intp)
    truth_p = special.expit(np.abs(left_p))  # P(the others are right)
    missed, expected, errs = [], [], []
    for side in (a, b):
        said1_p, said0_p = heard.said1_n[side], heard.said0_n[side]
        right_p = np.where(against_p == 1, said0_p, 1 - said1_p)  # P(against | others right)
        wrong_p = np.where(against_p == 1, said1_p, 1 - said0_p)
        errs.append((right_p, wrong_p))
        expected.append(truth_p * right_p + (1 - truth_p) * wrong_p)
        missed.append(heard.label_n[side] == against_p)
    both_p = truth_p * errs[0][0] * errs[1][0] + (1 - truth_p) * errs[0][1] * errs[1][1]
    shift_p = both_p - expected[0] * expected[1]
    excess_p = (missed[0] - expected[0]) * (missed[1] - expected[1]) - shift_p
    square_p = -(shift_p**2)
    for chance_p, which in ((truth_p, 0), (1 - truth_p, 1)):
        spread = [
            errs[n][which] * (1 - expected[n]) ** 2 + (1 - errs[n][which]) * expected[n] ** 2
            for n in (0, 1)
        ]
        square_p = square_p + chance_p * spread[0] * spread[1]
    return excess_p, square_p, np.ones(len(a)), (missed[0] & missed[1]).astype(float)


def _summed(key: Codes, *columns: Array) -> tuple[Codes, *tuple[Array, ...]]:
    keys, place = np.unique(key, return_inverse=True)
    return keys, *(np.bincount(place, column, len(keys)).astype(float) for column in columns)


def _tested(joint: _Joint, place_p: Codes, places: int) -> _Tested:
    """Pairs summed up by place."""
    scale_p = np.sqrt(joint.shared_p * joint.variance_p)
    return _Tested(
        *(
            np.bincount(place_p, column_p, places).astype(float)
            for column_p in (joint.excess_p, joint.variance_p, scale_p, joint.seen_p)
        )
    )


def _of_raters(joint: _Joint, raters: int) -> _Tested:
    """All that each rater shares with others, shape (raters,)."""
    sides = (_tested(joint, side_p, raters) for side_p in (joint.one_p, joint.other_p))
    return _Tested(*(one + other for one, other in zip(*sides, strict=True)))


def _usual(joint: _Joint, raters: int) -> float:
    """How far mistakes go together for the median rater, as a correlation; at least 0."""
    each = _of_raters(joint, raters)
    met_r = each.scale > 0
    return max(0.0, float(np.median(each.excess[met_r] / each.scale[met_r])))


def _pairs(joint: _Joint, usual: float, alpha: float, raters: int) -> Flags:
    key, place_p = np.unique(joint.one_p * raters + joint.other_p, return_inverse=True)
    found = _tested(joint, place_p, len(key))
    tested = np.bincount(place_p, joint.shared_p) >= FEWEST
    sure = found.p_value(usual) < alpha / max(tested.sum(), 1)
    guilty = key[tested & sure & found.strong(usual)]
    found_r = np.zeros(raters, dtype=bool)
    found_r[guilty // raters] = found_r[guilty % raters] = True
    return found_r


def _look(joint: _Joint, usual: float, half: int, raters: int) -> Flags:
    """The raters with the most mistakes in common: the leading eigenvector of the excess."""
    here = joint.half_p == half
    if raters < 4 or not here.any():
        return np.zeros(raters, dtype=bool)
    variance_p = joint.variance_p[here]
    scale_p = np.sqrt(joint.shared_p[here] * variance_p)
    excess_p = (joint.excess_p[here] - usual * scale_p) / np.sqrt(variance_p + 0.25)
    one, other = joint.one_p[here], joint.other_p[here]
    matrix = sparse.coo_array(
        (np.tile(excess_p, 2), (np.concatenate((one, other)), np.concatenate((other, one)))),
        shape=(raters, raters),
    ).tocsr()
    try:
        _, vectors = linalg.eigsh(matrix, k=1, which="LA", v0=np.ones(raters), maxiter=2000)
    except linalg.ArpackNoConvergence:
        return np.zeros(raters, dtype=bool)
    vector_r = vectors[:, 0] * (1 if vectors[:, 0].sum() >= 0 else -1)
    return np.asarray(vector_r > vector_r.max() / 2, dtype=bool)


def _proven(
    heard: Heard, joint: _Joint, group_r: Flags, half: int, usual: float, alpha: float
) -> Flags:
    """Members of the group who stand out, if the group does, in this half of the items."""
    none_r = np.zeros(heard.raters, dtype=bool)
    members_i = np.bincount(heard.item_n, group_r[heard.rater_n], len(heard.prior_i))
    members_i = members_i[(_half(np.arange(len(members_i))) == half) & (members_i > 1)]
    here = (joint.half_p == half) & group_r[joint.one_p] & group_r[joint.other_p]
    if not len(members_i) or not here.any():
        return none_r
    inside = _Joint(*(column_p[here] for column_p in joint))
    whole = _tested(inside, np.zeros(len(inside.one_p), dtype=np.intp), 1)
    jump = _crowded(members_i * (members_i - 1) / 2)
    if whole.p_value(usual, jump)[0] >= alpha or not whole.strong(usual)[0]:
        return none_r
    each = _of_raters(inside, heard.raters)
    guilty_r = each.p_value(usual, _crowded(members_i - 1)) < MEMBER
    return np.asarray(guilty_r & group_r & each.strong(usual), dtype=bool)


def _crowded(count_i: Array) -> float:
    """How many pairs there are on the item of one of them, on average."""
    return float((count_i**2).sum() / count_i.sum())
