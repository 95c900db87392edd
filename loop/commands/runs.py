"""`ratchet runs`: training runs in progress and finished, what they cost and what they brought."""

from __future__ import annotations

import argparse
import time
from argparse import Namespace
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from loop import project
from loop.display import Outcome, table
from loop.settings import Settings, load_settings
from loop.train.ledger import Spent, per_point, spent, spent_by, unmetered, weeks
from loop.train.live import Live, unfinished

Group = argparse._SubParsersAction  # what argparse gives for a group of commands
Add = Callable[..., argparse.ArgumentParser]


def run_commands(group: Group[argparse.ArgumentParser], add: Add) -> None:
    """Add them to their group.

    Args:
        group: The group.
        add: Adds one command: (group, name, what it runs, what it says of itself).
    """
    listing = add(group, "list", runs_list, "runs in progress, finished runs and their cost")
    listing.add_argument("--limit", type=int, default=20, help="newest finished runs, at most")
    add(group, "show", runs_show, "one finished run: cost, energy, cost of a point").add_argument(
        "id", metavar="run"
    )


def runs_list(args: Namespace) -> Outcome:
    settings = load_settings(args.project)
    going = unfinished(settings.runs, time.time())
    with project.opened(settings) as store:
        done, by_week = spent(store, settings, limit=max(args.limit, 1)), weeks(store, settings)
        uncounted = unmetered(store, settings)
    data = {
        "in_progress": [asdict(one) for one in going],
        "runs": [_data(one) for one in done],
        "weeks": [asdict(week) for week in by_week],
        "not_metered": uncounted,
    }
    lines = [_going(one) for one in going]
    if done:
        rows = [
            (
                one.run.id,
                f"{one.run.at:%Y-%m-%d %H:%M}",
                one.run.method,
                f"{one.run.seconds:.0f} s",
                f"{one.run.tokens_per_second:.0f}",
                _money(one),
                _point(one),
            )
            for one in done
        ]
        head = ["run", "ended", "method", "took", "tokens/s", "money", "a point of improvement"]
        lines.append(table(rows, head))
    newest = {week.currency: week for week in by_week}
    lines += [
        f"Spent since the first run: {week.total_amount:.4g} {week.currency}"
        for week in newest.values()
        if week.total_amount is not None
    ]
    if uncounted:
        lines.append(f"Not metered, so in no sum: {uncounted} runs")
    return Outcome(data, "\n".join(lines) or "No run yet. Run `ratchet train`.")


def runs_show(args: Namespace) -> Outcome:
    settings = load_settings(args.project)
    with project.opened(settings) as store:
        one = spent_by(store, settings, args.id)
    return Outcome(_data(one), _story(one, settings))


def _data(one: Spent) -> dict[str, Any]:
    """A finished run for machines; `per_point` is None where there is no improvement."""
    cost, found = one.cost, one.improvement
    point = per_point(cost.amount if cost else None, found)
    return {
        "run": one.run.id,
        "at": one.run.at,
        "method": one.run.method,
        "dataset": one.run.dataset,
        "base": one.run.base,
        "seconds": one.run.seconds,
        "tokens_per_second": one.run.tokens_per_second,
        "metrics": one.run.metrics,
        "cost": None if cost is None else asdict(cost),
        "adapter": one.adapter,
        "verdict": one.verdict,
        "improvement": None if found is None else asdict(found),
        "per_point": None if point is None else asdict(point),
        "why": one.why,
    }


def _story(one: Spent, settings: Settings) -> str:
    """A finished run for people."""
    cost, found = one.cost, one.improvement
    rows: list[tuple[str, object]] = [
        ("method", one.run.method),
        ("dataset", one.run.dataset),
        ("took", f"{one.run.seconds:.1f} s"),
        ("tokens per second", f"{one.run.tokens_per_second:.0f}"),
    ]
    if cost is not None:
        rows += [
            ("device", cost.device),
            ("device-hours", f"{cost.device_seconds / 3600:.4g}"),
            ("tokens", f"{cost.tokens:,}"),
            ("peak memory", f"{cost.peak_bytes / 1e9:.2f} GB"),
            ("energy", "–" if cost.kwh is None else f"{cost.kwh:.4g} kWh, {cost.energy_source}"),
            ("emissions", "–" if cost.grams_co2e is None else f"{cost.grams_co2e:.4g} g CO2e"),
        ]
    rows.append(("money", _money(one)))
    if found is not None:
        says = f"{found.difference:+.3f} ({found.low:+.3f} to {found.high:+.3f})"
        rows.append((f"{found.metric} over {found.champion}", says))
    rows.append((f"a point of {settings.gate.improve}", _point(one)))
    return f"{one.run.id}\n" + table(rows, ["", ""]).partition("\n")[2]


def _money(one: Spent) -> str:
    if one.cost is None or one.cost.amount is None:
        return "–"
    return f"{one.cost.amount:.4g} {one.cost.currency}"


def _point(one: Spent) -> str:
    cost = one.cost
    point = per_point(cost.amount if cost else None, one.improvement)
    if point is None or cost is None:
        return one.why or ("not metered" if cost is None else "no rate was set")
    return f"{point.mean:.3g} {cost.currency} ({point.low:.3g} to {point.high:.3g})"


def _going(one: Live) -> str:
    """A run in progress, in a line."""
    step = "" if one.step is None else f", step {one.step} of {one.of}"
    loss = f", loss {one.losses[-1].loss:.3f}" if one.losses else ""
    heard = "" if one.heard is None else f", last heard of {one.heard:.0f} s ago"
    state = (one.phase or "starting") if one.running else "stopped"
    return f"{one.folder}: {one.method} on {one.dataset}, {state}{step}{loss}{heard}"
