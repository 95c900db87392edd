"""From what people said to a dataset version."""

from __future__ import annotations

from argparse import Namespace

from loop import project
from loop.display import Outcome, table
from loop.settings import load_settings


def curate(args: Namespace) -> Outcome:
    from knowledge.embed import load_embedder
    from loop.curate.pipeline import curate as run

    settings = load_settings(args.project)
    suites = project.unseen_suites(settings)
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
