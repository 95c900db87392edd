"""What raters said as arrays: of each rater the latest word on each item."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from loop.store.records import Comparison, Rating

COMPARISON = "comparison"
TIE = -1  # a label that is for neither side
MIDDLE_STARS = 3.0

Codes = NDArray[np.intp]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgements:
    """Judgements as parallel arrays, each shape (judgements,); one of a rater on an item."""

    raters: tuple[str, ...]  # what rater_n counts
    items: tuple[str, ...]  # what item_n counts: see `answer_item`, `pair_item`
    kinds: tuple[str, ...]  # what kind_n counts: thumb, stars, rubric criteria, comparison
    rater_n: Codes
    item_n: Codes
    kind_n: Codes
    label_n: Codes  # 1 good or the first preferred, 0 bad or the second, −1 neither
    value_n: Floats  # as it was given: −1/+1, 1 to 5, a score; −1, 0, 1 for comparisons
    seconds_n: Floats  # NaN where nobody knows; so are the two below
    side_n: Floats  # +0.5 if the first of a comparison stood left, −0.5 if right
    longer_n: Floats  # characters that the first of a comparison has over the second

    @property
    def compared_n(self) -> NDArray[np.bool_]:
        """Which of them are comparisons, shape (judgements,)."""
        kinds = np.array([kind == COMPARISON for kind in self.kinds] or [False])
        return kinds[self.kind_n]


class _Mark(NamedTuple):
    kind: str
    label: int
    value: float
    seconds: float
    side: float
    longer: float


def answer_item(answer: str, criterion: str = "") -> str:
    """The item of a thumb or stars on an answer, or of one criterion of a rubric.

    >>> answer_item("i1"), answer_item("i1", "clear")
    ('i1', 'i1#clear')
    """
    return f"{answer}#{criterion}" if criterion else answer


def pair_item(one: str, other: str) -> str:
    """The item of a comparison of two answers, whichever is named first; the lesser is first.

    >>> pair_item("i2", "i1")
    'i1 i2'
    """
    return " ".join(sorted((one, other)))


def judgements_of(
    ratings: Iterable[Rating],
    comparisons: Iterable[Comparison],
    *,
    same: Mapping[str, str] | None = None,
    lengths: Mapping[str, int] | None = None,
) -> Judgements:
    """Thumbs, stars, rubric criteria and comparisons as judgements of two sides each.

    Thumbs and stars on one answer are one item: above the middle is good, below it bad. So is
    each criterion of a rubric, whose middle is 3, or 0.5 where nobody ever gave more than 1.
    A comparison of three or more answers is one judgement for each two.

    Args:
        ratings: Oldest first; other kinds are passed over.
        comparisons: Oldest first.
        same: Interaction id → a name shared by all with the same prompt and answer; None takes
            each interaction for itself.
        lengths: Interaction id → characters of its answer, for the length bias.
    """
    ratings = list(ratings)
    names, long = same or {}, lengths or {}
    middles = _middles(ratings)
    marks: dict[tuple[str, str], _Mark] = {}
    for rating in ratings:
        for item, mark in _rated(
            rating, names.get(rating.interaction, rating.interaction), middles
        ):
            marks[rating.rater, item] = mark
    for one in comparisons:
        for item, mark in _compared(one, names, long):
            marks[one.rater, item] = mark
    return from_columns(
        rater=[rater for rater, _ in marks],
        item=[item for _, item in marks],
        kind=[mark.kind for mark in marks.values()],
        label=[mark.label for mark in marks.values()],
        value=[mark.value for mark in marks.values()],
        seconds=[mark.seconds for mark in marks.values()],
        side=[mark.side for mark in marks.values()],
        longer=[mark.longer for mark in marks.values()],
    )


def from_columns(
    *,
    rater: Sequence[str],
    item: Sequence[str],
    label: Sequence[int] | Codes,
    kind: Sequence[str] | None = None,
    value: Sequence[float] | Floats | None = None,
    seconds: Sequence[float] | Floats | None = None,
    side: Sequence[float] | Floats | None = None,
    longer: Sequence[float] | Floats | None = None,
) -> Judgements:
    """Judgements from columns, in any order; a rater names an item once.

    What is left out is unknown; without kinds all are thumbs.

    Raises:
        ValueError: Columns differ in length, a label is not −1, 0 or 1, or a rater has two
            judgements on one item.

    >>> from_columns(rater=["ann", "bo"], item=["x", "x"], label=[1, 0]).raters
    ('ann', 'bo')
    """
    size = len(rater)
    unknown_n = np.full(size, np.nan)
    raters, rater_n = _coded(rater)
    items, item_n = _coded(item)
    kinds, kind_n = _coded(["thumb"] * size if kind is None else kind)
    label_n = np.asarray(label, dtype=np.intp)
    columns = [
        unknown_n if one is None else np.asarray(one, dtype=float)
        for one in (value, seconds, side, longer)
    ]
    if {len(one) for one in (item_n, kind_n, label_n, *columns)} != {size}:
        raise ValueError("columns differ in length, expected one entry per judgement")
    if not np.isin(label_n, (TIE, 0, 1)).all():
        raise ValueError("a label is not 1, 0 or -1 for neither")
    if len(np.unique(rater_n * max(len(items), 1) + item_n)) < size:
        raise ValueError("a rater has two judgements on one item, expected the latest only")
    return Judgements(
        raters=raters, items=items, kinds=kinds, rater_n=rater_n, item_n=item_n, kind_n=kind_n,
        label_n=label_n, value_n=columns[0], seconds_n=columns[1], side_n=columns[2],
        longer_n=columns[3],
    )  # fmt: skip


def _rated(
    rating: Rating, answer: str, middles: Mapping[str, float]
) -> Iterator[tuple[str, _Mark]]:
    seconds = math.nan if rating.seconds is None else rating.seconds
    if rating.kind in ("thumb", "stars") and rating.value is not None:
        middle = MIDDLE_STARS if rating.kind == "stars" else 0.0
        label = _label(rating.value, middle)
        mark = _Mark(rating.kind, label, rating.value, seconds, math.nan, math.nan)
        yield answer_item(answer), mark
    for criterion, score in rating.rubric.items() if rating.kind == "rubric" else ():
        label = _label(score, middles[criterion])
        mark = _Mark(f"rubric {criterion}", label, score, seconds, math.nan, math.nan)
        yield answer_item(answer, criterion), mark


def _compared(
    one: Comparison, names: Mapping[str, str], long: Mapping[str, int]
) -> Iterator[tuple[str, _Mark]]:
    """Each two answers that are not the same."""
    seconds = math.nan if one.seconds is None else one.seconds
    place = {id: number for number, id in enumerate(one.shown)}
    named = [
        (names.get(id, id), id, rank) for id, rank in zip(one.interactions, one.ranks, strict=True)
    ]
    for (first, a, rank), (second, b, other) in itertools.combinations(sorted(named), 2):
        if first == second:
            continue
        label = TIE if rank == other else int(rank < other)
        side = math.nan
        if a in place and b in place:
            side = 0.5 if place[a] < place[b] else -0.5
        longer = float(long[a] - long[b]) if a in long and b in long else math.nan
        value = float((rank < other) - (rank > other))
        yield pair_item(first, second), _Mark(COMPARISON, label, value, seconds, side, longer)


def _middles(ratings: Iterable[Rating]) -> dict[str, float]:
    """Criterion → the score between good and bad."""
    most: dict[str, float] = {}
    for rating in ratings:
        for criterion, score in rating.rubric.items():
            most[criterion] = max(score, most.get(criterion, score))
    return {name: MIDDLE_STARS if score > 1 else 0.5 for name, score in most.items()}


def _label(value: float, middle: float) -> int:
    return TIE if value == middle else int(value > middle)


def _coded(names: Sequence[str]) -> tuple[tuple[str, ...], Codes]:
    """Distinct names in order, and the number of each."""
    distinct = sorted(set(names))
    number = {name: n for n, name in enumerate(distinct)}
    codes = np.fromiter((number[name] for name in names), dtype=np.intp, count=len(names))
    return tuple(distinct), codes
