"""The passages a case should be answered from, so that a model is judged apart from the search."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date
from random import Random
from typing import Literal

from eval_suites.records import Case
from knowledge.chunk import MOST_TOKENS, chunk
from knowledge.errors import RatchetError
from knowledge.records import Chunk, Document, Passage, may_read

Order = Literal["shuffled", "first", "last"]


def gold_passages(
    case: Case,
    documents: Sequence[Document],
    *,
    distractors: int = 0,
    order: Order = "shuffled",
    most_tokens: int = MOST_TOKENS,
    today: date | None = None,
    seed: int = 0,
) -> list[Passage]:
    """The passages that hold the case's gold quotes, among distractors the asker may see too.

    Args:
        case: Its gold names documents and quotes from them.
        documents: All there is, every version by its own id.
        distractors: Other passages put among them.
        order: Where the gold stands among them.
        most_tokens: Longest passage, with its headings.
        today: The day of a case that names none; None takes any document as holding.
        seed: With the case's id, chooses distractors and order.

    Returns:
        Passages in the order to number them; a passage with two gold quotes stands once. A case
        without gold has distractors only. Gold the asker may not see is left out.

    Raises:
        RatchetError: A gold quote does not stand in its document.
    """
    rng = Random(hashlib.sha256(f"{seed}:{case.id}".encode()).digest())
    visible = {d.id: d for d in documents if may_read(d, case.labels, case.asked_on or today)}
    known = {document.id for document in documents}
    found: dict[int, Passage] = {}
    for one in case.gold:
        if one.document not in known:
            raise RatchetError(f"{case.id}: there is no document {one.document!r}. Add it.")
        if document := visible.get(one.document):
            piece = _holding(document, one.quote, most_tokens, case.id)
            found[piece.id] = _passage(document, piece)
    gold = len(found)
    others = sorted(visible.keys() - {one.document for one in case.gold})
    for name in rng.sample(others, min(distractors, len(others))):
        pieces = chunk(visible[name], most_tokens=most_tokens)
        if pieces:
            piece = rng.choice(pieces)
            found[piece.id] = _passage(visible[name], piece)
    passages = list(found.values())
    if order == "last":
        return passages[gold:] + passages[:gold]
    if distractors and order == "shuffled":
        rng.shuffle(passages)
    return passages


def _holding(document: Document, quote: str, most_tokens: int, case: str) -> Chunk:
    """The chunk that holds the quote; of several, the first."""
    start = document.text.find(quote)
    if start < 0:
        raise RatchetError(
            f"{case}: {document.id} does not hold the gold quote {quote!r}. Quote it verbatim."
        )
    end = start + len(quote)
    pieces = chunk(document, most_tokens=most_tokens)
    for piece in pieces:
        if piece.start <= start and end <= piece.end:
            return piece
    return max(pieces, key=lambda p: min(p.end, end) - max(p.start, start))


def _passage(document: Document, piece: Chunk) -> Passage:
    return Passage(
        document=document.id,
        version=document.version,
        start=piece.start,
        end=piece.end,
        text=piece.text,
        heading=piece.heading,
        context=piece.context,
        source=document.source,
        score=1.0,
        similarity=1.0,
        why={"gold_mode": 1.0},
    )
