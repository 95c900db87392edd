"""One adapter against suites: ask what is missing, score, record."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from eval_suites.code import RunAssistant
from eval_suites.records import Assistant, Reply, Report
from eval_suites.run import run
from eval_suites.suites import Suite, load_suite
from knowledge.errors import RatchetError
from loop.evaluate.assistant import desk_assistant, model_assistant
from loop.evaluate.cache import CachedAssistant, settings_key
from loop.evaluate.judging import JudgedAssistant, load_judge
from loop.evaluate.membership import membership
from loop.models.records import BASE
from loop.project import MEMBERSHIP
from loop.settings import Settings
from loop.store.records import CaseScore, Evaluation, Record

if TYPE_CHECKING:
    from knowledge.collection import Collection
    from loop.models.engine import Engine
    from loop.store.store import Store

GRADED = "graded"  # the metric that takes a judge
HARNESS = "harness"  # folder below the project's suites with task files of its own


def evaluate(
    store: Store,
    settings: Settings,
    adapter: str,
    suites: Sequence[str | Path | Suite],
    *,
    engine: Engine,
    collection: Collection,
    tasks: Sequence[str] = (),
    progress: bool = False,
    batch: int = 16,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> list[Report]:
    """Put every case of every suite to the desk with this adapter.

    A case is asked once per adapter and settings: replies are kept under `<home>/evaluations`, so
    a second run asks nothing and one that was killed asks what is missing. Scores are reckoned
    anew each time, and recorded in the store once for each adapter, suite version and settings.

    Args:
        store: Where evaluations and case scores are appended.
        settings: How the desk answers.
        adapter: An adapter id, or "base".
        suites: Names of bundled suites, folders, or suites.
        engine: What generates.
        collection: What is looked up.
        tasks: What is measured without cases of ours, anew each time: "membership", or tasks of
            the harness by their names there, put to the model alone.
        progress: Show a bar.
        batch: Cases answered at a time.
        clock: The time of day, UTC; its date is that of cases that name none.

    Returns:
        A report for each suite, in the order given, then for each task.

    Raises:
        RatchetError: A suite or the adapter cannot be loaded, or the collection is empty.
    """
    from loop.answer.assistant import Desk

    wanted = [suite if isinstance(suite, Suite) else load_suite(suite) for suite in suites]
    if collection.is_empty and any(_looks_up(suite) for suite in wanted):
        raise RatchetError(
            f"Collection {settings.knowledge.collection!r} is empty, so there is nothing to be "
            "right about. Add documents with `ratchet knowledge add`."
        )
    now = clock()
    today = now.date()
    key = settings_key(settings, _base(settings, engine), collection, today)
    folder = settings.home / "evaluations" / adapter / key
    desk = Desk(settings, collection, engine, store, clock=clock)
    assistant = desk_assistant(desk, adapter, today=today)
    reports = []
    total = sum(len(suite.cases) * suite.samples for suite in wanted)
    with tqdm(total=total, desc=f"evaluate {adapter}", unit="case", disable=not progress) as bar:
        for suite in wanted:
            asked = assistant
            if suite.setting == "model":
                asked = model_assistant(engine, adapter=adapter, max_tokens=suite.max_tokens)
            kept: Assistant = CachedAssistant(asked, folder / f"{suite.name}.jsonl")
            if any(case.code is not None for case in suite.cases):
                kept = RunAssistant(kept)
            if GRADED in suite.metrics:
                report = _judged(settings, suite, kept, folder, batch, bar.update)
            else:
                report = run(suite, kept, batch=batch, progress=bar.update)
            _record(store, report, evaluation_id(report, key), now)
            reports.append(report)
    for report in _others(store, settings, engine, adapter, tasks):
        _record(store, report, evaluation_id(report, key), now)
        reports.append(report)
    return reports


def evaluation_id(report: Report, key: str) -> str:
    """One id per adapter, suite version and settings: to evaluate again is to find it again."""
    content = "\n".join((report.assistant, report.suite, report.version, key))
    return "ev-" + hashlib.sha256(content.encode()).hexdigest()[:16]


def _record(store: Store, report: Report, id: str, at: datetime) -> None:
    """Append the summaries and every case's scores, in one go, unless they are there."""
    known = {str(row["id"]) for row in store.query("evaluations", adapter=report.assistant)}
    if id in known:
        return
    summaries = [
        Evaluation(
            id=id,
            at=at,
            adapter=report.assistant,
            suite=report.suite,
            suite_version=report.version,
            metric=metric,
            mean=summary.mean,
            low=summary.low,
            high=summary.high,
            n=summary.n,
            better=summary.better,
            unit=summary.unit,
        )
        for metric, summary in report.summary.items()
    ]
    scores = [
        CaseScore(
            evaluation=id,
            case=score.case,
            cluster=score.cluster,
            metric=score.metric,
            value=score.value,
            answer=_said(report.replies[score.case]),
        )
        for score in report.scores
    ]
    rows: list[Record] = [*summaries, *scores]
    store.append(rows)


def _judged(
    settings: Settings,
    suite: Suite,
    assistant: Assistant,
    folder: Path,
    batch: int,
    progress: Callable[[int], object],
) -> Report:
    """A suite whose replies are graded; what another judge says is of another version."""
    judge = load_judge(settings, rubric=suite.rubric)
    version = hashlib.sha256(f"{suite.version}\n{judge.id}".encode()).hexdigest()[:16]
    graded = JudgedAssistant(assistant, judge, folder / f"{suite.name}.grades.jsonl")
    report = run(replace(suite, version=version), graded, batch=batch, progress=progress)
    return replace(report, judge=judge.id)


def _others(
    store: Store, settings: Settings, engine: Engine, adapter: str, tasks: Sequence[str]
) -> Iterator[Report]:
    """What is measured without cases of ours; the base has no members."""
    if MEMBERSHIP in tasks and adapter != BASE:
        yield membership(store, engine, adapter)
    if harness := [task for task in tasks if task != MEMBERSHIP]:
        from loop.evaluate.harness import run_tasks

        folder = settings.suite_folder / HARNESS
        yield from run_tasks(
            engine, harness, adapter=adapter, folder=folder if folder.is_dir() else None
        )


def _looks_up(suite: Suite) -> bool:
    """Whether any case needs documents of the collection."""
    return suite.setting == "desk" and not all(case.context for case in suite.cases)


def _said(reply: Reply) -> str:
    """The reply, or the whole conversation."""
    if not reply.turns:
        return reply.text
    return "\n".join(f"{turn.role}: {turn.content}" for turn in reply.turns)


def _base(settings: Settings, engine: Engine) -> str:
    """The base model, told apart by its weights where they lie on this machine."""
    assistant = settings.assistant
    if assistant.endpoint or engine.base != assistant.base:
        return engine.base
    from loop.models.load import base_folder, fingerprint

    return fingerprint(base_folder(engine.base, settings.root), engine.base)
