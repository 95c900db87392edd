"""How far raters agree, and how each of them judges: read it before trusting what they say."""

from __future__ import annotations

import itertools
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loop.store.records import Comparison, Rating

if TYPE_CHECKING:
    from loop.store.store import Store

Marks = dict[str, dict[str, float]]  # rater → item → mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Krippendorff's alpha of one kind of judgement."""

    kind: str  # thumb, stars or comparison
    alpha: float | None  # 1 perfect, 0 chance; None where nothing was judged twice
    raters: int
    items: int  # that two raters or more have judged


@dataclass(frozen=True, slots=True, kw_only=True)
class RaterReport:
    """How one person judges."""

    rater: str
    judgements: int
    agreement: float | None  # share of items on which most others say the same; None if alone
    shared: int  # items behind that share
    seconds: float | None  # median time for one
    left: float | None  # share of decided comparisons won by what stood left; about 0.5 is sound
    simulated: bool


def agreement(store: Store, assistant: str) -> list[Agreement]:
    """How far raters agree beyond chance, by kind of judgement; of each the latest word counts."""
    from eval_suites.stats.agreement import krippendorff_alpha

    ratings, comparisons = _said(store, assistant)
    found = []
    for kind, marks in _marks(ratings, comparisons).items():
        items = sorted({item for of_rater in marks.values() for item in of_rater})
        table = [[marks[rater].get(item) for item in items] for rater in sorted(marks)]
        times = Counter(item for of_rater in marks.values() for item in of_rater)
        found.append(
            Agreement(
                kind=kind,
                alpha=krippendorff_alpha(table, "ordinal" if kind == "stars" else "nominal")
                if table
                else None,
                raters=len(marks),
                items=sum(count > 1 for count in times.values()),
            )
        )
    return found


def reliability(store: Store, assistant: str) -> list[RaterReport]:
    """How each rater judges, the busiest first.

    Agreement is with the majority of the others on the same item: good or bad for thumbs and
    stars, the side preferred for comparisons. Items on which the others are split do not count.
    """
    ratings, comparisons = _said(store, assistant)
    sides = _sides(_marks(ratings, comparisons))
    judged: defaultdict[str, list[Rating | Comparison]] = defaultdict(list)
    for rating in ratings:
        judged[rating.rater].append(rating)
    for comparison in comparisons:
        judged[comparison.rater].append(comparison)
    reports = [_report(rater, given, sides) for rater, given in judged.items()]
    return sorted(reports, key=lambda report: (-report.judgements, report.rater))


def _said(store: Store, assistant: str) -> tuple[list[Rating], list[Comparison]]:
    from loop.store.tables import from_row

    return (
        [from_row(Rating, row) for row in store.query("ratings_of", assistant=assistant)],
        [from_row(Comparison, row) for row in store.query("comparisons", assistant=assistant)],
    )


def _marks(ratings: Iterable[Rating], comparisons: Iterable[Comparison]) -> dict[str, Marks]:
    """The latest mark of each rater on each item; both come oldest first."""
    marks: dict[str, Marks] = {"thumb": {}, "stars": {}, "comparison": {}}
    for rating in ratings:
        if rating.kind in ("thumb", "stars") and rating.value is not None:
            marks[rating.kind].setdefault(rating.rater, {})[rating.interaction] = rating.value
    for one in comparisons:
        ranked = sorted(zip(one.interactions, one.ranks, strict=True))
        for (left, rank), (right, other) in itertools.combinations(ranked, 2):
            preferred = (rank > other) - (rank < other)
            marks["comparison"].setdefault(one.rater, {})[f"{left} {right}"] = float(preferred)
    return marks


def _sides(marks: Mapping[str, Marks]) -> dict[str, dict[str, int]]:
    """Item → rater → −1, 0 or 1: stars above the middle are good, below it bad."""
    sides: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for kind, of_kind in marks.items():
        middle = 3 if kind == "stars" else 0
        for rater, of_rater in of_kind.items():
            for item, mark in of_rater.items():
                sides[item].setdefault(rater, (mark > middle) - (mark < middle))
    return sides


def _report(
    rater: str, given: list[Rating | Comparison], sides: Mapping[str, Mapping[str, int]]
) -> RaterReport:
    same = shared = 0
    for of_item in sides.values():
        others = Counter(side for other, side in of_item.items() if other != rater)
        ranked = others.most_common(2)
        if rater in of_item and ranked and (len(ranked) < 2 or ranked[0][1] > ranked[1][1]):
            shared += 1
            same += of_item[rater] == ranked[0][0]
    took = [one.seconds for one in given if one.seconds is not None]
    won = [left for one in given if isinstance(one, Comparison) for left in _left_won(one)]
    return RaterReport(
        rater=rater,
        judgements=len(given),
        agreement=same / shared if shared else None,
        shared=shared,
        seconds=statistics.median(took) if took else None,
        left=sum(won) / len(won) if won else None,
        simulated=all(one.simulated for one in given),
    )


def _left_won(one: Comparison) -> list[bool]:
    """Of two answers that were shown side by side and are no tie: did the left one win?"""
    if len(one.shown) != 2:
        return []
    rank = dict(zip(one.interactions, one.ranks, strict=True))
    left, right = (rank[id] for id in one.shown)
    return [] if left == right else [left < right]
