"""Commands for eval suites: list, show, import well-known sets, make a case of what went wrong."""

from __future__ import annotations

import argparse
from argparse import Namespace
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loop import project
from loop.display import Outcome, table
from loop.settings import load_settings

if TYPE_CHECKING:
    from eval_suites.suites import Suite

Group = argparse._SubParsersAction  # what argparse gives for a group of commands
Add = Callable[..., argparse.ArgumentParser]


def suite_commands(group: Group[argparse.ArgumentParser], add: Add) -> None:
    """Add them to their group.

    Args:
        group: The group.
        add: Adds one command: (group, name, what it runs, what it says of itself).
    """
    add(group, "list", suites_list, "every suite there is, and which of them adapters are put")
    add(group, "show", suites_show, "what a suite measures, and on what").add_argument("suite")
    take = add(group, "import", suites_import, "make a suite of a well-known set's own file")
    take.add_argument("format", help="such as mmlu, humaneval or xstest; another word lists them")
    take.add_argument("path", type=Path, help="the set's file or folder, as it is published")
    take.add_argument("--name", help="the suite's (default: the format)")
    take.add_argument("--attacks", type=Path, help="the file of attacks that goes with bipia")
    take.add_argument("--limit", type=int, help="cases taken, the same ones every time")
    make = add(group, "add", suites_add, "make an answer that went wrong a case")
    make.add_argument("interaction")
    make.add_argument("--suite", default="live", help="one of the project's own (default: live)")
    make.add_argument(
        "--expect",
        choices=["answer", "abstain", "refuse"],
        help="what a good reply does (default: as its correction or flags say)",
    )
    make.add_argument(
        "--fact",
        action="append",
        default=[],
        help='what it states, spellings parted by "|"; repeatable',
    )
    make.add_argument(
        "--forbid", action="append", default=[], help="what it must not state; repeatable"
    )


def suites_list(args: Namespace) -> Outcome:
    from eval_suites.suites import bundled_suites

    settings = load_settings(args.project)
    used = {suite.name for suite in project.suites_of(settings)}
    suites = {suite.name: suite for suite in project.suites_of(settings, bundled_suites())}
    suites |= {suite.name: suite for suite in project.unseen_suites(settings)}
    data = [_about(suite) | {"measured": suite.name in used} for suite in suites.values()]
    names = ("name", "release", "cases", "primary")
    rows = [(*(one[name] for name in names), "yes" if one["measured"] else "") for one in data]
    return Outcome(data, table(rows, ["suite", "version", "cases", "primary metric", "measured"]))


def suites_show(args: Namespace) -> Outcome:
    from eval_suites.scorers import METRICS

    [suite] = project.suites_of(load_settings(args.project), [args.suite])
    kinds = Counter(case.kind or "-" for case in suite.cases)
    data = _about(suite) | {"kinds": dict(kinds), "metrics": list(suite.metrics)}
    lines = [
        suite.description,
        f"{suite.release} ({suite.version}), by {suite.owner or 'nobody named'}, {suite.licence}; "
        f"asked of the {suite.setting}; {suite.primary} counts, {suite.better} is better, "
        f"{suite.minimum_effect:g} is worth having.",
        table(
            [(m, METRICS[m].better, METRICS[m].meaning) for m in suite.metrics],
            ["metric", "better", "meaning"],
        ),
        table(sorted(kinds.items()), ["kind", "cases"]),
    ]
    return Outcome(data, "\n\n".join(line for line in lines if line))


def suites_import(args: Namespace) -> Outcome:
    from eval_suites.importers.formats import import_suite

    settings = load_settings(args.project)
    folder = settings.suite_folder / (args.name or args.format)
    suite = import_suite(args.format, args.path, folder, attacks=args.attacks, limit=args.limit)
    text = f"{suite.name}: {len(suite.cases)} cases in {folder}. " + _next(settings, suite.name)
    return Outcome(_about(suite) | {"folder": str(folder)}, text)


def suites_add(args: Namespace) -> Outcome:
    from loop.evaluate.from_life import add_case

    settings = load_settings(args.project)
    with project.opened(settings) as store:
        added = add_case(
            store,
            settings,
            args.interaction,
            suite=args.suite,
            expect=args.expect,
            facts=args.fact,
            forbidden=args.forbid,
        )
    told = f"{added.case.id} is case {added.cases} of {added.suite}: {added.case.prompt}"
    more = "" if added.measured else "\n" + _next(settings, added.suite)
    data = {"case": added.case.id, "suite": added.suite, "cases": added.cases}
    return Outcome(data | {"measured": added.measured}, told + more)


def _next(settings: Any, name: str) -> str:
    """How the suite comes to be asked."""
    listed = ", ".join(f'"{one}"' for one in [*settings.suites, name])
    return (
        f"Ask an adapter with `ratchet eval --suite {name}`; for every candidate to be put it, "
        f"write suites = [{listed}] at the top of ratchet.toml. It is never trained on."
    )


def _about(suite: Suite) -> dict[str, Any]:
    row = {name: value for name, value in asdict(suite).items() if name != "cases"}
    return row | {"cases": len(suite.cases), "better": suite.better}
