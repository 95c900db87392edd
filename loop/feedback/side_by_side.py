"""Two answers to one prompt, to be compared: which pairs there are, and why each should be."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from knowledge.text import normalise
from loop.feedback.rerating import drawn
from loop.feedback.strata import ONCE, Candidate, Strata
from loop.settings import Settings
from loop.store.records import Comparison, Interaction

if TYPE_CHECKING:
    from loop.store.store import Store

NEWEST = 2_000  # interactions that are looked through for pairs
MOST_ANSWERS = 8  # to one prompt, the newest: pairs grow with the square
MOST_VOTES = 5  # people asked about one pair on which they differ


class SideBySide(NamedTuple):
    """Two answers to one prompt, to be shown in this order."""

    left: Interaction
    right: Interaction


def pair_of(one: str, other: str) -> str:
    """The name of a pair: both ids, sorted.

    >>> pair_of("b", "a")
    'a b'
    """
    return " ".join(sorted((one, other)))


def mark_of(interactions: Sequence[str], ranks: Sequence[int]) -> float:
    """How the sorted pair was judged: −1 its first is better, 0 a tie, 1 its second.

    >>> mark_of(["b", "a"], [1, 2])
    1.0
    """
    (_, first), (_, second) = sorted(zip(interactions, ranks, strict=True))
    return float((first > second) - (first < second))


def placed(one: Interaction, other: Interaction, rater: str) -> SideBySide:
    """Which answer stands left, by hash of rater and pair: even over many, the same for one."""
    first, second = sorted((one, other), key=lambda turn: turn.id)
    digest = hashlib.sha256(f"{rater}\n{first.id}\n{second.id}".encode()).digest()
    return SideBySide(first, second) if digest[0] % 2 else SideBySide(second, first)


def pair_strata(store: Store, settings: Settings, rater: str, at: datetime) -> Strata:
    """The pairs that this rater has not compared, newest first, by reason."""
    from loop.store.tables import from_row

    assistant = settings.assistant.name
    rows = store.query("interactions", assistant=assistant, limit=NEWEST)
    turns = [from_row(Interaction, row) for row in rows]
    said = [from_row(Comparison, row) for row in store.query("comparisons", assistant=assistant)]
    marks = _marks(said)
    golds = store.query("golds", assistant=assistant)
    known = {row["item"] for row in golds if row["kind"] == "comparison"}
    experiments = store.query("experiments", assistant=assistant)
    running = {row["id"] for row in experiments if row["status"] == "running"}
    found: defaultdict[str, list[Candidate]] = defaultdict(list)
    for item in sorted(known, key=lambda item: drawn(rater, item)):
        if rater not in marks.get(item, {}):
            found["gold"].append(Candidate(item=item, reason="gold", needs=None))
    for one, other in _pairs(turns):
        item = pair_of(one.id, other.id)
        given = marks.get(item, {})
        if rater in given or item in known:
            continue
        for candidate in _candidates(item, given, one, other, running, settings):
            found[candidate.reason].append(candidate)
    found["audit"].sort(key=lambda candidate: drawn(str(settings.seed), candidate.item))
    counts = {reason: len(of) for reason, of in found.items()}
    return Strata(found, counts, sum(counts.get(reason, 0) for reason in ONCE))


def _candidates(
    item: str,
    given: Mapping[str, float],
    one: Interaction,
    other: Interaction,
    running: set[str],
    settings: Settings,
) -> Iterable[Candidate]:
    """The pair under each reason that it has."""
    votes = Counter(given.values())
    if len(given) > 1 and 2 * max(votes.values()) <= len(given) < MOST_VOTES:
        yield Candidate(item=item, reason="disagreement", needs=len(given) + 1)
    elif len(given) == 1 and drawn("overlap", item) < settings.review.overlap:
        yield Candidate(item=item, reason="second", needs=2)
    elif not given:
        tested = one.experiment in running and one.experiment == other.experiment
        if tested and one.arm != other.arm:
            arms = f"{one.arm} and {other.arm} of {one.experiment}"
            yield Candidate(item=item, reason="arm", text=arms)
        yield Candidate(item=item, reason="audit")
        yield Candidate(item=item, reason="waiting")


def _marks(said: Sequence[Comparison]) -> dict[str, dict[str, float]]:
    """Pair → rater → latest mark; comparisons come oldest first."""
    marks: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for one in said:
        ranked = zip(one.interactions, one.ranks, strict=True)
        for (left, rank), (right, other) in itertools.combinations(ranked, 2):
            marks[pair_of(left, right)][one.rater] = mark_of([left, right], [rank, other])
    return dict(marks)


def _pairs(turns: Sequence[Interaction]) -> Iterable[tuple[Interaction, Interaction]]:
    """Different answers to one prompt; turns come newest first, and so do the pairs."""
    by_prompt: defaultdict[str, list[Interaction]] = defaultdict(list)
    for turn in turns:
        by_prompt[json.dumps(turn.messages, sort_keys=True)].append(turn)
    for answers in by_prompt.values():
        yield from itertools.combinations(_different(answers), 2)


def _different(answers: Sequence[Interaction]) -> list[Interaction]:
    """One answer of each wording."""
    by_words = {normalise(one.answer): one for one in reversed(answers)}
    return sorted(by_words.values(), key=lambda one: (one.at, one.id), reverse=True)[:MOST_ANSWERS]
