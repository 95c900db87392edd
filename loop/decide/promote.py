"""Verdicts on record, and the change of champion: refused without one, one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from knowledge.errors import RatchetError
from loop.decide.gate import Verdict
from loop.forget.marks import marks, said
from loop.models import registry
from loop.models.records import BASE
from loop.settings import Settings
from loop.store.approvals import Standing, standing
from loop.store.champion import history
from loop.store.ids import new_id
from loop.store.records import Decision

if TYPE_CHECKING:
    from loop.store.store import Store

Kind = Literal["approve", "withdraw", "waive"]  # what a person says to a verdict


def decide(
    store: Store,
    settings: Settings,
    candidate: str,
    champion: str,
    verdict: Verdict,
    *,
    at: datetime,
) -> Decision:
    """Put the gate's verdict on record, with every rule's evidence.

    Args:
        store: Where it is appended.
        settings: Names the assistant.
        candidate: The adapter that was judged.
        champion: What it was judged against: an adapter id, or "base".
        verdict: What the gate said.
        at: Now, UTC.
    """
    decision = Decision(
        id=new_id(),
        at=at,
        assistant=settings.assistant.name,
        candidate=candidate,
        champion=champion,
        verdict="pass" if verdict.passed else "fail",
        rules=[asdict(rule) for rule in verdict.rules],
        approvals=settings.gate.approvals,
    )
    store.append([decision])
    return decision


def promote(
    store: Store,
    assistant: str,
    adapter: str,
    *,
    actor: str,
    reason: str,
    evidence: Mapping[str, Any] | None = None,
    expected_champion: str | None = None,
    override: bool = False,
    approvals: int = 0,
) -> dict[str, Any]:
    """Make an adapter the champion of an assistant.

    The newest decision on it must be a pass, or what failed be waived, against the champion it
    would replace now, and as many people must have approved it as it asks for. Its weights must
    still be what was registered.

    Args:
        store: Holds the decisions, and makes the change in one transaction.
        assistant: Whose champion.
        adapter: The adapter that is to answer.
        actor: Who promotes.
        reason: Why, in words.
        evidence: What else to record with it, e.g. an experiment.
        expected_champion: What it is meant to replace; None takes whatever is champion now.
        override: Promote although the gate has not passed it; recorded with the reason. Not
            where people must approve: there a rule is waived by name.
        approvals: People who must approve it, as the settings have it now; its verdict may ask for
            more.

    Returns:
        What the store says of the promotion.

    Raises:
        RatchetError: It has not passed, too few approved it, it is champion already, it is not
            registered for this assistant, its weights are not sound, or the champion changed
            meanwhile.
    """
    now = registry.champion(store, assistant)
    if expected_champion is not None and now != expected_champion:
        raise RatchetError(
            f"The champion of {assistant!r} is {now}, not {expected_champion} as expected: it was "
            f"changed meanwhile. Run `ratchet gate {adapter}` against it."
        )
    if adapter == now:
        raise RatchetError(f"{adapter} is the champion of {assistant!r} already. Nothing to do.")
    decision = last_decision(store, assistant, adapter)
    stands = standing_of(store, decision) if decision else None
    problems = (_marked(store, adapter), _objection(decision, stands, adapter, now))
    problem = " ".join(one for one in problems if one) or None
    if problem and not override:
        raise RatchetError(problem)
    if override and not reason.strip():
        raise RatchetError("An override is recorded with its reason. Give one with --reason.")
    _check(store, assistant, adapter)
    shown = {
        **(evidence or {}),
        "decision": decision["id"] if decision else None,
        "override": problem if override else None,
    }
    return store.command(
        "promote",
        assistant=assistant,
        adapter=adapter,
        actor=actor,
        reason=reason,
        evidence=shown,
        expected_champion=now,
        override=override,
        approvals=approvals,
    )


def rollback(
    store: Store,
    assistant: str,
    *,
    actor: str,
    reason: str,
    evidence: Mapping[str, Any] | None = None,
    expected_champion: str | None = None,
) -> dict[str, Any]:
    """Make the champion before the present one champion again, in one transaction.

    Args:
        store: Makes the change.
        assistant: Whose champion.
        actor: Who rolls back.
        reason: Why, in words.
        evidence: What else to record with it, e.g. the guardrails that broke.
        expected_champion: What is meant to go; None takes whatever is champion now.

    Raises:
        RatchetError: There is none before it, its weights are no longer sound, or the champion is
            not the expected one.
    """
    champions = history(store.query("promotions", assistant=assistant))
    if len(champions) < 2:
        raise RatchetError(
            f"There is no champion of {assistant!r} to roll back to: none was promoted since the "
            "first. See `ratchet adapters list`."
        )
    _check(store, assistant, champions[-2])
    return store.command(
        "rollback",
        assistant=assistant,
        actor=actor,
        reason=reason,
        evidence=dict(evidence or {}),
        expected_champion=expected_champion or "",
    )


def last_decision(store: Store, assistant: str, candidate: str) -> dict[str, Any] | None:
    """The newest verdict on a candidate for an assistant; None if there is none."""
    rows = [r for r in store.query("decisions", candidate=candidate) if r["assistant"] == assistant]
    return max(rows, key=lambda row: str(row["id"]), default=None)


def standing_of(store: Store, decision: Mapping[str, Any], least: int = 0) -> Standing:
    """Where a verdict stands: what is waived, who approved it, what is missing.

    Args:
        store: Holds what people said to it.
        decision: Its row.
        least: Approvals that are asked for now.
    """
    return standing(decision, store.query("approvals", decision=str(decision["id"])), least)


def say(
    store: Store,
    settings: Settings,
    candidate: str,
    kind: Kind,
    *,
    actor: str,
    reason: str,
    rule: str = "",
) -> dict[str, Any]:
    """Record what a person says to the newest verdict on a candidate, in one transaction.

    Args:
        store: Holds the verdict.
        settings: Name the assistant, and who may approve and waive.
        candidate: The adapter that was judged.
        kind: Approve it, withdraw an approval, or waive a rule that failed.
        actor: Who says so.
        reason: Why, in words.
        rule: That is waived, as the verdict writes it.

    Returns:
        Where the verdict stands now; see `loop.store.approvals.Standing`.

    Raises:
        RatchetError: There is no verdict, this person may not, or it cannot be said to it.
    """
    allowed = settings.gate.approvers
    if allowed and actor not in allowed:
        raise RatchetError(
            f"{actor} may not {kind}: gate.approvers names {', '.join(allowed)}. "
            "Nothing was recorded."
        )
    decision = last_decision(store, settings.assistant.name, candidate)
    if decision is None:
        raise RatchetError(f"No gate has judged {candidate}. Run `ratchet gate {candidate}`.")
    return store.command(
        "approve",
        decision=decision["id"],
        kind=kind,
        actor=actor,
        reason=reason,
        rule=rule,
    )


def _objection(
    decision: Mapping[str, Any] | None, stands: Standing | None, adapter: str, champion: str
) -> str | None:
    """Why the gate does not let this adapter replace this champion; None if it does."""
    again = f"Run `ratchet gate {adapter}`, or override with a reason."
    if decision is None or stands is None:
        return f"No gate has judged {adapter}. {again}"
    if stands.failed:
        return f"The gate refused {adapter}: {'; '.join(stands.failed)}. {again}"
    if decision["champion"] != champion:
        return (
            f"{adapter} passed against {decision['champion']}, but the champion is {champion} now. "
            f"{again}"
        )
    return None


def _marked(store: Store, adapter: str) -> str | None:
    """Why an adapter may not answer although it is good: whose data it learnt from."""
    if found := marks(store, adapter).get(adapter):
        return (
            f"{adapter} {said(found)}. Train another one (`ratchet nightly`), or override with a "
            "reason."
        )
    return None


def _check(store: Store, assistant: str, adapter: str) -> None:
    """The adapter is registered for this assistant and its weights are what was registered."""
    if adapter == BASE:
        return
    found = registry.adapter_of(store, adapter)
    if found.assistant != assistant:
        raise RatchetError(
            f"No adapter {adapter!r} is registered for assistant {assistant!r}. "
            "See `ratchet adapters list`."
        )
    registry.verify(found)
