"""Eval cases stay unseen: no case, nor near-copy of one, gets into training.

By words: a run of words in common, or all of a case's telling words close together, whatever their
order and spelling. By meaning: `loop.curate.paraphrase`. What an answer was shown is not compared.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from knowledge.pii import mask
from loop.curate.lookup import GRAM, SHORTEST, CaseText, Runs, Words
from loop.curate.paraphrase import Meanings
from loop.curate.wording import NOTHING, POLITE, UNKNOWN, Vocabulary, Worded

if TYPE_CHECKING:
    from eval_suites.suites import Suite
    from loop.curate.paraphrase import Embed

SAME_WORDS = 0.85  # share of the weight of a case's words from which a text repeats it
LONGER = 3  # times a case's length from which an answer is more than the case
CUT_SHORT = 0.6  # the same for a text that is nothing but the beginning or end of a case


class EvalCases:
    """All that the suites ask and expect, to compare rows with. It can be pickled.

    Args:
        suites: The suites that adapters will be measured by.
        threshold: Share of the 8-grams of a text in a case, or of a case in a text, from which
            the text counts as a copy.
        embed: Texts to unit vectors, for `by_meaning`; None leaves that out.
        cosine: From which a question counts as one of a case's, for `by_meaning`.
    """

    def __init__(
        self,
        suites: Iterable[Suite],
        threshold: float,
        *,
        embed: Embed | None = None,
        cosine: float = 0.82,
    ) -> None:
        suites = list(suites)
        self._threshold = threshold
        texts = _texts(suites)
        self._vocabulary = Vocabulary(text for text, _ in texts)
        read = self._vocabulary.read([text for text, _ in texts])
        held = [tuple(read.of(n)) for n in range(len(texts))]
        polite = self._vocabulary.read([" ".join(sorted(POLITE))]).of(0)
        by_suite: dict[str, list[tuple[int, ...]]] = {}
        for (_, (suite, _)), ids in zip(texts, held, strict=True):
            by_suite.setdefault(suite, []).append(ids)
        weights = {
            suite: _weights(ids, len(self._vocabulary), polite) for suite, ids in by_suite.items()
        }
        self._heavy: dict[str, list[float]] = {s: w.tolist() for s, w in weights.items()}
        self._unknown = {suite: unknown_weight(len(ids)) for suite, ids in by_suite.items()}
        self._cases = [
            CaseText(suite, ids, frozenset(ids), gold, sum(weights[suite][i] for i in set(ids)))
            for (_, (suite, gold)), ids in zip(texts, held, strict=True)
            if ids
        ]
        self._runs = Runs(self._cases)
        prompts = sum(not case.gold for case in self._cases)  # they come first
        self._words = Words(
            self._cases[:prompts], weights, cut_short=CUT_SHORT, same_words=SAME_WORDS
        )
        self._meanings = Meanings(suites, embed, cosine) if embed else None

    def problems(
        self, questions: Sequence[Sequence[str]], answers: Sequence[Sequence[str]]
    ) -> list[str | None]:
        """Why each row may not be trained on, by its words; None if it may.

        Args:
            questions: What people said in each row's prompt, turn by turn, without passages.
            answers: What was answered, earlier answers in the conversation too.

        Returns:
            "eval_" and the suite that the row copies, or None, in the order of the rows.
        """
        texts: list[str] = []
        owners: list[int] = []
        questions_until: list[bool] = []
        for row, (turns, replies) in enumerate(zip(questions, answers, strict=True)):
            asks = [*turns, "\n".join(turns)] if len(turns) > 1 else list(turns)
            texts += [*asks, *replies]
            owners += [row] * (len(asks) + len(replies))
            questions_until += [True] * len(asks) + [False] * len(replies)
        found: list[str | None] = [None] * len(questions)
        read = self._vocabulary.read(texts)
        is_question = np.array(questions_until, dtype=bool)
        for text, case in self._copies(read, is_question):
            if found[owners[text]] is None:
                found[owners[text]] = f"eval_{case.suite}"
        return found

    def by_meaning(
        self,
        question_vectors: NDArray[np.float32],
        texts: Sequence[str],
        answers: Sequence[Sequence[str]] | None = None,
    ) -> list[str | None]:
        """Why each question may not be trained on, by what it means; None if it may.

        Args:
            question_vectors: Unit vectors of the texts, shape (n, dimension).
            texts: What was asked: a question, or a sentence of one, see `paraphrase.pieces`.
            answers: What was answered; one that states a case's facts needs less likeness.

        Returns:
            "eval_", the suite and "_by_meaning", or None, in the order of the texts.

        Raises:
            ValueError: It was made without `embed`.
        """
        if self._meanings is None:
            raise ValueError("EvalCases was made without embed: it knows no meanings")
        return self._meanings.problems(question_vectors, texts, answers)

    def _copies(
        self, read: Worded, is_question: NDArray[np.bool_]
    ) -> Iterable[tuple[int, CaseText]]:
        """Texts that repeat a case."""
        done: set[int] = set()
        for text, shared in self._runs.shared(read).items():
            grams = int(read.lengths[text]) - GRAM + 1
            for number, count in shared.items():
                case = self._cases[number]
                if count >= self._threshold * min(grams, self._runs.sizes[number]):
                    done.add(text)
                    yield text, case
                    break
        for text, number in self._words.candidates(read):
            case, question = self._cases[number], bool(is_question[text])
            too_long = not question and read.lengths[text] > LONGER * len(case.ids)
            if text not in done and not too_long:
                ids = self._mended(read, text, case.different)
                if self._repeats(ids, case, question):
                    done.add(text)
                    yield text, case

    def _mended(self, read: Worded, text: int, wanted: frozenset[int]) -> list[int]:
        """A text's words as numbers; one that nobody knows may be a slip of the case's."""
        ids = read.of(text)
        for place, (word, number) in enumerate(zip(read.spelt(text), ids, strict=True)):
            if number not in wanted and number != NOTHING:
                ids[place] = min(self._vocabulary.meant(word) & wanted, default=number)
        return ids

    def _repeats(self, ids: Sequence[int], case: CaseText, question: bool) -> bool:
        """Whether a text has the telling words of a case, close together and little else.

        An answer may say what it is about: only one that is nothing else repeats the case.
        """
        if tuple(ids) == case.ids:
            return True
        if len(case.ids) < SHORTEST:
            return False
        if _within(ids, case.ids) and len(ids) >= SHORTEST:
            return self._weight(set(ids), case) >= CUT_SHORT * case.weight
        wanted, own = case.different, set(ids)
        if self._weight(own & wanted, case) < SAME_WORDS * case.weight:
            return False
        if not question:
            others = self._weight(own - wanted, case)
            others += self._unknown[case.suite] * (UNKNOWN in own)
            return self._weight(own & wanted, case) >= SAME_WORDS * (case.weight + others)
        reach = 2 * len(case.ids) + 4
        starts = [place for place, one in enumerate(ids) if one in wanted]
        return any(self._likely(ids[start : start + reach], case) for start in starts)

    def _likely(self, ids: Sequence[int], case: CaseText) -> bool:
        """Whether the words of a stretch, up to one of them, are those of a case and few others.

        The weight of the words in common counts by that of the case's and of the others.
        """
        heavy, unknown = self._heavy[case.suite], self._unknown[case.suite]
        seen: set[int] = set()
        shared, others = 0.0, 0.0
        for one in ids:
            if one in seen:
                continue
            seen.add(one)
            if one in case.different:
                shared += heavy[one]
                if shared >= SAME_WORDS * (case.weight + others):
                    return True
            elif one >= 0:
                others += heavy[one]
            elif one == UNKNOWN:
                others += unknown
        return False

    def _weight(self, ids: Iterable[int], case: CaseText) -> float:
        heavy = self._heavy[case.suite]
        return sum([heavy[one] for one in ids if one >= 0])


def _texts(suites: Sequence[Suite]) -> list[tuple[str, tuple[str, bool]]]:
    """Prompts and expected answers with their suite. Rows are masked, so both forms are known."""
    prompts: dict[tuple[str, str], None] = {}
    answers: dict[tuple[str, str], None] = {}
    for suite in suites:
        for case in suite.cases:
            for asked in case.asked:
                prompts.setdefault((mask(asked), suite.name))
                prompts.setdefault((asked, suite.name))
            for text in (*(gold.quote for gold in case.gold if gold.quote), *case.right):
                answers.setdefault((text, suite.name))
    return [
        *((text, (suite, False)) for text, suite in prompts),
        *((text, (suite, True)) for text, suite in answers if (text, suite) not in prompts),
    ]


def _weights(
    held: Sequence[tuple[int, ...]], words: int, polite: Iterable[int]
) -> NDArray[np.float64]:
    """Weight of each word for one suite: the fewer of its cases hold it, the more it tells.

    Each suite weighs by itself, so that another suite beside it never hides a copy of its cases.
    A word that only others hold weighs as one that nobody knows; one of mere politeness nothing.
    """
    counts = Counter(one for ids in held for one in set(ids))
    found = np.full(max(words, 1), unknown_weight(len(held)))
    for number, count in counts.items():
        if number >= 0:
            found[number] = math.log((2 + len(held)) / (1 + count))
    for number in polite:
        if number >= 0:
            found[number] = 0.0
    return found


def unknown_weight(cases: int) -> float:
    """What a word weighs that no case holds, among so many."""
    return math.log(1 + cases) / 2


def _within(part: Sequence[int], whole: Sequence[int]) -> bool:
    size = len(part)
    return any(tuple(part) == tuple(whole[n : n + size]) for n in range(len(whole) - size + 1))
