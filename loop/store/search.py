"""What the store holds: its files byte by byte, and its rows as they read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from loop.store.database import Database
from loop.store.needles import search_apart, written
from loop.store.traces import holding


def search(
    database: Database, *, needles: Sequence[str], words: Sequence[str] = (), id: str = ""
) -> dict[str, Any]:
    """Look for texts in the store's files, byte by byte, and in the rows as they read.

    Returns:
        `files`, `bytes` and `found` (see `loop.store.needles.Searched`), and `rows`: table → rows.
    """
    path = database.path
    files = [one for one in sorted(path.parent.glob(f"{path.name}*")) if one.is_file()]
    rows = holding(database, [one.decode() for one in written(needles)], list(words))
    return asdict(search_apart(files, needles, words)) | {"rows": rows}
