"""All that an adapter was made from: run, dataset, rows, and the adapters before it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from knowledge.errors import RatchetError

if TYPE_CHECKING:
    from loop.store.store import Store

_ROW_KEYS = ("row", "kind", "split", "interactions", "ratings", "guideline", "consent")


def lineage(store: Store, adapter_id: str) -> dict[str, Any]:
    """All that an adapter was made from, ready for JSON.

    Returns:
        `adapter`, `run` and `dataset` as they were recorded (a merge has no dataset); `rows`,
        with those of all it was merged from or rewarded by, each with `row`, `kind`, `split`,
        `interactions`, `ratings`, `guideline` and `consent`; `parent`, the same of the adapter it
        started from, or None; and `sources`, the same of each it was merged from or rewarded by.

    Raises:
        RatchetError: There is no such adapter.
    """
    found = store.query("adapter", id=adapter_id)
    if not found:
        raise RatchetError(f"No adapter {adapter_id!r}. See `ratchet adapters list`.")
    row = found[0]
    parent = row.get("parent")
    return {
        "adapter": _plain(row),
        "run": _plain(_first(store.query("run", id=row["run"]))),
        "dataset": _plain(_first(store.query("dataset", id=row["dataset"]))),
        "rows": [
            {key: _plain(origin.get(key)) for key in _ROW_KEYS}
            for origin in store.query("lineage_rows", adapter=adapter_id)
        ],
        "parent": lineage(store, str(parent)) if parent else None,
        "sources": [lineage(store, str(source)) for source in row.get("sources") or ()],
    }


def origins(store: Store, adapter_id: str) -> list[str]:
    """Every adapter that one was built on, merged from or rewarded by, and theirs; nearest first.

    Raises:
        RatchetError: There is no such adapter.
    """
    found: list[str] = []
    ahead = [adapter_id]
    while ahead:
        rows = store.query("adapter", id=ahead[0])
        if not rows:
            raise RatchetError(f"No adapter {ahead[0]!r}. See `ratchet adapters list`.")
        before = [rows[0].get("parent"), *(rows[0].get("sources") or ())]
        fresh = [str(one) for one in before if one and str(one) not in found]
        found += dict.fromkeys(fresh)
        ahead = [*ahead[1:], *fresh]
    return found


def _first(rows: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    return rows[0] if rows else None


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value.isoformat() if isinstance(value, datetime) else value
