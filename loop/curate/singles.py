"""Rows from what was said of one answer: good and corrected ones to imitate, labels for KTO."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from loop.curate.feedback import Opinions, make_row
from loop.curate.pairs import EVEN, ROUNDING, Built, Unused
from loop.curate.rows import Row
from loop.store.records import Interaction, Rating


def make_sft(
    turns: Mapping[str, Interaction],
    opinions: Mapping[str, Opinions],
    weights: Mapping[str, float] = EVEN,
) -> Built:
    """Corrections, and answers that somebody liked and nobody disliked, corrected or flagged.

    Args:
        turns: Those that may be used, by id.
        opinions: What raters think of each.
        weights: How much each rater's word counts; 1 where none is named.
    """
    rows: list[Row] = []
    unused: list[Unused] = []
    for id, turn in sorted(turns.items()):
        of_answer = opinions.get(id, Opinions())
        for _, correction in sorted(of_answer.corrections.items()):
            rows.append(make_row("sft", [turn], [correction], answer=correction.text or ""))
        likes = of_answer.likes
        if not likes:
            continue
        if of_answer.dislikes or of_answer.corrections or of_answer.flags:
            unused.append(Unused(id, "liked_and_disliked"))
        else:
            votes = _weight(likes, weights)
            rows.append(make_row("sft", [turn], likes, answer=turn.answer, votes=votes))
    return Built(rows, unused)


def make_kto(
    turns: Mapping[str, Interaction],
    opinions: Mapping[str, Opinions],
    weights: Mapping[str, float] = EVEN,
    least: float = 0.0,
) -> Built:
    """Every answer that most of its raters' weight calls good, or bad.

    Args:
        turns: Those that may be used, by id.
        opinions: What raters think of each.
        weights: How much each rater's word counts; 1 where none is named.
        least: Weight by which one side must lead; no more than that makes no row.
    """
    rows: list[Row] = []
    unused: list[Unused] = []
    for id, turn in sorted(turns.items()):
        of_answer = opinions.get(id, Opinions())
        good, bad = of_answer.likes, of_answer.dislikes
        ahead = _weight(good, weights) - _weight(bad, weights)
        cast = _weight([*good, *bad], weights)
        margin = abs(ahead) / cast if cast else 0.0
        if abs(ahead) > max(least, ROUNDING):
            row = make_row(
                "kto",
                [turn],
                [*good, *bad],
                answer=turn.answer,
                label=ahead > 0,
                votes=abs(ahead),
                margin=margin,
            )
            rows.append(row)
        elif good or bad:
            unused.append(Unused(id, "raters_disagree"))
        elif of_answer.values:
            unused.append(Unused(id, "neither_good_nor_bad"))
    return Built(rows, unused)


def _weight(judged: Sequence[Rating], weights: Mapping[str, float]) -> float:
    return sum(weights.get(one.rater, 1.0) for one in sorted(judged, key=lambda one: one.id))
