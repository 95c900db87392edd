"""People, not rows, are divided: nobody is learnt from and held out at once, nor is a question."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Side = Literal["train", "held_out"]
Ties = Sequence[Sequence[str]]  # each names people that belong together
BOTH: tuple[Side, ...] = ("train", "held_out")
TOGETHER = 10  # people; a group that shares rows is parted only if it is larger
ORDERS = ("people", "time")
ENOUGH = (
    0.5  # of the share to hold out: with fewer, shared questions are held out rather than learnt
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What decides on which side a row stands."""

    users: tuple[str, ...]  # who asked
    conversations: tuple[str, ...]
    question: Hashable  # equal for rows that ask the same, or nearly
    at: datetime


def divide(
    places: Sequence[Place], *, held_out: float, seed: int, order: str = "people", kin: Ties = ()
) -> list[Side | str]:
    """The side of each row, or why it can stand on neither.

    No person, conversation or question is on both sides. A row whose people were parted stands on
    neither; of a conversation or a question that has rows on both sides, one side's rows go: the
    held-out ones, unless too few would be left.

    Args:
        places: Of all rows.
        held_out: Share of people to hold out, in [0, 1).
        seed: Decides who.
        order: "people" divides them by hash; "time" also learns from the past and holds out what
            came after it: rows of either side beyond the cut go.
        kin: People that should not be parted though they share no row, e.g. who said the same.

    Returns:
        A side or a reason per row, in their order.
    """
    by_conversation: defaultdict[str, set[str]] = defaultdict(set)
    for place in places:
        for one in place.conversations:
            by_conversation[one].update(place.users)
    shared = [sorted(users) for users in by_conversation.values() if len(users) > 1]
    users = [place.users for place in places]
    if order == "time":
        sides: list[Side | str] = _in_time(places, shared, held_out=held_out, seed=seed, kin=kin)
    else:
        people = split(users, held_out=held_out, seed=seed, shared=shared, kin=kin)
        sides = [parted(of, people) or people[of[0]] for of in users]
    talks = [place.conversations for place in places]
    sides = _on_one_side(sides, talks, "conversation_on_both_sides", held_out, seed)
    questions = [(place.question,) for place in places]
    return _on_one_side(sides, questions, "question_on_both_sides", held_out, seed)


def split(
    users: Sequence[Sequence[str]],
    *,
    held_out: float,
    seed: int,
    shared: Ties = (),
    kin: Ties = (),
) -> dict[str, Side]:
    """The side of each person who asked.

    People who share a row stand on the same side, and so do kin, and so on from one to the next:
    groups are hashed, not rows. Groups too large to be held out are trained on and the others
    make up for it. Where the others cannot, because everybody hangs together, the largest group
    is parted: first between kin, then between people who share rows; such rows have people on
    both sides and must be left out (`parted`).

    Args:
        users: The people of each row.
        held_out: Share of people to hold out, in [0, 1).
        seed: Decides who.
        shared: People who belong together as if they shared a row.
        kin: People that should not be parted though they share no row, e.g. who said the same.

    Returns:
        Person → side. With several groups, each side gets one at least.
    """
    people = sorted({user for of_row in users for user in of_row})
    ties = [*(of_row for of_row in users if len(of_row) > 1), *shared]
    budget = held_out * len(people)
    groups = _small_enough(people, [[*ties, *kin], ties], budget)
    small = [group for group in groups if len(group) <= max(1.0, budget)]
    reachable = sum(map(len, small))
    share = min(1.0, budget / reachable) if reachable else 0.0
    out = [group for group in small if chance(seed, group[0]) < share]
    if not out and budget > 0 and small and len(groups) > 1:
        out = [min(small, key=lambda group: chance(seed, group[0]))]
    if out and len(out) == len(groups):
        out.remove(max(out, key=lambda group: chance(seed, group[0])))
    held = {user for group in out for user in group}
    return {user: "held_out" if user in held else "train" for user in people}


def parted(users: Sequence[str], sides: Mapping[str, Side]) -> str | None:
    """Why a row of these people can stand on neither side; None if it can."""
    return "people_on_both_sides" if len({sides[user] for user in users}) > 1 else None


