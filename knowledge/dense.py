"""Vectors and the search among them: exact inner product by FAISS, on a GPU where there is one."""

from __future__ import annotations

import threading
from typing import Any, NamedTuple, Self

import faiss
import numpy as np
from numpy.typing import NDArray

GPU_MOST = 2048  # a GPU gives no more hits for a query


class Hits(NamedTuple):
    """What one query found, best first; ties in order of ids."""

    ids: NDArray[np.int64]  # (k,)
    scores: NDArray[np.float32]  # (k,)


class DenseIndex:
    """Unit vectors by id. One thread at a time may change it; any number may search.

    Args:
        dimension: Of the vectors.
    """

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension
        self.ids: NDArray[np.int64] = np.zeros(0, dtype=np.int64)  # in order of rows
        self._flat: Any = faiss.IndexFlatIP(dimension)
        self._gpu: Any = None  # a copy of _flat, made by the first search
        self._one_at_a_time = threading.Lock()  # as a GPU's index wants it

    def __len__(self) -> int:
        return len(self.ids)

    def add(self, ids: NDArray[np.int64], vectors_nd: NDArray[np.float32]) -> None:
        """Add vectors, float32, shape (len(ids), dimension), behind those that are there."""
        self._flat.add(np.ascontiguousarray(vectors_nd, dtype=np.float32))
        self.ids = np.concatenate([self.ids, ids])
        self._gpu = None

    def remove(self, ids: NDArray[np.int64]) -> None:
        """Take vectors out; the others keep their order. An id that is not there is passed over."""
        out = np.isin(self.ids, ids)
        self._flat.remove_ids(_selector(out))
        self.ids = self.ids[~out]
        self._gpu = None

    def copy(self) -> Self:
        """The same vectors, to be changed while this is searched."""
        twin = type(self)(self.dimension)
        twin._flat = faiss.clone_index(self._flat)
        twin.ids = self.ids
        return twin

    def vectors(self, rows: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """The vectors of these rows, or of all, shape (rows, dimension)."""
        if rows is None:
            return np.asarray(self._flat.reconstruct_n(0, len(self)), dtype=np.float32)
        return np.asarray(self._flat.reconstruct_batch(rows), dtype=np.float32)

    def search(
        self, queries_qd: NDArray[np.float32], k: int, allowed: NDArray[np.bool_] | None = None
    ) -> list[Hits]:
        """The k nearest of the allowed vectors for each query; others are never ranked.

        Args:
            queries_qd: Unit vectors, shape (queries, dimension).
            k: At most.
            allowed: Which rows may be found, in the order of `ids`; None allows all.
        """
        if allowed is not None and allowed.all():
            allowed = None
        k = min(k, len(self) if allowed is None else int(allowed.sum()))
        if k == 0 or len(queries_qd) == 0:
            return [Hits(self.ids[:0], np.zeros(0, dtype=np.float32)) for _ in queries_qd]
        queries_qd = np.ascontiguousarray(queries_qd, dtype=np.float32)
        found = self._search_gpu(queries_qd, k, allowed)
        if found is None:
            parameters = None
            if allowed is not None:
                parameters = _filter(allowed)
            scores_qk, rows_qk = self._flat.search(queries_qd, k, params=parameters)
            found = list(zip(scores_qk, rows_qk, strict=True))
        return [self._hits(scores, rows) for scores, rows in found]

    def _search_gpu(
        self, queries_qd: NDArray[np.float32], k: int, allowed: NDArray[np.bool_] | None
    ) -> list[tuple[NDArray[np.float32], NDArray[np.int64]]] | None:
        """As on the CPU, or None if this GPU cannot say.

        A GPU takes no filter. Its best hits, less those not allowed, are the best of the allowed
        as long as k are left.
        """
        if k > GPU_MOST:
            return None
        most = k if allowed is None else min(len(self), GPU_MOST)
        with self._one_at_a_time:
            index = self._on_gpu()
            if index is None:
                return None
            scores_qk, rows_qk = index.search(queries_qd, most)
        found = []
        for scores, rows in zip(scores_qk, rows_qk, strict=True):
            kept = slice(None) if allowed is None else np.flatnonzero(allowed[rows])[:k]
            if len(rows[kept]) < k:
                return None
            found.append((scores[kept], rows[kept]))
        return found

    def _on_gpu(self) -> Any:
        if self._gpu is None and hasattr(faiss, "StandardGpuResources") and faiss.get_num_gpus():
            resources = faiss.StandardGpuResources()
            self._gpu = faiss.index_cpu_to_gpu(resources, 0, self._flat)
            self._gpu.ratchet_resources = resources  # lives as long as the index
        return self._gpu

    def _hits(self, scores: NDArray[np.float32], rows: NDArray[np.int64]) -> Hits:
        ids = self.ids[rows]
        # Equal texts may differ in the last bit by where they stand in a batch.
        order = np.lexsort((ids, -scores.round(6)))
        return Hits(ids[order], scores[order])


def _filter(allowed: NDArray[np.bool_]) -> Any:
    make: Any = faiss.SearchParameters  # its stub knows no arguments
    return make(sel=_selector(allowed))


def _selector(rows: NDArray[np.bool_]) -> Any:
    """FAISS's way to say which rows. A bit each: 4 times as fast as its set of ids."""
    bits = np.packbits(rows, bitorder="little")
    selector: Any = faiss.IDSelectorBitmap(len(rows), faiss.swig_ptr(bits))
    selector.ratchet_bits = bits  # FAISS keeps a pointer only
    return selector
