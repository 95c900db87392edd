"""How far raters agree, and how each of them judges: read it before trusting what they say."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from loop.feedback.agreement import Agreement, agreement_of
from loop.feedback.judgements import TIE, Codes, Judgements, judgements_of
from loop.settings import RatersSettings
from loop.store.records import Comparison, Rating

if TYPE_CHECKING:
    from loop.feedback.standing import Standing
    from loop.store.store import Store


class Share(NamedTuple):
    """A share of trials with its 95 % interval (Wilson)."""

    share: float
    low: float
    high: float
    n: int  # trials


class Lean(NamedTuple):
    """As `Share`, with the p-value of even odds (exact, two-sided)."""

    share: float
    low: float
    high: float
    n: int
    p_value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RaterReport:
    """How one person judges."""

    rater: str
    judgements: int  # every one, changed minds too
    agreement: float | None  # share of items on which most others say the same; None if alone
    shared: int  # items behind that share
    agreed: Share | None  # the same share with its interval
    gold: Share | None  # right, of the questions whose answer is known
    seconds: float | None  # median time for one
    left: float | None  # share of decided comparisons won by what stood left; about 0.5 is sound
    leftward: Lean | None  # the same share with its interval
    longer: Lean | None  # share of decided comparisons won by the longer answer
    weight: float  # log odds that a vote is right; 0 if held back
    accuracy: float  # share right, averaged over both sides, with its interval
    low: float
    high: float
    held_back: str | None  # why nothing of theirs is trained on
    simulated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Everything about the raters of one assistant."""

    raters: list[RaterReport]  # the busiest first
    agreement: list[Agreement]  # one for each kind


def quality(
    store: Store,
    assistant: str,
    *,
    gold: Mapping[str, int] | None = None,
    settings: RatersSettings | None = None,
    seed: int = 0,
) -> Quality:
    """How far raters agree and how each judges; of each the latest word counts.

    Args:
        store: Where ratings and comparisons are.
        assistant: Whose.
        gold: Item → 1 or 0 where the truth is known; see `judgements.answer_item`.
        settings: When a rater is held back; None takes the defaults.
        seed: Of the bootstrap behind the intervals of alpha.
    """
    from loop.feedback.standing import gold_codes, usual_standing, weigh

    ratings, comparisons = _said(store, assistant)
    lengths = _lengths(store, comparisons)
    judgements = judgements_of(ratings, comparisons, lengths=lengths)
    standings = weigh(judgements, gold=gold, settings=settings)
    tallies = _tallies(judgements, gold_codes(judgements, gold or {}))
    given: defaultdict[str, list[Rating | Comparison]] = defaultdict(list)
    for rating in ratings:
        given[rating.rater].append(rating)
    for comparison in comparisons:
        given[comparison.rater].append(comparison)
    usual = usual_standing()
    reports = [
        _report(rater, said, tallies.get(rater, Tally()), standings.get(rater, usual), lengths)
        for rater, said in given.items()
    ]
    reports.sort(key=lambda report: (-report.judgements, report.rater))
    return Quality(raters=reports, agreement=agreement_of(judgements, seed=seed))


def agreement(store: Store, assistant: str, *, seed: int = 0) -> list[Agreement]:
    """How far raters agree beyond chance, by kind of judgement; of each the latest word counts."""
    return agreement_of(judgements_of(*_said(store, assistant)), seed=seed)


def reliability(store: Store, assistant: str) -> list[RaterReport]:
    """How each rater judges, the busiest first.

    Agreement is with the majority of the others on the same item: good or bad for thumbs and
    stars, the side preferred for comparisons. Items on which the others are split do not count.
    """
    return quality(store, assistant).raters


def _said(store: Store, assistant: str) -> tuple[list[Rating], list[Comparison]]:
    from loop.store.tables import from_row

    return (
        [from_row(Rating, row) for row in store.query("ratings_of", assistant=assistant)],
        [from_row(Comparison, row) for row in store.query("comparisons", assistant=assistant)],
    )


