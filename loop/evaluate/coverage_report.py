"""The coverage report: what is wrong with the documents, and what to do about it first."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from loop.answer.guards import REFUSAL
from loop.evaluate.coverage import (
    Gap,
    Question,
    Stale,
    Use,
    WrongPassage,
    by_document,
    gaps,
    stale,
    wrong_passages,
)
from loop.evaluate.judged import read_judged
from loop.settings import Settings

if TYPE_CHECKING:
    from knowledge.collection import Collection
    from loop.store.store import Store

LAST = 10_000  # interactions that are looked at
NAMED = 1_000  # documents that were never found, by name
AT_ONCE = 256  # questions embedded between two words on how far it is
FILE = "knowledge.json"  # in the project's reports
Do = Literal["write", "mend", "renew", "check"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Something that somebody should do about the documents."""

    do: Do
    what: str  # a document's id, or the question to write about
    why: str  # a sentence
    weight: int  # people who asked in vain, ratings against it, or answers it stands behind
    simulated: bool = False  # only simulated people say so


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How fresh the documents are and what they lack, on one day."""

    at: datetime
    assistant: str
    documents: int
    interactions: int  # looked at, the newest
    unanswered: int  # of them without a good passage
    simulated: int  # of them asked by simulated people
    never_found: int  # documents that none of them was shown
    tasks: tuple[Task, ...]  # most pressing first
    gaps: tuple[Gap, ...]
    stale: tuple[Stale, ...]  # of those never found, the first 1,000
    wrong: tuple[WrongPassage, ...]


def report(
    settings: Settings,
    store: Store,
    collection: Collection,
    *,
    now: datetime,
    last: int = LAST,
    days: int = 30,
    progress: Callable[[str], object] = lambda step: None,
) -> Coverage:
    """Look through the newest answers and all documents.

    Args:
        now: When; its day decides which documents hold.
        last: Interactions to look at.
        days: A document that expires within so many days is named.
        progress: Told each step as it begins.
    """
    name = settings.assistant.name
    progress("Reading questions")
    rows = store.query("knowledge_questions", assistant=name, last=last, refusal=REFUSAL)
    questions = [Question(**row) for row in rows]
    used = [Use(**row) for row in store.query("knowledge_used", assistant=name, last=last)]
    progress("Reading ratings")
    judged = read_judged(store, name, last)
    progress("Bringing together what was asked in vain")
    denied = frozenset(one.id for one in judged if one.judgement.denied)
    lacking = gaps(
        questions,
        below=settings.assistant.abstain_below,
        denied=denied,
        embed=lambda texts: _embed(collection, texts, progress),
    )
    progress("Looking at the documents")
    documents = collection.documents()
    old = stale(documents, used, today=now.date(), days=days)
    unused = [one for one in old if one.why == "never_found"] if questions else []
    old = [one for one in old if one.why != "never_found"]
    wrong = wrong_passages(judged)
    return Coverage(
        at=now,
        assistant=name,
        documents=len(documents),
        interactions=len(questions),
        unanswered=sum(gap.count for gap in lacking),
        simulated=sum(one.simulated for one in questions),
        never_found=len(unused),
        tasks=tuple(tasks(lacking, [*old, *unused], wrong)),
        gaps=tuple(lacking),
        stale=(*old, *unused[:NAMED]),
        wrong=tuple(wrong),
    )


def tasks(
    lacking: Sequence[Gap], old: Sequence[Stale], wrong: Sequence[WrongPassage]
) -> list[Task]:
    """What to write, mend, renew or check: first what real people ran into."""
    found = [_write(gap) for gap in lacking]
    found += [_mend(document, spans) for document, spans in by_document(wrong).items()]
    found += [_look_after(one) for one in old if one.why != "never_found"]
    if unused := [one.document for one in old if one.why == "never_found"]:
        found.append(_unused(unused))
    return sorted(found, key=lambda task: (task.simulated, -task.weight))  # stable: kinds in order


def write_report(coverage: Coverage, settings: Settings) -> Path:
    """Keep it as reports/knowledge.json, whole or not at all."""
    file = settings.reports / FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(f".{os.getpid()}.part")
    part.write_text(json.dumps(as_json(coverage), indent=2) + "\n", encoding="utf-8")
    os.replace(part, file)
    return file


def as_json(coverage: Coverage) -> dict[str, Any]:
    """The report as JSON: times and days as text."""
    data: dict[str, Any] = json.loads(json.dumps(asdict(coverage), default=_iso))
    return data


def _iso(value: Any) -> str:
    return str(value.isoformat())


def _write(gap: Gap) -> Task:
    asked = f"{_count(gap.count, 'time')} by {_count(gap.people, 'person', 'people')}"
    reasons = ", ".join(f"{reason} {count}" for reason, count in gap.reasons.items())
    return Task(
        do="write",
        what=gap.question,
        why=f"Asked {asked}, last on {gap.last:%Y-%m-%d}: {reasons}.",
        weight=gap.people,
        simulated=gap.simulated == gap.count,
    )


def _mend(document: str, spans: Sequence[WrongPassage]) -> Task:
    places = ", ".join(f"{one.start} to {one.end}" for one in spans[:3])
    more = f" and {len(spans) - 3} more" if len(spans) > 3 else ""
    bad, flags = sum(one.bad for one in spans), sum(one.flags for one in spans)
    return Task(
        do="mend",
        what=document,
        why=(
            f"{_count(bad, 'rating')} against answers from its characters {places}{more}, "
            f"{flags} of them flags that it is wrong. For example: {spans[0].examples[0]}"
        ),
        weight=bad,
        simulated=all(one.simulated == one.answers for one in spans),
    )


def _look_after(one: Stale) -> Task:
    lately = f"{_count(one.answers, 'answer')} lately had it"
    do: Do
    if one.why == "expired":
        do, why = "renew", f"Expired on {one.day}: it is found no more; {lately}."
    elif one.why == "expires":
        do, why = "renew", f"Expires on {one.day}; {lately}."
    elif one.why == "superseded":
        do, why = "check", f"{_count(one.answers, 'answer')} lately cited an older version of it."
    else:
        do, why = "check", f"Holds from {one.day} on; it is not found before."
    return Task(do=do, what=one.document, why=why, weight=one.answers)


def _unused(documents: Sequence[str]) -> Task:
    more = f" and {len(documents) - 5} more" if len(documents) > 5 else ""
    return Task(
        do="check",
        what=_count(len(documents), "document"),
        why=f"None of the newest answers was shown {', '.join(documents[:5])}{more}.",
        weight=0,
    )


def _embed(
    collection: Collection, texts: Sequence[str], progress: Callable[[str], object]
) -> NDArray[np.float32]:
    parts = []
    for at in range(0, len(texts), AT_ONCE):
        progress(f"Embedding questions: {at} of {len(texts)}")
        parts.append(collection.embedder.encode(texts[at : at + AT_ONCE]))
    return np.concatenate(parts)


def _count(n: int, one: str, many: str = "") -> str:
    return f"{n:,} {one if n == 1 else many or one + 's'}"
