"""The record of what was made up from documents; loop/store/records.py counts it among the rest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

SyntheticKind = Literal[
    "question", "paraphrase", "typos", "missing", "false_premise", "injection", "two_in_one"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Synthetic:
    """A question with its answer, made up from a document; the refused ones are kept, too."""

    id: str  # hash of the passage, kind, generator, instruction, seed and number
    at: datetime
    assistant: str
    kind: SyntheticKind
    number: int  # the how-manieth of its kind from this passage and seed
    parent: str  # the question that it varies, "" for a question of its own
    question: str
    answer: str  # with the numbers of the passages shown
    facts: list[str]  # what every right answer states
    messages: list[dict[str, str]]  # the prompt as the assistant would send it
    passages: list[dict[str, Any]]  # Passages shown, as dicts
    generator: str  # model that wrote the question, or "rules@1"
    adapter: str  # of that model, or "base"; "" of rules
    endpoint: str  # host that ran it, or "local"
    instruction: str  # what the generator was told, or the rule
    seed: int
    document: str
    version: str
    start: int  # the passage: characters into that version's text
    end: int
    licence: str  # of what is shown
    checks: dict[str, Any]  # figures of the round trip
    accepted: bool
    reason: str  # why it was refused, "" if it was not
