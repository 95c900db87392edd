"""Rows that say the same in other words become one, which then weighs as much as all of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from knowledge.near import neighbours
from knowledge.telling import telling
from loop.curate.paraphrase import bare

QUESTION = 0.92  # cosine from which two questions are one
ANSWER = 0.95  # cosine from which two answers are one
BLOCK = 1_024  # rows compared at a time


def semantic_groups(
    questions_nd: NDArray[np.float32],
    answers_nd: Sequence[NDArray[np.float32]],
    *,
    apart: Sequence[Hashable],
    keys: Sequence[str],
    question: float = QUESTION,
    answer: float = ANSWER,
) -> NDArray[np.int64]:
    """For each row the row that stands for it: itself, or one that says the same.

    A row and the one that stands for it are close in the question and in each answer; there are no
    chains. Rows are taken in the order of their keys, so the order they come in does not matter.

    Args:
        questions_nd: Unit vectors of what was asked, best `bare`, shape (n, dimension).
        answers_nd: The same of each answer: one array, or for pairs the chosen and the rejected.
        apart: Only rows that are equal in this can be one, see `apart`.
        keys: Content hash of each row; the lowest stands for the others.
        question: The least cosine of two questions.
        answer: The least cosine of two answers, of each.

    Returns:
        Shape (n,). `np.bincount` of it is how many rows each stands for.
    """
    order = sorted(range(len(keys)), key=lambda row: keys[row])
    leaders_n = np.arange(len(keys), dtype=np.int64)
    for rows in _buckets(questions_nd, apart, order, question):
        heads: list[int] = []
        for at in range(0, len(rows), BLOCK):
            block = rows[at : at + BLOCK]
            others = [*heads, *block]
            alike_bo = _alike(questions_nd, block, others) >= question
            for vectors_nd in answers_nd:
                alike_bo &= _alike(vectors_nd, block, others) >= answer
            for place, row in enumerate(block):
                at_most = np.flatnonzero(alike_bo[place, : len(others) - len(block) + place])
                head = next(
                    (o for o in at_most.tolist() if leaders_n[others[o]] == others[o]), None
                )
                if head is not None:
                    leaders_n[row] = others[head]
            heads += [row for row in block if leaders_n[row] == row]
    return leaders_n


def apart(kind: str, question: str, answers: Sequence[str]) -> Hashable:
    """What keeps rows apart however alike they sound: figures, names, a "not", an opposite.

    Args:
        kind: Of the row; with its label, where it has one.
        question: What was asked.
        answers: Each answer.
    """
    return (kind, telling(bare(question)), *map(telling, answers))


def _buckets(
    vectors_nd: NDArray[np.float32],
    apart: Sequence[Hashable],
    order: Sequence[int],
    threshold: float,
) -> list[list[int]]:
    """Rows among which groups can be, each bucket in the order of the keys."""
    alike: defaultdict[Hashable, list[int]] = defaultdict(list)
    for row in order:
        alike[apart[row]].append(row)
    found: list[list[int]] = []
    for rows in alike.values():
        if len(rows) <= BLOCK:
            found += [rows] * (len(rows) > 1)
        else:
            found += _connected(vectors_nd, rows, threshold)
    return found


def _connected(
    vectors_nd: NDArray[np.float32], rows: Sequence[int], threshold: float
) -> list[list[int]]:
    """The same rows in smaller buckets: those that near questions lead from one to another."""
    different_md, which_r = np.unique(vectors_nd[rows], axis=0, return_inverse=True)
    root = list(range(len(different_md)))

    def find(one: int) -> int:
        while root[one] != one:
            root[one] = root[root[one]]
            one = root[one]
        return one

    pairs = neighbours(different_md, threshold - 1e-5)
    for left, right in zip(pairs.left.tolist(), pairs.right.tolist(), strict=True):
        one, other = find(left), find(right)
        root[max(one, other)] = min(one, other)
    parts: defaultdict[int, list[int]] = defaultdict(list)
    for row, which in zip(rows, which_r.ravel().tolist(), strict=True):
        parts[find(which)].append(row)
    return [part for part in parts.values() if len(part) > 1]


def _alike(
    vectors_nd: NDArray[np.float32], rows: Sequence[int], others: Sequence[int]
) -> NDArray[np.float32]:
    """Cosines of rows and others, shape (rows, others), to four digits: the same on any machine."""
    cosines: NDArray[np.float32] = (vectors_nd[rows] @ vectors_nd[others].T).round(4)
    return cosines
