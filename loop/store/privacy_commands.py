"""Commands about people: consent given and taken back, and the person who is forgotten."""

from __future__ import annotations

import secrets
from dataclasses import asdict, replace
from typing import Any

from knowledge.errors import RatchetError
from loop.store.act import Act, Result
from loop.store.erase import Theirs, erase, find
from loop.store.ids import id_of, new_id
from loop.store.needles import SHORTEST
from loop.store.privacy_records import (
    AdapterMark,
    ConsentEvent,
    DatasetTombstone,
    ForgottenPerson,
    MarkReason,
)
from loop.store.traces import packed, shared, within

LEAST, PIECE = 16, 64  # characters: of the shortest text that is looked for, of a piece of one


def record_consent(
    act: Act, *, user: str, basis: str, purpose: str, actor: str, id: str = ""
) -> Result:
    """Record that a person gave consent or took it back; who takes it back marks adapters."""
    id = id or new_id()
    if done := act.query("audit_event", id=id_of(id, "audit")):
        return dict(done[0]["detail"]) | {"id": id}
    if basis not in ("consent", "contract", "withdrawn"):
        raise RatchetError(
            f"Consent basis {basis!r}, expected consent, contract or withdrawn. "
            "Nothing was recorded."
        )
    event = ConsentEvent(
        id=id, at=act.at, user=user, basis=basis, purpose=purpose, actor=actor  # type: ignore[arg-type]
    )  # fmt: skip
    marks: list[AdapterMark] = []
    detail: dict[str, Any] = {"basis": basis, "purpose": purpose}
    if basis == "withdrawn":
        theirs = find(act.transaction, user)
        marks = _marks(act, theirs, id, "withdrawn")
        detail |= {"datasets": sorted(theirs.datasets), "adapters": sorted(theirs.adapters)}
    act.record(
        event,
        *marks,
        id=id_of(id, "audit"),
        actor=actor,
        action="withdraw" if basis == "withdrawn" else "consent",
        subject=act.subject_of(user),
        detail=detail,
    )
    return detail | {"id": id}


def find_person(act: Act, *, user: str, also: list[str] | None = None, id: str = "") -> Result:
    """What is the person's, and which texts tell that it is; nothing is changed.

    `needles` are ids and pieces of their texts that stand in no one else's rows and in no passage;
    `words` are ids that are short, or stand within longer words of other rows.
    """
    theirs = find(act.transaction, user, also=tuple(also or ()))
    pieces = [one for text in theirs.texts for one in pieces_of(text)]
    # A passage is kept as JSON: what it says may stand there with its quotes escaped.
    own = [
        p for p in dict.fromkeys(pieces) if p not in theirs.shown and packed(p) not in theirs.shown
    ]
    alike = shared(act.transaction, theirs, own)
    names = [user, *theirs.turns, *theirs.said]
    inner = within(act.transaction, theirs, names)
    words = [one for one in names if one in inner or len(one.encode()) < SHORTEST]
    needles = [one for one in names if one not in words]
    found = asdict(replace(theirs, texts=[], shown="", quoted={}))
    return found | {
        "quoted": len(theirs.quoted),
        "needles": [*needles, *(piece for piece in own if piece not in alike)],
        "words": words,
    }


def pieces_of(text: str) -> list[str]:
    """What of a text is looked for: all of it, or its ends and middle; nothing of a short one.

    >>> pieces_of("Yes."), pieces_of("What does a wire cost?")
    ([], ['What does a wire cost?'])
    """
    text = text.strip()
    if len(text) < LEAST:
        return []
    if len(text) <= PIECE:
        return [text]
    middle = (len(text) - PIECE) // 2
    return [text[:PIECE], text[middle : middle + PIECE], text[-PIECE:]]


def forget(
    act: Act, *, user: str, actor: str, id: str, also: list[str] | None = None
) -> Result:  # fmt: skip
    """Erase a person from every table, in one transaction; see `loop.store.erase`.

    Datasets that held their rows get a tombstone, adapters that learnt from them a mark.
    """
    if done := act.query("audit_event", id=id_of(id, "forget")):
        return dict(done[0]["detail"]) | {"hash": done[0]["hash"], "at": done[0]["at"].isoformat()}
    theirs = find(act.transaction, user, also=tuple(also or ()))
    pseudonym = f"forgotten-{secrets.token_hex(6)}"
    erase(act.transaction, theirs, pseudonym)
    detail: dict[str, Any] = {
        "erased": theirs.rows,
        "pseudonymised": theirs.judged,
        "quoted": len(theirs.quoted),
        "datasets": theirs.datasets,
        "adapters": theirs.adapters,
    }
    gone = ForgottenPerson(id=id, at=act.at, subject=act.subject_of(user), counts=theirs.rows)
    tombstones = [
        DatasetTombstone(id=id_of(id, name), at=act.at, dataset=name, forget=id, rows=rows)
        for name, rows in theirs.datasets.items()
    ]
    event = act.record(
        gone,
        *tombstones,
        *_marks(act, theirs, id, "forgotten"),
        id=id_of(id, "forget"),
        actor=actor,
        action="forget",
        subject=gone.subject,
        detail=detail,
    )
    return detail | {"hash": event.hash, "at": act.at.isoformat()}


def _marks(act: Act, theirs: Theirs, cause: str, reason: MarkReason) -> list[AdapterMark]:
    return [
        AdapterMark(
            id=id_of(cause, adapter),
            at=act.at,
            adapter=adapter,
            reason=reason,
            forget=cause,
            via=via,
        )
        for adapter, via in theirs.adapters.items()
    ]
