"""A new guideline is measured: part of what was judged under the old one is judged again."""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loop.settings import ReviewSettings
from loop.store.records import Guideline, Rating

if TYPE_CHECKING:
    from loop.store.store import Store

Marks = dict[tuple[str, str], dict[str, float]]  # (answer, measure) → rater → latest mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """How one kind of judgement moved from a guideline to the next.

    Shares are of pairs: the same rater twice on one answer, or the mean of the others on it.
    """

    measure: str  # thumb, stars, or a criterion of both guidelines
    who: str  # "same rater" or "other raters"
    pairs: int
    changed: float  # share of pairs that differ, with its 95% interval (Wilson)
    changed_low: float
    changed_high: float
    shift: float  # mean of new less old, in the measure's own units
    low: float | None  # its 95% t interval by answer; None with fewer than two answers
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What a guideline changed, as far as it was judged again."""

    guideline: str
    previous: str
    sample: int  # answers queued again
    judged: int  # of them, judged at least once under the new guideline
    moved: Sequence[Moved]


def sample(store: Store, previous: str, guideline: str, review: ReviewSettings) -> list[str]:
    """Answers judged under one guideline that are to be judged again under the next.

    Drawn by hash from the new guideline's name, so the same store gives the same sample.
    """
    rows = store.query("judged_under", guideline=previous)
    wanted = min(review.most_rerated, math.ceil(review.rerate * len(rows)))
    found = sorted((str(row["interaction"]) for row in rows), key=lambda id: drawn(guideline, id))
    return found[: max(wanted, 0)]


def drawn(*parts: str) -> float:
    """A number in [0, 1) that is the same for the same parts, and even over many.

    >>> drawn("a", "b") == drawn("a", "b") != drawn("b", "a")
    True
    """
    digest = hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:6]) / 2**48


def effect(store: Store, guideline: Guideline, previous: Guideline) -> Effect:
    """How judgements of the sample moved from one guideline to the next."""
    from loop.store.tables import from_row

    rows = store.query("ratings_of_ids", ids=guideline.rerate) if guideline.rerate else []
    ratings = [from_row(Rating, row) for row in rows]
    old = _marks(one for one in ratings if one.guideline == previous.id)
    new = _marks(one for one in ratings if one.guideline == guideline.id)
    judged = store.query("judged_under", guideline=guideline.id)
    measures = sorted({measure for _, measure in old} & {measure for _, measure in new})
    moved = [
        found
        for measure in measures
        for who, pairs in (
            ("same rater", _same(old, new, measure)),
            ("other raters", _others(old, new, measure)),
        )
        if (found := _moved(measure, who, pairs)) is not None
    ]
    return Effect(
        guideline=guideline.id,
        previous=previous.id,
        sample=len(guideline.rerate),
        judged=len({row["interaction"] for row in judged} & set(guideline.rerate)),
        moved=moved,
    )


def _marks(ratings: Iterable[Rating]) -> Marks:
    """The latest mark of each rater; ratings come oldest first."""
    found: defaultdict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for one in ratings:
        if one.kind in ("thumb", "stars") and one.value is not None:
            found[one.interaction, one.kind][one.rater] = one.value
        for criterion, score in one.rubric.items():
            found[one.interaction, f"criterion {criterion}"][one.rater] = score
    return dict(found)


def _same(old: Marks, new: Marks, measure: str) -> list[tuple[str, float]]:
    """(answer, new less old) for each rater who judged it under both."""
    return [
        (key[0], marks[rater] - before)
        for key, given in sorted(old.items())
        if key[1] == measure and (marks := new.get(key))
        for rater, before in sorted(given.items())
        if rater in marks
    ]


def _others(old: Marks, new: Marks, measure: str) -> list[tuple[str, float]]:
    """(answer, mean of those new to it less mean of before) for each answer that has both."""
    found = []
    for key, given in sorted(old.items()):
        fresh = {r: m for r, m in new.get(key, {}).items() if r not in given}
        if key[1] == measure and fresh:
            found.append((key[0], _mean(fresh) - _mean(given)))
    return found


def _mean(marks: Mapping[str, float]) -> float:
    return sum(marks.values()) / len(marks)


def _moved(measure: str, who: str, pairs: Sequence[tuple[str, float]]) -> Moved | None:
    from eval_suites.stats.intervals import clustered_mean, wilson

    if not pairs:
        return None
    shifts = [shift for _, shift in pairs]
    changed = sum(shift != 0 for shift in shifts)
    low, high = wilson(changed, len(shifts))
    answers = [answer for answer, _ in pairs]
    ends = clustered_mean(shifts, answers) if len(set(answers)) > 1 else None
    return Moved(
        measure=measure,
        who=who,
        pairs=len(pairs),
        changed=changed / len(shifts),
        changed_low=low,
        changed_high=high,
        shift=sum(shifts) / len(shifts),
        low=ends.low if ends else None,
        high=ends.high if ends else None,
    )
