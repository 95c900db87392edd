"""`ratchet datasets balance`: what a dataset version leans to."""

from __future__ import annotations

import argparse
from argparse import Namespace
from collections.abc import Callable
from typing import Any

from knowledge.errors import RatchetError
from loop import project
from loop.display import Outcome, table
from loop.settings import load_settings

Group = argparse._SubParsersAction  # what argparse gives for a group of commands
Add = Callable[..., argparse.ArgumentParser]


def balance_commands(datasets: Group[argparse.ArgumentParser], add: Add) -> None:
    """Add `balance` to the group of dataset commands.

    Args:
        datasets: The group.
        add: Adds one command: (group, name, what it runs, what it says of itself).
    """
    one = add(datasets, "balance", balance, "tasks, gaps, length and refusals of a version")
    one.add_argument("dataset", nargs="?", help="default: the newest")
    one.add_argument("--last", type=int, default=10_000, help="newest live questions looked at")


def balance(args: Namespace) -> Outcome:
    """Hold a dataset version against live traffic."""
    from knowledge.embed import load_embedder
    from loop.commands.datasets import dataset_of
    from loop.curate.coverage import balance_of

    if args.last < 1:
        raise RatchetError(f"--last is {args.last}, expected a whole number of 1 or more.")
    settings = load_settings(args.project)
    with project.opened(settings) as store:
        dataset = dataset_of(store, settings, args.dataset)
        embedder = load_embedder(settings.knowledge.embedder)
        report = balance_of(settings, store, dataset, embedder.encode, last=args.last)
    return Outcome(report, told(report))


def told(report: dict[str, Any]) -> str:
    """The report for people."""
    tasks = [
        (
            _percent(one["dataset"]),
            _percent(one["live"]),
            one["flag"] or "",
            one["rows"],
            one["name"],
        )
        for one in report["clusters"]
    ]
    lines = [
        f"{report['dataset']}: {report['rows']:,} rows in {len(tasks)} tasks, held against "
        f"{report['live']:,} live questions. {_percent(report['coverage'])} of these have a row "
        "that asks nearly the same.",
        f"Simulated people stand behind {_percent(report['simulated'])} of the rows; "
        f"{_percent(report['synthetic'])} are synthetic.",
        "",
        table(tasks, ["dataset", "live", "flag", "rows", "most typical prompt"]),
        "",
        f"The preferred answer is the longer one in {_percent(report['length']['chosen_longer'])} "
        "of the pairs whose answers differ in length.",
        table(
            [
                (
                    name,
                    _percent(declined),
                    report["length"]["words"].get(name, {}).get("median"),
                    report["length"]["words"].get(name, {}).get("p90"),
                    declined["n"],
                )
                for name, declined in report["refusals"].items()
            ],
            ["answers", "decline to answer", "median words", "90th percentile", "n"],
        ),
    ]
    for kind, groups in report["groups"].items():
        lines += [
            "",
            table(
                [
                    (str(g["group"]), _percent(g["good"]), g["flag"] or "", g["good"]["n"])
                    for g in groups
                ],
                [kind, "rated good", "flag", "n"],
            ),
        ]
    return "\n".join(lines)


def _percent(share: dict[str, Any]) -> str:
    if share["mean"] is None:
        return "–"
    return f"{share['mean']:.1%} [{share['low']:.1%}, {share['high']:.1%}]"
