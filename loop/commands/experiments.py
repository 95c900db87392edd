"""Commands about A/B tests: start one, see where they stand, look at one, stop it."""

from __future__ import annotations

import argparse
from argparse import Namespace
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from loop import project
from loop.display import Outcome, person, table
from loop.settings import load_settings

Group = argparse._SubParsersAction  # what argparse gives for a group of commands
Add = Callable[..., argparse.ArgumentParser]


def experiment_commands(group: Group[argparse.ArgumentParser], add: Add) -> None:
    """Add them to their group.

    Args:
        group: The group.
        add: Adds one command: (group, name, what it runs, what it says of itself).
    """
    one = add(group, "start", start, "send a share of people to a candidate")
    one.add_argument("candidate")
    one.add_argument(
        "--share", type=float, default=0.5, help="share of people who get the candidate"
    )
    one.add_argument("--horizon", type=int, help="people planned over all arms")
    add(group, "status", status, "experiments and where they stand")
    one = add(group, "stop", stop, "end an experiment")
    one.add_argument("experiment")
    one.add_argument("--reason", default="stopped by hand")
    one = add(
        group,
        "analyze",
        analyze,
        "look at an experiment, or at any CSV file of one",
    )
    one.add_argument("source", metavar="ID_OR_FILE")
    one.add_argument(
        "--planned", type=int, help="of a file: people at the horizon, declared beforehand"
    )
    one.add_argument("--look", type=int, help="of a file: which look this is, from 1")
    one.add_argument(
        "--looks", type=int, help="of a file: looks planned by the horizon (default: 20)"
    )
    one.add_argument("--alpha", type=float, default=0.05)
    one.add_argument("--control", help="name of the control arm (default: the first seen)")
    one.add_argument(
        "--fixed", action="store_true", help="of a file: this is the only look there is"
    )


def start(args: Namespace) -> Outcome:
    from loop.experiments.online import start as run

    settings = load_settings(args.project)
    with project.opened(settings) as store:
        made = run(
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


def status(args: Namespace) -> Outcome:
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


def stop(args: Namespace) -> Outcome:
    from loop.experiments.online import stop as run

    with project.opened(load_settings(args.project)) as store:
        run(store, args.experiment, actor=person(), reason=args.reason)
    return Outcome(
        {"experiment": args.experiment, "status": "stopped"}, f"{args.experiment} is stopped."
    )


def analyze(args: Namespace) -> Outcome:
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
