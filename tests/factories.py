"""Records with sensible defaults: name what matters to the test, leave the rest.

Every record gets an id of its own and is a minute younger than the one made before it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from loop.store.costs import Cost
from loop.store.privacy_records import (
    AdapterMark,
    ConsentEvent,
    DatasetTombstone,
    ForgottenPerson,
)
from loop.store.records import (
    Adapter,
    CaseScore,
    Comparison,
    Dataset,
    DatasetRow,
    Decision,
    Evaluation,
    Experiment,
    ExperimentEvent,
    Exposure,
    Gold,
    Guideline,
    Interaction,
    Promotion,
    Rating,
    ReviewEvent,
    Run,
    Step,
    Ticket,
)
from loop.store.synthetics import Synthetic

ASSISTANT = "desk"
GUIDELINE = "helpful@1"
START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)

R = TypeVar("R")
_numbers = itertools.count(1)


def make_interaction(**fields: Any) -> Interaction:
    """An answered question, with consent; the question is its own."""
    number, shared = _fresh("interaction")
    question = fields.get("question", f"What is the fee for payment {number}?")
    known = {
        "assistant": ASSISTANT,
        "user": "ada",
        "conversation": f"conversation-{number}",
        "question": question,
        "answer": f"The fee is {number} dollars [1].",
        "messages": [{"role": "user", "content": question}],
        "adapter": "base",
        "base": "tiny-base",
        "consent": "consent",
        "licence": "cc0",
    }
    return _made(Interaction, shared, known, fields)


def make_rating(**fields: Any) -> Rating:
    """A thumb up; name the `interaction` it is for when that matters."""
    number, shared = _fresh("rating")
    known = {
        "interaction": f"interaction-of-{number}",
        "rater": "rae",
        "guideline": GUIDELINE,
        "kind": "thumb",
    }
    if fields.get("kind", "thumb") in ("thumb", "stars"):
        known["value"] = 1.0 if fields.get("kind", "thumb") == "thumb" else 4.0
    return _made(Rating, shared, known, fields)


def make_comparison(**fields: Any) -> Comparison:
    """The first answer preferred to the others, shown in that order."""
    number, shared = _fresh("comparison")
    compared: Sequence[str] = fields.get("interactions", [f"left-{number}", f"right-{number}"])
    known = {
        "rater": "rae",
        "guideline": GUIDELINE,
        "interactions": list(compared),
        "ranks": [1] + [2] * (len(compared) - 1),
        "shown": list(compared),
    }
    return _made(Comparison, shared, known, fields)


def make_guideline(**fields: Any) -> Guideline:
    """A version of "helpful" with one criterion."""
    number, shared = _fresh("guideline")
    name, version = fields.get("name", "helpful"), fields.get("version", str(number))
    known = {
        "id": f"{name}@{version}",
        "name": name,
        "version": version,
        "text": "Prefer the answer that helps more.",
        "criteria": ["helpful"],
    }
    return _made(Guideline, shared, known, fields)


def make_gold(**fields: Any) -> Gold:
    """An answer that is known to be good."""
    number, shared = _fresh("gold")
    known = {
        "assistant": ASSISTANT,
        "item": f"interaction-of-{number}",
        "kind": "thumb",
        "value": 1.0,
        "why": "The passage says so.",
        "by": "lead",
    }
    return _made(Gold, shared, known, fields)


def make_review_event(**fields: Any) -> ReviewEvent:
    """A lease without an end; name the `item` when that matters."""
    number, shared = _fresh("review")
    known = {
        "assistant": ASSISTANT,
        "rater": "rae",
        "item": f"interaction-of-{number}",
        "kind": "lease",
        "reason": "waiting",
    }
    return _made(ReviewEvent, shared, known, fields)


def make_dataset(**fields: Any) -> Dataset:
    """A dataset version; its files are not there."""
    number, shared = _fresh("ds")
    known = {"assistant": ASSISTANT, "rows": 0, "path": f"datasets/ds-{number}", "manifest": {}}
    return _made(Dataset, shared, known, fields)


def make_dataset_row(**fields: Any) -> DatasetRow:
    """A pair of the training split, from one person."""
    number = next(_numbers)
    known = {
        "dataset": "ds-1",
        "row": f"row-{number}",
        "kind": "pair",
        "split": "train",
        "interactions": [f"left-{number}", f"right-{number}"],
        "ratings": [f"rating-{number}"],
        "guideline": GUIDELINE,
        "consent": "consent",
        "users": ["ada"],
    }
    return DatasetRow(**known | fields)


def make_run(**fields: Any) -> Run:
    """A DPO run that finished."""
    _, shared = _fresh("run")
    known = {
        "dataset": "ds-1",
        "method": "dpo",
        "base": "tiny-base",
        "seed": 7,
        "settings": {"beta": 0.1},
        "seconds": 12.5,
        "tokens_per_second": 1000.0,
        "metrics": {"loss": 0.5},
    }
    return _made(Run, shared, known, fields)


def make_cost(**fields: Any) -> Cost:
    """A run of an hour on a CPU at half a euro; name the `run` it is of when that matters."""
    known = {
        "run": f"run-{next(_numbers)}",
        "device": "cpu",
        "device_seconds": 3600.0,
        "tokens": 1_000_000,
        "peak_bytes": 2_000_000_000,
        "kwh": 0.04,
        "energy_source": "estimated",
        "grams_co2e": None,
        "amount": 0.5,
        "currency": "EUR",
        "rate": 0.5,
    }
    return Cost(**known | fields)


def make_adapter(**fields: Any) -> Adapter:
    """An adapter trained from the bare base; its files are not there."""
    number, shared = _fresh("ad")
    known = {
        "assistant": ASSISTANT,
        "run": "run-1",
        "dataset": "ds-1",
        "base": "tiny-base",
        "parent": None,
        "path": f"adapters/ad-{number}",
        "sha256": f"{number:064x}",
    }
    return _made(Adapter, shared, known, fields)


def make_evaluation(**fields: Any) -> Evaluation:
    """Grounded accuracy of the base on the accuracy suite."""
    _, shared = _fresh("ev")
    known = {
        "adapter": "base",
        "suite": "accuracy",
        "suite_version": "v1",
        "metric": "grounded_accuracy",
        "mean": 0.5,
        "low": 0.4,
        "high": 0.6,
        "n": 100,
    }
    return _made(Evaluation, shared, known, fields)


def make_case_score(**fields: Any) -> CaseScore:
    """A case answered right; each is its own cluster."""
    number = next(_numbers)
    known = {
        "evaluation": "ev-1",
        "case": f"case-{number}",
        "cluster": f"cluster-{number}",
        "metric": "grounded_accuracy",
        "value": 1.0,
        "answer": "Yes [1].",
    }
    return CaseScore(**known | fields)


def make_decision(**fields: Any) -> Decision:
    """A gate that passed against the base."""
    _, shared = _fresh("decision")
    known = {
        "assistant": ASSISTANT,
        "candidate": "ad-1",
        "champion": "base",
        "verdict": "pass",
        "rules": [{"rule": "better", "passed": True, "evidence": {"difference": 0.1}}],
    }
    return _made(Decision, shared, known, fields)


def make_promotion(**fields: Any) -> Promotion:
    """An adapter that took over from the base. A real store takes these by command only."""
    _, shared = _fresh("promotion")
    known = {
        "assistant": ASSISTANT,
        "adapter": "ad-1",
        "previous": "base",
        "kind": "promote",
        "actor": "test",
        "reason": "better",
        "evidence": {},
    }
    return _made(Promotion, shared, known, fields)


def make_experiment(**fields: Any) -> Experiment:
    """The base (control) against ad-1, half and half."""
    _, shared = _fresh("experiment")
    known = {
        "assistant": ASSISTANT,
        "metric": "thumb_up",
        "arms": [
            {"name": "control", "adapter": "base", "share": 0.5},
            {"name": "candidate", "adapter": "ad-1", "share": 0.5},
        ],
        "salt": "salt",
        "horizon": 100,
    }
    return _made(Experiment, shared, known, fields)


def make_experiment_event(**fields: Any) -> ExperimentEvent:
    """A start."""
    _, shared = _fresh("event")
    known = {"experiment": "experiment-1", "kind": "start", "actor": "test", "detail": {}}
    return _made(ExperimentEvent, shared, known, fields)


def make_exposure(**fields: Any) -> Exposure:
    """A person who was shown the control."""
    number, shared = _fresh("exposure")
    known = {
        "experiment": "experiment-1",
        "user": "ada",
        "arm": "control",
        "interaction": f"interaction-of-{number}",
    }
    return _made(Exposure, shared, known, fields)


def make_ticket(**fields: Any) -> Ticket:
    """An open one."""
    number, shared = _fresh("ticket")
    known = {"interaction": f"interaction-of-{number}", "reason": "not in the documents"}
    return _made(Ticket, shared, known, fields)


def make_step(**fields: Any) -> Step:
    """A finished curation."""
    _, shared = _fresh("step")
    known = {
        "night": "night-1",
        "name": "curate",
        "inputs": "0" * 64,
        "outputs": {"dataset": "ds-1"},
        "seconds": 1.5,
    }
    return _made(Step, shared, known, fields)


def make_consent_event(**fields: Any) -> ConsentEvent:
    """A withdrawal of everything."""
    _, shared = _fresh("consent-event")
    known = {"user": "ada", "basis": "withdrawn", "purpose": "", "actor": "test"}
    return _made(ConsentEvent, shared, known, fields)


def make_adapter_mark(**fields: Any) -> AdapterMark:
    """An adapter that learnt from somebody forgotten."""
    _, shared = _fresh("mark")
    known = {"adapter": "ad-1", "reason": "forgotten", "forget": "forget-1", "via": "ds-1"}
    return _made(AdapterMark, shared, known, fields)


def make_dataset_tombstone(**fields: Any) -> DatasetTombstone:
    """A dataset version that was erased for one person's rows."""
    _, shared = _fresh("tombstone")
    known = {"dataset": "ds-1", "forget": "forget-1", "rows": 3}
    return _made(DatasetTombstone, shared, known, fields)


