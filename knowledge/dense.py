"""Unit vectors by row and the search among them: FAISS, exact or by an index that fits the size.

What not everyone may read is always searched exactly: an approximate index holds open rows only,
so that no search ever walks through what its reader may not see.
"""

from __future__ import annotations

import os
from errno import ENOENT
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

import faiss
import numpy as np
from numpy.typing import NDArray

from knowledge.gpu import Gpu, OnGpu
from knowledge.hits import Hits, best

_faiss: Any = faiss  # its stubs know neither half of the arguments nor of the names
Kind = Literal["flat", "hnsw", "ivfpq", "gpu_flat", "cagra"]
FILE, FAST_FILE = "vectors.faiss", "fast.faiss"

FLAT_MOST = 20_000  # rows that are scanned in about as long as the rest of a search takes
HNSW_MOST = 2_000_000  # rows whose vectors fit into the memory of an ordinary machine
LINKS, BUILD_EFFORT = 16, 100  # of HNSW: neighbours per row, candidates while building
EFFORT_LEAST = 64  # candidates that a search of HNSW keeps, at least
BITS = 8  # of a code's parts, of IVF-PQ
PROBES = 48  # lists that a search of IVF-PQ visits, at least
CODED_LEAST = 200  # rows whose codes are close that are held against their vectors, at least
TRAINED_ON = 100_000  # rows that IVF-PQ learns its lists and codes from
CAGRA_LEAST = 500_000  # rows below which a GPU scans them all in about a millisecond
FEW = 0.1  # share of rows below which those are gathered and multiplied, others skipped


class Plan(NamedTuple):
    """How the open rows of a segment are searched, and why."""

    kind: Kind
    reason: str


def choose(rows: int, dimension: int, gpu: Gpu | None = None) -> Plan:
    """The index for so many open rows on such a machine.

    >>> choose(100_000, 384).kind
    'hnsw'
    >>> choose(100_000, 384, Gpu(free_bytes=8 << 30, cagra=False)).kind
    'gpu_flat'
    """
    size = rows * dimension * 4
    if rows <= FLAT_MOST:
        return Plan("flat", f"{rows:,} open rows: an exact scan is quick up to {FLAT_MOST:,}")
    if gpu is not None and size * 2 <= gpu.free_bytes:
        if gpu.cagra and rows >= CAGRA_LEAST:
            return Plan("cagra", f"{rows:,} open rows on a GPU with cuVS: a graph from there on")
        return Plan("gpu_flat", f"{rows:,} open rows fit on the GPU: an exact scan there")
    if rows <= HNSW_MOST:
        return Plan("hnsw", f"{rows:,} open rows: a graph finds them without a scan")
    return Plan("ivfpq", f"{rows:,} open rows: codes of {_codes(dimension)} bytes fit into memory")


