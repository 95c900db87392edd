"""What the Knowledge page reads: the collection, what is found in it, and what it lacks."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboards import source
from dashboards.records import Abstention, Holding, HoldingPage, Planted, Threshold, ToWrite
from knowledge.errors import RatchetError
from knowledge.injection import find_instructions
from knowledge.records import Description, Passage
from loop.evaluate import coverage_report
from loop.evaluate.coverage_report import Task

if TYPE_CHECKING:
    from knowledge.collection import Collection

ROWS = 50  # documents on a page of the table
FLAGGED = 1_000  # pieces with text that speaks to a model, at most
TASKS = 200  # of the coverage report that are shown
ABSTENTION = "abstention.json"  # in the project's reports


def glance() -> Description:
    """The collection in figures."""
    return source.collection().describe()


def documents(containing: str = "", number: int = 1) -> HoldingPage:
    """A page of the documents whose id, title, format, label or licence holds the words.

    Args:
        containing: Every word of it must be there; case does not matter.
        number: The page, from 1; one beyond the last is the last.
    """
    wanted = containing.casefold().split()
    rows = [row for row in _rows() if not wanted or _matches(row, wanted)]
    pages = max(1, math.ceil(len(rows) / ROWS))
    number = min(max(number, 1), pages)
    return HoldingPage(
        rows=rows[(number - 1) * ROWS : number * ROWS],
        number=number,
        pages=pages,
        total=len(rows),
    )


def labels() -> list[str]:
    """Every access label that a document asks for."""
    return sorted({label for row in _rows() for label in row.labels})


def find(query: str, labels: Sequence[str], limit: int) -> list[Passage]:
    """The best passages for a query of a reader with these labels, as the desk would find them."""
    settings = source.here().settings.knowledge
    return source.collection().search(
        query, labels=frozenset(labels), limit=limit, settings=settings
    )


def planted(limit: int = 50) -> list[Planted]:
    """Text in documents that speaks to a model: the sentences, or all of a piece without one."""
    return [
        Planted(
            document=piece.document,
            heading=piece.heading,
            start=piece.start + start,
            end=piece.start + end,
            text=piece.text[start:end],
        )
        for piece in source.collection().flagged(limit)
        for start, end in [(one.start, one.end) for one in find_instructions(piece.text)]
        or [(0, len(piece.text))]
    ]


def abstention() -> Abstention | None:
    """The curve of thresholds in reports/abstention.json; None where there is none.

    Raises:
        RatchetError: The file does not hold one.
    """
    file = source.here().settings.reports / ABSTENTION
    data = _read(file)
    if data is None:
        return None
    try:
        return Abstention(
            chosen=float(data["threshold"]),
            curve=[
                Threshold(**{name: float(one[name]) for name in Threshold.__slots__})
                for one in data["curve"]
            ],
            n=int(data["n"]),
            false_answer=_share(data.get("false_answer")),
            false_abstain=_share(data.get("false_abstain")),
        )
    except (KeyError, TypeError, ValueError) as problem:
        raise _unreadable(file, problem) from problem


def to_write() -> ToWrite | None:
    """The newest coverage report in reports/knowledge.json; None where there is none.

    Raises:
        RatchetError: The file does not hold one.
    """
    file = source.here().settings.reports / coverage_report.FILE
    data = _read(file)
    if data is None:
        return None
    try:
        return ToWrite(
            at=datetime.fromisoformat(data["at"]),
            documents=int(data["documents"]),
            interactions=int(data["interactions"]),
            unanswered=int(data["unanswered"]),
            simulated=int(data["simulated"]),
            tasks=[Task(**task) for task in data["tasks"][:TASKS]],
        )
    except (KeyError, TypeError, ValueError) as problem:
        raise _unreadable(file, problem) from problem


def look_through(progress: Callable[[str], object]) -> None:
    """Make the coverage report anew.

    Args:
        progress: Told each step as it begins.
    """
    here = source.here()
    found = coverage_report.report(
        here.settings, here.store, source.collection(), now=datetime.now(UTC), progress=progress
    )
    coverage_report.write_report(found, here.settings)


def _rows() -> list[Holding]:
    held = source.collection()
    return _listed(held.describe().generation, str(source.here().settings.home), held)


@st.cache_resource(max_entries=2, show_spinner="Listing the documents…")
def _listed(generation: str | None, home: str, _held: Collection) -> list[Holding]:
    """All documents in order of their ids, without their texts; once for each generation."""
    flagged = Counter(piece.document for piece in _held.flagged(FLAGGED))
    return [
        Holding(
            id=one.id,
            title=one.title,
            format=one.format,
            labels=tuple(sorted(one.access)),
            valid_from=one.valid_from,
            valid_until=one.valid_until,
            licence=one.licence,
            flagged=flagged[one.id],
        )
        for one in _held.documents()
    ]


def _matches(row: Holding, wanted: Sequence[str]) -> bool:
    text = " ".join([row.id, row.title, row.format, row.licence, *row.labels]).casefold()
    return all(word in text for word in wanted)


def _read(file: Path) -> Mapping[str, Any] | None:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as problem:
        raise _unreadable(file, problem) from problem
    if not isinstance(data, dict):
        raise _unreadable(file, "it holds no object")
    return data


def _unreadable(file: Path, problem: object) -> RatchetError:
    return RatchetError(f"{file}: not the report it should be ({problem}). Make it anew.")


def _share(value: object) -> float | None:
    """The mean of a figure that comes with its interval, or the figure itself."""
    if isinstance(value, Mapping):
        value = value.get("mean")
    return float(value) if isinstance(value, int | float) else None
