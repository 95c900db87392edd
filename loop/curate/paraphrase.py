"""Eval cases in other words, found by what questions mean."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from knowledge.content import in_figures, stem, stems
from knowledge.near import across
from knowledge.telling import names
from knowledge.text import normalise, sentences, words

if TYPE_CHECKING:
    from eval_suites.records import Case
    from eval_suites.suites import Suite

SLACK = 0.08  # how much less likeness will do where telling words are shared
SHARED = 0.5  # share of the weight of a case's telling words that earns all of it; less, in part
STATED = 0.62  # cosine that will do where the answer states all facts of the case
CERTAIN = 0.97  # cosine from which no name or figure tells questions apart
FEWEST = 3  # telling words of a sentence that is compared on its own

Embed = Callable[[Sequence[str]], NDArray[np.float32]]

_GREETING = re.compile(
    r"\s*(?:(?:hi|hello|hey|dear|good (?:morning|afternoon|evening|day)|sorry|excuse me|please"
    r"|thanks|thank you|quick (?:one|question)|ok|okay|well|so)\b[^,.:;!?\n]{0,24}[,.:;!?\n]+\s*)+",
    re.IGNORECASE,
)
_THANKS = re.compile(
    r"[\s,.;!-]*(?:many thanks|thanks|thank you|please|cheers)\b[^?]{0,30}$", re.IGNORECASE
)
_FIGURE = re.compile(r"\d+(?:[.,:]\d+)*")


class _Piece(NamedTuple):
    """What a case asks, or a sentence of it."""

    case: Case
    suite: str
    text: str
    stems: frozenset[str]


class Meanings:
    """What the cases of some suites ask, as vectors. It can be pickled.

    Args:
        suites: Their prompts, whole and question by question.
        embed: Texts to unit vectors; used here only.
        cosine: From which a question asks what a case asks.
    """

    def __init__(self, suites: Iterable[Suite], embed: Embed, cosine: float) -> None:
        self._cosine = cosine
        self._pieces = [
            _Piece(case, suite.name, text, stems(text))
            for suite in suites
            for case in suite.cases
            for text in pieces(case.asked)
        ]
        texts = [piece.text for piece in self._pieces]
        self._vectors_md = embed(texts) if texts else np.zeros((0, 0), dtype=np.float32)
        self._weights = self._weighed()

    def problems(
        self,
        vectors_nd: NDArray[np.float32],
        texts: Sequence[str],
        answers: Sequence[Sequence[str]] | None = None,
    ) -> list[str | None]:
        """Why each text may not be trained on; None if it may. See EvalCases.by_meaning."""
        found: list[str | None] = [None] * len(texts)
        least = min(self._cosine - SLACK, STATED) if answers else self._cosine - SLACK
        near = across(vectors_nd, self._vectors_md, least)
        for row, column, cosine in zip(*(part.tolist() for part in near), strict=True):
            if found[row] is None:
                piece, said = self._pieces[column], answers[row] if answers else ()
                if self._same(texts[row], piece, cosine, said):
                    found[row] = f"eval_{piece.suite}_by_meaning"
        return found

    def _same(self, text: str, piece: _Piece, cosine: float, answers: Sequence[str]) -> bool:
        if cosine < CERTAIN and tells_apart(text, piece.text):
            return False
        earned = min(1.0, self._shared(text, piece) / SHARED)
        if cosine >= self._cosine - SLACK * earned:
            return True
        return cosine >= STATED and any(states(answer, piece.case) for answer in answers)

    def _weighed(self) -> dict[str, dict[str, float]]:
        """Weight of each word for each suite: another one beside it changes nothing of it."""
        found: dict[str, dict[str, float]] = {}
        for suite in dict.fromkeys(piece.suite for piece in self._pieces):
            held = [piece.stems for piece in self._pieces if piece.suite == suite]
            counts = Counter(one for some in held for one in some)
            found[suite] = {
                one: math.log((2 + len(held)) / (1 + count)) for one, count in counts.items()
            }
        return found

    def _shared(self, text: str, piece: _Piece) -> float:
        """Share of the weight of a case's telling words that a text has."""
        weights = self._weights[piece.suite]
        whole = sum(weights[one] for one in piece.stems)
        held = sum(weights[one] for one in piece.stems & stems(text))
        return held / whole if whole else 0.0


def pieces(turns: Sequence[str]) -> list[str]:
    """What to compare of what a person said: all of it, and each question in it on its own.

    >>> pieces(["Hi, we fly on Friday. What does a wire abroad cost?"])
    ['we fly on Friday. What does a wire abroad cost?', 'What does a wire abroad cost?']
    """
    found: list[str] = []
    for text in [*turns, " ".join(turns)] if len(turns) > 1 else turns:
        whole = bare(text)
        if whole:
            found.append(whole)
        parts = sentences(whole)
        for part in parts if len(parts) > 1 else ():
            one = bare(part.text)
            if (part is parts[-1] or "?" in one) and len(stems(one)) >= FEWEST:
                found.append(one)
    return list(dict.fromkeys(found))


def tells_apart(text: str, case: str) -> bool:
    """Whether names or figures show that two questions are about different things.

    Both have a figure, or a name, that the other lacks; or one goes on with a name, like
    "Harbour Savings Plus" with "Harbour Savings". A name that comes from nowhere shows nothing.

    >>> tells_apart("What does Beacon Gold cost?", "What does Beacon Classic cost?")
    True
    >>> tells_apart("Maria here. What does a Beacon card cost?", "What does a Beacon card cost?")
    False
    """
    figures, theirs = _figures(text), _figures(case)
    if figures - theirs and theirs - figures:
        return True
    held, held_there = _word_stems(text), _word_stems(case)
    runs, runs_there = names(text), names(case)
    own = {name for run in runs for name in run} - held_there
    other = {name for run in runs_there for name in run} - held
    return bool((own and other) or _goes_on(runs, held_there) or _goes_on(runs_there, held))


def states(answer: str, case: Case) -> bool:
    """Whether an answer holds all facts that a case asks for; False if it asks for none."""
    said = f" {normalise(answer)} "
    return bool(case.facts) and all(
        any(f" {normalise(fact)} " in said for fact in group) for group in case.facts
    )


def bare(text: str) -> str:
    """A question without greeting and thanks; all of it if nothing else is there.

    >>> bare("Hello, quick question: What does a wire cost? Many thanks")
    'What does a wire cost?'
    """
    text = text.strip()
    rest = _THANKS.sub("", _GREETING.sub("", text, count=1) if _GREETING.match(text) else text)
    return rest.strip() or text


def _word_stems(text: str) -> frozenset[str]:
    return frozenset(stem(normalise(word)) for word in words(text))


def _figures(text: str) -> frozenset[str]:
    return frozenset(figure.replace(",", "") for figure in _FIGURE.findall(in_figures(text)))


def _goes_on(runs: Sequence[tuple[str, ...]], there: frozenset[str]) -> bool:
    """Whether a run of names has a part the other text has, and a part that it lacks."""
    return any(
        any(name in there for name in run) and any(name not in there for name in run)
        for run in runs
    )
