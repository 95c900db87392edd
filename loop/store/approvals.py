"""Where a verdict stands: what is waived, who approved it, what is still missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WAIVABLE = ("improve ", "keep ")  # rules that weigh figures; a bound is hard


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A verdict with what people said to it since."""

    failed: tuple[str, ...]  # rules that failed and are not waived
    waived: dict[str, dict[str, str]]  # rule → {"actor", "reason"}
    approved_by: tuple[str, ...]  # in the order in which they did
    needed: int  # people who must approve

    @property
    def missing(self) -> int:
        """How many more people must approve."""
        return max(0, self.needed - len(self.approved_by))

    @property
    def passed(self) -> bool:
        """Whether nothing stands in the way but approvals."""
        return not self.failed


def standing(
    decision: Mapping[str, Any], said: Sequence[Mapping[str, Any]], least: int = 0
) -> Standing:
    """Where a verdict stands.

    Args:
        decision: Its row.
        said: Rows of the query `approvals` for it, oldest first.
        least: Approvals that are asked for now; it may have asked for fewer.
    """
    rules = decision["rules"]
    failed = [str(rule["rule"]) for rule in rules if not rule["passed"]]
    if decision["verdict"] != "pass" and not failed:
        failed = ["the gate held no rule"]
    waived: dict[str, dict[str, str]] = {}
    approved: dict[str, None] = {}
    for row in said:
        if row["kind"] == "waive":
            waived[str(row["rule"])] = {"actor": str(row["actor"]), "reason": str(row["reason"])}
        elif row["kind"] == "approve":
            approved.setdefault(str(row["actor"]))
        else:
            approved.pop(str(row["actor"]), None)
    return Standing(
        failed=tuple(rule for rule in failed if rule not in waived),
        waived={rule: by for rule, by in waived.items() if rule in failed},
        approved_by=tuple(approved),
        needed=max(int(decision["approvals"]), least),
    )


def unwaivable(decision: Mapping[str, Any], rule: str) -> str | None:
    """Why a rule of a verdict cannot be waived, as a sentence; None if it can.

    Only a result can be waived, never that there is none, and never a bound.
    """
    found = next((one for one in decision["rules"] if one["rule"] == rule), None)
    if found is None:
        known = ", ".join(repr(str(one["rule"])) for one in decision["rules"] if not one["passed"])
        return f"The verdict has no rule {rule!r}; failed: {known or 'none'}."
    if found["passed"]:
        return f"Rule {rule!r} passed: there is nothing to waive."
    if not rule.startswith(WAIVABLE):
        return f"Rule {rule!r} cannot be waived: only rules that improve or keep a metric can."
    if not found["evidence"].get("n"):
        return f"Rule {rule!r} has no figures: a result can be waived, missing evidence cannot."
    return None


def wanting(candidate: str, now: Standing) -> str:
    """That approvals are missing, and how to give one, as sentences."""
    people = "person" if now.missing == 1 else "people"
    so_far = f" (so far: {', '.join(now.approved_by)})" if now.approved_by else ""
    return (
        f"{now.missing} more {people} must approve {candidate}{so_far}: "
        f'`ratchet approve {candidate} --reason "…"`.'
    )
