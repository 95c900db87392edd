"""`ratchet synthesize`: questions made up from documents, checked there and back."""

from __future__ import annotations

import argparse
from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from knowledge.errors import RatchetError
from loop import project
from loop.display import Outcome, table
from loop.settings import Settings, load_settings
from loop.synthesize.drafts import KINDS

if TYPE_CHECKING:
    from loop.models.engine import Engine
    from loop.synthesize.drafts import Writer

Add = Callable[..., argparse.ArgumentParser]


def synthesize_command(groups: object, add: Add) -> None:
    """Add it to the commands.

    Args:
        groups: Where it goes.
        add: Adds one command: (group, name, what it runs, what it says of itself).
    """
    make = add(
        groups, "synthesize", synthesize, "make up questions with answers from the documents"
    )
    make.add_argument("--count", type=int, default=100, help="questions to try (default: 100)")
    make.add_argument(
        "--kinds", nargs="+", default=list(KINDS), metavar="KIND",
        help=f"of {', '.join(KINDS)}; variants are of accepted questions (default: all)",
    )  # fmt: skip
    make.add_argument("--seed", type=int, help="instead of the project's seed")
    make.add_argument(
        "--engine", choices=["rules", "model"], help="who writes them, instead of synthesize.engine"
    )


def synthesize(args: Namespace) -> Outcome:
    from loop.models.engine import load_engine
    from loop.synthesize.run import check
    from loop.synthesize.run import synthesize as run

    settings = load_settings(args.project)
    check(args.kinds, args.count)
    suites = project.unseen_suites(settings)
    with project.opened(settings) as store:
        engine = load_engine(settings)
        desk = project.open_desk(settings, store, engine=engine)
        done = run(
            store,
            settings,
            desk,
            writer_of(settings, args.engine or settings.synthesize.engine, engine),
            suites=suites,
            count=args.count,
            kinds=args.kinds,
            seed=settings.seed if args.seed is None else args.seed,
            progress=not args.json,
        )
    data = {
        "accepted": len(done.accepted),
        "rows": len(done.rows),
        "new": done.fresh,
        "funnel": done.funnel,
        "documents_left_out": done.left_out,
    }
    lines = [(kind, why, n) for kind, counts in done.funnel.items() for why, n in counts.items()]
    text = f"{len(done.accepted)} of {len(done.rows)} accepted, {done.fresh} new\n"
    text += table(lines, ["kind", "outcome", "rows"])
    for reason, n in done.left_out.items():
        text += f"\n{n} documents left out: {reason}"
    return Outcome(data, text)


def writer_of(settings: Settings, engine: str, answering: Engine) -> Writer:
    """Who writes the questions.

    Args:
        settings: Of the project.
        engine: "rules" or "model".
        answering: The assistant's engine; it writes, too, where the settings name no other.

    Raises:
        RatchetError: There is no such engine, or its model cannot be had.
    """
    from loop.models.engine import load_engine
    from loop.synthesize.model import ModelWriter
    from loop.synthesize.rules import RuleWriter

    if engine == "rules":
        return RuleWriter()
    if engine != "model":
        raise RatchetError(
            f"synthesize.engine is {engine!r}, expected rules or model. Mend it in ratchet.toml."
        )
    own, assistant = settings.synthesize, settings.assistant
    if not own.base and not own.endpoint:
        return ModelWriter(answering, settings, assistant.endpoint)
    endpoint = own.endpoint or ("" if own.base else assistant.endpoint)
    other = replace(assistant, base=own.base or assistant.base, endpoint=endpoint)
    return ModelWriter(load_engine(replace(settings, assistant=other)), settings, endpoint)
