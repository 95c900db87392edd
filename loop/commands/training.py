"""Train a candidate."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from loop import project
from loop.commands.adapters import label_arguments
from loop.commands.datasets import dataset_of
from loop.display import Outcome, table
from loop.forget.marks import refuse_erased
from loop.settings import load_settings, with_pairs


def train_command(groups: Any, add: Callable[..., ArgumentParser]) -> None:
    """`ratchet train`."""
    parser = add(groups, "train", train, "train a candidate adapter")
    parser.add_argument(
        "--method",
        help="sft, dpo, kto, reward, grpo, or stages like sft+dpo (default: train.method)",
    )
    data_arguments(parser, "train")
    parser.add_argument(
        "--on", metavar="WHERE", help="ray, ray:HOST:PORT or ray://HOST:PORT (default: train.on)"
    )
    label_arguments(parser, "what the adapter is for")


def data_arguments(parser: ArgumentParser, table: str) -> None:
    """What a run is made on and from: `--dataset`, `--seed`, `--start`, and `--set` of a table."""
    parser.add_argument("--dataset", help="dataset version (default: the newest)")
    parser.add_argument("--seed", type=int, help="instead of the project's seed")
    parser.add_argument(
        "--start",
        default="",
        help="base, champion, or an adapter to go on from (default: train.start)",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help=f"a key of [{table}], this once",
    )


def train(args: Namespace) -> Outcome:
    from loop.models.registry import register, starting_point
    from loop.steps import digest
    from loop.train.plan import named_by
    from loop.train.stages import train_stages

    settings = load_settings(args.project)
    settings = replace(settings, train=with_pairs(settings.train, "train", args.set, "--set"))
    if args.on is not None:
        settings = replace(settings, train=replace(settings.train, on=args.on))
    seed = settings.seed if args.seed is None else args.seed
    method = args.method or settings.train.method
    with project.opened(settings) as store:
        dataset = dataset_of(store, settings, args.dataset)
        refuse_erased(store, dataset.id)
        parent = starting_point(store, settings, args.start)
    names = named_by(settings, dataset, method=method, seed=seed, parent=parent)
    done = train_stages(  # takes long, so the store is left to others
        settings,
        dataset,
        method=method,
        seed=seed,
        parent=parent,
        run_folder=settings.runs / f"run-{digest([*names, str(settings.adapters)])[:12]}",
        progress=not args.json,
    )
    with project.opened(settings) as store:
        refuse_erased(store, dataset.id)
        adapter = register(
            store,
            settings,
            done.run,
            done.folder,
            parent=parent,
            at=datetime.now(UTC),
            cost=done.cost,
            sources=done.judges,
            domain=args.domain or "",
            language=args.language or "",
            segment=args.segment or "",
        )
    run = done.run
    data = {
        "adapter": adapter.id,
        "run": run.id,
        "seconds": run.seconds,
        "tokens_per_second": run.tokens_per_second,
        "metrics": run.metrics,
        "chosen": run.settings["chosen"],
        "ended": run.settings["ended"],
    }
    text = f"{adapter.id} from {dataset.id} in {run.seconds:.0f} s\n"
    if ended := run.settings["ended"]:
        step = int(run.metrics["kept_step"])
        text += f"Training {ended['words']}. The weights of step {step} were kept.\n"
    text += table(sorted(run.metrics.items()), ["metric", "value"]) + "\n\n"
    return Outcome(data, text + _settings(run.settings["chosen"]))


def _settings(chosen: dict[str, Any]) -> str:
    reasons = chosen.get("reasons", {})
    rows = [(name, chosen[name], reasons[name]) for name in reasons if name in chosen]
    return table(rows, ["setting", "value", "why"])
