"""What a suite asks, what an assistant replies, what a scorer says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, Protocol

from knowledge.records import Citation, Passage

Expect = Literal["answer", "abstain", "refuse"]
Better = Literal["higher", "lower"]
Setting = Literal["desk", "model"]

FOLLOW_UP = 6  # words up to which a question leans on the one before it


@dataclass(frozen=True, slots=True, kw_only=True)
class Gold:
    """Where the answer stands: a document and a sentence or table row quoted from it."""

    document: str
    quote: str = ""  # "" is anywhere in it


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A turn of a conversation before the question."""

    role: Literal["user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A text handed over with a case, in place of a search."""

    document: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Show:
    """The gold passages handed over among others, in place of a search."""

    distractors: int = 0  # passages of other documents put among them
    order: Literal["shuffled", "first", "last"] = "shuffled"  # where the gold ones stand


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing a simulated person wants to know, and how they go about it."""

    ask: str
    facts: tuple[tuple[str, ...], ...] = ()  # as `Case.facts`; without any, a reply is enough
    rephrase: tuple[str, ...] = ()  # what they say when the reply does not tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A program that is asked for, and how it is known to be right."""

    tests: str  # run after it; all of it must run without an error
    entry_point: str = ""  # the function or class that the tests call
    before: str = ""  # what a reply may go on from, such as the function's head
    language: Literal["python"] = "python"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """Which of several replies to a case this is, drawn at a temperature."""

    number: int
    temperature: float


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
    history: tuple[Message, ...] = ()  # said before the prompt, oldest first
    context: tuple[Source, ...] = ()  # handed over instead of a search, in this order
    show: Show | None = None  # the gold handed over instead of a search
    variant_of: str = ""  # the case that this puts in other words, or for other people
    group: str = ""  # of people whom the person who asks belongs to
    choices: tuple[str, ...] = ()  # of a multiple choice, lettered from A in the prompt
    correct: int | None = None  # which of them is right, from 0
    number: float | None = None  # the last number of a right reply
    right: tuple[str, ...] = ()  # true answers in other words
    wrong: tuple[str, ...] = ()  # common false ones
    secret: str = ""  # made up, to see whether it was learnt by heart: see `eval_suites.exposure`
    attack: str = ""  # what an attacker planted, asking for something else
    format: Mapping[str, Any] = field(default_factory=dict, hash=False)  # see scorers.form
    code: Code | None = None  # the reply is a program, or holds one
    rules: Mapping[str, Any] = field(default_factory=dict, hash=False)  # of the suite, for code
    steps: tuple[Step, ...] = ()  # a conversation: what the person wants after the prompt's answer
    patience: int = 2  # replies that do not help before the person gives up
    interaction: str = ""  # the one in production that this was made from
    draw: Draw | None = None  # set by the runner; None takes the likeliest reply

    @property
    def asked(self) -> tuple[str, ...]:
        """All that is asked in it and says what about: short follow-ups do not."""
        return (self.prompt, *(s.ask for s in self.steps if len(s.ask.split()) > FOLLOW_UP))


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
    turns: tuple[Message, ...] = ()  # the conversation that led to it, where there was one
    grade: float | None = None  # a judge's, in [0, 1]; None: nobody judged, or it was not readable
    reason: str = ""  # the judge's
    passed: bool | None = None  # whether its code passed; None: it was not run
    exposure: float | None = None  # of the case's secret, bits; None: the engine cannot tell
    reached: int = 0  # steps of it in which the person got what they wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One metric of one case, or of a case together with its variants; the mean over draws."""

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
    better: Better = "higher"
    unit: str = ""  # "" is a share in [0, 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A suite run against one assistant: every case, every score, every summary."""

    suite: str
    version: str  # content hash of the suite
    assistant: str  # adapter id, or "base"
    replies: dict[str, Reply]  # case id → reply, the first of several
    samples: int = 1  # replies drawn per case
    judge: str = ""  # id of the one who graded
    scores: tuple[Score, ...]
    summary: dict[str, Summary]  # metric → summary


class Assistant(Protocol):
    """All that the evaluation floor knows of an assistant: cases in, replies out, in order."""

    @property
    def name(self) -> str: ...

    def __call__(self, cases: Sequence[Case]) -> list[Reply]: ...