def _lengths(store: Store, comparisons: Iterable[Comparison]) -> dict[str, int]:
    ids = sorted({id for one in comparisons for id in one.interactions})
    rows = store.query("interactions_by_id", ids=ids) if ids else []
    return {row["id"]: len(row["answer"]) for row in rows}


class Tally(NamedTuple):
    """What the latest words of one rater come to."""

    same: int = 0  # as most of the others said
    shared: int = 0  # with such a majority
    right: int = 0  # of gold questions
    asked: int = 0


def _tallies(judgements: Judgements, gold_i: Codes) -> dict[str, Tally]:
    same_n, shared_n = _with_others(judgements)
    truth_n = gold_i[judgements.item_n]
    asked_n = (judgements.label_n != TIE) & (truth_n != TIE)
    right_n = asked_n & (judgements.label_n == truth_n)
    counts_rt = np.stack(
        [
            np.bincount(judgements.rater_n[which_n], minlength=len(judgements.raters))
            for which_n in (same_n, shared_n, right_n, asked_n)
        ],
        axis=1,
    )
    return {
        rater: Tally(*map(int, counts_t))
        for rater, counts_t in zip(judgements.raters, counts_rt, strict=True)
    }


def _with_others(judgements: Judgements) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Judgements that most of the others on the item share, and those with such a majority."""
    items = len(judgements.items)
    counts_li = np.stack(
        [
            np.bincount(judgements.item_n[judgements.label_n == label], minlength=items)
            for label in (TIE, 0, 1)
        ]
    )
    others_ln = counts_li[:, judgements.item_n]
    others_ln[judgements.label_n + 1, np.arange(len(judgements.item_n))] -= 1
    most_n = others_ln.max(axis=0, initial=0)
    shared_n = (most_n > 0) & ((others_ln == most_n).sum(axis=0) == 1)
    return shared_n & (others_ln.argmax(axis=0) == judgements.label_n + 1), shared_n


def _report(
    rater: str,
    given: Sequence[Rating | Comparison],
    tally: Tally,
    standing: Standing,
    lengths: Mapping[str, int],
) -> RaterReport:
    took = [one.seconds for one in given if one.seconds is not None]
    compared = [one for one in given if isinstance(one, Comparison)]
    leftward = _lean([won for one in compared for won in _left_won(one)])
    return RaterReport(
        rater=rater,
        judgements=len(given),
        agreement=tally.same / tally.shared if tally.shared else None,
        shared=tally.shared,
        agreed=_share(tally.same, tally.shared),
        gold=_share(tally.right, tally.asked),
        seconds=statistics.median(took) if took else None,
        left=leftward.share if leftward else None,
        leftward=leftward,
        longer=_lean([won for one in compared for won in _longer_won(one, lengths)]),
        weight=standing.weight,
        accuracy=standing.accuracy,
        low=standing.low,
        high=standing.high,
        held_back=standing.held_back,
        simulated=all(one.simulated for one in given),
    )


def _left_won(one: Comparison) -> list[bool]:
    """Of two answers that were shown side by side and are no tie: did the left one win?"""
    if len(one.shown) != 2:
        return []
    rank = dict(zip(one.interactions, one.ranks, strict=True))
    left, right = (rank[id] for id in one.shown)
    return [] if left == right else [left < right]


def _longer_won(one: Comparison, lengths: Mapping[str, int]) -> list[bool]:
    """Of two answers of different length that are no tie: did the longer one win?"""
    if len(one.interactions) != 2 or not all(id in lengths for id in one.interactions):
        return []
    first, second = (lengths[id] for id in one.interactions)
    if first == second or one.ranks[0] == one.ranks[1]:
        return []
    return [(first > second) == (one.ranks[0] < one.ranks[1])]


def _share(hits: int, n: int) -> Share | None:
    from eval_suites.stats.intervals import wilson

    return Share(hits / n, *wilson(hits, n), n) if n else None


def _lean(won: Sequence[bool]) -> Lean | None:
    from eval_suites.stats.tails import binomial_two_sided

    found = _share(sum(won), len(won))
    return Lean(*found, binomial_two_sided(sum(won), len(won))) if found else None
