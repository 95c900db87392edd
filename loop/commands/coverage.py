"""`ratchet knowledge report`: which documents somebody should write or mend."""

from __future__ import annotations

import sys
from argparse import Namespace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from knowledge.errors import RatchetError
from loop import project
from loop.display import Outcome
from loop.settings import load_settings

if TYPE_CHECKING:
    from loop.evaluate.coverage_report import Coverage

SHOWN = 25  # tasks printed; all are in the file


def report(args: Namespace) -> Outcome:
    """Freshness and coverage of the documents, and the tasks that follow."""
    from loop.evaluate import coverage_report

    for flag, value, least in (("--days", args.days, 0), ("--last", args.last, 1)):
        if value < least:
            raise RatchetError(f"{flag} is {value}, expected a whole number of {least} or more.")
    settings = load_settings(args.project)
    collection = project.open_collection(settings)
    with project.opened(settings) as store:
        found = coverage_report.report(
            settings,
            store,
            collection,
            now=datetime.now(UTC),
            last=args.last,
            days=args.days,
            progress=lambda step: None if args.json else print(f"{step}…", file=sys.stderr),
        )
    file = coverage_report.write_report(found, settings)
    return Outcome(coverage_report.as_json(found), f"{_told(found)}\n\nEverything: {file}")


def _told(found: Coverage) -> str:
    about = (
        f"Documents: {found.documents:,}. Newest questions: {found.interactions:,}, "
        f"{found.unanswered:,} of them without a good passage"
    )
    about += f", {found.simulated:,} of simulated people." if found.simulated else "."
    if not found.interactions:
        about = f"Documents: {found.documents:,}. Nobody has asked anything yet."
    lines = [about]
    for number, task in enumerate(found.tasks[:SHOWN], start=1):
        lines.append(f"{number:>3}. {task.do}: {task.what}")
        lines.append(f"     {task.why}" + (" Simulated people only." * task.simulated))
    if more := len(found.tasks) - SHOWN:
        lines += [f"     and {more} more."] * (more > 0)
    if not found.tasks:
        lines.append("Nothing to write or mend.")
    return "\n".join(lines)
