"""Rows by task: k-means over what was asked, each cluster named by its most typical prompts.

`loop.evaluate.clusters` brings together a few questions that ask the same; this parts any number
of rows into a few dozen tasks.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from knowledge.content import COMMON
from knowledge.near import nearest
from knowledge.pii import mask
from knowledge.text import words
from loop.curate.version import CLUSTERS

FITTED = 20_000  # rows that the centres are fitted to, those with the lowest keys
MOST = 50  # clusters
ROUNDS = 30  # of k-means at most
TYPICAL = 3  # prompts that a cluster is named by
DISTINCTIVE = 5  # words
LONGEST = 120  # characters of a prompt in a name


SCHEMA = pa.schema(
    {
        "name": pa.string(), "prompts": pa.list_(pa.string()), "words": pa.list_(pa.string()),
        "rows": pa.int64(),
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A task that people come with."""

    name: str  # its most typical prompt, personal data masked
    prompts: tuple[str, ...]  # the most typical ones, the first first
    words: tuple[str, ...]  # that it holds more than others do
    rows: int


def how_many(different: int) -> int:
    """Clusters for so many different questions: the root of half of them, at most 50.

    Source: Mardia, Kent and Bibby 1979, Multivariate Analysis, p. 365 (a rule of thumb).

    >>> [how_many(n) for n in (1, 8, 200, 1_000_000)]
    [1, 2, 10, 50]
    """
    return max(1, min(MOST, round(math.sqrt(different / 2))))


def fit(
    vectors_nd: NDArray[np.float32], keys: Sequence[str], *, seed: int, k: int | None = None
) -> NDArray[np.float32]:
    """Centres of the clusters, whatever the order of the rows.

    Args:
        vectors_nd: Unit vectors of what was asked, shape (n, dimension).
        keys: Content hash of each row; rows are taken in this order.
        seed: Of the first centres.
        k: How many; None goes by `how_many`.

    Returns:
        Unit vectors, shape (at most k, dimension), of the largest cluster first.

    Source: Arthur and Vassilvitskii 2007 (k-means++); Dhillon and Modha 2001 (spherical k-means).
    """
    order = sorted(range(len(keys)), key=lambda row: keys[row])[:FITTED]
    points_nd = np.ascontiguousarray(vectors_nd[order], dtype=np.float32)
    if not len(points_nd):
        return points_nd
    different = len(np.unique(points_nd.round(5), axis=0))
    centres_kd = _first_centres(points_nd, min(k or how_many(different), different), seed)
    before: NDArray[np.int64] | None = None
    for _ in range(ROUNDS):
        of_n = nearest(points_nd, centres_kd).rows
        if before is not None and np.array_equal(of_n, before):
            break
        before = of_n
        sums_kd = np.zeros((len(centres_kd), points_nd.shape[1]))
        np.add.at(sums_kd, of_n, points_nd)
        sizes_k = np.linalg.norm(sums_kd, axis=1, keepdims=True)
        kept = sizes_k[:, 0] > 0  # a cluster that lost all its rows goes
        centres_kd = (sums_kd[kept] / sizes_k[kept]).astype(np.float32)
    counts_k = np.bincount(nearest(points_nd, centres_kd).rows, minlength=len(centres_kd))
    return centres_kd[np.argsort(-counts_k, kind="stable")]


def assign(vectors_nd: NDArray[np.float32], centres_kd: NDArray[np.float32]) -> NDArray[np.int64]:
    """The cluster of each row, shape (n,)."""
    return nearest(vectors_nd, centres_kd).rows