def _in_time(
    places: Sequence[Place], shared: Ties, *, held_out: float, seed: int, kin: Ties
) -> list[Side | str]:
    """The past is learnt from, and of those who were there before and after only one of both."""
    times = sorted(place.at for place in places)
    cut = times[min(len(times) - 1, int(len(times) * (1 - held_out)))] if held_out else None
    users = [place.users for place in places]
    groups = _groups(sorted({user for of in users for user in of}), [*users, *shared, *kin])
    group_of = {user: number for number, group in enumerate(groups) for user in group}
    before: set[int] = set()
    after: set[int] = set()
    for place in places:
        late = cut is not None and place.at >= cut
        (after if late else before).add(group_of[place.users[0]])
    held = {
        number
        for number, group in enumerate(groups)
        if number in after and (number not in before or chance(seed, group[0]) < held_out)
    }
    found: list[Side | str] = []
    for place in places:
        late = cut is not None and place.at >= cut
        if group_of[place.users[0]] in held:
            found.append("held_out" if late else "before_the_cut")
        else:
            found.append("after_the_cut" if late else "train")
    return found


def _on_one_side(
    sides: Sequence[Side | str],
    labels: Sequence[Sequence[Hashable]],
    reason: str,
    held_out: float,
    seed: int,
) -> list[Side | str]:
    """The same sides, but for rows with a label that is on the other side too.

    Labels give up their held-out rows, by hash, as long as enough are held out without them.
    """
    seen: dict[str, set[Hashable]] = {side: set() for side in BOTH}
    for side, of_row in zip(sides, labels, strict=True):
        if side in BOTH:
            seen[side].update(of_row)
    crossing = seen["train"] & seen["held_out"]
    if not crossing:
        return list(sides)
    out: Counter[Hashable] = Counter()  # held-out rows of each
    for side, of_row in zip(sides, labels, strict=True):
        if side == "held_out":
            out.update(label for label in of_row if label in crossing)
    total = sum(side in BOTH for side in sides)
    held = sum(
        side == "held_out" and crossing.isdisjoint(of_row)
        for side, of_row in zip(sides, labels, strict=True)
    )
    gone: dict[Hashable, str] = {}
    for label in sorted(crossing, key=lambda one: chance(seed, str(one))):
        few = held < ENOUGH * held_out * total
        gone[label] = "train" if few else "held_out"
        held += out[label] if few else 0
    return [
        reason if any(gone.get(label) == side for label in of_row) else side
        for side, of_row in zip(sides, labels, strict=True)
    ]


def _small_enough(people: Sequence[str], levels: Sequence[Ties], budget: float) -> list[list[str]]:
    """Groups of which so many people can be held out, parted no further than that needs.

    Args:
        people: All of them.
        levels: Ties in the order in which they are given up; after the last, people stand alone.
        budget: People to hold out.
    """
    waiting = [(group, 0) for group in _groups(people, levels[0])]
    final: list[list[str]] = []
    while waiting:
        groups = [*final, *(group for group, _ in waiting)]
        if sum(len(group) for group in groups if len(group) <= max(1.0, budget)) >= budget:
            return groups
        waiting.sort(key=lambda item: (len(item[0]), item[0]))
        group, level = waiting.pop()
        by_rows = level + 1 == len(levels)
        if len(group) == 1 or (by_rows and len(group) <= TOGETHER):
            final.append(group)
        else:
            ties = [] if by_rows else levels[level + 1]
            pieces = _groups(group, ties)
            if by_rows:
                final += pieces
            else:
                waiting += [(piece, level + 1) for piece in pieces]
    return final


def _groups(people: Sequence[str], ties: Ties) -> list[list[str]]:
    """Connected people, each group sorted; ties to others than `people` connect nobody."""
    parent = {user: user for user in people}

    def head(user: str) -> str:
        while parent[user] != user:
            parent[user] = parent[parent[user]]
            user = parent[user]
        return user

    for tie in ties:
        here = [head(user) for user in tie if user in parent]
        for one in here[1:]:
            low, high = sorted((head(here[0]), head(one)))
            parent[high] = low  # the smallest name leads, whatever the order
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for user in sorted(parent):
        groups[head(user)].append(user)
    return [groups[name] for name in sorted(groups)]


def chance(seed: int, *parts: str) -> float:
    """A number in [0, 1) that depends on these alone."""
    text = "\n".join([str(seed), *parts]).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(text).digest()[:8]) / 2**64
