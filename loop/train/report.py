"""What a search leaves in its folder: search.json and search.svg."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from loop.settings import Settings
from loop.store.records import Adapter, Dataset
from loop.train.job import write_json
from loop.train.picture import picture
from loop.train.plan import named_by
from loop.train.search import Found
from loop.train.space import changes

REPORT, PICTURE = "search.json", "search.svg"
_GROWS = ("trials", "minutes", "money", "seeds")  # more of them takes the same search further


def search_folder(
    settings: Settings, dataset: Dataset, *, method: str, seed: int, parent: Adapter | None
) -> Path:
    """Where a search lies: the same one in the same place, however long it may take."""
    known = {k: v for k, v in asdict(settings.search).items() if k not in _GROWS}
    names = named_by(settings, dataset, method=method, seed=seed, parent=parent)
    text = json.dumps([*names, known], sort_keys=True)
    return settings.runs / f"search-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def report(found: Found, folder: Path) -> dict[str, Any]:
    """Write both files; the content of search.json with the folder's name.

    Args:
        found: What the search came to.
        folder: The search's.
    """
    comparison = None
    if found.comparison is not None:
        comparison = asdict(found.comparison)
    data = {
        "figure": found.figure,
        "more_is_better": found.more,
        "rows": {"choosing": found.choosing_rows, "judging": found.judging_rows},
        "searched": {
            knob.name: {"between" if knob.between else "values": knob.values}
            for knob in found.space.knobs
        },
        "left_out": found.space.left_out,
        "trials": [asdict(one) for one in found.trials],
        "best": found.best.number,
        "snippet": snippet(found.changed),
        "comparison": comparison,
        "words": found.words,
        "ended": found.ended,
        "seconds": found.seconds,
        "cost": found.cost,
    }
    write_json(folder / REPORT, data)
    drawn = picture(found.trials, figure=f"held-out {found.figure}", more=found.more)
    (folder / PICTURE).write_text(drawn, encoding="utf-8")
    return data | {"folder": str(folder)}


def snippet(settings: Mapping[str, float]) -> str:
    """Lines for ratchet.toml; empty for the default settings.

    >>> print(snippet({"learning_rate": 0.00123, "rank": 8}))
    [train]
    learning_rate = 0.00123
    rank = 8
    """
    if not settings:
        return ""
    lines = [f"{name} = {value!r}" for name, value in changes(settings).items()]
    return "\n".join(["[train]", *lines])
