"""Search for settings of [train]."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from loop import project
from loop.commands.datasets import dataset_of
from loop.commands.training import data_arguments
from loop.display import Outcome, table
from loop.forget.marks import refuse_erased
from loop.settings import load_settings, with_pairs

if TYPE_CHECKING:
    from loop.train.search import Found


def search_command(groups: Any, add: Callable[..., ArgumentParser]) -> None:
    """`ratchet search`."""
    parser = add(
        groups, "search", search, "search for settings of [train], and whether they are better"
    )
    parser.add_argument("--method", help="one training method (default: train.method)")
    parser.add_argument("--minutes", type=float, help="instead of search.minutes")
    parser.add_argument("--trials", type=int, help="instead of search.trials")
    data_arguments(parser, "search")


def search(args: Namespace) -> Outcome:
    from loop.models.bases import best_device
    from loop.models.registry import starting_point
    from loop.train.cost import rate_of
    from loop.train.meter import device_name
    from loop.train.parallel import here, spread
    from loop.train.report import report, search_folder
    from loop.train.search import search as run

    settings = load_settings(args.project)
    known = with_pairs(settings.search, "search", args.set, "--set")
    known = replace(
        known,
        minutes=known.minutes if args.minutes is None else args.minutes,
        trials=known.trials if args.trials is None else args.trials,
    )
    settings = replace(settings, search=known)
    seed = settings.seed if args.seed is None else args.seed
    method = args.method or settings.train.method
    with project.opened(settings) as store:
        dataset = dataset_of(store, settings, args.dataset)
        refuse_erased(store, dataset.id)
        parent = starting_point(store, settings, args.start)
    device = best_device()
    at_once = 1 if device == "cpu" else spread(settings.train, here()).processes
    folder = search_folder(settings, dataset, method=method, seed=seed, parent=parent)
    found = run(
        settings,
        dataset,
        method=method,
        seed=seed,
        parent=parent,
        folder=folder,
        rate_per_hour=at_once * (rate_of(device, device_name(device), settings.cost.rates) or 0.0),
        progress=not args.json,
        tell=_silent if args.json else _tell,
    )
    data = report(found, folder)
    return Outcome(data, _text(found, data))


def _text(found: Found, data: dict[str, Any]) -> str:
    names = [knob.name for knob in found.space.knobs]
    rows = [
        [
            one.number,
            *(one.settings[name] for name in names),
            one.figure if one.figure is not None else (one.curve[-1][1] if one.curve else None),
            one.steps,
            round(one.seconds),
            one.ended + (f": {one.why}" if one.why else ""),
        ]
        for one in found.trials
    ]
    text = table(rows, ["trial", *names, found.figure, "steps", "seconds", "ended"])
    spent = f"{found.seconds / 60:.1f} minutes of training"
    text += f"\n\n{found.ended[:1].upper()}{found.ended[1:]}; {spent}"
    text += f", cost {found.cost:.2f}.\n" if found.cost else ".\n"
    if not found.changed:
        return f"{text}{found.words}\n{data['folder']}"
    text += f"Best is trial {found.best.number}, on {found.choosing_rows} held-out rows.\n"
    text += f"{found.words}\n"
    if found.comparison is not None:
        seeds = found.comparison.by_seed.items()
        text += f"Seed by seed: {', '.join(f'{seed}: {value:+.4f}' for seed, value in seeds)}.\n"
    better = found.comparison is not None and found.comparison.verdict == "better"
    advice = "Paste it into ratchet.toml:" if better else "Keep the default settings. It was:"
    return f"{text}{advice}\n\n{data['snippet']}\n{data['folder']}"


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _silent(line: str) -> None:
    """Machines wait for the end."""
