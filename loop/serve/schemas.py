"""What the API takes. Our bodies refuse unknown fields; OpenAI's are read as clients send them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Discriminator, Field, Tag

Name = Annotated[str, Field(min_length=1, max_length=200)]
Text = Annotated[str, Field(max_length=1_000_000)]
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}$")]
Purpose = Annotated[str, Field(max_length=200)]
Consent = Literal["consent", "contract", "none", "withdrawn"]


class Strict(BaseModel):
    """A body of ours: a field we do not know is an error, not silence."""

    model_config = ConfigDict(extra="forbid")


class Options(Strict):
    """The extra field `ratchet` of a chat request (`extra_body` in OpenAI's clients)."""

    labels: list[Name] = []  # access labels of the person, vouched for by the key's owner
    conversation: Name | None = None
    consent: Consent | None = None
    purpose: Purpose | None = None  # what the person agreed to
    retain_until: AwareDatetime | None = None
    licence: Name | None = None
    on: date | None = None  # the day the question is about
    simulated: bool = False


class Message(BaseModel):
    """One message of a chat; content is text or OpenAI's list of parts."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Text | list[dict[str, Any]] | None = None


class StreamOptions(BaseModel):
    include_usage: bool = False


class ChatRequest(BaseModel):
    """POST /v1/chat/completions."""

    model_config = ConfigDict(extra="allow")

    model: Name
    messages: Annotated[list[Message], Field(min_length=1, max_length=1000)]
    stream: bool = False
    stream_options: StreamOptions | None = None
    user: Name | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    stop: str | Annotated[list[str], Field(max_length=4)] | None = None
    n: int | None = None
    ratchet: Options = Options()


class RatingIn(Strict):
    """What one person says of one answer."""

    interaction: Id
    rater: Name
    kind: Literal["thumb", "stars", "rubric", "correction", "flag", "comment"]
    value: float | None = None
    text: Text | None = None
    rubric: dict[str, float] | None = None
    guideline: Name | None = None
    seconds: Annotated[float, Field(ge=0)] | None = None
    simulated: bool = False
    id: Id | None = None  # name it to send it again safely
    at: AwareDatetime | None = None


class ComparisonIn(Strict):
    """Which of several answers one person prefers."""

    interactions: Annotated[list[Id], Field(min_length=2)]
    ranks: list[int]  # same length, 1 is best, equal ranks are ties
    shown: list[Id]  # the interactions from left to right as they were seen
    rater: Name
    guideline: Name | None = None
    seconds: Annotated[float, Field(ge=0)] | None = None
    simulated: bool = False
    id: Id | None = None
    at: AwareDatetime | None = None


class SkipIn(Strict):
    """POST /v1/review/skip: pass an item that the rater holds on to others."""

    rater: Name
    item: Annotated[str, Field(min_length=1, max_length=401)]  # as /v1/review/next gave it
    reason: Literal["field", "unclear", "offensive", "broken", "other"]
    text: Annotated[str, Field(max_length=10_000)] | None = None  # needed with "other"


class UndoIn(Strict):
    """POST /v1/review/undo: take back the rater's last judgement or skip."""

    rater: Name


class AnswerOut(BaseModel):
    """An answer as a reviewer sees it: not who asked, not which model or arm gave it."""

    interaction: str
    question: str
    answer: str
    passages: list[dict[str, Any]]
    citations: list[dict[str, Any]]
    abstained: bool


class CriterionOut(BaseModel):
    """One criterion of the guideline with the anchors of its scale."""

    name: str
    asks: str
    anchors: dict[int, str]


class GuidelineOut(BaseModel):
    """What to judge by; name it in /v1/feedback."""

    id: str
    text: str
    criteria: list[CriterionOut]
    examples: list[dict[str, Any]]


class ReviewItemOut(BaseModel):
    """Something to judge, held for this rater until a time."""

    item: str
    kind: Literal["rate", "compare"]
    until: AwareDatetime
    why: str | None  # None where it would sway: it is told once the item is judged
    answers: list[AnswerOut]  # one, or two from left to right
    guideline: GuidelineOut


class ReviewOut(BaseModel):
    """What /v1/review answers."""

    object: Literal["review"] = "review"
    item: ReviewItemOut | None  # None: nothing waits for this rater


class WhyOut(BaseModel):
    """Why an item was in the rater's queue."""

    object: Literal["review.why"] = "review.why"
    item: str
    why: str | None  # None until the rater has judged it


class UndoneOut(ReviewOut):
    """What was taken back, and the item again where the same rater may judge it again."""

    undone: str  # the item
    judgements: list[str]  # ids of ratings and comparisons that no longer count


class SkippedOut(BaseModel):
    """The item went to others."""

    object: Literal["review.skip"] = "review.skip"
    item: str


class InteractionIn(Strict):
    """What any model answered, to be learnt from."""

    question: Annotated[str, Field(min_length=1, max_length=1_000_000)]
    answer: Text
    user: Name
    id: Id | None = None  # name it to send it again safely
    at: AwareDatetime | None = None
    assistant: Name | None = None  # None is this server's
    conversation: Name | None = None
    messages: list[dict[str, str]] | None = None  # None is the question alone
    adapter: Name = "base"
    base: Name = "unknown"  # the model that answered
    passages: list[dict[str, Any]] = []
    citations: list[dict[str, Any]] = []
    confidence: Annotated[float, Field(ge=0, le=1)] | None = None
    abstained: bool | None = None  # None is read from the answer
    latency_ms: Annotated[float, Field(ge=0)] = 0.0
    prompt_tokens: Annotated[int, Field(ge=0)] = 0
    completion_tokens: Annotated[int, Field(ge=0)] = 0
    consent: Consent | None = None
    purpose: Purpose = ""  # what the person agreed to, e.g. "support" or "training"
    retain_until: AwareDatetime | None = None  # not learnt from after this
    licence: Name = "unknown"
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    simulated: bool = False


class DocumentIn(Strict):
    """A document to look things up in. The same id with other text is a new version."""

    id: Name
    text: Annotated[str, Field(min_length=1, max_length=10_000_000)]
    title: Name | None = None
    source: Name | None = None
    licence: Name = "unknown"
    access: list[Name] = []
    valid_from: date | None = None
    valid_until: date | None = None


class DocumentsIn(Strict):
    """POST /v1/knowledge/documents."""

    documents: Annotated[list[DocumentIn], Field(min_length=1, max_length=10_000)]


class SearchIn(Strict):
    """POST /v1/knowledge/search."""

    query: Annotated[str, Field(min_length=1, max_length=100_000)]
    labels: list[Name] = []
    on: date | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 5


def _kind_of_feedback(value: Any) -> str:
    fields = value if isinstance(value, dict) else getattr(value, "__dict__", {})
    return "comparison" if "interactions" in fields else "rating"


def _one_or_many(value: Any) -> str:
    return "many" if isinstance(value, list) else "one"


FeedbackIn = Annotated[
    Annotated[RatingIn, Tag("rating")] | Annotated[ComparisonIn, Tag("comparison")],
    Discriminator(_kind_of_feedback),
]
InteractionsIn = Annotated[
    Annotated[InteractionIn, Tag("one")]
    | Annotated[list[InteractionIn], Field(min_length=1, max_length=10_000), Tag("many")],
    Discriminator(_one_or_many),
]
