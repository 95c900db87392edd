"""Rows about who may be champion and who is; loop/store/records.py counts them in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A gate's verdict with every rule's evidence."""

    id: str
    at: datetime
    assistant: str
    candidate: str
    champion: str
    verdict: Literal["pass", "fail"]
    rules: list[dict[str, Any]]
    approvals: int = 0  # people who must approve before the candidate may be champion


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """What a person says to a verdict. Of one person's approvals and withdrawals the last counts.

    A waiver takes a failed rule as if it had passed, on that verdict only.
    """

    id: str
    at: datetime
    assistant: str
    decision: str
    kind: Literal["approve", "withdraw", "waive"]
    rule: str  # that is waived; "" for the others
    actor: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """A change of champion. The newest row of an assistant names its champion."""

    id: str
    at: datetime
    assistant: str
    adapter: str  # adapter id, or "base"
    previous: str
    kind: Literal["promote", "rollback"]
    actor: str
    reason: str
    evidence: dict[str, Any]  # decision id, experiment id, figures
