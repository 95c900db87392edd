"""Commands for reviewers' work: guidelines, gold items, and what waits in the queue."""

from __future__ import annotations

import argparse
import getpass
from argparse import Namespace
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from loop import project
from loop.display import Outcome, table
from loop.settings import load_settings

if TYPE_CHECKING:
    from loop.feedback.rerating import Effect, Moved
    from loop.feedback.workload import Workload

Group = argparse._SubParsersAction
Add = Callable[..., argparse.ArgumentParser]


def review_commands(
    groups: Group[argparse.ArgumentParser],
    group: Callable[[str, str], Group[argparse.ArgumentParser]],
    add: Add,
) -> None:
    """Add `guidelines`, `gold` and `queue`.

    Args:
        groups: The commands at the top.
        group: Makes a group of commands.
        add: Adds one command: (group, name, what it runs, what it says of itself).
    """
    guide = group("guidelines", "what raters judge by")
    add(
        guide, "publish", publish, "a new version from a file; opens a re-rating sample"
    ).add_argument("file", type=Path, help="Markdown or TOML; `guidelines show` prints one")
    add(guide, "list", listing, "all versions, the one in use marked")
    add(guide, "show", show, "one version, and how judgements moved with it").add_argument(
        "guideline", nargs="?", help="NAME@VERSION or NAME (default: the one in use)"
    )
    diff = add(guide, "diff", difference, "what changed between two versions")
    diff.add_argument("old", metavar="A")
    diff.add_argument("new", metavar="B")

    gold = group("gold", "items whose right judgement is known")
    put = add(gold, "add", gold_add, "add them from a JSONL file")
    put.add_argument("file", type=Path)
    put.add_argument("--by", default=_me(), help="who says so (default: you)")
    add(gold, "list", gold_list, "all of them")

    add(groups, "queue", queue, "what waits for review, by reason, and the minutes it takes")


def publish(args: Namespace) -> Outcome:
    from loop.feedback.guideline_file import read_file
    from loop.feedback.guidelines import publish_draft

    settings, draft = load_settings(args.project), read_file(args.file)
    with project.opened(settings) as store:
        made = publish_draft(store, draft, review=settings.review)
    text = f"{made.id}: {len(made.criteria)} criteria, {len(made.examples)} examples."
    if made.rerate:
        text += f" {len(made.rerate)} answers judged before are queued to be judged again."
    return Outcome({"guideline": made.id, "rerate": made.rerate}, text)


def listing(args: Namespace) -> Outcome:
    from loop.feedback.guidelines import every

    with project.opened(load_settings(args.project)) as store:
        known = every(store)
        used = {row["guideline"]: row for row in store.query("guideline_usage")}
    rows = [
        {
            "guideline": one.id,
            "at": one.at,
            "current": at == 0,
            "ratings": used[one.id]["ratings"],
            "comparisons": used[one.id]["comparisons"],
            "raters": used[one.id]["raters"],
        }
        for at, one in enumerate(known)
    ]
    cells = [
        [
            f"{row['guideline']}{' (in use)' if row['current'] else ''}",
            row["at"].strftime("%Y-%m-%d"),
            *(row[name] for name in ("ratings", "comparisons", "raters")),
        ]
        for row in rows
    ]
    header = ["guideline", "since", "ratings", "comparisons", "raters"]
    text = table(cells, header) if rows else "No guideline yet; the first rating makes one."
    return Outcome({"guidelines": rows}, text)


def show(args: Namespace) -> Outcome:
    from loop.feedback.guideline_file import written
    from loop.feedback.guidelines import before, current, named
    from loop.feedback.rerating import effect

    with project.opened(load_settings(args.project)) as store:
        one = named(store, args.guideline) if args.guideline else current(store)
        previous = before(store, one)
        found = effect(store, one, previous) if previous else None
    text = written(one)
    if found is not None:
        text += f"\n{_told(found)}"
    return Outcome({**asdict(one), "effect": asdict(found) if found else None}, text.rstrip())


def difference(args: Namespace) -> Outcome:
    from loop.feedback.guidelines import difference as compared
    from loop.feedback.guidelines import named

    with project.opened(load_settings(args.project)) as store:
        old, new = named(store, args.old), named(store, args.new)
    text = compared(old, new)
    data = {"old": old.id, "new": new.id, "diff": text}
    return Outcome(data, text or f"{old.id} and {new.id} say the same.")


def gold_add(args: Namespace) -> Outcome:
    from loop.feedback.gold import add_file

    settings = load_settings(args.project)
    with project.opened(settings) as store:
        done = add_file(store, args.file, assistant=settings.assistant.name, by=args.by)
    return Outcome({"imported": done.count}, f"Added {done.count} gold items.")


def gold_list(args: Namespace) -> Outcome:
    from loop.feedback.gold import golds

    settings = load_settings(args.project)
    with project.opened(settings) as store:
        known = golds(store, settings.assistant.name)
    rows = [[one.item, one.kind, one.value, one.by, one.why] for one in known]
    text = table(rows, ["item", "kind", "value", "by", "why"]) if rows else "No gold items yet."
    return Outcome({"gold": [asdict(one) for one in known]}, text)


def queue(args: Namespace) -> Outcome:
    from loop.feedback.workload import workload

    settings = load_settings(args.project)
    with project.opened(settings) as store:
        found = workload(store, settings)
    return Outcome(
        {**asdict(found), "minutes": round(found.minutes, 1)}, "\n".join(_waiting(found))
    )


def _waiting(found: Workload) -> list[str]:
    from loop.feedback.strata import SAYS

    if not found.answers and not found.pairs:
        lines = ["Nothing waits for review."]
    else:
        guess = " (a guess: no judgement says how long it took)" if found.estimated else ""
        lines = [
            f"{found.answers} answers and {found.pairs} pairs wait: about {found.minutes:.0f} "
            f"minutes at {found.seconds:.0f} seconds each{guess}.",
            "",
            table(
                [
                    [SAYS[name].format("of a running test" if name == "arm" else "it"), count]
                    for name, count in found.reasons.items()
                ],
                ["why", "answers"],
            ),
            "One answer can stand under several reasons.",
        ]
    for one in found.set_aside:
        why = ", ".join(f"{reason} ×{count}" for reason, count in one.reasons.items())
        lines.append(f"Set aside: {one.people} people skipped {one.item} ({why}).")
    lines += [
        f"{one.rater} skipped {one.skipped} of {one.given} items in 30 days; ask why."
        for one in found.skippers
    ]
    return lines


def _told(found: Effect) -> str:
    head = (
        f"Re-rating since {found.previous}: {found.judged} of {found.sample} sampled answers "
        "were judged again."
    )
    return "\n".join([head, *(_moved(one) for one in found.moved)])


def _moved(one: Moved) -> str:
    ends = "" if one.low is None else f" [{one.low:+.2f}, {one.high:+.2f}]"
    return (
        f"  {one.measure}, {one.who}: {one.changed:.0%} of {one.pairs} changed "
        f"[{one.changed_low:.0%}, {one.changed_high:.0%}], mean shift {one.shift:+.2f}{ends}"
    )


def _me() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no name for this user id, as in some containers
        return "cli"
