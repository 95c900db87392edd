"""Whose turns may be learnt from at all: consent, licence, and whether people were real."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from loop.store.records import Interaction

WITHDRAWN = "withdrawn"


def withdrawals(turns: Iterable[Interaction]) -> dict[str, datetime]:
    """When each person last withdrew, for those who did."""
    found: dict[str, datetime] = {}
    for turn in turns:
        if turn.consent == WITHDRAWN:
            found[turn.user] = max(turn.at, found.get(turn.user, turn.at))
    return found


def consent_problem(
    turn: Interaction, allowed: frozenset[str], withdrawn: Mapping[str, datetime]
) -> str | None:
    """Why this turn may not be trained on; None if it may.

    Args:
        turn: What was asked and answered.
        allowed: Bases that allow training.
        withdrawn: When people withdrew: that holds for all they said until then.
    """
    if turn.consent == WITHDRAWN or (turn.user in withdrawn and turn.at <= withdrawn[turn.user]):
        return "withdrawn"
    if turn.consent in ("", "none"):
        return "no_consent"
    if turn.consent not in allowed:
        return f"consent_{turn.consent}"
    return None


def licence_problem(turn: Interaction, allowed: frozenset[str]) -> str | None:
    """Why its licence forbids training; None if it does not. Case does not matter."""
    if turn.licence.casefold() in {licence.casefold() for licence in allowed}:
        return None
    return f"licence_{turn.licence}"


def simulated_problem(turn: Interaction, allowed: bool) -> str | None:
    """Why a simulated person's turn is left out; None if it is not."""
    return "simulated" if turn.simulated and not allowed else None
