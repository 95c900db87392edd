"""What the documents lack: questions without a good passage, stale documents, wrong passages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from knowledge.pii import mask
from knowledge.text import normalise
from loop.evaluate.clusters import cluster
from loop.evaluate.judged import JudgedAnswer

if TYPE_CHECKING:
    from knowledge.records import Document

CLUSTERED = 3_000  # different questions that are brought together, the newest
EXAMPLES = 3
LONGEST = 200  # characters of a question in a report

Why = Literal["expired", "expires", "not_yet_valid", "superseded", "never_found"]
Embed = Callable[[Sequence[str]], NDArray[np.float32]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question as it was asked, and how the answer to it went."""

    id: str
    at: datetime
    user: str
    question: str
    abstained: bool
    refused: bool  # by a guard: no document would help
    best: float | None  # cosine of the best passage; None where nothing came from dense search
    handed_over: bool
    simulated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """How often answers were shown and cited a version of a document."""

    document: str
    version: str
    shown: int
    cited: int
    last_used: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Stale:
    """A document that does not hold, will not for long, or is of no use."""

    document: str
    title: str
    why: Why
    day: date | None  # on which it stopped, stops or begins to hold
    answers: int  # that were shown it lately; superseded: that cite the older version


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Questions that ask the same and found no good passage."""

    question: str  # the most typical one, personal data masked
    count: int
    people: int
    last: datetime
    reasons: dict[str, int]  # why each counts here → how many
    examples: tuple[str, ...]  # other wordings
    simulated: int  # of the questions, asked by simulated people


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongPassage:
    """A passage behind answers that people call wrong."""

    document: str
    version: str
    start: int
    end: int
    bad: int  # ratings against answers that had it
    flags: int  # of them that say the citation or the answer is wrong
    answers: int
    examples: tuple[str, ...]  # questions, personal data masked
    simulated: int  # of the answers, by simulated people alone


def poor_reasons(question: Question, below: float, denied: frozenset[str]) -> list[str]:
    """Why a question found no good passage; empty if it did, or was not to be answered.

    Args:
        below: Cosine of the best passage from which one is good enough.
        denied: Answers that people call wrong.
    """
    if question.refused:
        return []
    reasons = {
        "abstained": question.abstained,
        "nothing near": question.best is not None and question.best < below,
        "rated bad": question.id in denied,
        "handed over": question.handed_over,
    }
    return [name for name, holds in reasons.items() if holds]


def gaps(
    questions: Sequence[Question],
    *,
    below: float,
    denied: frozenset[str],
    embed: Embed,
) -> list[Gap]:
    """Questions without a good passage, those that ask the same together; most people first.

    Args:
        questions: Newest first; of different ones the newest 3,000 are looked at.
        below: As for `poor_reasons`.
        denied: As for `poor_reasons`.
        embed: Texts to unit vectors.
    """
    asked: defaultdict[str, list[Question]] = defaultdict(list)
    for one in questions:
        if poor_reasons(one, below, denied):
            key = normalise(one.question)
            if key and (key in asked or len(asked) < CLUSTERED):
                asked[key].append(one)
    if not asked:
        return []
    groups = list(asked.values())
    vectors_nd = embed([group[0].question for group in groups])
    found = []
    for medoid, members in cluster(vectors_nd):
        others = [groups[n][0].question for n in members if n != medoid]
        everyone = [one for n in members for one in groups[n]]
        found.append(_gap(groups[medoid][0].question, others, everyone, below, denied))
    return sorted(found, key=lambda gap: (-gap.people, -gap.count, gap.question))


def stale(
    documents: Iterable[Document], used: Sequence[Use], *, today: date, days: int
) -> list[Stale]:
    """Documents that somebody should look at, in order of their ids; each for one reason.

    Args:
        documents: The collection as it is.
        used: What the newest answers were shown.
        today: The day it is.
        days: One that expires within so many days is named.
    """
    by_id: defaultdict[str, list[Use]] = defaultdict(list)
    for use in used:
        by_id[use.document].append(use)
    found = []
    for document in sorted(documents, key=lambda d: d.id):
        uses = by_id[document.id]
        answers = sum(use.shown for use in uses)
        older = sum(use.cited for use in uses if use.version != document.version)
        until, begins = document.valid_until, document.valid_from
        why: Why | None = None
        day: date | None = None
        if until is not None and until < today:
            why, day = "expired", until
        elif begins is not None and begins > today:
            why, day = "not_yet_valid", begins
        elif until is not None and until <= today + timedelta(days=days):
            why, day = "expires", until
        elif older:
            why, answers = "superseded", older
        elif not answers:
            why = "never_found"
        if why is not None:
            found.append(
                Stale(document=document.id, title=document.title, why=why, day=day, answers=answers)
            )
    return found


def wrong_passages(answers: Sequence[JudgedAnswer]) -> list[WrongPassage]:
    """Passages behind answers that people call wrong, most ratings against them first.

    What an answer cites counts; where it cites nothing, what it was shown.
    """
    by_span: defaultdict[tuple[str, str, int, int], list[JudgedAnswer]] = defaultdict(list)
    for answer in answers:
        if answer.judgement.denied:
            spans = (
                (one.document, one.version, one.start, one.end)
                for one in answer.cited or answer.shown
            )
            for span in dict.fromkeys(spans):
                by_span[span].append(answer)
    found = [
        WrongPassage(
            document=document,
            version=version,
            start=start,
            end=end,
            bad=sum(one.judgement.bad + one.judgement.wrong for one in behind),
            flags=sum(one.judgement.wrong for one in behind),
            answers=len(behind),
            examples=_examples(one.question for one in behind),
            simulated=sum(one.simulated for one in behind),
        )
        for (document, version, start, end), behind in by_span.items()
    ]
    return sorted(found, key=lambda w: (-w.bad, -w.flags, w.document, w.version, w.start))


def _gap(
    typical: str,
    others: Sequence[str],
    asked: Sequence[Question],
    below: float,
    denied: frozenset[str],
) -> Gap:
    reasons: defaultdict[str, int] = defaultdict(int)
    for one in asked:
        for reason in poor_reasons(one, below, denied):
            reasons[reason] += 1
    return Gap(
        question=_shown(typical),
        count=len(asked),
        people=len({one.user for one in asked}),
        last=max(one.at for one in asked),
        reasons=dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
        examples=_examples(others),
        simulated=sum(one.simulated for one in asked),
    )


def _examples(questions: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(_shown, questions)))[:EXAMPLES]


def _shown(question: str) -> str:
    """A question as others may read it."""
    line = " ".join(mask(question[: 4 * LONGEST]).split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1].rstrip()}…"


def by_document(wrong: Sequence[WrongPassage]) -> Mapping[str, list[WrongPassage]]:
    """The same, each document's together; the order stays."""
    found: defaultdict[str, list[WrongPassage]] = defaultdict(list)
    for one in wrong:
        found[one.document].append(one)
    return found
