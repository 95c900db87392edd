"""Vectors on a GPU, where FAISS finds one: an exact scan there, or cuVS's graph.

Written against FAISS's interface and tried against a stand-in; not measured on a GPU.
"""

from __future__ import annotations

import threading
from typing import Any, NamedTuple

import faiss
import numpy as np
from numpy.typing import NDArray

from knowledge.hits import Hits, best

_faiss: Any = faiss  # the stubs are those of the CPU's wheel
MOST = 2048  # a GPU gives no more hits for a query


class Gpu(NamedTuple):
    """What FAISS finds on this machine."""

    free_bytes: int
    cagra: bool  # a FAISS built with cuVS


class OnGpu:
    """The open rows on a GPU, copied there by the first search; one thread at a time."""

    def __init__(self, vectors_nd: NDArray[np.float32], kind: str) -> None:
        self._vectors_nd, self._kind = vectors_nd, kind
        self._index: Any = None
        self._one_at_a_time = threading.Lock()

    def search(
        self, queries_qd: Any, k: int, allowed: NDArray[np.bool_] | None
    ) -> list[Hits] | None:
        """As on the CPU, or None if this GPU cannot say.

        A GPU takes no filter. Its best hits, less those not allowed, are the best of the allowed
        as long as k are left.
        """
        if k > MOST:
            return None
        most = k if allowed is None else min(len(self._vectors_nd), MOST)
        with self._one_at_a_time:
            if self._index is None:
                self._index = self._copy()
            scores_qk, rows_qk = self._index.search(queries_qd, most)
        found = []
        for scores, rows in zip(scores_qk, rows_qk, strict=True):
            kept = rows >= 0
            if allowed is not None:
                kept &= allowed[rows]
            if int(kept.sum()) < k:
                return None
            found.append(best(k, Hits(rows[kept], scores[kept])))
        return found

    def _copy(self) -> Any:
        resources: Any = _faiss.StandardGpuResources()
        dimension = self._vectors_nd.shape[1]
        if self._kind == "cagra":
            index: Any = _faiss.GpuIndexCagra(resources, dimension, _faiss.METRIC_INNER_PRODUCT)
            index.train(self._vectors_nd)
        else:
            index = _faiss.GpuIndexFlatIP(resources, dimension)
            index.add(self._vectors_nd)
        index.ratchet_resources = resources  # lives as long as the index
        return index


def find_gpu() -> Gpu | None:
    """The GPU that FAISS can use here; None without one, or with FAISS for the CPU."""
    if not hasattr(_faiss, "StandardGpuResources") or not _faiss.get_num_gpus():
        return None
    free = int(_faiss.get_free_memory(0)) if hasattr(_faiss, "get_free_memory") else 4 << 30
    return Gpu(free_bytes=free, cagra=hasattr(_faiss, "GpuIndexCagra"))
