"""The review queue as the page needs it: items by lease, what may be seen, how the day goes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from dashboards import queries, source
from knowledge.errors import RatchetError
from loop.evaluate.from_life import add_case
from loop.feedback import queue
from loop.feedback.gold import golds
from loop.feedback.judge import why_given
from loop.feedback.queue import Review
from loop.feedback.workload import Day
from loop.feedback.workload import day as day_of
from loop.store.records import Gold


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is told of an item once it is judged."""

    why: str | None
    known: tuple[Gold, ...]  # its right judgement, where there is one


def next_item(rater: str, *, pairs: bool) -> Review | None:
    """The item this rater holds, or a new one, personal data masked; None when nothing waits."""
    here = source.here()
    return _masked(queue.next_review(here.store, here.settings, rater, pairs=pairs))


def still_held(review: Review) -> bool:
    """Does the lease still run?"""
    return review.until > datetime.now(UTC)


def day(rater: str) -> Day:
    """What this rater did today, and how quickly."""
    here = source.here()
    return day_of(here.store, here.assistant, rater)


def skip(review: Review, reason: str, text: str | None) -> None:
    """Pass it on to others.

    Raises:
        RatchetError: "other" without a text, or the lease has ended.
    """
    here = source.here()
    queue.skip(here.store, here.settings, review.rater, review.item, reason, text)


def undo(rater: str) -> queue.Undone:
    """Take back this rater's last judgement or skip.

    Raises:
        RatchetError: There is nothing to take back.
    """
    here = source.here()
    done = queue.undo(here.store, here.settings, rater)
    return replace(done, review=_masked(done.review))


def told(rater: str, item: str) -> Told:
    """Why an item was there and what is known of it; nothing before this rater judged it."""
    here = source.here()
    why = why_given(here.store, here.assistant, rater, item)
    known = golds(here.store, here.assistant) if why == "gold" else []
    return Told(why=why, known=tuple(one for one in known if one.item == item))


def make_case(interaction: str) -> str:
    """Make an answer that was judged an eval case; what came of it, in words."""
    here = source.here()
    try:
        added = add_case(here.store, here.settings, interaction)
    except RatchetError as problem:
        return f"No case was made. {problem}"
    more = "" if added.measured else f' Write "{added.suite}" in `suites` for it to be asked.'
    return f"Case {added.cases} of {added.suite}.{more}"


def _masked(review: Review | None) -> Review | None:
    if review is None:
        return None
    return replace(review, interactions=tuple(queries.masked(one) for one in review.interactions))
