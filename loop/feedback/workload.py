"""What waits for review, by reason, and how many minutes it will take people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from loop.feedback.queue import rate_strata
from loop.feedback.side_by_side import pair_strata
from loop.feedback.strata import parts_of
from loop.settings import Settings
from loop.store.review_commands import MOST_SKIPS

if TYPE_CHECKING:
    from loop.store.store import Store

USUAL_SECONDS = 30.0  # for one judgement, until somebody's took is known
MANY_SKIPS = 0.3  # share of what a rater was given above which somebody should ask them why
ENOUGH = 10  # items given, before that share says anything


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """An item that so many people skipped that nobody else is asked."""

    item: str
    people: int
    reasons: Mapping[str, int]
    texts: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipper:
    """Somebody who skips much of what they are given."""

    rater: str
    given: int
    skipped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What waits. One answer can stand under several reasons; the totals count it once."""

    reasons: Mapping[str, int]  # reason → answers
    answers: int
    pairs: int
    seconds: float  # median for one
    estimated: bool  # whether that is a guess, for want of judgements that say how long they took
    set_aside: Sequence[SetAside]
    skippers: Sequence[Skipper]

    @property
    def minutes(self) -> float:
        """For all of it, by one person."""
        return (self.answers + self.pairs) * self.seconds / 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """How one rater's day goes."""

    judged: int  # since midnight UTC
    seconds: float  # median for one; of everyone until they have their own


def workload(store: Store, settings: Settings, *, at: datetime | None = None) -> Workload:
    """What waits for anybody; at most 3000 of the newest answers are looked through for new ones.

    Raises:
        RatchetError: A number in [review] is out of range.
    """
    at = datetime.now(UTC) if at is None else at
    assistant = settings.assistant.name
    parts_of(settings.review)
    answers = rate_strata(store, settings, "", at)
    pairs = pair_strata(store, settings, "", at)
    everyone = store.query("review_day", assistant=assistant, rater="", since=at)[0]["everyone"]
    skipped = store.query("review_skips", assistant=assistant)
    raters = store.query("review_raters", assistant=assistant, at=at)
    return Workload(
        reasons={
            name: count for name, count in answers.counts.items() if count and name != "audit"
        },
        answers=answers.items - answers.counts.get("gold", 0),
        pairs=pairs.items - pairs.counts.get("gold", 0),
        seconds=everyone or USUAL_SECONDS,
        estimated=everyone is None,
        set_aside=[
            SetAside(
                item=row["item"],
                people=row["people"],
                reasons=dict(Counter(row["reasons"])),
                texts=row["texts"] or [],
            )
            for row in skipped
            if row["people"] >= MOST_SKIPS
        ],
        skippers=[
            Skipper(**row)
            for row in raters
            if row["given"] >= ENOUGH and row["skipped"] > MANY_SKIPS * row["given"]
        ],
    )


def day(store: Store, assistant: str, rater: str, *, at: datetime | None = None) -> Day:
    """What a rater has done today, and how quickly."""
    at = datetime.now(UTC) if at is None else at
    midnight = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    [row] = store.query("review_day", assistant=assistant, rater=rater, since=midnight)
    return Day(judged=row["judged"], seconds=row["mine"] or row["everyone"] or USUAL_SECONDS)
