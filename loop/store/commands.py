"""Commands: named transactions that read, check, write and leave an audit event, all in one.

Each takes an `id` for the row it writes, so that sending it again after a lost answer changes
nothing and gets the first answer once more.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from knowledge.errors import RatchetError
from loop.store.act import Act, Result, Transaction, begin
from loop.store.adapter_commands import prune_adapter, refuse_unfit, restore_adapter
from loop.store.champion import BASE, champion_of, history
from loop.store.decision_commands import approve, refuse_unapproved
from loop.store.experiment_commands import start_experiment, stop_experiment
from loop.store.ids import id_of, new_id
from loop.store.privacy_commands import find_person, forget, record_consent
from loop.store.records import Promotion
from loop.store.review_commands import lease_review, release_review, skip_review, undo_review
from loop.store.tables import from_row


def command(
    name: str, arguments: Mapping[str, Any], *, now: Callable[[], datetime], folder: Path
) -> Callable[[Transaction], Result]:
    """The command with its arguments, to be run in a transaction.

    Raises:
        RatchetError: There is no such command, or an argument is missing or unknown.
    """
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(COMMANDS)}."
        raise RatchetError(f"There is no command {name!r}. {hint}")
    try:
        inspect.signature(COMMANDS[name]).bind(None, **arguments)
    except TypeError as problem:
        raise RatchetError(f"Command {name!r}: {problem}.") from problem

    def run(transaction: Transaction) -> Result:
        return COMMANDS[name](begin(transaction, now(), folder), **arguments)

    return run


def audit(
    act: Act, *, actor: str, action: str, subject: str, detail: dict[str, Any], id: str = ""
) -> Result:
    """Note that something happened."""
    id = id or new_id()
    if not act.query("audit_event", id=id):
        act.record(id=id, actor=actor, action=action, subject=subject, detail=detail)
    return {"id": id}


def promote(
    act: Act,
    *,
    assistant: str,
    adapter: str,
    actor: str,
    reason: str,
    evidence: dict[str, Any],
    expected_champion: str,
    override: bool = False,
    approvals: int = 0,
    id: str = "",
) -> Result:
    """Make an adapter the champion, if the champion is still the one it was judged against.

    As many people must have approved the newest verdict on it as that, or `approvals`, asks for;
    with `override` it need not be a pass where nobody has to approve.
    """
    if done := _done(act, id):
        return done
    champion = champion_of(act.query("promotions", assistant=assistant))
    if champion != expected_champion:
        raise RatchetError(
            f"{assistant}: the champion is {champion}, not {expected_champion} that {adapter} was "
            "judged against. Nothing was changed; judge it against the champion and promote again."
        )
    if adapter == champion:
        raise RatchetError(f"{assistant}: {adapter} is the champion already. Nothing was changed.")
    registered = {BASE, *(row["id"] for row in act.query("adapters", assistant=assistant))}
    if adapter not in registered:
        raise RatchetError(
            f"No adapter {adapter!r} is registered for assistant {assistant!r}. "
            "See `ratchet adapters list`."
        )
    refuse_unfit(act, adapter)
    if now := refuse_unapproved(act, assistant, adapter, override=override, approvals=approvals):
        evidence = evidence | {"approved_by": list(now.approved_by), "waived": now.waived}
    promotion = Promotion(
        id=id or new_id(),
        at=act.at,
        assistant=assistant,
        adapter=adapter,
        previous=champion,
        kind="promote",
        actor=actor,
        reason=reason,
        evidence=evidence,
    )
    return _change(act, promotion)


def rollback(
    act: Act,
    *,
    assistant: str,
    actor: str,
    reason: str,
    evidence: dict[str, Any] | None = None,
    expected_champion: str = "",
    id: str = "",
) -> Result:
    """Bring back the champion before this one; see `loop.store.champion.history`."""
    if done := _done(act, id):
        return done
    stack = history(act.query("promotions", assistant=assistant))
    if expected_champion and stack[-1] != expected_champion:
        raise RatchetError(
            f"{assistant}: the champion is {stack[-1]}, not {expected_champion} that is to go. "
            "Nothing was changed."
        )
    if len(stack) < 2:
        raise RatchetError(
            f"{assistant}: there is no champion before {stack[-1]} to go back to. "
            "Nothing was changed; `ratchet promote` chooses another adapter."
        )
    refuse_unfit(act, stack[-2])
    promotion = Promotion(
        id=id or new_id(),
        at=act.at,
        assistant=assistant,
        adapter=stack[-2],
        previous=stack[-1],
        kind="rollback",
        actor=actor,
        reason=reason,
        evidence=evidence or {},
    )
    return _change(act, promotion)


def _done(act: Act, id: str) -> Result | None:
    """What the command of this id did already; None if it has not run."""
    rows = act.query("promotion", id=id) if id else []
    return _result(from_row(Promotion, rows[0])) if rows else None


def _change(act: Act, promotion: Promotion) -> Result:
    """Write the change of champion."""
    act.record(
        promotion,
        id=id_of(promotion.id, "audit"),
        actor=promotion.actor,
        action=promotion.kind,
        subject=promotion.adapter,
        detail={
            "assistant": promotion.assistant,
            "previous": promotion.previous,
            "reason": promotion.reason,
            "evidence": promotion.evidence,
        },
    )
    return _result(promotion)


def _result(promotion: Promotion) -> Result:
    return {
        "promotion": promotion.id,
        "at": promotion.at.isoformat(),
        "assistant": promotion.assistant,
        "adapter": promotion.adapter,
        "previous": promotion.previous,
        "kind": promotion.kind,
    }


COMMANDS: dict[str, Callable[..., Result]] = {
    "approve": approve,
    "audit": audit,
    "find_person": find_person,
    "forget": forget,
    "promote": promote,
    "prune_adapter": prune_adapter,
    "restore_adapter": restore_adapter,
    "record_consent": record_consent,
    "rollback": rollback,
    "start_experiment": start_experiment,
    "stop_experiment": stop_experiment,
    "lease_review": lease_review,
    "skip_review": skip_review,
    "release_review": release_review,
    "undo_review": undo_review,
}
