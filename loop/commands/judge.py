"""Commands that measure, decide and change the champion."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge.errors import RatchetError
from loop import project
from loop.display import Outcome, interval, person, table
from loop.settings import load_settings

if TYPE_CHECKING:
    from eval_suites.records import Report


def evaluate(args: Namespace) -> Outcome:
    from eval_suites.compare import compare
    from loop.evaluate.evaluate import evaluate as run
    from loop.models.engine import load_engine
    from loop.models.registry import make_ready

    settings = load_settings(args.project)
    suites = project.suites_of(settings, args.suite or ())
    tasks = project.tasks_of(settings, args.suite or ())
    with project.opened(settings) as store:
        engine, collection = load_engine(settings), project.open_collection(settings)
        reports: dict[str, list[Report]] = {}
        for adapter in dict.fromkeys([args.adapter, *([args.against] if args.against else [])]):
            make_ready(store, engine, adapter)
            reports[adapter] = run(
                store,
                settings,
                adapter,
                suites,
                engine=engine,
                collection=collection,
                tasks=tasks,
                progress=not args.json,
            )
    mine = reports[args.adapter]
    data: dict[str, Any] = {
        "adapter": args.adapter,
        "suites": {r.suite: {m: asdict(s) for m, s in r.summary.items()} for r in mine},
    }
    rows = [
        (r.suite, m, interval(s.mean, s.low, s.high), s.n)
        for r in mine
        for m, s in r.summary.items()
    ]
    text = table(rows, ["suite", "metric", "mean [95 %]", "cases"])
    if args.against:
        pairs = [
            (new.suite, metric, compare(new, old, metric))
            for new in mine
            for old in reports[args.against]
            if new.suite == old.suite and new.version == old.version
            for metric in new.summary
            if metric in old.summary
        ]
        data["against"] = {
            "adapter": args.against,
            "differences": {
                f"{suite}:{metric}": {
                    "difference": c.difference,
                    "low": c.low,
                    "high": c.high,
                    "p_value": c.p_value,
                }
                for suite, metric, c in pairs
            },
        }
        text += f"\n\nAgainst {args.against}:\n" + table(
            [(s, m, interval(c.difference, c.low, c.high), c.wins, c.losses) for s, m, c in pairs],
            ["suite", "metric", "difference [95 %]", "won", "lost"],
        )
    return Outcome(data, text)


def nightly(args: Namespace) -> Outcome:
    from loop.models.engine import load_engine
    from loop.nightly import run_night

    settings = load_settings(args.project)
    with project.opened(settings) as store:
        collection = project.open_collection(settings, needed=True)
        night = run_night(
            store,
            settings,
            engine=load_engine(settings),
            collection=collection,
            actor=person(),
            progress=not args.json,
        )
    skipped = (
        f" Not done again, inputs unchanged: {', '.join(night.skipped)}." if night.skipped else ""
    )
    verdict = night.verdict.replace("_", " ").capitalize()
    text = f"{verdict}. {night.reason} Champion: {night.champion}.{skipped}"
    return Outcome(asdict(night), text)


def doctor(args: Namespace) -> Outcome:
    from loop.doctor import examine

    found = examine(load_settings(args.project))
    rows = [("ok" if f.well else "mend", f.name, f.found) for f in found]
    bad = any(not f.well for f in found)
    return Outcome(
        {"checks": [asdict(f) for f in found]}, table(rows, ["", "what", "found"]), 1 if bad else 0
    )


def gate(args: Namespace) -> Outcome:
    from loop.decide.gate import judge
    from loop.decide.promote import decide
    from loop.evaluate.evaluate import evaluate as run
    from loop.evaluate.trust import judges_of
    from loop.models.engine import load_engine
    from loop.models.registry import adapter_of, champion, make_ready

    settings = load_settings(args.project)
    suites = project.suites_of(settings)
    with project.opened(settings) as store:
        before = champion(store, settings.assistant.name)
        adapter_of(store, args.candidate)
        if before == args.candidate:
            raise RatchetError(
                f"{before} is the champion already, so there is nothing to judge it against."
            )
        engine, collection = load_engine(settings), project.open_collection(settings, needed=True)
        reports = {}
        for adapter in (before, args.candidate):
            make_ready(store, engine, adapter)
            found = run(
                store,
                settings,
                adapter,
                suites,
                engine=engine,
                collection=collection,
                tasks=project.tasks_of(settings),
                progress=not args.json,
            )
            reports[adapter] = {report.suite: report for report in found}
        judges = judges_of(settings, reports[args.candidate].values())
        verdict = judge(reports[args.candidate], reports[before], settings.gate, judges=judges)
        decision = decide(store, settings, args.candidate, before, verdict, at=datetime.now(UTC))
    rows = [("pass" if r.passed else "FAIL", r.rule, r.evidence["says"]) for r in verdict.rules]
    text = f"{decision.verdict.upper()}: {args.candidate} against {before}\n" + table(
        rows, ["", "rule", "evidence"]
    )
    data = {
        "verdict": decision.verdict,
        "decision": decision.id,
        "champion": before,
        "rules": [asdict(rule) for rule in verdict.rules],
    }
    return Outcome(data, text, 0 if verdict.passed else 1)


def promote(args: Namespace) -> Outcome:
    from loop.decide.promote import promote as run

    settings = load_settings(args.project)
    with project.opened(settings) as store:
        done = run(
            store,
            settings.assistant.name,
            args.adapter,
            actor=person(),
            reason=args.reason,
            override=args.override,
        )
    return Outcome(done, f"{done['adapter']} answers now; before it was {done['previous']}.")


def rollback(args: Namespace) -> Outcome:
    from loop.decide.promote import rollback as run

    settings = load_settings(args.project)
    with project.opened(settings) as store:
        done = run(store, settings.assistant.name, actor=person(), reason=args.reason)
    return Outcome(done, f"{done['adapter']} answers again; {done['previous']} was taken back.")


def experiment_start(args: Namespace) -> Outcome:
    from loop.experiments.online import start

    settings = load_settings(args.project)
    with project.opened(settings) as store:
        made = start(
            store,
            settings,
            args.candidate,
            share=args.share,
            actor=person(),
            at=datetime.now(UTC),
            horizon=args.horizon,
        )
    text = f"{made.id} runs: {args.share:.0%} of people get {args.candidate}"
    return Outcome(asdict(made), f"{text}, until {made.horizon} people came.")


def experiment_status(args: Namespace) -> Outcome:
    settings = load_settings(args.project)
    with project.opened(settings) as store:
        found = store.query("experiments", assistant=settings.assistant.name)
        looks = {e["id"]: store.query("experiment_events", experiment=e["id"]) for e in found}
    data = [{**row, "events": looks[row["id"]]} for row in found]
    rows = []
    for row in found:
        seen = [event for event in looks[row["id"]] if event["kind"] == "look"]
        last = seen[-1]["detail"].get("verdict") if seen else None
        rows.append(
            (row["id"], row["status"], row["arms"][-1]["adapter"], row["horizon"], len(seen), last)
        )
    text = table(rows, ["experiment", "status", "candidate", "horizon", "looks", "verdict"])
    return Outcome(
        data, text if rows else "No experiment yet. Start one with `ratchet experiment start`."
    )


def experiment_stop(args: Namespace) -> Outcome:
    from loop.experiments.online import stop

    with project.opened(load_settings(args.project)) as store:
        stop(store, args.experiment, actor=person(), reason=args.reason)
    return Outcome(
        {"experiment": args.experiment, "status": "stopped"}, f"{args.experiment} is stopped."
    )


def experiment_analyze(args: Namespace) -> Outcome:
    from loop.experiments.csv_file import analyze_csv
    from loop.experiments.online import look

    if Path(args.source).suffix == ".csv" or Path(args.source).is_file():
        found = analyze_csv(
            Path(args.source),
            planned=args.planned,
            look=args.look,
            looks=args.looks,
            alpha=args.alpha,
            control=args.control,
            fixed=args.fixed,
        )
    else:
        settings = load_settings(args.project)
        with project.opened(settings) as store:
            found = look(store, settings, args.source, at=datetime.now(UTC))
    return Outcome(asdict(found), found.sentence)


def audit_verify(args: Namespace) -> Outcome:
    from loop.store.audit import verify_chain

    with project.opened(load_settings(args.project)) as store:
        events = store.query("audit_chain")
    problem = verify_chain(events)
    data = {"events": len(events), "whole": problem is None, "problem": problem}
    return Outcome(
        data, problem or f"{len(events)} events, every link is whole.", 1 if problem else 0
    )
