"""Suites of questions → how well retrieval tells which of them to answer. No model is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from eval_suites.records import Case
from eval_suites.suites import Suite
from knowledge.abstain import Calibration, Point, calibrate, signals
from knowledge.errors import RatchetError
from knowledge.records import may_read
from loop.answer.retrieve import best_similarity
from loop.settings import Settings

if TYPE_CHECKING:
    from knowledge.collection import Collection
    from knowledge.records import Document, Passage


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """A calibration, and the cases it left out because their documents are not there."""

    calibration: Calibration
    left_out: int


def calibrate_abstention(
    collection: Collection,
    settings: Settings,
    suites: Sequence[Suite],
    *,
    cost: float = 1.0,
    most_false_answers: float | None = None,
    today: date | None = None,
) -> Calibrated:
    """Search for every case as the desk would, and fit when to answer.

    Answerable is a case with gold that the asker may see on that day, unanswerable one of which an
    abstention is expected. Cases that a guard must refuse say nothing of the search.

    Args:
        cost: How many false abstentions one false answer is worth.
        most_false_answers: Instead: the largest share of false answers allowed.
        today: The day of cases that name none; None is the real one.

    Raises:
        RatchetError: The collection is empty or the suites hold too few such cases.
    """
    if collection.is_empty:
        raise RatchetError(
            f"Collection {settings.knowledge.collection!r} is empty. Add documents with "
            "`ratchet knowledge add PATH`."
        )
    day = today or date.today()
    documents = {document.id: document for document in collection.documents()}
    asked = [case for suite in suites for case in suite.cases if case.expect != "refuse"]
    cases = [case for case in asked if case.expect == "abstain" or _has_gold(case, documents, day)]
    used = {case.suite for case in cases}
    found = _search(cases, collection, settings, day)
    answerable = [case.expect == "answer" for case in cases]
    fixed = [
        bool(passages) and (best is None or best >= settings.assistant.abstain_below)
        for passages in found
        for best in [best_similarity(passages)]
    ]
    calibration = calibrate(
        [
            signals(case.prompt, passages, collection.embedder)
            for case, passages in zip(cases, found, strict=True)
        ],
        answerable,
        [_group(case, passages) for case, passages in zip(cases, found, strict=True)],
        embedder=collection.embedder.name,
        suites={suite.name: suite.version for suite in suites if suite.name in used},
        present=_errors(fixed, answerable, settings.assistant.abstain_below),
        cost=cost,
        most_false_answers=most_false_answers,
    )
    return Calibrated(calibration=calibration, left_out=len(asked) - len(cases))


def _has_gold(case: Case, documents: dict[str, Document], today: date) -> bool:
    gold = [documents.get(one.document) for one in case.gold]
    return bool(gold) and all(
        one is not None and may_read(one, case.labels, case.asked_on or today) for one in gold
    )


def _search(
    cases: Sequence[Case], collection: Collection, settings: Settings, today: date
) -> list[list[Passage]]:
    """The passages for each case; those with the same rights and day in one search."""
    groups: dict[tuple[frozenset[str], date], list[int]] = {}
    for n, case in enumerate(cases):
        groups.setdefault((case.labels, case.asked_on or today), []).append(n)
    found: list[list[Passage]] = [[] for _ in cases]
    for (labels, day), members in groups.items():
        several = collection.search_many(
            [cases[n].prompt for n in members],
            labels=labels,
            on=day,
            limit=settings.assistant.passages,
            settings=settings.knowledge,
        )
        for n, passages in zip(members, several, strict=True):
            found[n] = list(passages)
    return found


def _group(case: Case, passages: Sequence[Passage]) -> str:
    """The document a question is about; for one without gold, the nearest."""
    if case.gold:
        return case.gold[0].document
    return passages[0].document if passages else case.cluster


def _errors(answered: Sequence[bool], answerable: Sequence[bool], threshold: float) -> Point:
    pairs = list(zip(answered, answerable, strict=True))
    wrong = [said for said, there in pairs if not there]
    missed = [not said for said, there in pairs if there]
    return Point(
        threshold,
        sum(wrong) / max(len(wrong), 1),
        sum(missed) / max(len(missed), 1),
    )
