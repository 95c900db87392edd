"""A question whose passage is not shown: the right answer is that the documents do not say."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from eval_suites.scorers.match import states
from knowledge.records import Passage
from knowledge.support import support
from loop.answer.records import Ask, Turn, Variant
from loop.answer.retrieve import look_up
from loop.store.synthetics import Synthetic
from loop.synthesize.drafts import bare
from loop.synthesize.roundtrip import Source, rank_of

if TYPE_CHECKING:
    from knowledge.collection import Collection
    from loop.answer.assistant import Desk

MORE = 3  # times as many passages are looked at as are shown


class Without:
    """A collection as one sees it who may not be shown what answers a question.

    Args:
        collection: What is searched.
        of: The question with its answer: passages that bear it out, or state its figures, are
            left out.
    """

    def __init__(self, collection: Collection, of: Synthetic) -> None:
        self.embedder = collection.embedder
        self._collection = collection
        self._answer = bare(of.answer)
        self._facts = of.facts
        self._source = Source(of.document, of.version, of.start, of.end)

    def search_many(self, queries: Sequence[str], *, limit: int = 5, **more: Any) -> Any:
        """As of a collection, less what would give the answer away."""
        found = self._collection.search_many(queries, limit=limit * MORE, **more)
        return [[p for p in passages if not self._gives(p)][:limit] for passages in found]

    def _gives(self, passage: Passage) -> bool:
        if rank_of(self._source, [passage]):
            return True
        if self._facts and all(states(passage.text, fact) for fact in self._facts):
            return True
        return any(one.passage_number for one in support(self._answer, [passage]))


def asked_without(desk: Desk, ask: Ask, of: Synthetic, at: datetime) -> Turn:
    """The turn as the desk would prepare it if the passages that answer were not there."""
    turn = Turn(ask=ask, id=of.id, at=at, started=time.monotonic(), variant=Variant("base"))
    settings = replace(desk.settings, knowledge=replace(desk.settings.knowledge, expand="none"))
    look_up([turn], Without(desk.collection, of), settings)  # type: ignore[arg-type]
    return turn
