"""What a rater should look at next: answers not judged yet, and answers to hold side by side."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from knowledge.text import normalise
from loop.store.records import Comparison, Interaction

if TYPE_CHECKING:
    from loop.store.store import Store

NEWEST = 2_000  # interactions that are looked through for pairs
MOST_ANSWERS = 8  # to one prompt, the newest: pairs grow with the square


class SideBySide(NamedTuple):
    """Two answers to one prompt, to be shown in this order."""

    left: Interaction
    right: Interaction


def next_items(store: Store, assistant: str, rater: str, limit: int = 50) -> list[Interaction]:
    """Answers that the rater has not judged, least judged first, then newest."""
    from loop.store.tables import from_row

    rows = store.query("review_queue", assistant=assistant, rater=rater, limit=limit)
    return [from_row(Interaction, row) for row in rows]


def pairs_to_compare(store: Store, assistant: str, rater: str, limit: int = 20) -> list[SideBySide]:
    """Different answers to the same prompt that the rater has not compared, least compared first.

    Which answer stands left is drawn by hash from rater and pair: even over many, and always the
    same for one.
    """
    from loop.store.tables import from_row

    turns = [
        from_row(Interaction, row)
        for row in store.query("interactions", assistant=assistant, limit=NEWEST)
    ]
    said = [from_row(Comparison, row) for row in store.query("comparisons", assistant=assistant)]
    times = Counter(pair for one in said for pair in _pairs(one.interactions))
    mine = {pair for one in said if one.rater == rater for pair in _pairs(one.interactions)}
    by_prompt: defaultdict[str, list[Interaction]] = defaultdict(list)
    for turn in turns:
        by_prompt[json.dumps(turn.messages, sort_keys=True)].append(turn)
    found = [
        (times[frozenset((one.id, other.id))], one, other)
        for answers in by_prompt.values()
        for one, other in itertools.combinations(_different(answers), 2)
        if frozenset((one.id, other.id)) not in mine
    ]
    found.sort(key=lambda item: item[0])  # stable: newest first among equals
    return [_placed(one, other, rater) for _, one, other in found[:limit]]


def _pairs(interactions: Sequence[str]) -> list[frozenset[str]]:
    return [frozenset(pair) for pair in itertools.combinations(interactions, 2)]


def _different(answers: Sequence[Interaction]) -> list[Interaction]:
    """One answer of each wording."""
    by_words = {normalise(one.answer): one for one in reversed(answers)}
    return sorted(by_words.values(), key=lambda one: (one.at, one.id), reverse=True)[:MOST_ANSWERS]


def _placed(one: Interaction, other: Interaction, rater: str) -> SideBySide:
    first, second = sorted((one, other), key=lambda turn: turn.id)
    digest = hashlib.sha256(f"{rater}\n{first.id}\n{second.id}".encode()).digest()
    return SideBySide(first, second) if digest[0] % 2 else SideBySide(second, first)
