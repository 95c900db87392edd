"""Is the answer to a question among what a search found? A chance in place of a bare cosine.

Four signals of one search go into a logistic regression fitted on questions of which it is known.
What is said of its errors is out of fold: each question is judged by a fit that saw neither it nor
any other question about the same document.
"""

from __future__ import annotations

import json
import os
from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from knowledge.content import stems
from knowledge.embed import Embedder
from knowledge.errors import RatchetError
from knowledge.evidence import evidence_of
from knowledge.logistic import fit_logistic, sigmoid
from knowledge.records import Passage

FILE = "abstention.json"  # in a collection's folder: what its desk goes by
FORMAT = 1
FOLDS = 10
FEWEST = 10  # questions of each kind below which no rate means anything
GRID = tuple(n / 100 for n in range(101))  # thresholds looked at


class Signals(NamedTuple):
    """What one search shows of whether it found the answer."""

    passage: float = 0.0  # highest cosine of a passage to the query
    sentence: float = 0.0  # highest cosine of a sentence or table row to it
    coverage: float = 0.0  # share of the query's own words in the sentence that holds most of them
    margin: float = 0.0  # how far the best passage is ahead of the next, in cosine


class Point(NamedTuple):
    """Both errors at one threshold, as shares of the questions on which each can be made."""

    threshold: float
    false_answer: float  # of the unanswerable: answered
    false_abstain: float  # of the answerable: not answered


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How a collection's search is read, and how often that goes wrong."""

    weights: tuple[float, ...]  # bias first, then one for each signal in standard units
    means: tuple[float, ...]
    scales: tuple[float, ...]
    threshold: float  # chance below which nothing is answered
    embedder: str
    suites: dict[str, str]  # name → version of what it was fitted on
    curve: tuple[Point, ...]  # out of fold
    false_answer: float  # out of fold, each fold with the threshold that the others chose
    false_abstain: float
    present: Point  # the fixed rule on the same questions: its threshold is a cosine
    answerable: int
    unanswerable: int

    @property
    def n(self) -> int:
        return self.answerable + self.unanswerable

    def chance(self, found: Signals) -> float:
        """The probability that the answer was found, if every other question were answerable."""
        standard = (np.array(found) - self.means) / self.scales
        return float(sigmoid(self.weights[0] + standard @ np.array(self.weights[1:])))

    def answers(self, found: Signals) -> bool:
        """Whether the question should be answered from what was found."""
        return self.chance(found) >= self.threshold

    def to_json(self) -> str:
        """All of it, readable."""
        content = asdict(self) | {"format": FORMAT, "curve": [p._asdict() for p in self.curve]}
        return json.dumps(content | {"present": self.present._asdict()}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Calibration:
        """What `to_json` wrote.

        Raises:
            ValueError: It is something else.
        """
        try:
            row: dict[str, Any] = json.loads(text)
            if row.pop("format") != FORMAT:
                raise ValueError("written by another version of Ratchet")
            floats = {key: tuple(map(float, row[key])) for key in ("weights", "means", "scales")}
            curve = tuple(Point(**point) for point in row["curve"])
            made = cls(**{**row, **floats, "curve": curve, "present": Point(**row["present"])})
            sizes = [len(made.weights) - 1, len(made.means), len(made.scales)]
            numbers = [made.threshold, *made.weights, *made.means, *made.scales]
            if sizes != [len(Signals._fields)] * 3 or not np.isfinite(numbers).all():
                raise ValueError(f"there are {len(Signals._fields)} signals")
        except (KeyError, TypeError, AttributeError) as problem:
            raise ValueError(f"{type(problem).__name__}: {problem}") from problem
        return made


def signals(query: str, passages: Sequence[Passage], embedder: Embedder) -> Signals:
    """What a search shows; all 0 where it found nothing.

    Args:
        query: What was searched for.
        passages: What was found.
        embedder: That of the collection; it knows most of the sentences already.
    """
    pieces = [one for n, p in enumerate(passages, start=1) for one in evidence_of(p, n)]
    pieces = [piece for piece in pieces if piece.alone]
    if not pieces:
        return Signals()
    vectors = embedder.encode([query, *(piece.text for piece in pieces)])
    near = sorted((p.similarity or 0.0 for p in passages), reverse=True)
    asked = stems(query)
    held = max(len(asked & piece.stems) for piece in pieces)
    return Signals(
        passage=near[0],
        sentence=float(np.max(vectors[1:] @ vectors[0])),
        coverage=held / len(asked) if asked else 0.0,
        margin=near[0] - near[1] if len(near) > 1 else 0.0,
    )


def calibrate(
    found: Sequence[Signals],
    answerable: Sequence[bool],
    groups: Sequence[Hashable],
    *,
    embedder: str,
    suites: dict[str, str],
    present: Point,
    cost: float = 1.0,
    most_false_answers: float | None = None,
) -> Calibration:
    """Fit the regression and choose its threshold.

    Args:
        found: What the search for each question showed.
        answerable: Whether the collection holds the answer, for those who asked.
        groups: Questions of one group (a document) are never on both sides of a fold.
        embedder: Its name.
        suites: Where the questions come from, name → version.
        present: How the fixed rule does on them.
        cost: How many false abstentions one false answer is worth. Both are counted as shares of
            their own kind, so it does not matter how many of each the suites hold.
        most_false_answers: Instead: the largest share of false answers allowed.

    Raises:
        RatchetError: There are too few questions of a kind, or all are about one document.
    """
    x_nf, y_n = np.array(found, dtype=float), np.array(answerable, dtype=bool)
    for kind, count in (("answerable", y_n.sum()), ("unanswerable", (~y_n).sum())):
        if count < FEWEST:
            raise RatchetError(
                f"Calibration needs {FEWEST} {kind} questions at least, and has {count}. "
                "Name suites that hold more, whose documents are in the collection."
            )
    fold_n = _folds(y_n, groups)
    chance_n = np.zeros(len(y_n))
    for fold in np.unique(fold_n):
        fold_fit = fit_logistic(x_nf[fold_n != fold], y_n[fold_n != fold])
        chance_n[fold_n == fold] = fold_fit.chances(x_nf[fold_n == fold])
    answered_n = np.zeros(len(y_n), dtype=bool)
    for fold in np.unique(fold_n):  # chosen without the fold it is tried on
        rest = fold_n != fold
        point = _choose(_curve(chance_n[rest], y_n[rest]), cost, most_false_answers)
        answered_n[~rest] = chance_n[~rest] >= point.threshold
    curve = _curve(chance_n, y_n)
    whole = fit_logistic(x_nf, y_n)
    return Calibration(
        weights=tuple(whole.weights.tolist()),
        means=tuple(whole.means.tolist()),
        scales=tuple(whole.scales.tolist()),
        threshold=_choose(curve, cost, most_false_answers).threshold,
        embedder=embedder,
        suites=suites,
        curve=tuple(curve),
        false_answer=float(answered_n[~y_n].mean()),
        false_abstain=float(1 - answered_n[y_n].mean()),
        present=present,
        answerable=int(y_n.sum()),
        unanswerable=int((~y_n).sum()),
    )


def read_calibration(folder: Path, embedder: str) -> Calibration | None:
    """The calibration that a collection's folder holds; None if there is none.

    Raises:
        RatchetError: It is damaged, or was fitted with another embedder.
    """
    file = folder / FILE
    again = "Run `ratchet knowledge calibrate --apply` again, or delete the file."
    try:
        made = Calibration.from_json(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (ValueError, OSError) as problem:
        raise RatchetError(f"{file}: no calibration is in it ({problem}). {again}") from problem
    if made.embedder != embedder:
        raise RatchetError(
            f"{file}: fitted with the embedder {made.embedder!r}, but the collection is searched "
            f"with {embedder!r}, whose cosines mean something else. {again}"
        )
    return made


def write_calibration(folder: Path, made: Calibration) -> Path:
    """Let a collection's desk go by this calibration: whole on disk afterwards, or not at all."""
    file, draft = folder / FILE, folder / f".{FILE}.{os.getpid()}"
    try:
        with draft.open("w", encoding="utf-8") as out:
            out.write(made.to_json())
            out.flush()
            os.fsync(out.fileno())
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
    return file


def _folds(y_n: NDArray[np.bool_], groups: Sequence[Hashable]) -> NDArray[np.int64]:
    """A fold for each question: whole groups, those with unanswerable ones dealt out first."""
    hard = {group for group, y in zip(groups, y_n.tolist(), strict=True) if not y}
    order = sorted(set(groups), key=lambda group: (group not in hard, str(group)))
    fold_of = {group: n % min(FOLDS, len(hard)) for n, group in enumerate(order)}
    fold_n = np.array([fold_of[group] for group in groups], dtype=np.int64)
    if any(len(set(y_n[fold_n != fold].tolist())) < 2 for fold in fold_n):
        raise RatchetError(
            "All questions of a kind are about one document, so nothing can be left out to try "
            "the calibration on. Name suites that ask about more."
        )
    return fold_n


def _curve(chance_n: NDArray[np.float64], y_n: NDArray[np.bool_]) -> list[Point]:
    return [
        Point(t, float((chance_n[~y_n] >= t).mean()), float((chance_n[y_n] < t).mean()))
        for t in GRID
    ]


def _choose(curve: Sequence[Point], cost: float, most_false_answers: float | None) -> Point:
    """The threshold that costs least if chances are chances; or the first that is safe enough.

    To answer costs `cost` times the chance of being wrong, not to answer the chance of being right.
    Looking for the cheapest point of the curve instead would follow its noise.
    """
    if most_false_answers is None:
        even = cost / (1 + cost)
        return min(curve, key=lambda point: abs(point.threshold - even))
    allowed = [point for point in curve if point.false_answer <= most_false_answers]
    return min(allowed or curve[-1:], key=lambda point: point.false_abstain)
