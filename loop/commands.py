"""What each command does with its parsed arguments: call one function of a room, give its outcome."""

from __future__ import annotations

import getpass
from argparse import Namespace
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge.errors import RatchetError
from loop import project
from loop.display import Outcome, interval, table
from loop.settings import Settings, load_settings

if TYPE_CHECKING:
    from eval_suites.records import Report
    from loop.store.records import Dataset
    from loop.store.store import Store

BASE = "base"


def _settings(args: Namespace) -> Settings:
    return load_settings(args.project)


def _person() -> str:
    """Who gives the command, for the audit trail."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without a passwd entry
        return "unknown"


def demo(args: Namespace) -> Outcome:
    from loop.demo.command import play

    return play(args)


def init(args: Namespace) -> Outcome:
    args.folder.mkdir(parents=True, exist_ok=True)
    file = project.init(args.folder)
    steps = "Next: `ratchet knowledge add PATH`, then `ratchet up`."
    return Outcome({"project": str(file)}, f"Made {file}. {steps}")


def up(args: Namespace) -> Outcome:
    from loop.serve.app import serve

    settings = _settings(args)
    asked = {key: value for key, value in (("host", args.host), ("port", args.port)) if value is not None}
    serve(replace(settings, serve=replace(settings.serve, **asked)))
    return Outcome()


def ask(args: Namespace) -> Outcome:
    from loop.answer.records import Ask

    settings = _settings(args)
    name, _, adapter = (args.assistant or settings.assistant.name).partition("@")
    if name != settings.assistant.name:
        raise RatchetError(f"No assistant {name!r} here; this project's is {settings.assistant.name!r}.")
    with project.opened(settings) as store:
        desk = project.open_desk(settings, store)
        [answer] = desk.answer(
            [Ask(question=args.question, user=args.user, labels=frozenset(args.label), adapter=adapter or None)]
        )
    cited = [
        {"document": c.document, "version": c.version, "start": c.start, "end": c.end, "text": c.text}
        for c in answer.citations
    ]
    data = {
        "answer": answer.text, "citations": cited, "confidence": answer.confidence, "abstained": answer.abstained,
        "interaction": answer.interaction.id, "adapter": answer.interaction.adapter,
    }
    sources = [f"  [{c.number}] {c.document}, characters {c.start} to {c.end}" for c in answer.citations]
    return Outcome(data, "\n".join([answer.text, *sources]))


def log(args: Namespace) -> Outcome:
    from loop.feedback.log import log_file

    return _imported(args, log_file)


def rate(args: Namespace) -> Outcome:
    from loop.feedback.rate import rate_file

    return _imported(args, rate_file)


def _imported(args: Namespace, read: Any) -> Outcome:
    settings = _settings(args)
    with project.opened(settings) as store:
        done = read(store, args.file, skip_bad=args.skip_bad, assistant=settings.assistant.name)
    text = f"Imported {done.count} rows."
    if done.bad:
        text += f" {done.bad} bad lines went to {done.bad_file}."
    return Outcome(
        {"imported": done.count, "bad": done.bad, "bad_file": str(done.bad_file) if done.bad_file else None}, text
    )


def curate(args: Namespace) -> Outcome:
    from eval_suites.suites import load_suite
    from loop.curate.pipeline import curate as run

    settings = _settings(args)
    suites = [load_suite(name) for name in settings.suites]
    with project.opened(settings) as store:
        done = run(store, settings, suites=suites, progress=not args.json)
    lines = [(step, reason, count) for step, reasons in done.funnel.items() for reason, count in reasons.items()]
    text = f"{done.dataset.id}: {done.dataset.rows} rows\n" + table(lines, ["step", "outcome", "rows"])
    return Outcome({"dataset": done.dataset.id, "rows": done.dataset.rows, "funnel": done.funnel}, text)


def train(args: Namespace) -> Outcome:
    from datetime import UTC, datetime

    from loop.models.registry import register
    from loop.nightly import digest
    from loop.train.run import train as run

    settings = _settings(args)
    seed = settings.seed if args.seed is None else args.seed
    method = args.method or settings.train.method
    with project.opened(settings) as store:
        dataset = dataset_of(store, settings, args.dataset)
        inputs = [dataset.id, method, seed, settings.assistant.base, asdict(settings.train), str(settings.adapters)]
        folder = settings.runs / f"run-{digest(inputs)[:12]}"
        done = run(settings, dataset, method=method, seed=seed, parent=None, run_folder=folder, progress=not args.json)
        adapter = register(store, settings, done.run, done.folder, parent=None, at=datetime.now(UTC))
    data = {
        "adapter": adapter.id, "run": done.run.id, "seconds": done.run.seconds,
        "tokens_per_second": done.run.tokens_per_second, "metrics": done.run.metrics,
    }
    rows = [(key, value) for key, value in sorted(done.run.metrics.items())]
    return Outcome(data, f"{adapter.id} from {dataset.id} in {done.run.seconds:.0f} s\n" + table(rows, ["metric", "value"]))


def dataset_of(store: Store, settings: Settings, name: str | None) -> Dataset:
    """The named dataset version, or the newest.

    Raises:
        RatchetError: There is none.
    """
    from loop.store.records import Dataset

    found = store.query("dataset", id=name) if name else store.query("datasets", assistant=settings.assistant.name)
    if not found:
        raise RatchetError(f"No dataset {name}. See `ratchet datasets list`." if name else "No dataset yet. Run `ratchet curate`.")
    return Dataset(**found[0])


def evaluate(args: Namespace) -> Outcome:
    from eval_suites.compare import compare
    from eval_suites.suites import load_suite
    from loop.evaluate.evaluate import evaluate as run
    from loop.models.engine import load_engine
    from loop.models.registry import adapter_of

    settings = _settings(args)
    suites = [load_suite(name) for name in args.suite or settings.suites]
    with project.opened(settings) as store:
        engine, collection = load_engine(settings), project.open_collection(settings, needed=True)
        reports: dict[str, list[Report]] = {}
        for adapter in dict.fromkeys([args.adapter, *([args.against] if args.against else [])]):
            if adapter != BASE:
                engine.load_adapter(adapter, Path(adapter_of(store, adapter).path))
            reports[adapter] = run(
                store, settings, adapter, suites, engine=engine, collection=collection, progress=not args.json
            )
    mine = reports[args.adapter]
    data: dict[str, Any] = {
        "adapter": args.adapter,
        "suites": {r.suite: {m: asdict(s) for m, s in r.summary.items()} for r in mine},
    }
    rows = [(r.suite, m, interval(s.mean, s.low, s.high), s.n) for r in mine for m, s in r.summary.items()]
    text = table(rows, ["suite", "metric", "mean [95 %]", "cases"])
    if args.against:
        pairs = [
            (new.suite, metric, compare(new, old, metric))
            for new, old in zip(mine, reports[args.against], strict=True)
            for metric in new.summary
            if metric in old.summary
        ]
        data["against"] = {
            "adapter": args.against,
            "differences": {
                f"{suite}:{metric}": {"difference": c.difference, "low": c.low, "high": c.high, "p_value": c.p_value}
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

    settings = _settings(args)
    with project.opened(settings) as store:
        collection = project.open_collection(settings, needed=True)
        night = run_night(
            store, settings, engine=load_engine(settings), collection=collection, actor=_person(), progress=not args.json
        )
    skipped = f" Not done again, inputs unchanged: {', '.join(night.skipped)}." if night.skipped else ""
    return Outcome(
        asdict(night), f"{night.verdict.replace('_', ' ').capitalize()}. {night.reason} Champion: {night.champion}.{skipped}"
    )


def doctor(args: Namespace) -> Outcome:
    from loop.doctor import examine

    found = examine(_settings(args))
    rows = [("ok" if f.well else "mend", f.name, f.found) for f in found]
    bad = any(not f.well for f in found)
    return Outcome({"checks": [asdict(f) for f in found]}, table(rows, ["", "what", "found"]), 1 if bad else 0)
