"""No single person may fill a dataset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from loop.curate.rows import KINDS, Row, Sifted, row_id


def balance(rows: Sequence[Row], most: int) -> Sifted[Row]:
    """At most so many rows of one person: pairs first, then by content hash, which is arbitrary.

    A row of several people counts for each of them.
    """
    taken: Counter[str] = Counter()
    kept: list[Row] = []
    dropped: list[tuple[Row, str]] = []
    for row in sorted(rows, key=lambda row: (KINDS.index(row.kind), row_id(row))):
        if any(taken[user] >= most for user in row.users):
            dropped.append((row, "most_per_user"))
        else:
            taken.update(row.users)
            kept.append(row)
    return Sifted(kept, dropped)