class Vectors:
    """Unit vectors of a segment by row. Never changes; any number of threads may search.

    Args:
        flat: All of them, a FAISS flat index.
        open_rows: Rows from 0 on that everyone may read; the index `fast` holds these.
        plan: How they are searched.
        fast: HNSW or IVF-PQ over the open rows; None scans them.
    """

    def __init__(self, flat: Any, open_rows: int, plan: Plan, fast: Any = None) -> None:
        self.dimension = int(flat.d)
        self.open_rows = open_rows
        self.plan = plan
        self._flat, self._fast = flat, fast
        self.all_nd = _view_of(flat)
        self._gpu: OnGpu | None = None
        if plan.kind in ("gpu_flat", "cagra"):
            self._gpu = OnGpu(self.all_nd[:open_rows], plan.kind)

    @classmethod
    def build(
        cls, vectors_nd: NDArray[np.float32], open_rows: int, *, gpu: Gpu | None = None
    ) -> Self:
        """Index the vectors, float32, shape (n, dimension), as their number asks for."""
        vectors_nd = np.ascontiguousarray(vectors_nd, dtype=np.float32)
        flat: Any = _faiss.IndexFlatIP(vectors_nd.shape[1])
        flat.add(vectors_nd)
        plan = choose(open_rows, vectors_nd.shape[1], gpu)
        return cls(flat, open_rows, plan, _build(plan.kind, flat, vectors_nd[:open_rows]))

    @classmethod
    def read(cls, folder: Path, open_rows: int, *, gpu: Gpu | None = None) -> Self:
        """What `write` has written, mapped into memory and not copied.

        Raises:
            FileNotFoundError: It is not there, or is taken away in this moment.
        """
        try:
            flat: Any = _faiss.read_index(os.fspath(folder / FILE), _faiss.IO_FLAG_MMAP_IFC)
        except RuntimeError as problem:  # all that FAISS ever raises
            if (folder / FILE).exists():
                raise
            raise FileNotFoundError(ENOENT, os.strerror(ENOENT), str(folder / FILE)) from problem
        plan = choose(open_rows, flat.d, gpu)
        fast: Any = None
        if (folder / FAST_FILE).exists():
            fast = _faiss.read_index(os.fspath(folder / FAST_FILE))
            if plan.kind == "hnsw":
                fast.storage, fast.own_fields = flat, False
        return cls(flat, open_rows, plan, fast)

    def write(self, folder: Path) -> list[str]:
        """Put the vectors, and the index over them, into a folder; the names of the files."""
        _faiss.write_index(self._flat, os.fspath(folder / FILE))
        if self._fast is None:
            return [FILE]
        # The graph alone: its vectors are in the other file.
        skip = _faiss.IO_FLAG_SKIP_STORAGE if self.plan.kind == "hnsw" else 0
        _faiss.write_index(self._fast, os.fspath(folder / FAST_FILE), skip)
        return [FILE, FAST_FILE]

    def without(self, rows: NDArray[np.int64]) -> Self:
        """The same rows and index with these vectors zeroed: nothing of them is left."""
        kept = self.all_nd.copy()
        kept[rows] = 0
        flat: Any = _faiss.IndexFlatIP(self.dimension)
        flat.add(kept)
        fast: Any = None
        if self.plan.kind == "hnsw" and self._fast is not None:
            fast = _faiss.clone_index(self._fast)
            fast.storage, fast.own_fields = flat, False
        elif self._fast is not None:  # its codes would tell of what is to be gone
            fast = _build(self.plan.kind, flat, kept[: self.open_rows])
        return type(self)(flat, self.open_rows, self.plan, fast)

    def __len__(self) -> int:
        return len(self.all_nd)

    def search(
        self,
        queries_qd: NDArray[np.float32],
        k: int,
        allowed: NDArray[np.bool_] | None = None,
        *,
        effort: int | None = None,
    ) -> list[Hits]:
        """The k nearest of the allowed rows for each query; others take no place among them.

        Args:
            queries_qd: Unit vectors, shape (queries, dimension).
            k: At most.
            allowed: Which rows may be found, shape (n,); None allows all.
            effort: Candidates an approximate index keeps; None takes what suits k.
        """
        queries_qd = np.ascontiguousarray(queries_qd, dtype=np.float32)
        if allowed is not None and allowed.all():
            allowed = None
        if self._fast is None and self._gpu is None:
            return self._scan(queries_qd, k, allowed)
        near = self._search_open(queries_qd, k, allowed, effort)
        if self.open_rows == len(self):
            return near
        closed = np.ones(len(self), dtype=bool) if allowed is None else allowed.copy()
        closed[: self.open_rows] = False
        rest = self._scan(queries_qd, k, closed)
        return [best(k, one, other) for one, other in zip(near, rest, strict=True)]

    def _search_open(
        self, queries_qd: Any, k: int, allowed: NDArray[np.bool_] | None, effort: int | None
    ) -> list[Hits]:
        """The open rows by the fast index, or by a scan where that cannot say."""
        inside = None if allowed is None else allowed[: self.open_rows]
        count = self.open_rows if inside is None else int(inside.sum())
        if inside is not None and count == self.open_rows:
            inside = None
        k = min(k, count)
        found: list[Hits] | None = None
        if k and count >= self.open_rows * FEW:
            if self._gpu is not None:
                found = self._gpu.search(queries_qd, k, inside)
            else:
                found = self._search_fast(queries_qd, k, inside, effort)
        if found is None:
            here = np.zeros(len(self), dtype=bool)
            here[: self.open_rows] = True if inside is None else inside
            found = self._scan(queries_qd, k, here)
        return found

    def _search_fast(
        self, queries_qd: Any, k: int, inside: NDArray[np.bool_] | None, effort: int | None
    ) -> list[Hits] | None:
        if self.plan.kind == "hnsw":
            most, reach = k, max(effort or max(EFFORT_LEAST, 2 * k), k)
        else:
            # More than asked for, as codes are coarse; the vectors then say which are best.
            most, reach = max(10 * k, CODED_LEAST), effort or max(PROBES, k // 4)
        parameters = _parameters(
            self.plan.kind, reach, None if inside is None else _selector(inside)
        )
        scores_qk, rows_qk = self._fast.search(queries_qd, most, params=parameters)
        found = []
        for query, scores, rows in zip(queries_qd, scores_qk, rows_qk, strict=True):
            if rows[-1] < 0:  # fewer than asked for
                rows = rows[rows >= 0]
                scores = scores[: len(rows)]
            if len(rows) < k:
                return None
            if self.plan.kind == "ivfpq":
                scores = self.all_nd[rows] @ query
            found.append(best(k, Hits(rows, scores)))
        return found

    def _scan(self, queries_qd: Any, k: int, allowed: NDArray[np.bool_] | None) -> list[Hits]:
        count = len(self) if allowed is None else int(allowed.sum())
        k = min(k, count)
        if k == 0 or len(queries_qd) == 0:
            return [Hits(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32))] * len(
                queries_qd
            )
        if allowed is not None and count <= len(self) * FEW:
            rows = np.flatnonzero(allowed)
            few_nd = self.all_nd[rows]
            return [best(k, Hits(rows, few_nd @ query)) for query in queries_qd]
        parameters = None
        if allowed is not None:
            parameters = _faiss.SearchParameters(sel=_selector(allowed))
        scores_qk, rows_qk = self._flat.search(queries_qd, k, params=parameters)
        return [best(k, Hits(*pair)) for pair in zip(rows_qk, scores_qk, strict=True)]


