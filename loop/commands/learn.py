"""Commands from what people said to a candidate: curate and train."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict
from datetime import UTC, datetime

from loop import project
from loop.commands.datasets import dataset_of
from loop.display import Outcome, table
from loop.forget.marks import refuse_erased
from loop.settings import load_settings


def curate(args: Namespace) -> Outcome:
    from eval_suites.suites import load_suite
    from knowledge.embed import load_embedder
    from loop.curate.pipeline import curate as run

    settings = load_settings(args.project)
    suites = [load_suite(name) for name in settings.suites]
    with project.opened(settings) as store:
        embed = load_embedder(settings.knowledge.embedder).encode
        done = run(store, settings, suites=suites, embed=embed, progress=not args.json)
    lines = [
        (step, reason, count)
        for step, reasons in done.funnel.items()
        for reason, count in reasons.items()
    ]
    text = f"{done.dataset.id}: {done.dataset.rows} rows\n" + table(
        lines, ["step", "outcome", "rows"]
    )
    return Outcome(
        {"dataset": done.dataset.id, "rows": done.dataset.rows, "funnel": done.funnel}, text
    )


def train(args: Namespace) -> Outcome:
    from loop.models.registry import register
    from loop.nightly import digest
    from loop.train.run import train as run

    settings = load_settings(args.project)
    seed = settings.seed if args.seed is None else args.seed
    method = args.method or settings.train.method
    with project.opened(settings) as store:
        dataset = dataset_of(store, settings, args.dataset)
        refuse_erased(store, dataset.id)
        inputs = [
            dataset.id,
            method,
            seed,
            settings.assistant.base,
            asdict(settings.train),
            str(settings.adapters),
        ]
        folder = settings.runs / f"run-{digest(inputs)[:12]}"
        done = run(
            settings,
            dataset,
            method=method,
            seed=seed,
            parent=None,
            run_folder=folder,
            progress=not args.json,
        )
        adapter = register(
            store, settings, done.run, done.folder, parent=None, at=datetime.now(UTC)
        )
    data = {
        "adapter": adapter.id,
        "run": done.run.id,
        "seconds": done.run.seconds,
        "tokens_per_second": done.run.tokens_per_second,
        "metrics": done.run.metrics,
    }
    rows = [(key, value) for key, value in sorted(done.run.metrics.items())]
    return Outcome(
        data,
        f"{adapter.id} from {dataset.id} in {done.run.seconds:.0f} s\n"
        + table(rows, ["metric", "value"]),
    )
