"""The demo from end to end: one assistant, one week of simulated people, one candidate.

The base answers questions on the handbook, people compare and rate what it says, a LoRA adapter
learns from that, the untouched suites and then an A/B test on fresh people decide. People are
simulated and marked so; documents, retrieval, model, training and statistics are real.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval_suites.records import Case, Report
from eval_suites.simulate import ask, make_raters, make_users
from knowledge.errors import RatchetError
from loop.curate.pipeline import curate
from loop.decide.gate import Verdict, judge
from loop.decide.promote import decide, promote
from loop.demo import traffic
from loop.demo.traffic import Calendar
from loop.evaluate.evaluate import evaluate
from loop.experiments.online import is_running, look, start, stop
from loop.feedback import guidelines
from loop.models.records import BASE
from loop.models.registry import register
from loop.project import TEMPLATE, suites_of
from loop.settings import Settings, load_settings
from loop.store.records import Adapter, Record
from loop.train.stages import train_stages

if TYPE_CHECKING:
    from eval_suites.compare import Comparison
    from loop.answer.assistant import Desk
    from loop.experiments.analysis import Analysis
    from loop.store.store import Store

ASKED = 420  # questions in the week that is learnt from, two answers each
PEOPLE, RATERS = 70, 9
NOISE = 0.1  # how often a rater judges blindly
TEMPERATURE = 0.9  # sampled answers differ; people compare what differs
VISITORS = 400  # fresh people of the A/B test, at most
LOOKS = 8  # times the test is looked at on the way
MARK = ".ratchet-demo"  # a folder that carries it may be made anew


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """What the demo came to."""

    dataset: str
    funnel: dict[str, dict[str, int]]
    adapter: str
    base: dict[str, Report]
    candidate: dict[str, Report]
    differences: dict[str, Comparison]  # "suite:metric" → candidate against base
    gate: Verdict
    experiment: Analysis | None  # None: the gate refused, so nobody was exposed
    verdict: str  # promoted, or refused
    reason: str
    seconds: float
    timings: dict[str, float] = field(default_factory=dict)


def make_project(folder: Path, seed: int) -> Settings:
    """The demo's project, made anew.

    Raises:
        RatchetError: The folder holds something that is not a demo's.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).exists():
        raise RatchetError(
            f"{folder} holds files that are not a demo's. Name another with --folder."
        )
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / MARK).touch()
    text = TEMPLATE.format(name="handbook").replace("seed = 7", f"seed = {seed}", 1)
    text += f'\n[experiment]\nmetric = "stars"\nhorizon = {VISITORS}\n'
    (folder / "ratchet.toml").write_text(text, encoding="utf-8")
    return load_settings(folder)


def run_demo(
    settings: Settings,
    desk: Desk,
    store: Store,
    *,
    progress: Callable[[str, int], Any],
    quiet: bool = False,
) -> Demo:
    """Play the week.

    Args:
        settings: The demo's project.
        desk: Over the handbook, with its clock set by `calendar_of`.
        store: Empty.
        progress: progress(title, total) gives a bar with update() and close().
        quiet: No other bars either.
    """
    started, timings = time.monotonic(), {}
    calendar, name = desk_calendar(desk), settings.assistant.name
    cases = traffic.load_questions()
    suites = suites_of(settings)

    def timed(step: str, since: float) -> float:
        timings[step] = round(time.monotonic() - since, 1)
        return time.monotonic()

    at = time.monotonic()
    collect(store, settings, desk, calendar, cases, progress)
    at = timed("answer and rate", at)
    embed = desk.collection.embedder.encode
    curated = curate(store, settings, suites=suites, embed=embed, progress=False)
    at = timed("curate", at)
    adapter = fit(store, settings, curated.dataset, calendar, quiet=quiet)
    desk.engine.load_adapter(adapter.id, Path(adapter.path))
    at = timed("train", at)
    reports = {
        one: {
            report.suite: report
            for report in evaluate(
                store,
                settings,
                one,
                suites,
                engine=desk.engine,
                collection=desk.collection,
                progress=not quiet,
            )
        }
        for one in (BASE, adapter.id)
    }
    at = timed("evaluate", at)
    verdict = judge(reports[adapter.id], reports[BASE], settings.gate)
    decision = decide(store, settings, adapter.id, BASE, verdict, at=calendar.now())
    analysis = None
    if verdict.passed:
        analysis = try_on_people(store, settings, desk, calendar, cases, adapter.id, progress)
        timed("A/B test", at)
    won = analysis is not None and analysis.verdict == "PROMOTE"
    if won:
        promote(
            store,
            name,
            adapter.id,
            actor="demo",
            reason=verdict.sentence,
            evidence={
                "decision": decision.id,
                "experiment": str(analysis.sentence if analysis else ""),
            },
            expected_champion=BASE,
        )
    return Demo(
        dataset=curated.dataset.id,
        funnel=curated.funnel,
        adapter=adapter.id,
        base=reports[BASE],
        candidate=reports[adapter.id],
        differences=_differences(reports[adapter.id], reports[BASE]),
        gate=verdict,
        experiment=analysis,
        verdict="promoted" if won else "refused",
        reason=analysis.sentence if analysis else verdict.sentence,
        seconds=round(time.monotonic() - started, 1),
        timings=timings,
    )


