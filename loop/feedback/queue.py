"""The review queue: one ranked list per rater, with a reason for each item, given out by lease."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from loop.answer.guards import REFUSAL
from loop.feedback import guidelines
from loop.feedback.novelty import unlike
from loop.feedback.side_by_side import pair_strata, placed
from loop.feedback.strata import ONCE, SWAYS, Candidate, Strata, mix, parts_of, says
from loop.settings import Settings
from loop.store.records import Guideline, Interaction

if TYPE_CHECKING:
    from loop.store.store import Store

OFFERED = 50  # candidates the store chooses from: others may take the best of them meanwhile
TRIES = 3  # times it is looked again when others took all of them
MOST_NEW = 200  # answers unlike any judged one that are put in order


class Offer(NamedTuple):
    """What a rater may be given, best first, and how much waits for them in all."""

    candidates: list[Candidate]
    waiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """An item that a rater holds, with all they are to see of it."""

    lease: str
    rater: str
    item: str
    reason: str  # a key of loop.feedback.strata.SAYS
    text: str | None
    until: datetime  # when somebody else may be given it
    interactions: tuple[Interaction, ...]  # one to rate; or two to compare, from left to right
    guideline: Guideline
    waiting: int = 0  # items that this rater may be given, this one among them

    @property
    def why(self) -> str | None:
        """Why it is here, as far as that may be said before it is judged."""
        return None if self.reason in SWAYS else says(self.reason, self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone:
    """What was taken back, and the item once more if it may be judged again by the same rater."""

    item: str
    judgements: tuple[str, ...]  # ids of ratings and comparisons that no longer count
    review: Review | None


def ranked(
    store: Store,
    settings: Settings,
    rater: str,
    *,
    pairs: bool = False,
    limit: int = OFFERED,
    at: datetime | None = None,
) -> list[Candidate]:
    """What this rater would be given next, in order; nothing is leased.

    Args:
        store: What was asked, answered and said.
        settings: The assistant, the seed, and the parts in [review].
        rater: Who would judge.
        pairs: Two answers to compare, rather than one to rate.
        limit: How many.
        at: The clock; None is now.

    Raises:
        RatchetError: A number in [review] is out of range.
    """
    return _offer(store, settings, rater, pairs=pairs, limit=limit, at=at).candidates


def next_review(
    store: Store,
    settings: Settings,
    rater: str,
    *,
    pairs: bool = False,
    at: datetime | None = None,
) -> Review | None:
    """Give the rater an item, or the one they hold already; None when nothing waits for them.

    Two raters who ask at once never get the same item, unless two are to judge it. The arguments
    are those of `ranked`.

    Raises:
        RatchetError: A number in [review] is out of range.
    """
    for _ in range(TRIES):
        offer = _offer(store, settings, rater, pairs=pairs, limit=OFFERED, at=at)
        given = store.command(
            "lease_review",
            assistant=settings.assistant.name,
            rater=rater,
            candidates=[one.row() for one in offer.candidates],
            minutes=settings.review.lease_minutes,
            pairs=pairs,
            at=at.isoformat() if at else "",
        )["lease"]
        if given is not None:
            return replace(_review(store, given), waiting=offer.waiting)
        if not offer.candidates:
            return None
    return None


def skip(
    store: Store,
    settings: Settings,
    rater: str,
    item: str,
    reason: str,
    text: str | None = None,
    *,
    at: datetime | None = None,
) -> None:
    """Pass an item that the rater holds on to others.

    Args:
        reason: A key of `loop.store.review_commands.SKIPS`; "other" needs a text.

    Raises:
        RatchetError: The rater does not hold it, or the reason is unknown.
    """
    store.command(
        "skip_review",
        assistant=settings.assistant.name,
        rater=rater,
        item=item,
        reason=reason,
        text=text,
        at=at.isoformat() if at else "",
    )


def release(
    store: Store, settings: Settings, rater: str, item: str, *, at: datetime | None = None
) -> None:
    """Give an item back unjudged.

    Raises:
        RatchetError: The rater does not hold it.
    """
    store.command(
        "release_review",
        assistant=settings.assistant.name,
        rater=rater,
        item=item,
        at=at.isoformat() if at else "",
    )


def undo(store: Store, settings: Settings, rater: str, *, at: datetime | None = None) -> Undone:
    """Take back the rater's last judgement or skip; the rows stay, and no reader counts them.

    The item comes back unless somebody else has judged it, for what they said may have been seen.

    Raises:
        RatchetError: There is nothing to take back.
    """
    done = store.command(
        "undo_review",
        assistant=settings.assistant.name,
        rater=rater,
        minutes=settings.review.lease_minutes,
        at=at.isoformat() if at else "",
    )
    return Undone(
        item=done["event"]["item"],
        judgements=tuple(done["event"]["judgements"]),
        review=_review(store, done["lease"]) if done["lease"] else None,
    )


def _offer(
    store: Store,
    settings: Settings,
    rater: str,
    *,
    pairs: bool,
    limit: int,
    at: datetime | None,
) -> Offer:
    assistant = settings.assistant.name
    parts = parts_of(settings.review)
    find = pair_strata if pairs else rate_strata
    found = find(store, settings, rater, _now(at))
    [row] = store.query("review_given", assistant=assistant, rater=rater, pairs=pairs)
    seed = f"{settings.seed}\n{assistant}\n{rater}\n{pairs}"
    return Offer(
        mix(found.candidates, parts, seed=seed, start=row["given"], limit=limit), found.items
    )


def rate_strata(store: Store, settings: Settings, rater: str, at: datetime) -> Strata:
    """The answers that stand under each reason, the strongest first."""
    guideline = guidelines.current(store)
    rows = _pool(store, settings, rater, at, guideline)
    found: dict[str, list[Candidate]] = {}
    for row in rows:
        again = guideline.id if row["reason"] == "rerating" else None
        one = Candidate(
            item=row["item"],
            reason=row["reason"],
            text=row["text"],
            needs=row["needs"],
            guideline=again,
        )
        found.setdefault(one.reason, []).append(one)
    found["new"] = _new(store, settings.assistant.name, found.get("new", []))
    counts = {row["reason"]: row["waiting"] for row in rows} | {"new": len(found["new"])}
    return Strata(found, counts, sum(counts.get(reason, 0) for reason in ONCE))


def _pool(
    store: Store,
    settings: Settings,
    rater: str,
    at: datetime,
    guideline: Guideline,
) -> list[dict[str, Any]]:
    return store.query(
        "review_pool",
        assistant=settings.assistant.name,
        rater=rater,
        at=at,
        overlap=settings.review.overlap,
        refusal=REFUSAL,
        seed=str(settings.seed),
        guideline=guideline.id,
        rerate=guideline.rerate,
    )


def _new(store: Store, assistant: str, candidates: list[Candidate]) -> list[Candidate]:
    """Of the newest answers those whose question is unlike any that was judged, farthest first."""
    ids = [one.item for one in candidates]
    asked = {row["id"]: row["question"] for row in store.query("questions_by_id", ids=ids)}
    judged = [row["question"] for row in store.query("review_judged", assistant=assistant)]
    there = [one for one in candidates if one.item in asked]
    far = unlike([asked[one.item] for one in there], judged, MOST_NEW)
    return [there[one.at] for one in far]


def _review(store: Store, lease: Mapping[str, Any]) -> Review:
    from loop.store.tables import from_row

    ids = str(lease["item"]).split(" ")
    by_id = {r["id"]: from_row(Interaction, r) for r in store.query("interactions_by_id", ids=ids)}
    shown = [by_id[id] for id in ids]
    if len(shown) == 2:
        shown = list(placed(shown[0], shown[1], lease["rater"]))
    return Review(
        lease=lease["id"],
        rater=lease["rater"],
        item=lease["item"],
        reason=lease["reason"],
        text=lease["text"],
        until=datetime.fromisoformat(lease["until"]),
        interactions=tuple(shown),
        guideline=guidelines.current(store),
    )


def _now(at: datetime | None) -> datetime:
    return datetime.now(UTC) if at is None else at
