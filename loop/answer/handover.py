"""When the desk does not know, it says so, and a person takes over."""

from __future__ import annotations

from datetime import datetime

from knowledge.text import normalise
from loop.answer.guards import REFUSAL
from loop.answer.records import Answer
from loop.store.ids import new_id
from loop.store.records import Ticket

ABSTENTION = "I do not know; the handbook does not say."
ABSTENTIONS = (
    "i do not know",
    "i don't know",
    "i am not sure",
    "i'm not sure",
    "does not say",
    "do not say",
    "doesn't say",
    "don't say",
    "cannot answer",
    "can't answer",
    "not able to answer",
    "unable to answer",
    "cannot find",
    "no information",
    "not mentioned",
    "cannot help with that",
)
LOW_CONFIDENCE = 0.2  # below this a person looks at the answer

_FOLDED = tuple(normalise(phrase) for phrase in ABSTENTIONS)


def is_abstention(text: str) -> bool:
    """Does this text decline to answer? Empty text does; so does any of ABSTENTIONS in it.

    >>> is_abstention("I do not know; the handbook does not say.")
    True
    >>> is_abstention("The fee for a stop payment is 30 dollars [1].")
    False
    """
    folded = f" {normalise(text)} "
    return not folded.strip() or any(f" {phrase} " in folded for phrase in _FOLDED)


def handover_reason(answer: Answer) -> str | None:
    """Why a person should look at this; None if nobody need.

    Simulated people never fill the queue of real ones; a refusal is meant as it stands.
    """
    if answer.interaction.simulated or answer.text == REFUSAL:
        return None
    if answer.abstained:
        return "abstained"
    if answer.confidence < LOW_CONFIDENCE:
        return f"low confidence ({answer.confidence:.2f})"
    return None


def open_ticket(answer: Answer, at: datetime) -> Ticket | None:
    """The ticket that hands this answer over, if it needs one."""
    reason = handover_reason(answer)
    if reason is None:
        return None
    return Ticket(id=new_id(), at=at, interaction=answer.interaction.id, reason=reason)
