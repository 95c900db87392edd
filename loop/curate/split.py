"""People, not rows, are divided: nobody is learnt from and held out at once."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from loop.curate.rows import Row

Side = Literal["train", "held_out"]
Ties = Sequence[Sequence[str]]  # each names people that belong together
TOGETHER = 10  # people; a group that shares rows is parted only if it is larger


def split(
    rows: Sequence[Row], *, held_out: float, seed: int, kin: Iterable[Sequence[str]] = ()
) -> dict[str, Side]:
    """The side of each person who asked.

    People who share a row stand on the same side, and so do kin, and so on from one to the next:
    groups are hashed, not rows. Groups too large to be held out are trained on and the others
    make up for it. Where the others cannot, because everybody hangs together, the largest group
    is parted: first between kin, then between people who share rows; such rows have people on
    both sides and must be left out (`parted`).

    Args:
        rows: What is to be divided.
        held_out: Share of people to hold out, in [0, 1).
        seed: Decides who.
        kin: People that should not be parted though they share no row, e.g. who said the same.

    Returns:
        Person → side. With several groups, each side gets one at least.
    """
    people = sorted({user for row in rows for user in row.users})
    shared = [row.users for row in rows]
    budget = held_out * len(people)
    groups = _small_enough(people, [[*shared, *kin], shared], budget)
    small = [group for group in groups if len(group) <= max(1.0, budget)]
    reachable = sum(map(len, small))
    share = min(1.0, budget / reachable) if reachable else 0.0
    out = [group for group in small if _chance(group[0], seed) < share]
    if not out and budget > 0 and small and len(groups) > 1:
        out = [min(small, key=lambda group: _chance(group[0], seed))]
    if out and len(out) == len(groups):
        out.remove(max(out, key=lambda group: _chance(group[0], seed)))
    held = {user for group in out for user in group}
    return {user: "held_out" if user in held else "train" for user in people}


def parted(row: Row, sides: Mapping[str, Side]) -> str | None:
    """Why this row can stand on neither side; None if it can."""
    return "people_on_both_sides" if len({sides[user] for user in row.users}) > 1 else None


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


def _chance(user: str, seed: int) -> float:
    """A number in [0, 1) that depends on these alone."""
    digest = hashlib.sha256(f"{seed}\n{user}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8]) / 2**64
