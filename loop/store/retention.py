"""Which adapters must keep their files, whatever a retention policy says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from loop.store.champion import BASE, champion_of, history


class Reads(Protocol):
    """The store, or a transaction in it."""

    def query(self, name: str, /, **parameters: Any) -> list[dict[str, Any]]: ...


def held_by(reads: Reads, adapter: str) -> str | None:
    """Why an adapter must keep its files: it answers, may have to, or others build on it.

    Args:
        reads: Where to look.
        adapter: Its id.

    Returns:
        The reason in words, or None if it may go.
    """
    [row] = reads.query("adapter", id=adapter)
    if why := service(reads, str(row["assistant"])).get(adapter):
        return why
    for built in reads.query("adapter_builds", adapter=adapter):
        return f"{built['id']}, which is kept, was made from it"
    return None


def service(reads: Reads, assistant: str) -> dict[str, str]:
    """Adapters that answer for an assistant, or may have to any moment, each with the reason."""
    promotions = reads.query("promotions", assistant=assistant)
    champion = champion_of(promotions)
    found: dict[str, str] = {}
    for row in reads.query("adapters_waiting", assistant=assistant, champion=champion):
        found[row["candidate"]] = "the gate passed it, and it waits for promotion"
    for id, name in _arms(reads, assistant):
        found[name] = f"an arm of the running experiment {id}"
    stack = history(promotions)
    if len(stack) > 1:
        found[stack[-2]] = "what a rollback would bring back"
    found[champion] = "the champion"
    found.pop(BASE, None)
    return found


def _arms(reads: Reads, assistant: str) -> Iterator[tuple[str, str]]:
    for experiment in reads.query("experiments", assistant=assistant):
        if experiment["status"] == "running":
            for arm in experiment["arms"]:
                yield str(experiment["id"]), str(arm["adapter"])
