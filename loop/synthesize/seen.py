"""Which questions there are already, and what makes a new one not worth having."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from knowledge.pii import find_personal_data
from knowledge.text import fingerprint, jaccard, ngrams, words
from loop.answer.handover import is_abstention
from loop.store.synthetics import Synthetic, SyntheticKind
from loop.synthesize.drafts import Draft

if TYPE_CHECKING:
    from loop.curate.contamination import EvalCases

FEWEST, MOST = 4, 70  # words of a question
GRAM = 3  # words
NEAR_COPY = 0.8  # Jaccard of 3-grams from which two questions of one kind are one

_SPEAKS_OF_IT = re.compile(
    r"\b(?:the|this|that) (?:passage|excerpt|paragraph|snippet|(?:given|above|provided) (?:text"
    r"|document))\b|\baccording to the (?:text|passage)\b",
    re.IGNORECASE,
)


class Seen:
    """Questions accepted so far, by kind: a variant may repeat the words of what it varies."""

    def __init__(self, rows: Iterable[Synthetic]) -> None:
        self._prints: defaultdict[str, set[str]] = defaultdict(set)
        self._grams: defaultdict[str, list[frozenset[str]]] = defaultdict(list)
        self._by_gram: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        for row in rows:
            if row.accepted:
                self.add(row.kind, row.question)

    def add(self, kind: SyntheticKind, question: str) -> None:
        """From now on this question is there."""
        self._prints[kind].add(fingerprint(question))
        number, grams = len(self._grams[kind]), ngrams(question, GRAM)
        self._grams[kind].append(grams)
        for gram in grams:
            self._by_gram[kind, gram].append(number)

    def problem(self, kind: SyntheticKind, question: str) -> str | None:
        """Why it is no new question; None if it is."""
        if fingerprint(question) in self._prints[kind]:
            return "duplicate"
        grams = ngrams(question, GRAM)
        near = {number for gram in grams for number in self._by_gram.get((kind, gram), ())}
        if any(jaccard(grams, self._grams[kind][number]) >= NEAR_COPY for number in near):
            return "near_duplicate"
        return None


def form_problem(draft: Draft) -> str | None:
    """Why this is no question that a person would ask; None if it is."""
    count = len(words(draft.question))
    if not count:
        return "empty"
    if not FEWEST <= count <= MOST:
        return "length"
    if draft.kind in ("question", "paraphrase") and not draft.question.rstrip().endswith("?"):
        return "no_question"
    if _SPEAKS_OF_IT.search(draft.question):
        return "speaks_of_passage"
    if not all(words(part) for part in draft.answer):
        return "no_answer"
    if draft.kind == "question" and is_abstention(draft.answer[0]):
        return "unanswerable"
    return None


def personal_problem(draft: Draft) -> str | None:
    """Whether personal data stands in the question or the answer."""
    texts = (draft.question, *draft.answer)
    return "personal_data" if any(find_personal_data(text) for text in texts) else None


def exam_problem(draft: Draft, cases: EvalCases) -> str | None:
    """Which suite the question is a near copy of; None if of none."""
    return cases.problems([[draft.question]], [list(draft.answer)])[0]