def _build(kind: Kind, flat: Any, open_nd: NDArray[np.float32]) -> Any:
    rows, dimension = open_nd.shape
    if kind == "hnsw":
        graph: Any = _faiss.IndexHNSWFlat(dimension, LINKS, _faiss.METRIC_INNER_PRODUCT)
        graph.hnsw.efConstruction = BUILD_EFFORT
        graph.add(open_nd)
        graph.storage, graph.own_fields = flat, False  # one copy of the vectors is enough
        return graph
    if kind == "ivfpq":
        codes: Any = _faiss.index_factory(
            dimension,
            f"IVF{_lists(rows)},PQ{_codes(dimension)}x{BITS}",
            _faiss.METRIC_INNER_PRODUCT,
        )
        step = max(rows // TRAINED_ON, 1)
        codes.train(open_nd[::step])
        codes.add(open_nd)
        return codes
    return None


@lru_cache(maxsize=64)  # to make them takes as long as a short search
def _plain_parameters(kind: Kind, reach: int) -> Any:
    if kind == "hnsw":
        return _faiss.SearchParametersHNSW(efSearch=reach)
    return _faiss.SearchParametersIVF(nprobe=reach)


def _parameters(kind: Kind, reach: int, selector: Any) -> Any:
    """How far a search goes, and among which rows."""
    if selector is None:
        return _plain_parameters(kind, reach)
    if kind == "hnsw":
        return _faiss.SearchParametersHNSW(efSearch=reach, sel=selector)
    return _faiss.SearchParametersIVF(nprobe=reach, sel=selector)


def _lists(rows: int) -> int:
    """Lists of IVF: as FAISS's guidelines have it, 4 times the root of the rows or so."""
    return int(4 * rows**0.5)


def _codes(dimension: int) -> int:
    """Bytes of a PQ code: one for 6 dimensions or so, as many as divide them evenly."""
    return next(n for n in range(max(dimension // 6, 1), 0, -1) if dimension % n == 0)


def _view_of(flat: Any) -> NDArray[np.float32]:
    """The vectors inside a flat index, not copied, shape (n, dimension)."""
    if not flat.ntotal:
        return np.zeros((0, flat.d), dtype=np.float32)
    inside: NDArray[np.float32] = _faiss.rev_swig_ptr(flat.get_xb(), flat.ntotal * flat.d)
    return inside.reshape(flat.ntotal, flat.d)


def _selector(rows: NDArray[np.bool_]) -> Any:
    """FAISS's way to say which rows. A bit each: 4 times as fast as its set of ids."""
    bits = np.packbits(rows, bitorder="little")
    selector: Any = _faiss.IDSelectorBitmap(len(rows), _faiss.swig_ptr(bits))
    selector.ratchet_bits = bits  # FAISS keeps a pointer only
    return selector
