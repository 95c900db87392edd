"""Every row the store keeps, as a frozen record. One record class is one table."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from loop.store.adapter_records import Adapter as Adapter
from loop.store.costs import Cost as Cost
from loop.store.decision_records import Approval as Approval
from loop.store.decision_records import Decision as Decision
from loop.store.decision_records import Promotion as Promotion
from loop.store.privacy_records import PrivacyRecord
from loop.store.review_records import Gold as Gold
from loop.store.review_records import Guideline as Guideline
from loop.store.review_records import ReviewEvent as ReviewEvent
from loop.store.synthetics import Synthetic

RatingKind = Literal["thumb", "stars", "rubric", "correction", "flag", "comment"]
Json = dict[str, Any] | list[Any]  # stored as JSON text


@dataclass(frozen=True, slots=True, kw_only=True)
class Interaction:
    """One question and the answer a person got, with all that is needed to learn from it."""

    id: str  # UUIDv7
    at: datetime  # UTC
    assistant: str
    user: str  # pseudonymous key of the person who asked
    conversation: str
    question: str
    answer: str
    messages: list[dict[str, str]]  # the prompt exactly as the model saw it
    adapter: str  # adapter id, or "base"
    base: str  # base model name
    passages: list[dict[str, Any]] = field(default_factory=list)  # Passages as dicts
    citations: list[dict[str, Any]] = field(default_factory=list)
    confidence: float | None = None
    abstained: bool = False
    latency_ms: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    experiment: str | None = None
    arm: str | None = None
    consent: str = "none"  # basis: consent, contract, none, withdrawn
    licence: str = "unknown"
    seed: int | None = None
    simulated: bool = False
    purpose: str = ""  # what the person agreed to, e.g. "support" or "training"
    retain_until: datetime | None = None  # may not be learnt from after this; None: no date


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """What one person says of one answer. A changed mind is a new row."""

    id: str
    at: datetime
    interaction: str
    rater: str
    guideline: str  # guideline version it was given under, "name@version"
    kind: RatingKind
    value: float | None = None  # thumb −1/+1, stars 1–5
    text: str | None = None  # correction: the better answer; flag: its name; comment
    rubric: dict[str, float] = field(default_factory=dict)  # criterion → score
    seconds: float | None = None  # how long the rater took
    simulated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two or more answers to one prompt in order of preference; equal ranks are ties."""

    id: str
    at: datetime
    rater: str
    guideline: str
    interactions: list[str]  # at least two
    ranks: list[int]  # same length, 1 is best
    shown: list[str]  # interaction ids from left to right as the rater saw them
    seconds: float | None = None
    simulated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """An immutable dataset version named by its content."""

    id: str  # e.g. "ds-4f1c…": hash of rows, settings and seed
    at: datetime
    assistant: str
    rows: int
    path: str  # folder with pairs.parquet, sft.parquet, kto.parquet, manifest.json
    manifest: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetRow:
    """Where one dataset row came from: lineage to people and guideline."""

    dataset: str
    row: str  # content hash of the row
    kind: Literal["pair", "sft", "kto"]
    split: Literal["train", "held_out"]
    interactions: list[str]
    ratings: list[str]  # rating and comparison ids
    guideline: str
    consent: str
    users: list[str]
    synthetics: list[str] = field(default_factory=list)  # made-up questions; nobody asked those


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A training run that finished."""

    id: str
    at: datetime
    dataset: str  # empty for a merge
    method: str
    base: str
    seed: int
    settings: dict[str, Any]
    seconds: float
    tokens_per_second: float
    metrics: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """One metric of one adapter on one suite version."""

    id: str  # one id per (adapter, suite, suite version, settings); several metrics share it
    at: datetime
    adapter: str
    suite: str
    suite_version: str
    metric: str
    mean: float
    low: float
    high: float
    n: int
    better: str = "higher"  # or "lower"
    unit: str = ""  # "" is a share in [0, 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseScore:
    """One metric of one case, kept so that two adapters can be compared case by case."""

    evaluation: str
    case: str
    cluster: str
    metric: str
    value: float
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """A declared A/B test; status changes are ExperimentEvents."""

    id: str
    at: datetime
    assistant: str
    metric: str  # a named metric query
    arms: list[dict[str, Any]]  # {"name", "adapter", "share"}; first is control
    salt: str
    horizon: int  # planned users over all arms
    alpha: float = 0.05
    simulated: bool = False
    guardrails: list[str] = field(default_factory=list)  # "metric" or "metric by margin"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentEvent:
    id: str
    at: datetime
    experiment: str
    kind: Literal["start", "stop", "look"]
    actor: str
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """A person was shown an arm; logged before the response leaves."""

    id: str
    at: datetime
    experiment: str
    user: str
    arm: str
    interaction: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A conversation handed over to a person."""

    id: str
    at: datetime
    interaction: str
    reason: str
    status: Literal["open", "closed"] = "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step of a nightly run that finished; inputs is the hash it was done for."""

    id: str
    at: datetime
    night: str
    name: str
    inputs: str
    outputs: dict[str, Any]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """One link of the audit chain: hash covers everything above it and the previous hash."""

    id: str
    at: datetime
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]
    previous_hash: str
    hash: str


Record = (
    Interaction
    | Rating
    | Comparison
    | Guideline
    | ReviewEvent
    | Gold
    | Dataset
    | DatasetRow
    | Run
    | Adapter
    | Evaluation
    | CaseScore
    | Decision
    | Approval
    | Promotion
    | Experiment
    | ExperimentEvent
    | Exposure
    | Ticket
    | Step
    | Synthetic
    | Cost
    | AuditEvent
    | PrivacyRecord
)
