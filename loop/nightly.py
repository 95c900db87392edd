"""One night: watch what answers, curate, train, evaluate, decide, apply.

A step whose inputs have not changed is not done again, tonight or any night: its outputs are looked
up by the hash of its inputs. That is also how a night that was killed goes on: run it again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from loop.curate.pipeline import NothingToTrainOn, curate
from loop.decide.gate import judge
from loop.decide.promote import decide, promote
from loop.decide.watch import watch
from loop.evaluate.evaluate import evaluate
from loop.evaluate.trust import judges_of
from loop.experiments.online import tend
from loop.models.registry import champion, make_ready, register, starting_point
from loop.project import suites_of, tasks_of, unseen_suites
from loop.settings import Settings
from loop.steps import Steps, digest
from loop.store.records import Dataset
from loop.train.stages import train_stages

if TYPE_CHECKING:
    from eval_suites.suites import Suite
    from knowledge.collection import Collection
    from loop.models.engine import Engine
    from loop.store.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """What a night came to."""

    verdict: str  # promoted, passed, refused, unchanged, nothing_to_train_on
    reason: str
    dataset: str | None = None
    adapter: str | None = None
    champion: str
    watch: str  # what the watch over the newest promotion says
    experiments: dict[str, str]  # running A/B test → its verdict tonight
    skipped: tuple[str, ...] = ()  # steps whose inputs had not changed
    seconds: float


def run_night(
    store: Store,
    settings: Settings,
    *,
    engine: Engine,
    collection: Collection,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    actor: str = "nightly",
    progress: bool = False,
) -> Night:
    """Turn what people said since into a candidate, and promote it if the gate passes it.

    Before that the newest promotion is watched over, and running A/B tests are looked at: what does
    harm is rolled back or stopped first.

    Raises:
        RatchetError: A model, suite or dataset is missing or broken. What was done stays done.
    """
    started = time.monotonic()
    steps = Steps(store, clock)
    suites = suites_of(settings)
    watched = watch(store, settings, at=clock(), actor=actor)
    tests = {id: one.verdict for id, one in tend(store, settings, at=clock()).items()}
    name, before = settings.assistant.name, champion(store, settings.assistant.name)

    def end(
        verdict: str, reason: str, dataset: str | None = None, adapter: str | None = None
    ) -> Night:
        now = champion(store, name)
        spent = round(time.monotonic() - started, 1)
        return Night(
            verdict=verdict,
            reason=reason,
            dataset=dataset,
            adapter=adapter,
            champion=now,
            watch=watched.sentence,
            experiments=dict(tests),
            skipped=tuple(steps.skipped),
            seconds=spent,
        )

    try:
        dataset = _curate(store, settings, unseen_suites(settings), steps, collection, progress)
    except NothingToTrainOn as problem:
        return end("nothing_to_train_on", str(problem))
    candidate = _train(store, settings, dataset, steps, clock, progress)
    if candidate == before:
        return end(
            "unchanged",
            "Nothing new was said: this candidate is the champion already.",
            dataset.id,
            candidate,
        )
    if back := _taken_back(store, name, candidate):
        return end("refused", back, dataset.id, candidate)
    verdict = _decide(
        store, settings, suites, candidate, before, steps, engine, collection, clock, progress
    )
    if not verdict["passed"]:
        return end("refused", str(verdict["reason"]), dataset.id, candidate)
    if settings.gate.approvals:
        words = f"{settings.gate.approvals} must approve it: `ratchet approve {candidate}`, then "
        promote_it = f"`ratchet promote {candidate}`."
        return end("passed", words + promote_it, dataset.id, candidate)
    if settings.nightly.apply != "promote":
        return end(
            "passed", f"Promote it with `ratchet promote {candidate}`.", dataset.id, candidate
        )
    steps.run(
        "apply",
        {"candidate": candidate, "champion": before, "decision": verdict["decision"]},
        lambda: _apply(store, settings, candidate, before, actor, verdict),
    )
    return end("promoted", str(verdict["reason"]), dataset.id, candidate)


def _taken_back(store: Store, assistant: str, candidate: str) -> str | None:
    """That the candidate was champion and rolled back, with the reason; None if it was not."""
    for row in store.query("promotions", assistant=assistant):
        if row["kind"] == "rollback" and row["previous"] == candidate:
            why = str(row["reason"]).rstrip(".")
            return (
                f"{candidate} was rolled back on {row['at']:%Y-%m-%d}: {why}. "
                "Nothing new was said since that would make another one."
            )
        if row["adapter"] == candidate:
            return None
    return None


def _curate(
    store: Store,
    settings: Settings,
    suites: list[Suite],
    steps: Steps,
    collection: Collection,
    progress: bool,
) -> Dataset:
    said = store.query("watermark", assistant=settings.assistant.name)[0]
    inputs = {
        "said": said,
        "curate": asdict(settings.curate),
        "seed": settings.seed,
        "suites": {suite.name: suite.version for suite in suites},
        "folder": str(settings.datasets),
    }
    outputs = steps.run(
        "curate",
        inputs,
        lambda: {
            "dataset": curate(
                store,
                settings,
                suites=suites,
                embed=collection.embedder.encode,
                progress=progress,
            ).dataset.id
        },
    )
    [row] = store.query("dataset", id=outputs["dataset"])
    return Dataset(**row)


def _train(
    store: Store,
    settings: Settings,
    dataset: Dataset,
    steps: Steps,
    clock: Callable[[], datetime],
    progress: bool,
) -> str:
    parent = starting_point(store, settings)
    inputs = {
        "dataset": dataset.id,
        "parent": None if parent is None else parent.id,
        "train": asdict(settings.train),
        "guard": asdict(settings.guard),
        "seed": settings.seed,
        "base": settings.assistant.base,
        "folder": str(settings.adapters),
    }

    def action() -> dict[str, Any]:
        # Named by its inputs, so that a killed run is found again and goes on.
        folder = settings.runs / f"run-{digest(inputs)[:12]}"
        done = train_stages(
            settings,
            dataset,
            method=settings.train.method,
            seed=settings.seed,
            parent=parent,
            run_folder=folder,
            progress=progress,
        )
        made = register(
            store, settings, done.run, done.folder, parent=parent, at=clock(), cost=done.cost,
            sources=done.judges,
        )  # fmt: skip
        return {"adapter": made.id}

    adapter = str(steps.run("train", inputs, action)["adapter"])
    if store.query("pruned", adapter=adapter):  # made once and given up since: make it again
        adapter = str(action()["adapter"])
    return adapter


def _decide(
    store: Store,
    settings: Settings,
    suites: list[Suite],
    candidate: str,
    before: str,
    steps: Steps,
    engine: Engine,
    collection: Collection,
    clock: Callable[[], datetime],
    progress: bool,
) -> dict[str, Any]:
    for adapter in (candidate, before):
        make_ready(store, engine, adapter)
    inputs = {
        "candidate": candidate,
        "champion": before,
        "gate": asdict(settings.gate),
        "assistant": asdict(settings.assistant),
        "knowledge": asdict(settings.knowledge),
        "documents": sorted(document.version for document in collection.documents()),
        "suites": {suite.name: suite.version for suite in suites},
        **({"tasks": tasks} if (tasks := tasks_of(settings)) else {}),
    }

    def action() -> dict[str, Any]:
        reports = {
            adapter: {
                report.suite: report
                for report in evaluate(
                    store,
                    settings,
                    adapter,
                    suites,
                    engine=engine,
                    collection=collection,
                    tasks=tasks_of(settings),
                    progress=progress,
                )
            }
            for adapter in (before, candidate)
        }
        judges = judges_of(settings, reports[candidate].values())
        verdict = judge(reports[candidate], reports[before], settings.gate, judges=judges)
        decision = decide(store, settings, candidate, before, verdict, at=clock())
        return {"passed": verdict.passed, "reason": verdict.sentence, "decision": decision.id}

    return steps.run("decide", inputs, action)


def _apply(
    store: Store,
    settings: Settings,
    candidate: str,
    before: str,
    actor: str,
    verdict: dict[str, Any],
) -> dict[str, Any]:
    if (
        champion(store, settings.assistant.name) != candidate
    ):  # killed between promoting and noting it
        promote(
            store,
            settings.assistant.name,
            candidate,
            actor=actor,
            reason=str(verdict["reason"]),
            evidence={"decision": verdict["decision"]},
            expected_champion=before,
        )
    return {"champion": candidate}