def make_forgotten_person(**fields: Any) -> ForgottenPerson:
    """Somebody who had two interactions."""
    _, shared = _fresh("forget")
    known = {"subject": "person-0123456789abcdef", "counts": {"interactions": 2}}
    return _made(ForgottenPerson, shared, known, fields)


def make_synthetic(**fields: Any) -> Synthetic:
    """An accepted question that rules made of a document, with its answer."""
    number, shared = _fresh("synthetic")
    question = fields.get("question", f"What is the fee for payment {number}?")
    known = {
        "assistant": ASSISTANT,
        "kind": "question",
        "number": 0,
        "parent": "",
        "question": question,
        "answer": f"The fee for payment {number} is {number} dollars [1].",
        "facts": [f"{number} dollars"],
        "messages": [{"role": "user", "content": question}],
        "passages": [],
        "generator": "rules@1",
        "adapter": "",
        "endpoint": "local",
        "instruction": "rules@1: figure",
        "seed": 7,
        "document": "fees.md",
        "version": "v1",
        "start": 0,
        "end": 40,
        "licence": "cc0",
        "checks": {"rank": 1},
        "accepted": True,
        "reason": "",
    }
    return _made(Synthetic, shared, known, fields)


def _fresh(kind: str) -> tuple[int, dict[str, Any]]:
    """The next number, and the id and time that go with it."""
    number = next(_numbers)
    return number, {"id": f"{kind}-{number}", "at": START + timedelta(minutes=number)}


def _made(record: type[R], *values: dict[str, Any]) -> R:
    """The record; later values go over earlier ones."""
    merged: dict[str, Any] = {}
    for one in values:
        merged |= one
    return record(**merged)
