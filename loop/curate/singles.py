"""Rows from what was said of one answer: good and corrected ones to imitate, labels for KTO."""

from __future__ import annotations

from collections.abc import Mapping

from loop.curate.feedback import Opinions, make_row
from loop.curate.pairs import Built
from loop.curate.rows import Row
from loop.store.records import Interaction


def make_sft(turns: Mapping[str, Interaction], opinions: Mapping[str, Opinions]) -> Built:
    """Corrections, and answers that somebody liked and nobody disliked, corrected or flagged."""
    rows: list[Row] = []
    unused: list[str] = []
    for id, turn in sorted(turns.items()):
        of_answer = opinions.get(id, Opinions())
        for _, correction in sorted(of_answer.corrections.items()):
            rows.append(make_row("sft", [turn], [correction], answer=correction.text or ""))
        likes = of_answer.likes
        if not likes:
            continue
        if of_answer.dislikes or of_answer.corrections or of_answer.flags:
            unused.append("liked_and_disliked")
        else:
            rows.append(make_row("sft", [turn], likes, answer=turn.answer, votes=len(likes)))
    return Built(rows, unused)


def make_kto(turns: Mapping[str, Interaction], opinions: Mapping[str, Opinions]) -> Built:
    """Every answer that most of its raters call good, or bad."""
    rows: list[Row] = []
    unused: list[str] = []
    for id, turn in sorted(turns.items()):
        of_answer = opinions.get(id, Opinions())
        good, bad = of_answer.likes, of_answer.dislikes
        margin = len(good) - len(bad)
        if margin:
            row = make_row(
                "kto",
                [turn],
                [*good, *bad],
                answer=turn.answer,
                label=margin > 0,
                votes=abs(margin),
            )
            rows.append(row)
        elif good:
            unused.append("raters_disagree")
        elif of_answer.values:
            unused.append("neither_good_nor_bad")
    return Built(rows, unused)
