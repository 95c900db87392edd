"""What waits for review, by reason, and how many minutes it will take people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from loop.feedback.queue import rate_strata, waiting_rows
from loop.feedback.side_by_side import pair_strata
from loop.feedback.strata import parts_of
from loop.settings import Settings
from loop.store.review_commands import MOST_SKIPS

if TYPE_CHECKING:
    from loop.store.store import Store

USUAL_SECONDS = 30.0  # for one judgement, until somebody's took is known
MANY_SKIPS = 0.3  # share of what a rater was given above which somebody should ask them why
ENOUGH = 10  # items given, before that share says anything
# Each answer counts once in the total; the other reasons overlap with these.
_TOTAL = ("waiting", "second", "disagreement", "rerating")


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
    waiting: int  # that they may be given

    @property
    def minutes(self) -> float:
        """For what waits, at their pace."""
        return self.waiting * self.seconds / 60


def workload(store: Store, settings: Settings, *, at: datetime | None = None) -> Workload:
    """What waits for anybody; at most 3000 of the newest answers are looked through for new ones.

    Raises:
        RatchetError: A number in [review] is out of range.
    """
    at = datetime.now(UTC) if at is None else at
    assistant = settings.assistant.name
    parts_of(settings.review)
    waiting = waiting_rows(store, settings, "", at)
    waiting["new"] = len(rate_strata(store, settings, "", at)["new"])
    pairs = pair_strata(store, settings, "", at)
    everyone = store.query("review_day", assistant=assistant, rater="", since=at)[0]["everyone"]
    skipped = store.query("review_skips", assistant=assistant)
    raters = store.query("review_raters", assistant=assistant, at=at)
    return Workload(
        reasons={name: count for name, count in waiting.items() if count and name != "audit"},
        answers=sum(waiting.get(name, 0) for name in _TOTAL),
        pairs=len({one.item for name, of in pairs.items() if name != "gold" for one in of}),
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


def day(
    store: Store, settings: Settings, rater: str, *, pairs: bool, at: datetime | None = None
) -> Day:
    """What a rater has done today, and what waits for them."""
    at = datetime.now(UTC) if at is None else at
    midnight = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    name = settings.assistant.name
    [row] = store.query("review_day", assistant=name, rater=rater, since=midnight)
    if pairs:
        strata = pair_strata(store, settings, rater, at)
        waiting = len({one.item for of in strata.values() for one in of})
    else:
        counted = waiting_rows(store, settings, rater, at)
        waiting = sum(counted.get(reason, 0) for reason in (*_TOTAL, "gold"))
    return Day(
        judged=row["judged"],
        seconds=row["mine"] or row["everyone"] or USUAL_SECONDS,
        waiting=waiting,
    )
