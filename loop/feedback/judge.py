"""What a rater says of an item from the queue: kept whole, with the event that ends the lease."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from knowledge.errors import RatchetError
from loop.feedback.queue import Review
from loop.feedback.rate import prepare_comparison, prepare_rating
from loop.feedback.strata import says
from loop.store.ids import new_id
from loop.store.records import Comparison, Rating, RatingKind, ReviewEvent

if TYPE_CHECKING:
    from loop.store.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One thing said of an answer; see `loop.feedback.rate.rate`."""

    kind: RatingKind
    value: float | None = None
    text: str | None = None
    rubric: Mapping[str, float] = field(default_factory=dict)


def judge(
    store: Store,
    review: Review,
    given: Sequence[Given],
    *,
    seconds: float | None = None,
    at: datetime | None = None,
) -> list[Rating]:
    """Record all that a rater says of an answer; all or nothing, durable on return.

    A lease that ended meanwhile is no reason to lose what somebody took minutes to say.

    Args:
        store: Where it is kept.
        review: The item as `next_review` gave it.
        given: At least one thing.
        seconds: How long it took.
        at: The clock; None is now.

    Raises:
        RatchetError: Nothing was said, or a value is out of range.
    """
    if not given:
        raise RatchetError("Nothing was said of the answer. Say something of it, or skip it.")
    at = datetime.now(UTC) if at is None else at
    rows = [
        prepare_rating(
            store,
            {
                "interaction": review.item,
                "rater": review.rater,
                "kind": one.kind,
                "value": one.value,
                "text": one.text or None,
                "rubric": dict(one.rubric) or None,
                "seconds": seconds,
            },
            guideline=review.guideline.id,
            at=at,
        )
        for one in given
    ]
    store.append([*rows, _done(review, [row.id for row in rows], at)])
    return rows


def judge_pair(
    store: Store,
    review: Review,
    ranks: Sequence[int],
    *,
    seconds: float | None = None,
    at: datetime | None = None,
) -> Comparison:
    """Record which of two answers a rater prefers; `ranks` are of left and right, 1 is best.

    Raises:
        RatchetError: The ranks are no ranks of two answers.
    """
    at = datetime.now(UTC) if at is None else at
    shown = [turn.id for turn in review.interactions]
    made = prepare_comparison(
        store,
        {
            "interactions": shown,
            "ranks": list(ranks),
            "shown": shown,
            "rater": review.rater,
            "seconds": seconds,
        },
        guideline=review.guideline.id,
        at=at,
    )
    store.append([made, _done(review, [made.id], at)])
    return made


def why_given(store: Store, assistant: str, rater: str, item: str) -> str | None:
    """Why an item was in this rater's queue; None until they judged it, or if it never was."""
    rows = store.query("review_events", assistant=assistant, rater=rater)
    of_item = [row for row in rows if row["item"] == item]
    lease = next((row for row in of_item if row["kind"] == "lease"), None)
    if lease is None:
        return None
    standing = store.query("review_items", assistant=assistant, items=[item], at=lease["at"])
    if not any(row["rater"] == rater and row["what"] == "judged" for row in standing):
        return None
    return says(lease["reason"], lease["text"])


def said_of(store: Store, interaction: str, rater: str) -> list[Rating]:
    """What was said of an answer, oldest first, as far as this rater may see it.

    Nobody sees another's rating of an answer before giving their own.
    """
    from loop.store.tables import from_row

    rows = store.query("ratings_seen_by", interaction=interaction, rater=rater)
    return [from_row(Rating, row) for row in rows]


def _done(review: Review, judgements: list[str], at: datetime) -> ReviewEvent:
    return ReviewEvent(
        id=new_id(),
        at=at.astimezone(UTC),
        assistant=review.interactions[0].assistant,
        rater=review.rater,
        item=review.item,
        kind="done",
        reason=review.reason,
        about=review.lease,
        judgements=judgements,
    )
