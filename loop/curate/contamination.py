"""Eval cases stay unseen: no case, nor near-copy of one, gets into training."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from knowledge.pii import mask
from knowledge.text import containment, jaccard, words

if TYPE_CHECKING:
    from eval_suites.suites import Suite

GRAM = 8  # words; texts with fewer are compared whole
SHORTEST = 4  # words of a case that counts as repeated when a text holds it
SAME_WORDS = 0.9  # Jaccard of words from which two short texts are one
SAME_SPELLING = 0.85  # share of a case's 4-letter runs from which a question repeats it
LETTERS = 4


class EvalCases:
    """The prompts of all cases, to compare rows with.

    Args:
        suites: The suites that adapters will be measured by.
        threshold: Share of the 8-grams of a text in a case, or of a case in a text, from which
            the text counts as a copy.
    """

    def __init__(self, suites: Iterable[Suite], threshold: float) -> None:
        self._threshold = threshold
        # Rows are masked before they are compared, so cases are known in both forms.
        prompts = {
            tuple(words(prompt)): suite.name
            for suite in suites
            for case in suite.cases
            for prompt in (mask(case.prompt), case.prompt)
        }
        self._cases = [_Case(list(prompt), suite) for prompt, suite in prompts.items() if prompt]
        self._whole = {" ".join(case.words): case for case in self._cases}
        self._short: defaultdict[int, dict[str, _Case]] = defaultdict(dict)
        self._by_gram: defaultdict[str, list[_Case]] = defaultdict(list)
        self._by_word: defaultdict[str, list[_Case]] = defaultdict(list)
        for case in self._cases:
            if SHORTEST <= len(case.words) < GRAM:
                self._short[len(case.words)][" ".join(case.words)] = case
            for gram in case.grams:
                self._by_gram[gram].append(case)
            for word in case.word_set:
                self._by_word[word].append(case)

    def problems(
        self, questions: Sequence[Sequence[str]], answers: Sequence[Sequence[str]]
    ) -> list[str | None]:
        """Why each row may not be trained on: "eval_" and the suite it copies; None if it may.

        What people asked and what was answered is compared. Passages are not: that an answer
        stands in the documents is no secret.

        Args:
            questions: What was said in each row's prompt (`rows.said`).
            answers: The answers of each row.
        """
        return [self._problem(*row) for row in zip(questions, answers, strict=True)]

    def _problem(self, questions: Sequence[str], answers: Sequence[str]) -> str | None:
        found = (self._copied(text, True) for text in questions)
        replies = (self._copied(text, False) for text in answers)
        case = next((one for one in (*found, *replies) if one), None)
        return None if case is None else f"eval_{case.suite}"

    def _copied(self, text: str, question: bool) -> _Case | None:
        """The case that a text repeats."""
        found = words(text)
        if case := self._whole.get(" ".join(found)):
            return case
        grams = _runs(found, GRAM)
        shared = Counter(case for gram in grams for case in self._by_gram.get(gram, ()))
        for case, count in shared.items():
            if count >= self._threshold * min(len(grams), len(case.grams)):
                return case
        for size, cases in self._short.items():
            for phrase in _runs(found, size):
                if phrase in cases:
                    return cases[phrase]
        return self._respelt(found, question)

    def _respelt(self, found: list[str], question: bool) -> _Case | None:
        """The case that a text repeats with a slip, or with other words around it."""
        of_text = frozenset(found)
        letters = _letters(found)
        shared = Counter(case for word in of_text for case in self._by_word.get(word, ()))
        for case, count in shared.items():
            short = len(found) < GRAM or len(case.words) < GRAM
            if short and jaccard(of_text, case.word_set) >= SAME_WORDS:
                return case
            if question and count >= len(case.word_set) / 2 and len(case.words) >= SHORTEST:  # noqa: SIM102
                if containment(case.letters, letters) >= SAME_SPELLING:
                    return case
        return None


class _Case:
    """A case's prompt in the forms that texts are compared with."""

    __slots__ = ("grams", "letters", "suite", "word_set", "words")

    def __init__(self, prompt: list[str], suite: str) -> None:
        self.words = prompt
        self.suite = suite
        self.word_set = frozenset(prompt)
        self.grams = _runs(prompt, GRAM)
        self.letters = _letters(prompt)


def _runs(found: list[str], size: int) -> frozenset[str]:
    """Every run of so many words; none of a shorter text."""
    return frozenset(" ".join(found[i : i + size]) for i in range(len(found) - size + 1))


def _letters(found: list[str]) -> frozenset[str]:
    text = " ".join(found)
    return frozenset(text[i : i + LETTERS] for i in range(max(1, len(text) - LETTERS + 1)))
