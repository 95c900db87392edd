"""What words do not tell: rows that ask what an eval case asks, and rows that say the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from loop.curate.contamination import EvalCases
from loop.curate.paraphrase import Embed, bare, pieces
from loop.curate.rows import said
from loop.curate.semantic import apart, semantic_groups
from loop.curate.spool import Spool

SAME = "same_meaning"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What rows are compared by that words do not tell.

    Args:
        embed: Texts to unit vectors.
        cases: Made with the same `embed`.
        alike: Cosine from which two questions may be one; 1 joins none.
    """

    embed: Embed
    cases: EvalCases
    alike: float


class Said(NamedTuple):
    """The texts of a row."""

    kind: str  # with its label
    row: str  # content hash; the lowest stands for others, so that of a made-up one ends the list
    asked: tuple[str, ...]  # what a person said, turn by turn
    answers: tuple[str, ...]

    @property
    def question(self) -> str:
        """What was asked, as one text without courtesies."""
        return bare("\n".join(self.asked))


class Alike(NamedTuple):
    """What comes of looking at meanings, an entry per row."""

    reasons: list[str | None]
    leaders: NDArray[np.int64]  # the row that stands for it, shape (rows,)
    questions_nd: NDArray[np.float32]  # unit vectors of what was asked, shape (rows, dimension)


def texts_of(
    spool: Spool, name: str, buckets: Sequence[int], starts: NDArray[np.int64], left: Sequence[int]
) -> list[Said]:
    """The texts of some rows, in the order given.

    Args:
        spool: With the rows.
        name: Of their tables.
        buckets: Those with rows in them.
        starts: Number of each bucket's first row, and of all rows.
        left: Numbers of rows, ascending.
    """
    found: list[Said] = []
    for place, bucket in enumerate(buckets):
        low, high = np.searchsorted(left, starts[place : place + 2])
        table = spool.read(name, bucket) if low < high else None
        if table is None:
            continue
        numbers = [n - int(starts[place]) for n in left[low:high]]
        columns = ("kind", "row", "messages", "answer", "rejected", "label", "synthetic")
        for kind, row, messages, answer, rejected, label, synthetic in zip(
            *(table[column].take(numbers).to_pylist() for column in columns), strict=True
        ):
            asked = tuple(said(orjson.loads(messages), "user"))
            answers = (answer,) if rejected is None else (answer, rejected)
            found.append(Said(f"{kind} {label}", f"{'~' * synthetic}{row}", asked, answers))
    return found


def look(rows: Sequence[Said], meaning: Meaning) -> Alike:
    """Which rows ask what a case asks, and which say what another says.

    Args:
        rows: Their texts.
        meaning: What they are compared by.
    """
    reasons = _cases(rows, meaning)
    questions_nd = _vectors([row.question for row in rows], meaning.embed)
    leaders = np.arange(len(rows), dtype=np.int64)
    for size in {len(row.answers) for row in rows} if meaning.alike < 1 else ():
        numbers = [
            n for n, row in enumerate(rows) if len(row.answers) == size and reasons[n] is None
        ]
        if len(numbers) < 2:
            continue
        some = [rows[n] for n in numbers]
        heads = semantic_groups(
            questions_nd[numbers],
            [_vectors([row.answers[k] for row in some], meaning.embed) for k in range(size)],
            apart=[apart(row.kind, "\n".join(row.asked), row.answers) for row in some],
            keys=[row.row for row in some],
            question=meaning.alike,
        )
        leaders[numbers] = np.array(numbers)[heads]
    for n in np.flatnonzero(leaders != np.arange(len(rows))).tolist():
        reasons[n] = SAME
    return Alike(reasons, leaders, questions_nd)


def _cases(rows: Sequence[Said], meaning: Meaning) -> list[str | None]:
    """Which suite a row's question is of; None if of none."""
    places: dict[tuple[str, tuple[str, ...]], int] = {}
    of_row = [
        [places.setdefault((piece, row.answers), len(places)) for piece in pieces(row.asked)]
        for row in rows
    ]
    if not places:
        return [None] * len(rows)
    texts = [text for text, _ in places]
    found = meaning.cases.by_meaning(
        _vectors(texts, meaning.embed), texts, [answers for _, answers in places]
    )
    return [next((found[n] for n in numbers if found[n]), None) for numbers in of_row]


def _vectors(texts: Sequence[str], embed: Embed) -> NDArray[np.float32]:
    """Unit vectors; the same text is read once."""
    different = list(dict.fromkeys(texts))
    place = {text: n for n, text in enumerate(different)}
    vectors_nd = embed(different)
    return vectors_nd[[place[text] for text in texts]]
