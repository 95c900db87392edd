"""Commands about adapters' files: given up by policy, and put back when trained again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from knowledge.errors import RatchetError
from loop.store.act import Act, Result
from loop.store.ids import id_of, new_id
from loop.store.retention import held_by


def prune_adapter(
    act: Act, *, adapter: str, actor: str, reason: str, detail: dict[str, Any], id: str = ""
) -> Result:
    """Record that an adapter's files may go, unless something needs them; its rows stay.

    Nothing is changed when it was pruned before: what was left of the files may go.
    """
    if done := act.query("pruned", adapter=adapter):
        return {"adapter": adapter, "at": done[0]["at"].isoformat()}
    if not act.query("adapter", id=adapter):
        raise RatchetError(f"No adapter {adapter!r}. See `ratchet adapters list`.")
    if why := held_by(act, adapter):
        raise RatchetError(f"{adapter} is kept: {why}. Nothing was pruned.")
    act.record(
        id=id_of(id or new_id(), "prune"),
        actor=actor,
        action="prune_adapter",
        subject=adapter,
        detail={"reason": reason, **detail},
    )
    return {"adapter": adapter, "at": act.at.isoformat()}


def restore_adapter(act: Act, *, adapter: str, actor: str, id: str = "") -> Result:
    """Record that a pruned adapter's files are back; nothing happens to one never pruned."""
    if act.query("pruned", adapter=adapter):
        act.record(
            id=id_of(id or new_id(), "restore"),
            actor=actor,
            action="restore_adapter",
            subject=adapter,
            detail={},
        )
    return {"adapter": adapter}


def refuse_unfit(act: Act, adapter: str) -> None:
    """Raises RatchetError if the adapter cannot answer: its files are gone, or it is none."""
    if rows := act.query("pruned", adapter=adapter):
        raise RatchetError(f"{pruned_words(adapter, rows[0])} Nothing was changed.")
    for row in act.query("adapter", id=adapter):
        if row["kind"] != "adapter":
            raise RatchetError(
                f"{unservable(adapter, row['kind'], row['path'])} Nothing was changed."
            )


def unservable(adapter: str, kind: str, path: str) -> str:
    """Why something in the registry that is no adapter cannot answer beside others.

    Args:
        adapter: Its id.
        kind: reward or model.
        path: Its folder.
    """
    if kind == "reward":
        return f"{adapter} is a reward model: it scores answers and writes none."
    return (
        f"{adapter} is a whole model, not an adapter: to answer with it, set assistant.base to "
        f'"{path}" in ratchet.toml.'
    )


def pruned_words(adapter: str, row: Mapping[str, Any]) -> str:
    """That an adapter was pruned, and how to have it again.

    Args:
        adapter: Its id.
        row: Of the query `pruned`.
    """
    again = row["detail"].get("again") or "train another one"
    return f"{adapter} was pruned on {row['at']:%Y-%m-%d}: its files are gone. To have it, {again}."
