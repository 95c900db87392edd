"""Why something waits for review, and how the reasons are mixed so that none starves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from knowledge.errors import RatchetError
from loop.feedback.rerating import drawn
from loop.settings import ReviewSettings

BLOCK = 20  # every so many items hold each reason by its part, in an order nobody can foresee
BASE = 0.05  # part of what waits for no reason but that nobody has judged it

SAYS = {  # reason → what it says to people; {} is the candidate's text
    "disagreement": "raters disagree",
    "second": "a second opinion",
    "uncertain": "the model was unsure",
    "new": "nothing like it has been judged",
    "search": "search found little",
    "guard": "a guard or a person flagged it",
    "arm": "arm {}",
    "rerating": "re-rating for {}",
    "audit": "random audit",
    "gold": "gold",
    "waiting": "not judged yet",
}
# Reasons that exclude each other: together they hold everything that waits, once.
ONCE = ("waiting", "second", "disagreement", "rerating", "gold")
# Told only after the judgement: it would sway, or its absence would give away those that do.
SWAYS = frozenset({"disagreement", "second", "guard", "arm", "audit", "gold"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Something a rater could be given."""

    item: str  # an interaction, or two, sorted, with a space between
    reason: str  # a key of SAYS
    text: str | None = None  # which arm, which guideline
    needs: int | None = 1  # people who are to judge it; None for everyone
    guideline: str | None = None  # set where it is judged again under this one

    @property
    def says(self) -> str:
        """Why it is here, in words."""
        return says(self.reason, self.text)

    def row(self) -> dict[str, Any]:
        """As the store's command takes it."""
        return {
            "item": self.item,
            "reason": self.reason,
            "text": self.text,
            "needs": self.needs,
            "guideline": self.guideline,
        }


class Strata(NamedTuple):
    """What waits, by reason. An item can stand under several."""

    candidates: Mapping[str, Sequence[Candidate]]  # the strongest first; not all there are
    counts: Mapping[str, int]  # all there are
    items: int  # each counted once


def says(reason: str, text: str | None = None) -> str:
    """A reason in words.

    >>> says("arm", "treatment of test-1"), says("audit")
    ('arm treatment of test-1', 'random audit')
    """
    return SAYS.get(reason, reason).format(text or "")


def parts_of(review: ReviewSettings) -> dict[str, float]:
    """Reason → its part of the queue, before it is known which have anything waiting.

    Raises:
        RatchetError: A number in [review] is out of range.
    """
    for one in fields(review):
        value = getattr(review, one.name)
        most = {"lease_minutes": 10_080, "most_rerated": 100_000}.get(one.name, 1)
        least = 0 if most == 1 else 1
        if not (math.isfinite(value) and least <= value <= most):
            raise RatchetError(
                f"review.{one.name} is {value!r}, expected {least} to {most}. "
                "Mend it in ratchet.toml."
            )
    named = {name: float(getattr(review, name)) for name in SAYS if hasattr(review, name)}
    return {**named, "second": review.overlap, "waiting": BASE}


def mix(
    strata: Mapping[str, Sequence[Candidate]],
    parts: Mapping[str, float],
    *,
    seed: str,
    start: int,
    limit: int,
) -> list[Candidate]:
    """One list of many: in every block of BLOCK places each reason has its share, drawn by hash.

    Args:
        strata: Reason → its candidates, best first. An item may stand under several.
        parts: Reason → its part; a reason without one, or with 0, is left out.
        seed: Same seed and state, same list; raters have seeds of their own.
        start: Items this rater was given before: the list goes on where the last one ended.
        limit: Candidates wanted, at most.

    >>> one, two = Candidate(item="a", reason="new"), Candidate(item="b", reason="audit")
    >>> strata = {"new": [one], "audit": [two, one]}
    >>> sorted(c.item for c in mix(strata, {"new": 1, "audit": 1}, seed="s", start=0, limit=9))
    ['a', 'b']
    """
    waiting = {name: list(reversed(strata.get(name, ()))) for name, part in parts.items() if part}
    taken: set[str] = set()
    found: list[Candidate] = []
    orders: dict[tuple[int, tuple[str, ...]], list[str]] = {}
    while len(found) < limit:
        for rest in waiting.values():
            while rest and rest[-1].item in taken:
                rest.pop()
        present = tuple(name for name, rest in waiting.items() if rest)
        if not present:
            break
        block, place = divmod(start + len(found), BLOCK)
        if (block, present) not in orders:
            orders[block, present] = _block({n: parts[n] for n in present}, f"{seed}\n{block}")
        one = waiting[orders[block, present][place]].pop()
        taken.add(one.item)
        found.append(one)
    return found


def _block(parts: Mapping[str, float], seed: str) -> list[str]:
    """BLOCK reasons: each by its part and at least once, then shuffled by hash."""
    total = sum(parts.values())
    exact = {name: BLOCK * part / total for name, part in parts.items()}
    counts = {name: max(1, math.floor(value)) for name, value in exact.items()}
    short = BLOCK - sum(counts.values())
    by_rest = sorted(exact, key=lambda name: (counts[name] - exact[name], name))
    for at in range(max(short, 0)):
        counts[by_rest[at % len(by_rest)]] += 1
    for _ in range(max(-short, 0)):
        counts[max(counts, key=lambda name: (counts[name], name))] -= 1
    every = [
        (drawn(seed, name, str(n)), name) for name, count in counts.items() for n in range(count)
    ]
    return [name for _, name in sorted(every)]
