"""What is asked of the desk and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

from knowledge.records import Citation, Passage
from loop.store.records import Interaction

ANONYMOUS = "anonymous"  # the person when nobody is named


class Variant(NamedTuple):
    """The adapter that answers, and the experiment and arm that chose it, if one did."""

    adapter: str
    experiment: str | None = None
    arm: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One question of one person, with what may be looked up for it."""

    question: str
    user: str = ANONYMOUS
    labels: frozenset[str] = frozenset()  # access labels of the person; the caller vouches for them
    conversation: str | None = None  # None starts one
    history: Sequence[Mapping[str, str]] = ()  # earlier turns: {"role": user|assistant, "content"}
    on: date | None = None  # the day the question is about; None is today
    given: tuple[Passage, ...] = ()  # handed over, in this order, instead of a search
    adapter: str | None = None  # an adapter asked for by name: no experiment, no champion
    id: str | None = None  # of the interaction it becomes; None makes one
    seed: int | None = None
    temperature: float | None = None  # None takes the assistant's
    max_tokens: int | None = None  # never above the assistant's
    stop: tuple[str, ...] = ()
    consent: str | None = None  # None takes the assistant's
    purpose: str = ""  # what the person agreed to
    retain_until: datetime | None = None  # not learnt from after this
    licence: str | None = None  # None takes that of the passages shown
    simulated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the person gets. `interaction` is the row that was (or would be) logged."""

    text: str
    citations: list[Citation]
    passages: list[Passage]  # in the order they were numbered
    confidence: float  # in [0, 1]
    abstained: bool  # no answer was given: nothing found, the model passed, or a guard refused
    interaction: Interaction


@dataclass(slots=True, kw_only=True)
class Turn:
    """An ask on its way through the desk: each step fills in its part."""

    ask: Ask
    id: str  # becomes the interaction's
    at: datetime
    started: float  # monotonic seconds
    variant: Variant
    passages: list[Passage] = field(default_factory=list)
    messages: list[dict[str, str]] = field(default_factory=list)
    said: str | None = None  # what is answered without the model: a refusal, an abstention

    @property
    def sources(self) -> list[str]:
        """Everything the answer may repeat: what people wrote and what was shown."""
        written = [m["content"] for m in self.messages if m["role"] != "assistant"]
        return [self.ask.question, *written, *(p.text for p in self.passages)]
