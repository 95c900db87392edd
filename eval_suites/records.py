"""What a suite asks, what an assistant replies, what a scorer says of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, Protocol

from knowledge.records import Citation, Passage

Expect = Literal["answer", "abstain", "refuse"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gold:
    """Where the answer stands: a document and a sentence or table row quoted from it."""

    document: str
    quote: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One question with what a good reply holds."""

    id: str
    suite: str
    prompt: str
    kind: str = ""  # e.g. single_fact, two_passages, table, superseded, unanswerable, restricted
    expect: Expect = "answer"
    facts: tuple[tuple[str, ...], ...] = ()  # every group must appear, by any of its spellings
    forbidden: tuple[str, ...] = ()  # must not appear in the reply
    gold: tuple[Gold, ...] = ()
    labels: frozenset[str] = frozenset()  # access labels of the person who asks
    asked_on: date | None = None  # the day the question is asked; None is today
    cluster: str = ""  # cases of one cluster are not independent: its document or topic


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What an assistant said, and what it cost."""

    text: str
    citations: tuple[Citation, ...] = ()
    passages: tuple[Passage, ...] = ()  # what the model was shown, in the order it was numbered
    abstained: bool = False
    confidence: float | None = None  # in [0, 1]
    seconds: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One metric of one case. Higher is better unless the suite says otherwise."""

    case: str
    metric: str
    value: float
    cluster: str
    kind: str = ""  # the case's


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Mean of a metric over a suite with its 95 % interval."""

    mean: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A suite run against one assistant: every case, every score, every summary."""

    suite: str
    version: str  # content hash of the suite
    assistant: str  # adapter id, or "base"
    replies: dict[str, Reply]  # case id → reply
    scores: tuple[Score, ...]
    summary: dict[str, Summary]  # metric → summary


class Assistant(Protocol):
    """All that the evaluation floor knows of an assistant: cases in, replies out, in order."""

    @property
    def name(self) -> str: ...

    def __call__(self, cases: Sequence[Case]) -> list[Reply]: ...
