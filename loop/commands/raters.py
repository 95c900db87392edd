"""`ratchet raters`: how far raters agree, how each judges, and whom curation holds back."""

from __future__ import annotations

import argparse
from argparse import Namespace
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from loop import project
from loop.display import Outcome, interval, table
from loop.settings import load_settings

if TYPE_CHECKING:
    from loop.feedback.agreement import Agreement
    from loop.feedback.raters import Lean, Quality, RaterReport, Share

Group = argparse._SubParsersAction  # what argparse gives for a group of commands
Add = Callable[..., argparse.ArgumentParser]
WEIGHED = "Weight: log odds that a vote is right. Left, longer: share won by that side; * p < 0.01."


def raters_command(groups: Group[argparse.ArgumentParser], add: Add) -> None:
    """Add it to the commands.

    Args:
        groups: All commands.
        add: Adds one command: (group, name, what it runs, what it says of itself).
    """
    add(groups, "raters", raters, "how far raters agree, how each judges, and who is held back")


def raters(args: Namespace) -> Outcome:
    """Agreement by kind, and a row for each rater."""
    from loop.feedback.gold import gold_items
    from loop.feedback.raters import quality

    settings = load_settings(args.project)
    with project.opened(settings) as store:
        name = settings.assistant.name
        found = quality(
            store,
            name,
            gold=gold_items(store, name),
            settings=settings.raters,
            seed=settings.seed,
        )
    return Outcome(_as_json(found), _told(found))


def _as_json(found: Quality) -> dict[str, Any]:
    held = {one.rater: one.held_back for one in found.raters if one.held_back}
    return {
        "raters": [_named(asdict(one)) for one in found.raters],
        "agreement": [_named(asdict(one)) for one in found.agreement],
        "held_back": held,
    }


def _named(row: dict[str, Any]) -> dict[str, Any]:
    """Shares with the names of their parts, which a JSON list would lose."""
    return {
        key: value._asdict() if hasattr(value, "_asdict") else value for key, value in row.items()
    }


def _told(found: Quality) -> str:
    from loop.feedback.suspicion import REASONS

    if not found.raters:
        return "Nobody has judged anything yet."
    rows = [_row(one) for one in found.raters]
    header = [
        "rater",
        "judged",
        "agrees",
        "gold",
        "seconds",
        "left",
        "longer",
        "weight",
        "held back",
    ]
    lines = [table(rows, header), WEIGHED, ""]
    kinds = [_kind(one) for one in found.agreement]
    lines.append(table(kinds, ["agreement on", "raters", "items", "alpha", "Fleiss", "Cohen"]))
    for one in found.raters:
        if one.held_back:
            lines.append(f"{one.rater} is held back from training: {REASONS[one.held_back]}.")
    held = sum(one.held_back is not None for one in found.raters)
    if held > len(found.raters) / 3:
        lines.append(
            f"{held} of {len(found.raters)} are held back. Above a third, the figures cannot tell "
            "which part of a team is right: check with gold questions before training."
        )
    return "\n".join(lines)


def _row(one: RaterReport) -> list[object]:
    name = f"{one.rater} (simulated)" if one.simulated else one.rater
    return [
        name, one.judgements, _share(one.agreed), _share(one.gold), one.seconds,
        _lean(one.leftward), _lean(one.longer), round(one.weight, 2), one.held_back or "",
    ]  # fmt: skip


def _kind(one: Agreement) -> list[object]:
    alpha = None
    if one.alpha is not None and one.low is not None and one.high is not None:
        alpha = interval(one.alpha, one.low, one.high)
    kappas = [interval(k.value, k.low, k.high) if k else None for k in (one.fleiss, one.cohen)]
    return [one.kind, one.raters, one.items, alpha, *kappas]


def _share(share: Share | None) -> str | None:
    return f"{interval(share.share, share.low, share.high)} of {share.n}" if share else None


def _lean(lean: Lean | None) -> str | None:
    if lean is None:
        return None
    return f"{lean.share:.2f}{'*' if lean.p_value < 0.01 else ''} of {lean.n}"
