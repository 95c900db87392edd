"""Conversations: did the person get what they came for, and how fast?"""

from __future__ import annotations

from eval_suites.records import Case, Reply


def goal_reached(case: Case, reply: Reply) -> float | None:
    """1 if the person got everything they wanted before their patience ended. For conversations."""
    return float(reply.reached == 1 + len(case.steps)) if case.steps else None


def turns_needed(case: Case, reply: Reply) -> float | None:
    """What the person had to say until all was told; giving up counts as the most there can be."""
    if not case.steps:
        return None
    if goal_reached(case, reply) != 1.0:
        return float((1 + len(case.steps)) * (1 + case.patience))
    return float(sum(turn.role == "user" for turn in reply.turns))
