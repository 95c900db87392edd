"""What pages show, where it is more than one row of the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from loop.evaluate.coverage_report import Task
from loop.store.approvals import Standing
from loop.store.records import Adapter, Dataset, DatasetRow, Experiment, Rating, Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A mean with its 95 % interval."""

    mean: float
    low: float
    high: float
    n: int | None = None  # cases behind it


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """Where the loop stands. None is "not yet"."""

    interactions: int
    unrated: int  # answers that nobody has judged
    ratings: int
    simulated_ratings: int
    ratings_since: int  # given since the newest dataset was made
    comparisons: int
    tickets: int  # conversations that wait for a person
    dataset: str | None
    dataset_rows: int | None
    adapter: str | None  # the newest
    method: str | None
    gate_metric: str  # "suite:metric"
    evaluated: str | None  # whose score it is
    score: Figure | None
    decided: str | None  # candidate of the newest verdict
    verdict: str | None
    decided_against: str | None
    champion: str
    running: str | None  # an A/B test


@dataclass(frozen=True, slots=True, kw_only=True)
class Todo:
    """Something that waits for a person, and the page to do it on."""

    says: str  # Markdown
    page: str  # file in views, without .py
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """How many ratings came in on a day."""

    day: date
    ratings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recent:
    """A rating with the question whose answer it is about."""

    rating: Rating
    question: str
    hidden: bool = False  # what was said shows once the reader has judged the answer too


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A conversation that waits for a person: what was asked, and why it was handed over."""

    at: datetime
    interaction: str
    reason: str
    question: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """An adapter that has scores."""

    adapter: str
    at: datetime
    suites: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricPair:
    """One metric of two adapters, paired by case. Differences are candidate minus reference."""

    suite: str
    metric: str
    candidate: Figure
    reference: Figure
    evaluations: tuple[str, str]  # ids, candidate's first
    better: str = "higher"  # or "lower"
    unit: str = ""  # "" is a share in [0, 1]
    difference: float | None = None  # None where the two do not compare
    low: float | None = None
    high: float | None = None
    wins: int = 0
    losses: int = 0
    problem: str | None = None  # why they do not compare

    @property
    def name(self) -> str:
        return f"{self.suite}:{self.metric}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A case on which two adapters differ."""

    case: str
    prompt: str | None  # None where the suite at hand is another version
    old: float
    new: float
    old_answer: str
    new_answer: str
    worse: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """An A/B test, with its status and the people seen."""

    experiment: Experiment
    status: str  # declared, running or stopped
    users: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """An arm of an A/B test as planned and as seen."""

    name: str
    adapter: str
    share: float  # planned part of the traffic, in [0, 1]
    users: int
    answers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One analysis of a running test. Figures that it did not come to are None."""

    at: datetime
    number: int  # from 1
    users: int | None
    estimate: float | None  # treatment minus control
    low: float | None
    high: float | None
    p_value: float | None
    verdict: str
    sentence: str
    method: str  # how its interval stays true though one looked before
    srm: float | None  # chance of a split at least this uneven if assignment is sound
    checks: Sequence[tuple[str, str]]  # every health figure with its name
    guardrails: Sequence[Mapping[str, Any]] = ()  # see `loop.experiments.guardrails.Guarded`


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An adapter in the registry with what decides about it."""

    adapter: Adapter
    method: str | None
    seconds: float | None
    dataset_rows: int | None
    score: Figure | None  # of the metric that the gate wants improved
    verdict: str | None  # the newest
    judged_against: str | None
    champion: bool
    pruned_at: datetime | None = None  # since when its files are gone

    def promotable(self, champion: str, stands: Standing | None) -> bool:
        """Has it passed against the present champion, or been waived, and been approved?"""
        agreed = stands is not None and stands.passed and not stands.missing
        passed = agreed and self.judged_against == champion
        return passed and self.adapter.id != champion and self.pruned_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Dataset rows of one kind, split, guideline and consent basis, counted."""

    kind: str
    split: str
    guideline: str
    consent: str
    rows: int
    interactions: int
    ratings: int
    people: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """What an adapter was made from."""

    adapter: Adapter
    parents: Sequence[str]  # nearest first
    run: Run | None
    dataset: Dataset | None
    origins: Sequence[Origin]
    rows: Sequence[DatasetRow]  # some of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A document of the collection as a table lists it."""

    id: str
    title: str
    format: str
    labels: tuple[str, ...]  # a reader needs one of them; none means everyone
    valid_from: date | None
    valid_until: date | None
    licence: str
    flagged: int  # pieces with text that speaks to a model


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldingPage:
    """Some documents of those asked for."""

    rows: Sequence[Holding]
    number: int  # of the page, from 1
    pages: int  # at least 1
    total: int  # documents on all pages


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """Text in a document that speaks to a model instead of the reader."""

    document: str
    heading: tuple[str, ...]
    start: int  # characters into the document's text
    end: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """What abstaining below one cosine leads to, as shares in [0, 1]."""

    threshold: float
    false_answer: float  # answered what the documents do not say
    false_abstain: float  # did not answer what they say


@dataclass(frozen=True, slots=True, kw_only=True)
class Abstention:
    """The curve of thresholds, and the one that was chosen."""

    chosen: float
    curve: Sequence[Threshold]
    n: int  # questions behind it
    false_answer: float | None  # at the chosen threshold
    false_abstain: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToWrite:
    """The coverage report as far as the page shows it."""

    at: datetime
    documents: int
    interactions: int
    unanswered: int
    simulated: int  # of the interactions
    tasks: Sequence[Task]  # most pressing first
