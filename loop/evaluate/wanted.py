"""What people's ratings say that a search should find, and what it should not put first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Literal

from knowledge.records import Document, Passage, may_read, passage_of
from knowledge.support import support
from knowledge.text import containment, ngrams
from loop.evaluate.judged import Cited, JudgedAnswer

if TYPE_CHECKING:
    from knowledge.collection import Collection
    from loop.settings import KnowledgeSettings

AT_ONCE = 64  # queries handed to the collection at a time
LOOKED_THROUGH = 10  # passages found for a correction that may bear it out
ALIKE = 0.5  # share of a passage's runs of three words that makes it the same in another version

Why = Literal["confirmed", "corrected", "denied"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A question with the passages that people's word on its answer is about."""

    why: Why
    question: str
    user: str
    simulated: bool
    passages: tuple[Cited, ...]
    labels: frozenset[str]  # that a reader of the passages needs


def wanted(
    answers: Sequence[JudgedAnswer],
    collection: Collection,
    settings: KnowledgeSettings,
    *,
    on: date,
) -> list[Wanted]:
    """Per answer what it confirms, what bears out its correction, and what it denies.

    Confirmed is what a good answer cites. A correction says what the answer should have been:
    wanted then are the passages that bear it out, among what was shown and what a search for the
    correction itself finds today. Denied is what an answer cites that was rated bad or flagged,
    unless it bears out the correction: then the answer was wrong, not the passage.

    Args:
        answers: What people judged.
        collection: As it is today.
        settings: How it is searched for corrections.
        on: The day on which documents must hold.
    """
    borne_out = _borne_out(answers, collection, settings, on)
    found: list[Wanted] = []
    for answer in answers:
        right = borne_out.get(answer.id, ())
        if answer.judgement.corrections:
            if right:
                found.append(_wanted("corrected", answer, right, collection))
        elif answer.judgement.confirmed and answer.cited:
            found.append(_wanted("confirmed", answer, answer.cited, collection))
        if answer.judgement.denied:
            wrong = tuple(c for c in answer.cited if not any(same(c, one) for one in right))
            if wrong:
                found.append(_wanted("denied", answer, wrong, collection))
    return found


def same(one: Cited | Passage, wanted: Cited) -> bool:
    """Whether two spans are the same passage: overlapping in one version, alike between two."""
    if one.document != wanted.document:
        return False
    if one.version == wanted.version and wanted.end > wanted.start:
        return one.start < wanted.end and wanted.start < one.end
    here, there = ngrams(one.text, 3), ngrams(wanted.text, 3)
    return max(containment(there, here), containment(here, there)) >= ALIKE


def still_there(
    passage: Cited, document: Document | None, labels: frozenset[str], on: date
) -> bool:
    """Whether a search could find the passage today.

    Args:
        document: Its document as it is now; None if it was removed.
        labels: Of the reader.
        on: The day it must hold.
    """
    if document is None or not may_read(document, labels, on):
        return False
    if document.version == passage.version:
        return True
    return containment(ngrams(passage.text, 3), ngrams(document.text, 3)) >= ALIKE


def look_up(
    collection: Collection,
    queries: Sequence[tuple[str, frozenset[str]]],
    *,
    limit: int,
    settings: KnowledgeSettings,
    on: date,
) -> list[list[Passage]]:
    """The passages for each query and its reader's labels; a query asked twice is searched once."""
    found: dict[tuple[str, frozenset[str]], list[Passage]] = {}
    different = list(dict.fromkeys(queries))
    for labels in dict.fromkeys(labels for _, labels in different):
        texts = [text for text, theirs in different if theirs == labels]
        for at in range(0, len(texts), AT_ONCE):
            some = texts[at : at + AT_ONCE]
            passages = collection.search_many(
                some, labels=labels, on=on, limit=limit, settings=settings
            )
            found |= {(text, labels): one for text, one in zip(some, passages, strict=True)}
    return [found[query] for query in queries]


def labels_for(passages: Sequence[Cited], collection: Collection) -> frozenset[str]:
    """Few labels with which all the passages' documents may be read; of several, the first."""
    labels: set[str] = set()
    for id in sorted({passage.document for passage in passages}):
        document = collection.document(id)
        if document is not None and document.access and not document.access & labels:
            labels.add(min(document.access))
    return frozenset(labels)


def _borne_out(
    answers: Sequence[JudgedAnswer],
    collection: Collection,
    settings: KnowledgeSettings,
    on: date,
) -> dict[str, tuple[Cited, ...]]:
    """Answer → the passages that bear out what it was corrected to."""
    corrected = [
        (answer, text, labels_for((*answer.cited, *answer.shown), collection))
        for answer in answers
        for text in answer.judgement.corrections
    ]
    queries = [(text, labels) for _, text, labels in corrected]
    today = look_up(collection, queries, limit=LOOKED_THROUGH, settings=settings, on=on)
    right: dict[str, tuple[Cited, ...]] = {}
    for (answer, text, _), passages in zip(corrected, today, strict=True):
        candidates = [*passages, *(passage_of(asdict(cited)) for cited in answer.shown)]
        numbers = dict.fromkeys(one.passage_number for one in support(text, candidates))
        chosen = tuple(_as_cited(candidates[n - 1]) for n in numbers if n is not None)
        right[answer.id] = tuple(dict.fromkeys((*right.get(answer.id, ()), *chosen)))
    return right


def _wanted(
    why: Why, answer: JudgedAnswer, passages: Sequence[Cited], collection: Collection
) -> Wanted:
    return Wanted(
        why=why,
        question=answer.question,
        user=answer.user,
        simulated=answer.simulated,
        passages=tuple(passages),
        labels=labels_for(passages, collection),
    )


def _as_cited(passage: Passage) -> Cited:
    return Cited(
        document=passage.document,
        version=passage.version,
        start=passage.start,
        end=passage.end,
        text=passage.text,
    )