def desk_calendar(desk: Desk) -> Calendar:
    """The calendar that the desk's clock shows."""
    owner = getattr(desk.clock, "__self__", None)
    if not isinstance(owner, Calendar):
        raise TypeError("the demo's desk must be made with clock=calendar.now")
    return owner


def collect(
    store: Store,
    settings: Settings,
    desk: Desk,
    calendar: Calendar,
    cases: list[Case],
    progress: Callable[[str, int], Any],
) -> None:
    """A week at the desk: questions, two answers each, comparisons and ratings of them."""
    guideline = guidelines.current(store).id
    people = make_users(PEOPLE, seed=settings.seed)
    raters = make_raters(RATERS, noise=NOISE, seed=settings.seed)
    questions = ask(cases, people, ASKED, seed=settings.seed)
    bar = progress("People ask and rate (simulated)", len(questions))
    answered = traffic.answer_twice(
        desk, questions, calendar, temperature=TEMPERATURE, progress=bar.update
    )
    rows: list[Record] = []
    for n, (question, answers) in enumerate(answered):
        rows += traffic.judge_pair(
            question,
            answers,
            raters[n % len(raters)],
            calendar,
            guideline=guideline,
            seed=settings.seed,
        )
    store.append(rows)
    bar.close()


def fit(
    store: Store, settings: Settings, dataset: Any, calendar: Calendar, *, quiet: bool
) -> Adapter:
    """Train the candidate in a process of its own and register it."""
    done = train_stages(
        settings,
        dataset,
        method=settings.train.method,
        seed=settings.seed,
        parent=None,
        run_folder=settings.runs / "demo",
        progress=not quiet,
    )
    return register(
        store, settings, done.run, done.folder, parent=None, at=calendar.now(), cost=done.cost
    )


def try_on_people(
    store: Store,
    settings: Settings,
    desk: Desk,
    calendar: Calendar,
    cases: list[Case],
    candidate: str,
    progress: Callable[[str, int], Any],
) -> Analysis:
    """An A/B test on people who took no part before, looked at again and again on the way."""
    experiment = start(
        store,
        settings,
        candidate,
        share=0.5,
        actor="demo",
        at=calendar.now(),
        id=calendar.new_id(),
        simulated=True,
    )
    guideline = guidelines.current(store).id
    visitors = [
        replace(user, key=f"sim-visitor-{n:04d}")
        for n, user in enumerate(make_users(VISITORS, seed=settings.seed + 1))
    ]
    voices = make_raters(VISITORS, noise=NOISE, seed=settings.seed + 1)
    questions = ask(cases, visitors, VISITORS, seed=settings.seed + 1)
    bar = progress("Fresh people try both (simulated)", VISITORS)
    size = VISITORS // LOOKS
    for begin in range(0, VISITORS, size):
        part = questions[begin : begin + size]
        answers = traffic.answer_once(desk, part, calendar, progress=bar.update)
        rows: list[Record] = []
        for question, answer, voice in zip(
            part, answers, voices[begin : begin + size], strict=True
        ):
            stars = replace(voice, key=question.user, stars=True)
            rows += traffic.judge(
                question.case, answer, stars, calendar, guideline=guideline, seed=settings.seed
            )
        store.append(rows)
        at, id = calendar.now(), calendar.new_id()
        analysis: Analysis = look(store, settings, experiment.id, at=at, id=id)
        if analysis.verdict != "CONTINUE":
            break
    bar.close()
    if is_running(store, experiment.id):  # a look that shows harm has stopped it already
        stop(store, experiment.id, actor="demo", reason=analysis.verdict)
    return analysis


def _differences(new: dict[str, Report], old: dict[str, Report]) -> dict[str, Comparison]:
    from eval_suites.compare import compare

    return {
        f"{suite}:{metric}": compare(new[suite], old[suite], metric)
        for suite in new
        for metric in new[suite].summary
        if metric in old[suite].summary
    }
