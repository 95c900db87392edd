"""Several LoRA adapters of one base → one, registered with all it was made from."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from knowledge.errors import RatchetError
from loop.models.files import scratch
from loop.models.registry import adapter_of, register, verify
from loop.settings import Settings
from loop.store.records import Adapter, Run

if TYPE_CHECKING:
    from loop.models.weights import AdapterFiles
    from loop.store.store import Store

MergeMethod = Literal["svd", "cat", "linear", "ties", "dare_ties"]
METHODS: tuple[MergeMethod, ...] = ("svd", "cat", "linear", "ties", "dare_ties")
MERGE = "merge"  # the method of its run
_ANY_RANK = ("svd", "cat")  # methods that take adapters of different ranks
_SPARSE = ("ties", "dare_ties")  # methods that drop a share of the weights
_ALIKE = ("layers_to_transform", "layers_pattern", "exclude_modules", "fan_in_fan_out")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """All that decides a merged adapter's weights."""

    sources: tuple[str, ...]
    weights: tuple[float, ...]  # one per source
    method: MergeMethod
    density: float | None  # share of the weights that ties and dare_ties keep
    seed: int | None  # dare_ties drops at random


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """A merged adapter and its run."""

    adapter: Adapter
    run: Run


def recipe(
    sources: Sequence[str],
    weights: Sequence[float] | None = None,
    *,
    method: MergeMethod = "svd",
    density: float = 0.5,
    seed: int = 7,
) -> Recipe:
    """What to merge and how, checked.

    Args:
        sources: Ids of adapters, each once.
        weights: One per source, any number but 0; None gives all the same, 1 in all.
        method: "svd" is the best of the sources' rank, "cat" exact with all their ranks added,
            "linear" averages the factors, "ties" and "dare_ties" first drop what is small or
            drawn by lot, then let the majority decide each sign.
        density: Share of the weights that ties and dare_ties keep.
        seed: For dare_ties.

    Raises:
        RatchetError: A source is named twice, or a number is missing or out of range.

    >>> recipe(["ad-1", "ad-2"]).weights
    (0.5, 0.5)
    """
    if not sources or len(set(sources)) < len(sources):
        raise RatchetError(f"Merging {', '.join(sources) or 'nothing'}: name each adapter once.")
    if method not in METHODS:
        raise RatchetError(f"Merge method {method!r}; known are {', '.join(METHODS)}.")
    given = [1 / len(sources)] * len(sources) if weights is None else list(weights)
    if len(given) != len(sources):
        raise RatchetError(
            f"{len(given)} weights for {len(sources)} adapters; name one for each, in their order."
        )
    if not all(math.isfinite(one) and one for one in given):
        raise RatchetError(
            f"Weights {given}: expected numbers other than 0. Leave out what is to weigh nothing."
        )
    sparse = method in _SPARSE
    if sparse and not 0 < density < 1:
        raise RatchetError(f"Density {density}: expected a share between 0 and 1.")
    return Recipe(
        sources=tuple(sources),
        weights=tuple(given),
        method=method,
        density=density if sparse else None,
        seed=seed if method == "dare_ties" else None,
    )


def merge(
    store: Store,
    settings: Settings,
    recipe: Recipe,
    *,
    at: datetime,
    domain: str = "",
    language: str = "",
    segment: str = "",
) -> Merged:
    """Merge adapters and register the result, an adapter like any other: to be judged first.

    The base's weights are not read, so it takes a machine that holds the adapters, not the model.
    The same recipe gives the same adapter.

    Args:
        store: Knows the sources, gets the run and the adapter.
        settings: Say where adapters lie and whose the result is.
        recipe: What to merge and how.
        at: Now.
        domain: Label of the result; so are the next two.
        language: E.g. "de".
        segment: Of customers.

    Raises:
        RatchetError: A source is not there, damaged or marked, or they cannot be merged.

    Source: PEFT's `add_weighted_adapter`; TIES (Yadav et al., 2023), DARE (Yu et al., 2024).
    """
    from loop.models.blend import blend
    from loop.models.weights import read_adapter

    started = time.monotonic()
    sources = [adapter_of(store, id) for id in recipe.sources]
    for one in sources:
        verify(one)
        _refuse_marked(store, one.id)
    base = _one_base(sources)
    settings.adapters.mkdir(parents=True, exist_ok=True)
    with scratch(settings.adapters / "ad-merged") as folder:
        files = [read_adapter(Path(one.path)) for one in sources]
        _mergeable(recipe, sources, files)
        folders = [Path(one.path) for one in sources]
        metrics = blend(recipe, folders, files, base=base, root=settings.root, target=folder)
        decides = {
            **{key: value for key, value in asdict(recipe).items() if value is not None},
            "sources": list(recipe.sources),
            "weights": list(recipe.weights),
            "sha256": {one.id: one.sha256 for one in sources},
            "packages": {name: version(name) for name in ("torch", "peft")},
        }
        run = Run(
            id=f"run-{_digest(decides)[:12]}",
            at=at,
            dataset="",
            method=MERGE,
            base=base,
            seed=recipe.seed or 0,
            settings=decides,
            seconds=round(time.monotonic() - started, 3),
            tokens_per_second=0.0,
            metrics=metrics,
        )
        adapter = register(
            store,
            settings,
            run,
            folder,
            None,
            at,
            sources=recipe.sources,
            domain=domain,
            language=language,
            segment=segment,
        )
    return Merged(adapter=adapter, run=run)


def _mergeable(recipe: Recipe, sources: Sequence[Adapter], files: Sequence[AdapterFiles]) -> None:
    """Raises RatchetError if the adapters cannot be merged in this way."""
    from loop.models.blend import rank_of

    for source, one in zip(sources, files, strict=True):
        if one.config.get("use_dora"):
            raise RatchetError(
                f"{source.id} is a DoRA adapter: its magnitudes cannot be merged. "
                "Export it as a merged model, or train without DoRA."
            )
        if any("lora_A" not in name and "lora_B" not in name for name in one.tensors):
            raise RatchetError(
                f"{source.id} adapts more than linear layers, which cannot be merged. Export it "
                "as a merged model instead."
            )
    for key in _ALIKE:
        if len({json.dumps(one.config.get(key), sort_keys=True) for one in files}) > 1:
            raise RatchetError(
                f"{', '.join(recipe.sources)} differ in {key}, so they cannot be merged."
            )
    ranks = {source.id: rank_of(one.config) for source, one in zip(sources, files, strict=True)}
    mixed = any(one.config.get("rank_pattern") for one in files)
    if recipe.method not in _ANY_RANK and (mixed or len(set(ranks.values())) > 1):
        told = ", ".join(f"{id} {rank}" for id, rank in ranks.items())
        raise RatchetError(
            f"{recipe.method} merges adapters of one rank in all layers, these have up to {told}. "
            "Take svd or cat."
        )


def _one_base(sources: Sequence[Adapter]) -> str:
    bases = {one.base for one in sources}
    if len(bases) > 1:
        told = ", ".join(f"{one.id} on {one.base!r}" for one in sources)
        raise RatchetError(f"Adapters of different bases cannot be merged: {told}.")
    return sources[0].base


def _refuse_marked(store: Store, id: str) -> None:
    from loop.forget.marks import marks, said

    if found := marks(store, id).get(id):
        raise RatchetError(
            f"{id} {said(found)}, so nothing more is made from it. Train another one first."
        )


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
