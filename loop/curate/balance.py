"""No single person may fill a dataset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence


def capped(users: Sequence[Sequence[str]], most: int) -> list[str | None]:
    """Why each row goes: one of its people has so many rows already; None if it stays.

    Args:
        users: The people of each row, in the order in which rows are taken.
        most: Rows of one person; a row of several people counts for each of them.
    """
    taken: Counter[str] = Counter()
    reasons: list[str | None] = []
    for of_row in users:
        full = any(taken[user] >= most for user in of_row)
        if not full:
            taken.update(of_row)
        reasons.append("most_per_user" if full else None)
    return reasons
