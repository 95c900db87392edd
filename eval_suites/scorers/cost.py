"""What a reply took. Lower is better."""

from __future__ import annotations

from eval_suites.records import Case, Reply


def seconds(case: Case, reply: Reply) -> float | None:
    """Seconds from question to answer, as measured when it was asked."""
    return reply.seconds


def prompt_tokens(case: Case, reply: Reply) -> float | None:
    """Tokens the model read."""
    return float(reply.prompt_tokens)


def completion_tokens(case: Case, reply: Reply) -> float | None:
    """Tokens the model wrote."""
    return float(reply.completion_tokens)
