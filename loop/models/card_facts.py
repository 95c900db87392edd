"""What a model card tells, gathered from the store's rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loop.models.lineage import origins
from loop.models.registry import adapter_of
from loop.store.records import Adapter

if TYPE_CHECKING:
    from loop.store.store import Store

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """All that a card tells; `loop.models.card.markdown` writes it."""

    adapter: Adapter
    run: Row | None
    before: Sequence[str]  # adapters it was built on, merged from or rewarded by, nearest first
    datasets: Sequence[Row]
    data: Row  # rows, interactions, ratings, people, synthetics
    taught: Sequence[Row]  # rows counted by kind, split, guideline and consent
    scores: Sequence[Row]  # the newest of each suite and metric
    champion: str | None  # what the gate judged it against
    champion_scores: Sequence[Row]
    decision: Row | None
    marks: Sequence[Row]


def model_card(store: Store, id: str) -> ModelCard:
    """Gather the card of an adapter.

    Raises:
        RatchetError: There is no such adapter.
    """
    adapter = adapter_of(store, id)
    runs = store.query("run", id=adapter.run)
    decisions = [
        row
        for row in store.query("decisions", candidate=id)
        if row["assistant"] == adapter.assistant
    ]
    decision = decisions[0] if decisions else None
    champion = None if decision is None else str(decision["champion"])
    return ModelCard(
        adapter=adapter,
        run=runs[0] if runs else None,
        before=origins(store, id),
        datasets=store.query("adapter_datasets", adapter=id),
        data=store.query("card_data", adapter=id)[0],
        taught=store.query("dash_lineage", adapter=id),
        scores=_newest(store.query("evaluations", adapter=id)),
        champion=champion,
        champion_scores=store.query("evaluations", adapter=champion) if champion else (),
        decision=decision,
        marks=store.query("adapter_marks", adapter=id),
    )


def licences(datasets: Sequence[Row]) -> list[str]:
    """Every licence that a row of the data names."""
    named = {
        part.strip().casefold()
        for dataset in datasets
        for value in dataset["manifest"].get("licences") or {}
        for part in value.split("+")
    }
    return sorted(named)


def share(card: ModelCard, mark: str) -> float:
    """Share of the data's rows that are "simulated" or "synthetic", in [0, 1]."""
    rows = sum(_count(one["manifest"].get("rows")) for one in card.datasets)
    return sum(_count(one["manifest"].get(mark)) for one in card.datasets) / rows if rows else 0.0


def base_name(base: str) -> str:
    """The base without the folders of this machine.

    >>> base_name("org/model"), base_name("/home/ada/models/mine")
    ('org/model', 'mine')
    """
    local = base.startswith((".", "/", "~")) or base.count("/") > 1 or "\\" in base
    return base.replace("\\", "/").rstrip("/").rpartition("/")[2] if local else base


def _newest(evaluations: Iterable[Row]) -> list[Row]:
    """The first row of each suite and metric, by suite and metric."""
    found: dict[tuple[str, str], Row] = {}
    for row in evaluations:
        found.setdefault((row["suite"], row["metric"]), row)
    return [found[key] for key in sorted(found)]


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0
