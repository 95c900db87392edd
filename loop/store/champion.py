"""Who is champion, and who was before: read from the promotions, newest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

BASE = "base"  # the champion of an assistant that never had a promotion


def champion_of(promotions: Sequence[Mapping[str, Any]]) -> str:
    """The adapter id that answers now, or "base".

    Args:
        promotions: Rows of the query `promotions`, newest first.
    """
    return str(promotions[0]["adapter"]) if promotions else BASE


def history(promotions: Sequence[Mapping[str, Any]]) -> list[str]:
    """Champions that stand behind each other, the present one last.

    A promotion goes on top, a rollback takes the top away. So rolling back twice goes back
    twice, and an adapter that was rolled back is never what a later rollback brings back.

    Args:
        promotions: Rows of the query `promotions`, newest first.

    >>> history([{"kind": "promote", "adapter": "b"}, {"kind": "promote", "adapter": "a"}])
    ['base', 'a', 'b']
    >>> history([
    ...     {"kind": "promote", "adapter": "b"},
    ...     {"kind": "rollback", "adapter": "base"},
    ...     {"kind": "promote", "adapter": "a"},
    ... ])
    ['base', 'b']
    """
    stack = [BASE]
    for row in reversed(promotions):
        if row["kind"] == "rollback":
            stack.pop()
        else:
            stack.append(str(row["adapter"]))
    return stack
