"""What a forgetting leaves behind: erased datasets, marked adapters, people not taken in again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from knowledge.errors import RatchetError

if TYPE_CHECKING:
    from loop.store.records import Interaction
    from loop.store.store import Store

ERASED = "erased for a forgotten person, curate again"


def erased_datasets(store: Store) -> dict[str, datetime]:
    """Dataset versions whose files were erased for a forgotten person, and since when."""
    return {row["dataset"]: row["at"] for row in store.query("dataset_tombstones")}


def refuse_erased(store: Store, dataset: str) -> None:
    """Raises RatchetError if the dataset version was erased for a forgotten person."""
    if stones := store.query("dataset_tombstones", dataset=dataset):
        raise RatchetError(
            f"{dataset}: erased on {stones[-1]['at']:%Y-%m-%d} for a forgotten person. "
            "Make a new version with `ratchet curate`."
        )


def marks(store: Store, adapter: str | None = None) -> dict[str, list[dict[str, Any]]]:
    """Adapter → why it is marked; of one adapter, or of all."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in store.query("adapter_marks", adapter=adapter):
        found.setdefault(row["adapter"], []).append(row)
    return found


def said(marked: Iterable[dict[str, Any]]) -> str:
    """Marks in words.

    >>> said([{"reason": "forgotten"}, {"reason": "forgotten"}])
    'learnt from a forgotten person'
    """
    told = {
        "forgotten": "learnt from a forgotten person",
        "withdrawn": "learnt from a person who withdrew consent",
    }
    return ", ".join(sorted({told[row["reason"]] for row in marked}))


def refuse_forgotten(store: Store, turns: Iterable[Interaction]) -> None:
    """Refuse imported interactions that somebody had before being forgotten.

    A person may come back: what is said to the assistant itself, or bears a later time, is new.

    Raises:
        RatchetError: Some are from before; it tells how many.
    """
    people = {turn.user: turn for turn in turns}
    gone = store.command("forgotten_among", users=sorted(people)) if people else {}
    old = [
        turn
        for turn in turns
        if turn.user in gone and turn.at <= datetime.fromisoformat(gone[turn.user])
    ]
    if old:
        raise RatchetError(
            f"{len(old)} interactions are of people who were forgotten since. Nothing was "
            "imported; take these people out of what you import."
        )
