"""Commands for the judge: does it agree with people, and what do its grades add to theirs?"""

from __future__ import annotations

import argparse
from argparse import Namespace
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime

from loop import project
from loop.display import Outcome, interval, table
from loop.settings import load_settings

Group = argparse._SubParsersAction  # what argparse gives for a group of commands
Add = Callable[..., argparse.ArgumentParser]


def judging_commands(group: Group[argparse.ArgumentParser], add: Add) -> None:
    """Add them to their group.

    Args:
        group: The group.
        add: Adds one command: (group, name, what it runs, what it says of itself).
    """
    agree = add(group, "agree", judge_agree, "hold the judge against what people rated")
    agree.add_argument("--limit", type=int, default=200, help="answers, the newest rated")
    estimate = add(
        group, "estimate", judge_estimate, "how good people would find an adapter's answers"
    )
    estimate.add_argument("adapter")
    estimate.add_argument("--limit", type=int, default=1000, help="answers, the newest")


def judge_agree(args: Namespace) -> Outcome:
    from loop.evaluate.judging import load_judge
    from loop.evaluate.trust import measure_agreement

    settings = load_settings(args.project)
    judge = load_judge(settings)
    with project.opened(settings) as store:
        found = measure_agreement(store, settings, judge, limit=args.limit, at=datetime.now(UTC))
    known = settings.judge
    problem = found.problem(known.least_kappa, known.least_labels)
    kappa = "-" if found.kappa is None else interval(found.kappa, found.low or 0, found.high or 0)
    rows = [
        ("answers both judged", str(found.n)),
        ("kappa, weighted [95 %]", kappa),
        ("exactly the same [95 %]", interval(found.same, found.same_low, found.same_high)),
        ("could not be read", str(found.unread)),
    ]
    may = f"It may not decide: {problem}." if problem else "It may decide in the gate."
    text = f"{judge.id}\n{table(rows, ['', ''])}\n\n{may}"
    return Outcome(asdict(found) | {"problem": problem}, text, 1 if problem else 0)


def judge_estimate(args: Namespace) -> Outcome:
    from loop.evaluate.judging import load_judge
    from loop.evaluate.trust import estimate

    settings = load_settings(args.project)
    judge = load_judge(settings)
    with project.opened(settings) as store:
        found = estimate(store, settings, judge, args.adapter, limit=args.limit)
    rows = [
        (f"people, {found.rated} answers", interval(*found.people)),
        (f"the judge alone, {found.rated + found.judged} answers", interval(*found.judge_alone)),
        ("people, helped by the judge", interval(*found.together)),
    ]
    return Outcome(asdict(found), table(rows, ["1 to 5", "mean [95 %]"]))
