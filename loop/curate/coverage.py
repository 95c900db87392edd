"""A dataset beside live traffic: gathers what `loop.curate.bias` works on."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from knowledge.errors import RatchetError
from knowledge.near import nearest
from loop.curate import clusters
from loop.curate.bias import Learnt, Rated, balance_report
from loop.curate.feedback import opinions, verdict
from loop.curate.paraphrase import bare
from loop.curate.rows import said
from loop.curate.version import FILES
from loop.settings import Settings
from loop.store.records import Rating

if TYPE_CHECKING:
    from loop.store.records import Dataset
    from loop.store.store import Store

LAST = 10_000  # live questions that a dataset is held against
Embed = Callable[[Sequence[str]], NDArray[np.float32]]


class _Read(NamedTuple):
    keys: list[str]
    prompts: list[str]
    rows: list[Learnt]


def balance_of(
    settings: Settings, store: Store, dataset: Dataset, embed: Embed, *, last: int = LAST
) -> dict[str, Any]:
    """The balance report of a dataset version; see `balance_report`.

    Args:
        settings: Its seed draws the clusters' first centres.
        store: Where live questions and ratings are.
        dataset: Its files are read.
        embed: Texts to unit vectors.
        last: Newest live questions that it is held against.

    Raises:
        RatchetError: The dataset's files are not there.
    """
    keys, prompts, rows = _read(Path(dataset.path))
    live = store.query("interactions", assistant=settings.assistant.name, limit=last)
    rows_nd, live_md = embed(prompts), embed([bare(one["question"]) for one in live])
    centres_kd = clusters.fit(rows_nd, keys, seed=settings.seed)
    rows_n, live_m = clusters.assign(rows_nd, centres_kd), clusters.assign(live_md, centres_kd)
    named = clusters.describe(prompts, rows_nd, centres_kd, rows_n)
    report = balance_report(
        named,
        rows,
        rows_n,
        live_m,
        nearest(live_md, np.unique(rows_nd, axis=0)).cosines,
        _rated(store, live, [named[number].name for number in live_m.tolist()]),
    )
    return {"dataset": dataset.id, "live": len(live), **report}


def _read(folder: Path) -> _Read:
    import pyarrow.parquet as pq

    found = _Read([], [], [])
    for kind, name in sorted(FILES.items()):
        if not (folder / name).is_file():
            raise RatchetError(f"{folder / name}: no such file. Make it with `ratchet curate`.")
        for row in pq.read_table(folder / name).to_pylist():
            asked = [text for text in said(json.loads(row["messages"])) if text.strip()]
            found.keys.append(row["row"])
            found.prompts.append(bare(asked[-1]) if asked else "")
            found.rows.append(
                Learnt(
                    kind=kind,
                    answer=row.get("chosen") or row.get("answer") or "",
                    rejected=row.get("rejected"),
                    label=row.get("label"),
                    simulated=bool(row.get("simulated")),
                    synthetic=bool(row.get("synthetic")),
                )
            )
    return found


def _rated(store: Store, live: Sequence[dict[str, Any]], tasks: Sequence[str]) -> list[Rated]:
    """Live answers on which more people say good than bad, or bad than good."""
    from loop.store.tables import from_row

    said_of = store.query("ratings_of_ids", ids=[one["id"] for one in live])
    thought = opinions(from_row(Rating, row) for row in said_of)
    found = []
    for one, task in zip(live, tasks, strict=True):
        if one["id"] in thought:
            verdicts = [verdict(rating) for rating in thought[one["id"]].values.values()]
            margin = verdicts.count(True) - verdicts.count(False)
            if margin:
                groups = {"cluster": task, "adapter": one["adapter"]}
                found.append(Rated(good=margin > 0, groups=groups))
    return found
