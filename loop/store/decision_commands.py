"""Commands on verdicts: people approve one, take that back, or waive a rule of it."""

from __future__ import annotations

from typing import Any

from knowledge.errors import RatchetError
from loop.store.act import Act, Result
from loop.store.approvals import Standing, standing, unwaivable, wanting
from loop.store.ids import id_of, new_id
from loop.store.records import Approval

ACTIONS = {"approve": "approve", "withdraw": "withdraw_approval", "waive": "waive_rule"}


def approve(
    act: Act,
    *,
    decision: str,
    kind: str,
    actor: str,
    reason: str,
    rule: str = "",
    id: str = "",
) -> Result:
    """Record what a person says to a verdict: approve, withdraw or waive a rule.

    Only the newest verdict on a candidate takes it, and only one whose rules all hold or are
    waived can be approved.
    """
    id = id or new_id()
    row = _verdict(act, decision)
    said = act.query("approvals", decision=decision)
    if any(one["id"] == id for one in said):
        return _told(decision, standing(row, said))
    now = standing(row, said)
    if problem := _problem(row, now, kind, rule, actor, reason):
        raise RatchetError(f"{problem} Nothing was recorded.")
    approval = Approval(
        id=id, at=act.at, assistant=row["assistant"], decision=decision, kind=kind,  # type: ignore[arg-type]
        rule=rule, actor=actor, reason=reason,
    )  # fmt: skip
    act.record(
        approval,
        id=id_of(id, "audit"),
        actor=actor,
        action=ACTIONS[kind],
        subject=str(row["candidate"]),
        detail={
            "assistant": row["assistant"],
            "decision": decision,
            "reason": reason,
            **({"rule": rule} if rule else {}),
        },
    )
    fresh = {"kind": kind, "rule": rule, "actor": actor, "reason": reason}
    return _told(decision, standing(row, [*said, fresh]))


def refuse_unapproved(
    act: Act, assistant: str, candidate: str, *, override: bool, approvals: int
) -> Standing | None:
    """The standing of the newest verdict on a candidate; None if the gate never judged it.

    Where people must approve, the gate is not overridden: a rule is waived by name.

    Raises:
        RatchetError: Too few people approved it, or a rule failed and neither it is waived nor
            the gate overridden.
    """
    row = _newest(act, assistant, candidate)
    if row is None:
        if approvals:
            raise RatchetError(
                f"{approvals} must approve {candidate}, and the gate has not judged it. "
                f"Run `ratchet gate {candidate}`. Nothing was changed."
            )
        return None
    now = standing(row, act.query("approvals", decision=row["id"]), approvals)
    if now.failed and (now.needed or not override):
        hint = " Waive a rule by name (`ratchet waive`) or train another." if now.needed else ""
        raise RatchetError(
            f"The gate refused {candidate}: {'; '.join(now.failed)}.{hint} Nothing was changed."
        )
    if now.missing:
        raise RatchetError(f"{wanting(str(row['candidate']), now)} Nothing was changed.")
    return now


def _verdict(act: Act, decision: str) -> dict[str, Any]:
    """The row of the newest verdict on its candidate."""
    rows = act.query("decision", id=decision)
    if not rows:
        raise RatchetError(f"There is no verdict {decision!r}. Run `ratchet gate`.")
    row = rows[0]
    newest = _newest(act, row["assistant"], row["candidate"]) or row
    if newest["id"] != decision:
        raise RatchetError(
            f"The gate has judged {row['candidate']} again since: {newest['id']}. "
            "Look at that verdict. Nothing was changed."
        )
    return row


def _newest(act: Act, assistant: str, candidate: str) -> dict[str, Any] | None:
    rows = act.query("decisions", candidate=candidate)
    mine = [row for row in rows if row["assistant"] == assistant]
    return max(mine, key=lambda row: str(row["id"]), default=None)


def _problem(
    row: dict[str, Any], now: Standing, kind: str, rule: str, actor: str, reason: str
) -> str | None:
    """Why this cannot be said to the verdict; None if it can."""
    if kind not in ACTIONS:
        return f"kind is {kind!r}, expected {', '.join(ACTIONS)}."
    if not actor.strip():
        return "Nobody is named. Say who you are."
    if not reason.strip():
        return f"To {kind} takes a reason. Give one with --reason."
    if kind == "withdraw" and actor not in now.approved_by:
        return f"{actor} has not approved {row['candidate']}."
    if kind == "approve" and now.failed:
        return f"{row['candidate']} failed: {'; '.join(now.failed)}. What fails is not approved."
    if kind == "approve" and actor in now.approved_by:
        return f"{actor} has approved {row['candidate']} already."
    return unwaivable(row, rule) if kind == "waive" else None


def _told(decision: str, now: Standing) -> Result:
    return {
        "decision": decision,
        "passed": now.passed,
        "failed": list(now.failed),
        "waived": now.waived,
        "approved_by": list(now.approved_by),
        "needed": now.needed,
        "missing": now.missing,
    }