def describe(
    prompts: Sequence[str],
    vectors_nd: NDArray[np.float32],
    centres_kd: NDArray[np.float32],
    clusters_n: NDArray[np.int64],
) -> list[Cluster]:
    """What each cluster is about.

    Args:
        prompts: What was asked.
        vectors_nd: Of the prompts, shape (n, dimension).
        centres_kd: From `fit`.
        clusters_n: From `assign`, shape (n,).
    """
    of_words = [Counter[str]() for _ in centres_kd]
    for prompt, number in zip(prompts, clusters_n.tolist(), strict=True):
        of_words[number].update({word for word in words(mask(prompt)) if word not in COMMON})
    everywhere = sum(of_words, Counter[str]())
    found = []
    for number, centre_d in enumerate(centres_kd):
        rows = np.flatnonzero(clusters_n == number)
        likeness = (vectors_nd[rows] @ centre_d).round(4)
        by_likeness = sorted(
            zip((-likeness).tolist(), (prompts[row] for row in rows.tolist()), strict=True)
        )
        typical = list(dict.fromkeys(_shown(prompt) for _, prompt in by_likeness[: 20 * TYPICAL]))
        found.append(
            Cluster(
                name=typical[0] if typical else "",
                prompts=tuple(typical[:TYPICAL]),
                words=_distinctive(of_words[number], everywhere, len(rows), len(prompts)),
                rows=len(rows),
            )
        )
    return found


class Tasks:
    """What rows are about.

    Args:
        numbers: Of rows.
        prompts: What each asks.
        keys: Content hash of each.
        vectors_nd: Unit vectors of the prompts, shape (rows, dimension).
        seed: Of the clusters.
    """

    def __init__(
        self,
        numbers: Sequence[int],
        prompts: Sequence[str],
        keys: Sequence[str],
        vectors_nd: NDArray[np.float32],
        *,
        seed: int,
    ) -> None:
        self._place = {n: place for place, n in enumerate(numbers)}
        self._prompts = prompts
        self._vectors_nd = vectors_nd
        self._centres_kd = fit(vectors_nd, keys, seed=seed)
        self._of = assign(vectors_nd, self._centres_kd)

    def of(self, numbers: Sequence[int]) -> NDArray[np.int64]:
        """The cluster of each row."""
        return self._of[[self._place[n] for n in numbers]]

    def clusters(self, numbers: Sequence[int]) -> list[Cluster]:
        """All clusters, each named by these rows alone; those of one name are told apart."""
        places = [self._place[n] for n in numbers]
        found = describe(
            [self._prompts[place] for place in places],
            self._vectors_nd[places],
            self._centres_kd,
            self._of[places],
        )
        times: Counter[str] = Counter()
        named = []
        for one in found:
            times[one.name] += 1
            again = f" ({times[one.name]})" if times[one.name] > 1 else ""
            named.append(replace(one, name=one.name + again))
        return named


def to_table(clusters: Sequence[Cluster]) -> pa.Table:
    """Clusters as a dataset version keeps them, the largest first."""
    return pa.table(
        {name: [getattr(one, name) for one in clusters] for name in SCHEMA.names}, schema=SCHEMA
    )


def read(folder: Path) -> list[dict[str, Any]]:
    """The tasks that a dataset version's rows are about, the largest first; see `SCHEMA`."""
    import pyarrow.parquet as pq

    found: list[dict[str, Any]] = pq.read_table(folder / CLUSTERS).to_pylist()
    return sorted(found, key=lambda one: -int(one["rows"]))


def _first_centres(points_nd: NDArray[np.float32], k: int, seed: int) -> NDArray[np.float32]:
    """k-means++: each next centre is drawn by how far it lies from those there are."""
    rng = np.random.default_rng(seed)
    chosen = [int(rng.integers(len(points_nd)))]
    far_n = np.full(len(points_nd), np.inf)
    for _ in range(k - 1):
        near = (points_nd @ points_nd[chosen[-1]]).astype(np.float64).round(4)
        far_n = np.minimum(far_n, np.maximum(1 - near, 0.0))
        if not far_n.any():
            break
        chosen.append(int(rng.choice(len(points_nd), p=far_n / far_n.sum())))
    return points_nd[chosen]


def _distinctive(
    own: Counter[str], everywhere: Counter[str], rows: int, total: int
) -> tuple[str, ...]:
    """Words by how much more often than elsewhere a row of the cluster holds them."""
    score = {
        word: count / max(rows, 1) - (everywhere[word] - count) / max(total - rows, 1)
        for word, count in own.items()
    }
    best = sorted(score, key=lambda word: (-score[word], word))
    return tuple(word for word in best[:DISTINCTIVE] if score[word] > 0)


def _shown(prompt: str) -> str:
    line = " ".join(mask(prompt[: 4 * LONGEST]).split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1].rstrip()}…"
