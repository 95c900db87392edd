"""Commands that measure, decide and change the champion."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from knowledge.errors import RatchetError
from loop import project
from loop.display import Outcome, interval, person, table
from loop.settings import load_settings

if TYPE_CHECKING:
    from eval_suites.records import Report
    from loop.decide.promote import Kind


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
    text = f"{verdict}. {night.reason} Champion: {night.champion}.{skipped}\n{night.watch}"
    text += "".join(f"\nA/B test {id}: {word}." for id, word in night.experiments.items())
    return Outcome(asdict(night), text)


def watch(args: Namespace) -> Outcome:
    from loop.decide.watch import watch as run

    settings = load_settings(args.project)
    with project.opened(settings) as store:
        at = datetime.now(UTC)
        found = run(store, settings, at=at, actor=person(), act=not args.dry_run)
    bad = found.verdict in ("broken", "rolled_back")
    rows = [(g.metric, g.state, g.worse_by, g.low, g.high, g.margin) for g in found.guardrails]
    head = ["guardrail", "", "worse by", "from", "to", "allowed"]
    text = found.sentence + (f"\n{table(rows, head)}" if rows else "")
    return Outcome(asdict(found), text, 1 if bad else 0)


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
    from loop.models.records import BASE
    from loop.models.registry import adapter_of, champion, make_ready

    settings = load_settings(args.project)
    suites = project.suites_of(settings)
    dry = args.dry_run or args.against is not None
    with project.opened(settings) as store:
        before = args.against or champion(store, settings.assistant.name)
        for adapter in {args.candidate, before} - {BASE}:
            adapter_of(store, adapter)
        if before == args.candidate:
            who = "the same adapter" if args.against else "the champion already"
            raise RatchetError(f"{before} is {who}, so there is nothing to judge it against.")
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
        decision = None
        if not dry:
            at = datetime.now(UTC)
            decision = decide(store, settings, args.candidate, before, verdict, at=at)
    word = "pass" if verdict.passed else "fail"
    rows = [("pass" if r.passed else "FAIL", r.rule, r.evidence["says"]) for r in verdict.rules]
    text = f"{word.upper()}: {args.candidate} against {before}\n" + table(
        rows, ["", "rule", "evidence"]
    )
    if dry:
        text += "\n\nA dry run: nothing is on record, and nothing can be promoted by it."
    elif verdict.passed and settings.gate.approvals:
        text += f"\n\nIt takes {settings.gate.approvals} approvals: `ratchet approve`."
    data = {
        "verdict": word,
        "decision": decision.id if decision else None,
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
            approvals=settings.gate.approvals,
        )
    return Outcome(done, f"{done['adapter']} answers now; before it was {done['previous']}.")


def approve(args: Namespace) -> Outcome:
    return _say(args, "withdraw" if args.withdraw else "approve")


def waive(args: Namespace) -> Outcome:
    return _say(args, "waive", args.rule)


def _say(args: Namespace, kind: Kind, rule: str = "") -> Outcome:
    from loop.decide.promote import say

    settings = load_settings(args.project)
    with project.opened(settings) as store:
        done = say(
            store, settings, args.candidate, kind, actor=person(), reason=args.reason, rule=rule
        )
    if done["failed"]:
        state = f"Still failing: {'; '.join(done['failed'])}."
    elif done["missing"]:
        state = f"{done['missing']} more must approve."
    else:
        state = f"It may be promoted: `ratchet promote {args.candidate}`."
    approved = ", ".join(done["approved_by"]) or "nobody"
    waived = "".join(
        f"\nWaived by {by['actor']}: {name} ({by['reason']})" for name, by in done["waived"].items()
    )
    text = f"{args.candidate}: approved by {approved}.{waived}\n{state}"
    return Outcome(done | {"candidate": args.candidate}, text)


def rollback(args: Namespace) -> Outcome:
    from loop.decide.promote import rollback as run

    settings = load_settings(args.project)
    with project.opened(settings) as store:
        done = run(store, settings.assistant.name, actor=person(), reason=args.reason)
    return Outcome(done, f"{done['adapter']} answers again; {done['previous']} was taken back.")


def audit_verify(args: Namespace) -> Outcome:
    from loop.store.audit import verify_chain

    with project.opened(load_settings(args.project)) as store:
        events = store.query("audit_chain")
    problem = verify_chain(events)
    data = {"events": len(events), "whole": problem is None, "problem": problem}
    return Outcome(
        data, problem or f"{len(events)} events, every link is whole.", 1 if problem else 0
    )
