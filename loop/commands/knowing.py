"""The arguments of `ratchet knowledge …`; what each does is in the modules beside this one."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import date
from pathlib import Path

from loop.commands import calibrate, coverage, know, retrieval

Group = argparse._SubParsersAction  # what argparse gives for a group of commands
Add = Callable[..., argparse.ArgumentParser]


def knowledge_commands(documents: Group[argparse.ArgumentParser], add: Add) -> None:
    """Add them to their group.

    Args:
        documents: The group.
        add: Adds one command: (group, name, what it runs, what it says of itself).
    """
    ingest = add(documents, "add", know.add, "add or change documents")
    ingest.add_argument("path", nargs="+", help="file, folder or quoted glob")
    ingest.add_argument("--licence", help="of files that name none")
    ingest.add_argument(
        "--access",
        action="append",
        default=[],
        type=_label,
        metavar="LABEL",
        help="who may read files that name nobody; repeat for more labels",
    )
    ingest.add_argument("--valid-from", type=_day, metavar="DAY", help="first day they hold")
    ingest.add_argument("--valid-until", type=_day, metavar="DAY", help="last day they hold")
    ingest.add_argument(
        "--seconds-per-file", type=_seconds, default=10.0, help="before a file is given up"
    )
    add(documents, "remove", know.remove, "stop retrieving documents").add_argument(
        "documents", nargs="+", metavar="ID"
    )
    add(documents, "list", know.listing, "the documents of the collection")
    find = add(documents, "search", know.search, "passages for a query, with why each is there")
    find.add_argument("query")
    find.add_argument("--limit", type=int, default=5)
    find.add_argument(
        "--where", action="append", default=[], metavar="FIELD=GLOB",
        help="narrow it by document, title, source, licence or format; repeatable",
    )  # fmt: skip
    find.add_argument(
        "--label", action="append", default=[], help="an access label of the person who searches"
    )
    quality = add(
        documents,
        "eval",
        retrieval.evaluate,
        "retrieval quality on a BEIR-format folder, or by what people confirmed",
    )
    quality.add_argument(
        "folder", type=Path, nargs="?", help="without one, the ratings of the project"
    )
    quality.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE",
        help="a key of [knowledge], for this run; repeatable",
    )  # fmt: skip
    quality.add_argument(
        "--against", action="append", default=[], metavar="KEY=VALUE",
        help="compare with these settings, query by query; repeatable",
    )  # fmt: skip
    quality.add_argument("--per-query", type=Path, metavar="FILE", help="write a line per query")
    quality.add_argument(
        "--split",
        choices=["all", "dev", "test"],
        default="all",
        help="only one half of the queries",
    )
    quality.add_argument(
        "--share", type=float, default=0.5, help="share of the queries that are dev"
    )
    add(documents, "compact", know.compact, "make one segment of all that was added")
    report = add(
        documents, "report", coverage.report, "documents that somebody should write or mend"
    )
    report.add_argument(
        "--days", type=int, default=30, help="documents that expire within so many days are named"
    )
    report.add_argument(
        "--last", type=int, default=10_000, help="newest questions that are looked at"
    )

    when = add(
        documents, "calibrate", calibrate.calibrate, "learn from suites which questions to answer"
    )
    when.add_argument("--suite", action="append", help="one suite, by name or folder; repeatable")
    aim = when.add_mutually_exclusive_group()
    aim.add_argument(
        "--cost",
        type=float,
        metavar="RATIO",
        help="false abstentions that one false answer is worth (default: 1)",
    )
    aim.add_argument(
        "--false-answers", type=float, metavar="MOST", help="largest share of false answers"
    )
    when.add_argument("--apply", action="store_true", help="let the desk go by it")


def _label(value: str) -> str:
    if not value.strip():  # taking it as "everyone" would open what was to be closed
        raise argparse.ArgumentTypeError("names no label")
    return value.strip()


def _day(value: str) -> date:
    try:
        return date.fromisoformat(value)
    except ValueError as problem:
        raise argparse.ArgumentTypeError(f"{value!r} is no day like 2026-01-31") from problem


def _seconds(value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 86_400:
        raise argparse.ArgumentTypeError(f"{value!r} is no number of seconds above 0")
    return seconds
