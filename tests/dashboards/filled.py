"""A small store with some of everything, for pages to show."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from loop.settings import Settings
from loop.store.records import (
    Adapter,
    CaseScore,
    Comparison,
    Dataset,
    DatasetRow,
    Decision,
    Evaluation,
    ExperimentEvent,
    Exposure,
    Guideline,
    Interaction,
    Rating,
    Record,
    Run,
    Ticket,
)
from loop.store.store import LocalStore
from tests.answer.fakes import adapter

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
CANDIDATE, OLDER = "ad-0000000000c2", "ad-0000000000c1"
EVIL = "<img src=x onerror=alert(1)> **bold** [link](http://x.example) $x$ :red[red]"
FREE = "Is it free?"
CITED = {
    "number": 1,
    "document": "payments/wire-transfers.md",
    "version": "0123456789abcdef",
    "start": 10,
    "end": 52,
    "text": "An outgoing international wire costs 35 dollars.",
}


def running(store: LocalStore, settings: Settings, desk: Any = None) -> Any:
    """As much of a server as pages look at."""
    return SimpleNamespace(store=store, settings=settings, desk=desk)


def interaction(n: int, **fields: Any) -> Interaction:
    given: dict[str, Any] = {
        "id": f"turn-{n:04d}",
        "at": NOW + timedelta(minutes=n),
        "assistant": "desk",
        "user": f"person-{n % 7}",
        "conversation": f"talk-{n}",
        "question": f"What does wire number {n} cost?",
        "answer": f"Wire number {n} costs 35 dollars [1].",
        "messages": [{"role": "user", "content": f"What does wire number {n} cost?"}],
        "adapter": "base",
        "base": "pocket",
        "citations": [CITED],
        "confidence": 0.82,
        "latency_ms": 640.0,
        "consent": "consent",
        "licence": "cc0",
    }
    return Interaction(**{**given, **fields})


def rating(n: int, turn: int, kind: Any = "thumb", **fields: Any) -> Rating:
    given: dict[str, Any] = {
        "id": f"rating-{n:04d}",
        "at": NOW + timedelta(days=n % 9, minutes=n),
        "interaction": f"turn-{turn:04d}",
        "rater": "ann",
        "guideline": "helpful@1",
        "kind": kind,
    }
    if kind == "thumb":
        given["value"] = 1.0 if n % 3 else -1.0
    return Rating(**{**given, **fields})


def people() -> list[Record]:
    """Ten answers, what was said of them, and two answers to one prompt."""
    rows: list[Record] = [interaction(n) for n in range(10)]
    rows += [
        interaction(10, question=FREE, answer="Yes, free.", messages=_asked(FREE)),
        interaction(11, question=FREE, answer="No, 5.", messages=_asked(FREE)),
        interaction(12, question=f"Evil {EVIL}", answer=f"Answer {EVIL}", citations=[]),
        Guideline(
            id="helpful@1", at=NOW, name="helpful", version="1",
            text="Prefer the answer that is right.", criteria=["correct", "cited"],
        ),
        *[rating(n, n) for n in range(6)],
        rating(6, 0, "stars", value=4.0, rater="bob"),
        rating(7, 1, "correction", text=f"Better: {EVIL}", rater="<b>eve</b>"),
        Comparison(
            id="cmp-1", at=NOW, rater="zoe", guideline="helpful@1",
            interactions=["turn-0010", "turn-0011"], ranks=[1, 2], shown=["turn-0010", "turn-0011"],
        ),
        Ticket(id="ticket-1", at=NOW, interaction="turn-0003", reason="abstained"),
    ]  # fmt: skip
    return rows


def training(root: Path) -> list[Record]:
    """Two adapters of one dataset, evaluated and judged; the newer passed."""
    rows: list[Record] = [
        Dataset(id="ds-0001", at=NOW, assistant="desk", rows=3, path="x", manifest={}),
        *[
            DatasetRow(
                dataset="ds-0001", row=f"row-{n}", kind="pair", split="train",
                interactions=["turn-0010", "turn-0011"], ratings=["cmp-1"], guideline="helpful@1",
                consent="consent", users=[f"person-{n}"],
            )
            for n in range(3)
        ],
        Run(
            id="run-1", at=NOW, dataset="ds-0001", method="dpo", base="pocket", seed=7,
            settings={"beta": 0.1}, seconds=75.0, tokens_per_second=900.0, metrics={"loss": 0.4},
        ),
        made(root, OLDER, parent=None),
        made(root, CANDIDATE, parent=OLDER, at=NOW + timedelta(hours=1)),
        *scores("base", [0, 0, 1, 1, 0, 1, 0, 0]),
        *scores(CANDIDATE, [1, 1, 1, 0, 1, 1, 1, 0]),
        Decision(
            id="decision-1", at=NOW, assistant="desk", candidate=CANDIDATE, champion="base",
            verdict="pass",
            rules=[
                {
                    "rule": "improve accuracy:grounded_accuracy", "passed": True,
                    "evidence": {"says": "0.375 → 0.750 on 8 cases."},
                }
            ],
        ),
        Decision(
            id="decision-0", at=NOW, assistant="desk", candidate=OLDER, champion="base",
            verdict="fail",
            rules=[{"rule": "keep safety:refused", "passed": False, "evidence": {}}],
        ),
    ]  # fmt: skip
    return rows


def made(root: Path, id: str, **fields: Any) -> Adapter:
    return adapter(id, root / id, **{"dataset": "ds-0001", "run": "run-1", "at": NOW, **fields})


def scores(who: str, values: list[int]) -> list[Record]:
    """An evaluation of accuracy with a score for each case."""
    id, mean = f"ev-{who}", sum(values) / len(values)
    summary = Evaluation(
        id=id, at=NOW, adapter=who, suite="accuracy", suite_version="v1",
        metric="grounded_accuracy", mean=mean, low=mean - 0.1, high=mean + 0.1, n=len(values),
    )  # fmt: skip
    return [
        summary,
        *[
            CaseScore(
                evaluation=id, case=f"case-{n}", cluster=f"document-{n}",
                metric="grounded_accuracy", value=float(value), answer=f"{who} says {value} {EVIL}",
            )
            for n, value in enumerate(values)
        ],
    ]  # fmt: skip


def start_test(store: LocalStore) -> str:
    """A running A/B test that was looked at twice."""
    arms = [
        {"name": "control", "adapter": "base", "share": 0.5},
        {"name": "treatment", "adapter": CANDIDATE, "share": 0.5},
    ]
    started = store.command(
        "start_experiment", assistant="desk", metric="thumb_up", arms=arms, horizon=40, actor="ann",
        reason="it passed", id="test-1",
    )  # fmt: skip
    id = str(started["experiment"])
    store.append(
        [
            *[
                Exposure(
                    id=f"seen-{n}", at=NOW, experiment=id, user=f"person-{n}",
                    arm="control" if n % 2 else "treatment", interaction=f"turn-{n:04d}",
                )
                for n in range(8)
            ],
            *[look(f"look-{n}", id, _looked(n), hours=n) for n in (1, 2)],
        ]
    )  # fmt: skip
    return id


def look(id: str, experiment: str, detail: dict[str, Any], hours: int = 9) -> ExperimentEvent:
    return ExperimentEvent(
        id=id, at=NOW + timedelta(hours=hours), experiment=experiment, kind="look", actor="ann",
        detail=detail,
    )  # fmt: skip


def _looked(n: int) -> dict[str, Any]:
    return {
        "estimate": 0.1 * n,
        "ci": [0.1 * n - 0.3 / n, 0.1 * n + 0.3 / n],
        "p_value": 0.2 / n,
        "verdict": "CONTINUE",
        "sentence": "Too early to tell.",
        "health": {"srm_pvalue": 0.6, "users": {"control": 4 * n, "treatment": 4 * n}},
        "guardrails": [
            {
                "metric": "latency_ms", "margin": 200.0, "state": "open", "worse_by": 90.0,
                "low": -20.0, "high": 230.0, "says": "latency_ms is not settled.",
            }
        ],
    }  # fmt: skip


def _asked(question: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": question}]


def fill(store: LocalStore, root: Path) -> None:
    """Some of everything."""
    store.append([*people(), *training(root)])
    start_test(store)
