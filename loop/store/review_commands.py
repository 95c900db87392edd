"""Commands of the review queue: who gets which item, decided in one transaction each.

A lease, a skip and an undo are events in a table of their own; they need no link in the audit
chain, which is for acts that change what the assistant does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from knowledge.errors import RatchetError
from loop.store.act import Act, Result
from loop.store.ids import new_id
from loop.store.records import ReviewEvent
from loop.store.tables import encode, from_row

SKIPS = {  # reason → what it says to people
    "field": "not my field",
    "unclear": "unclear",
    "offensive": "offensive",
    "broken": "broken",
    "other": "something else",
}
MOST_SKIPS = 3  # people after whom nobody else is asked; somebody has to look at why

Standing = Mapping[str, Any]  # what review_items says of one item and rater


def lease_review(
    act: Act,
    *,
    assistant: str,
    rater: str,
    candidates: Sequence[Mapping[str, Any]],
    minutes: float,
    pairs: bool = False,
    at: str = "",
    id: str = "",
) -> Result:
    """Give the first candidate that is free to the rater, for so many minutes.

    Whoever holds a lease of this kind gets it again: one item at a time.

    Args:
        assistant: Whose answers.
        rater: Who asks.
        candidates: Best first, each with item, reason, text, needs (people who are to judge it;
            None for everyone) and guideline (set where it is judged again under that one).
        minutes: Length of the lease.
        pairs: Whether this is about pairs to compare.
        at: The clock, ISO; empty takes the store's.

    Returns:
        The lease under "lease", or None there when nothing is free.
    """
    moment = _moment(act, at)
    held = act.query("review_held", assistant=assistant, rater=rater, at=moment)
    mine = [row for row in held if (" " in row["item"]) == pairs]
    if mine:
        return {"lease": _told(mine[0])}
    if id and (done := act.query("review_event", id=id)):
        return {"lease": _told(done[0])}
    items = [str(one["item"]) for one in candidates]
    standing: defaultdict[str, list[Standing]] = defaultdict(list)
    for row in act.query("review_items", assistant=assistant, items=items, at=moment):
        standing[row["item"]].append(row)
    for one in candidates:
        if is_free(one, standing[one["item"]], rater):
            lease = ReviewEvent(
                id=id or new_id(),
                at=moment,
                assistant=assistant,
                rater=rater,
                item=one["item"],
                kind="lease",
                reason=one["reason"],
                text=one.get("text"),
                until=moment + timedelta(minutes=minutes),
            )
            return {"lease": _kept(act, lease)}
    return {"lease": None}


def is_free(candidate: Mapping[str, Any], standing: Sequence[Standing], rater: str) -> bool:
    """May this rater be given this item, as everyone stands on it now?"""
    skipped = {row["rater"] for row in standing if row["what"] == "skipped"}
    barred = {row["rater"] for row in standing if row["what"] == "barred"}
    if rater in skipped | barred or len(skipped) >= MOST_SKIPS:
        return False
    leased = {row["rater"] for row in standing if row["what"] == "leased"} - {rater}
    judged = {row["rater"] for row in standing if row["what"] == "judged"}
    if guideline := candidate.get("guideline"):
        again = {
            row["rater"]
            for row in standing
            if row["what"] == "judged" and row["guideline"] == guideline
        }
        before = {
            row["rater"]
            for row in standing
            if row["what"] == "judged" and row["guideline"] != guideline
        }
        # Once by somebody who judged it before, once by somebody who did not.
        taken = {who for who in again | leased if (who in before) == (rater in before)}
        return rater not in again and not taken
    if rater in judged:
        return False
    needs = candidate.get("needs")
    return needs is None or len(judged | leased) < needs


def skip_review(
    act: Act,
    *,
    assistant: str,
    rater: str,
    item: str,
    reason: str,
    text: str | None = None,
    at: str = "",
    id: str = "",
) -> Result:
    """Pass an item that the rater holds on to others; it does not come back to this one."""
    if id and (done := act.query("review_event", id=id)):
        return {"event": _told(done[0])}
    if reason not in SKIPS:
        raise RatchetError(f"reason is {reason!r}, expected one of {', '.join(SKIPS)}.")
    if reason == "other" and not (text or "").strip():
        raise RatchetError("A skip for something else needs a text that says for what.")
    moment = _moment(act, at)
    lease = _lease(act, assistant, rater, item, moment)
    skip = ReviewEvent(
        id=id or new_id(),
        at=moment,
        assistant=assistant,
        rater=rater,
        item=item,
        kind="skip",
        reason=reason,
        text=(text or "").strip() or None,
        about=lease["id"],
    )
    return {"event": _kept(act, skip)}


def release_review(
    act: Act, *, assistant: str, rater: str, item: str, at: str = "", id: str = ""
) -> Result:
    """Give an item back unjudged; it may come to this rater again."""
    if id and (done := act.query("review_event", id=id)):
        return {"event": _told(done[0])}
    moment = _moment(act, at)
    lease = _lease(act, assistant, rater, item, moment)
    release = ReviewEvent(
        id=id or new_id(),
        at=moment,
        assistant=assistant,
        rater=rater,
        item=item,
        kind="release",
        about=lease["id"],
    )
    return {"event": _kept(act, release)}


def undo_review(
    act: Act, *, assistant: str, rater: str, minutes: float, at: str = "", id: str = ""
) -> Result:
    """Take back the rater's last judgement, or skip, and give them the item once more.

    It comes back only if nobody else has judged it or has it now, and it is no gold: else the
    rater may have seen what others say, and it goes to somebody who has not.

    Returns:
        The undo under "event", the new lease (or None) under "lease".
    """
    if id and (done := act.query("review_event", id=id)):
        again = act.query("review_held", assistant=assistant, rater=rater, at=_moment(act, at))
        same = [row for row in again if row["item"] == done[0]["item"]]
        return {"event": _told(done[0]), "lease": _told(same[0]) if same else None}
    moment = _moment(act, at)
    found = act.query("review_last", assistant=assistant, rater=rater)
    if not found:
        raise RatchetError(f"{rater} has nothing to take back. Judge or skip something first.")
    last = found[0]
    undo = ReviewEvent(
        id=id or new_id(),
        at=moment,
        assistant=assistant,
        rater=rater,
        item=last["item"],
        kind="undo",
        about=last["event"],
        judgements=list(last["judgements"]),
    )
    told = _kept(act, undo)
    why = _why(act, assistant, rater, last["item"])
    standing = act.query("review_items", assistant=assistant, items=[last["item"]], at=moment)
    others = any(r["rater"] != rater and r["what"] in ("judged", "leased") for r in standing)
    if others or (why.get("reason") == "gold" and last["kind"] == "done"):
        if last["kind"] == "done":  # what others say may have been seen
            passed = replace(
                undo, id=new_id(), at=_after(moment), kind="skip", reason="seen", judgements=[]
            )
            _kept(act, passed)
        return {"event": told, "lease": None}
    lease = ReviewEvent(
        id=new_id(),
        at=_after(moment),
        assistant=assistant,
        rater=rater,
        item=last["item"],
        kind="lease",
        reason=why.get("reason", "waiting"),
        text=why.get("text"),
        until=moment + timedelta(minutes=minutes),
        about=undo.id,
    )
    return {"event": told, "lease": _kept(act, lease)}


def _moment(act: Act, at: str) -> datetime:
    return datetime.fromisoformat(at) if at else act.at


def _after(moment: datetime) -> datetime:
    return moment + timedelta(microseconds=1)


def _lease(act: Act, assistant: str, rater: str, item: str, moment: datetime) -> Mapping[str, Any]:
    held = act.query("review_held", assistant=assistant, rater=rater, at=moment)
    found = next((row for row in held if row["item"] == item), None)
    if found is None:
        raise RatchetError(
            f"{rater} does not hold {item!r} now: the lease has ended, or there was none. "
            "Nothing was changed; ask for the next one."
        )
    return found


def _why(act: Act, assistant: str, rater: str, item: str) -> Mapping[str, Any]:
    """The lease that gave the item the last time; empty if it never was."""
    rows = act.query("review_events", assistant=assistant, rater=rater)
    return next((row for row in rows if row["item"] == item and row["kind"] == "lease"), {})


def _kept(act: Act, event: ReviewEvent) -> Result:
    act.transaction.insert(encode([event]))
    return _shown(event)


def _told(row: Mapping[str, Any]) -> Result:
    return _shown(from_row(ReviewEvent, row))


def _shown(event: ReviewEvent) -> Result:
    """An event as JSON can hold it."""
    return {
        "id": event.id,
        "at": event.at.isoformat(),
        "rater": event.rater,
        "item": event.item,
        "kind": event.kind,
        "reason": event.reason,
        "text": event.text,
        "until": event.until.isoformat() if event.until else None,
        "judgements": list(event.judgements),
    }
