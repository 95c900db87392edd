"""What a turn is shown: passages found, planted instructions left out, the prompt built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from knowledge.abstain import signals
from knowledge.cite import best_first, excerpt
from knowledge.injection import find_instructions, without_instructions
from knowledge.records import Passage
from loop.answer.handover import ABSTENTION
from loop.answer.prompt import build_messages, quoting_style, retrieval_query
from loop.answer.records import Turn
from loop.settings import Settings

if TYPE_CHECKING:
    from knowledge.abstain import Calibration
    from knowledge.collection import Collection

OWN_WORDS = "internal"  # licence of a talk in which no document was shown


def look_up(
    turns: Sequence[Turn],
    collection: Collection,
    settings: Settings,
    calibration: Calibration | None = None,
) -> None:
    """Give every turn its passages and prompt; those with the same rights and day in one search.

    A turn for which nothing may be shown, or nothing near enough was found, is answered with the
    abstention right away. What an ask hands over is shown as it is, in its order.

    Args:
        calibration: Says what is near enough; None goes by `assistant.abstain_below`.
    """
    groups: dict[object, list[Turn]] = {}
    for turn in turns:
        if turn.ask.given:
            _show(turn, turn.ask.question, turn.ask.given, collection, settings)
            turn.said = None if turn.passages else ABSTENTION
        else:
            groups.setdefault((turn.ask.labels, turn.ask.on), []).append(turn)
    for members in groups.values():
        queries = [retrieval_query(t.ask.question, t.ask.history) for t in members]
        found = collection.search_many(
            queries,
            labels=members[0].ask.labels,
            on=members[0].ask.on,
            limit=settings.assistant.passages,
            settings=settings.knowledge,
        )
        for turn, query, passages in zip(members, queries, found, strict=True):
            _show(turn, query, passages, collection, settings)
            if not _near_enough(query, turn.passages, collection, settings, calibration):
                turn.said = ABSTENTION


def _show(
    turn: Turn,
    query: str,
    found: Sequence[Passage],
    collection: Collection,
    settings: Settings,
) -> None:
    """Choose what of the passages the model sees; instructions planted in them are left out."""
    assistant = settings.assistant
    excerpts = []
    in_order = found if turn.ask.given else best_first(found, query, collection.embedder)
    for passage in in_order:
        if planted := find_instructions(passage.text):
            passage = replace(passage, why={**passage.why, "instructions": len(planted)})
        text = excerpt(passage, query, sentences=assistant.sentences, embedder=collection.embedder)
        if shown := without_instructions(text):
            turn.passages.append(passage)
            excerpts.append(shown)
    turn.messages = build_messages(
        assistant.system,
        turn.passages,
        excerpts,
        turn.ask.question,
        turn.ask.history,
        style=quoting_style(assistant),
    )


def _near_enough(
    query: str,
    shown: Sequence[Passage],
    collection: Collection,
    settings: Settings,
    calibration: Calibration | None,
) -> bool:
    """Whether the answer is likely among what is shown."""
    if not shown:
        return False
    if calibration is not None:
        return calibration.answers(signals(query, shown, collection.embedder))
    best = best_similarity(shown)
    return best is None or best >= settings.assistant.abstain_below


def best_similarity(passages: Sequence[Passage]) -> float | None:
    """The highest cosine to the query; None when nothing came from dense search."""
    return max((p.similarity for p in passages if p.similarity is not None), default=None)


def logged(passages: Sequence[Passage], collection: Collection) -> list[dict[str, Any]]:
    """The passages as they are recorded with an answer: each with its document's licence."""
    rows = []
    for passage in passages:
        document = collection.document(passage.document, passage.version)
        licence = document.licence if document else "unknown"
        rows.append({**asdict(passage), "licence": licence})
    return rows


def licence_of(passages: Sequence[Passage], collection: Collection, allowed: Sequence[str]) -> str:
    """The licence of what was shown; of several, one that forbids training wins."""
    licences = []
    for passage in passages:
        document = collection.document(passage.document, passage.version)
        licences.append(document.licence if document else "unknown")
    forbidden = (licence for licence in licences if licence not in allowed)
    return next(forbidden, licences[0] if licences else OWN_WORDS)
