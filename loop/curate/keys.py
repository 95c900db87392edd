"""What rows are held against each other by, column by column: a few dozen bytes each, no text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from loop.curate.duplicates import Bands, Keys, Numbers
from loop.curate.rows import EPOCH, KINDS, Kind
from loop.curate.sketch import BANDS, Grams
from loop.curate.spool import Spool
from loop.curate.work import GRAMS, KEYS

_NAMES = ("users", "conversations")


class Keyed:
    """The keys of all rows of a spool, by the number of each row; what is large is read when asked.

    Args:
        spool: With keys and grams of all rows, by `work`.
    """

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self.buckets: list[int] = []  # those with rows in them
        sizes: list[int] = []
        columns: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
        origins: list[pa.Array] = []
        named: dict[str, list[tuple[str, ...]]] = {name: [] for name in _NAMES}
        known: dict[tuple[str, ...], tuple[str, ...]] = {}  # people come again and again
        for bucket, part in spool.all(KEYS):
            self.buckets.append(bucket)
            sizes.append(part.num_rows)
            for name, read in _COLUMNS.items():
                columns[name].append(read(part[name]))
            for name, found in named.items():
                found += [known.setdefault(own, own) for own in map(tuple, part[name].to_pylist())]
            origins += part["origin"].chunks
        self.starts = np.cumsum([0, *sizes])  # number of each bucket's first row, and of all rows
        of: dict[str, Any] = {
            name: np.concatenate(columns.pop(name)) if sizes else np.empty(0) for name in _COLUMNS
        }
        self.users, self.conversations = named["users"], named["conversations"]
        self.kinds: NDArray[np.int8] = of["kind"]  # places in KINDS
        self.asked: NDArray[np.uint64] = of["asked"]  # hash of the question, shape (rows, 2)
        self._at: NDArray[np.int64] = of["at"]
        self.keys = Keys(
            row=of["row"],
            exact=of["exact"],
            direction=of["direction"],
            votes=of["votes"],
            origin=_Texts(pa.chunked_array(origins, pa.string())),
            synthetic=of["synthetic"],
        )

    def __len__(self) -> int:
        return int(self.starts[-1])

    def row(self, n: int) -> str:
        """Its content hash."""
        high, low = self.keys.row[n].tolist()
        return f"{high:016x}{low:016x}"

    def kind(self, n: int) -> Kind:
        """Pair, sft or kto."""
        return KINDS[int(self.kinds[n])]

    def at(self, n: int) -> datetime:
        """When the last turn behind it was."""
        return EPOCH + timedelta(microseconds=int(self._at[n]))

    def bands(self, name: str) -> Bands:
        """MinHash bands of all rows, read from disk: "bands" or "asked_bands"."""
        found_nb = np.empty((len(self), BANDS), dtype=np.uint32)  # filled: they are large
        for start, (_, part) in zip(self.starts.tolist(), self._spool.all(KEYS), strict=False):
            flat = part[name].combine_chunks().flatten().to_numpy()
            found_nb[start : start + part.num_rows] = flat.reshape(-1, BANDS)
        return found_nb

    def grams(self, name: str) -> Callable[[Numbers], Mapping[int, Grams]]:
        """What fetches grams of rows by their numbers, bucket by bucket: "grams", "asked_grams"."""

        def fetch(numbers: Numbers) -> dict[int, Grams]:
            found: dict[int, Grams] = {}
            ordered = np.sort(numbers)
            for place, bucket in enumerate(self.buckets):
                low, high = np.searchsorted(ordered, self.starts[place : place + 2])
                if low == high:
                    continue
                table = self._spool.read(GRAMS, bucket)
                assert table is not None
                values = table[name].combine_chunks()
                for n in ordered[low:high].tolist():
                    found[n] = values[n - int(self.starts[place])].values.to_numpy().copy()
            return found

        return fetch


class _Texts(Sequence[str]):
    """A column of texts of which few are ever looked at."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        self._column = column

    def __len__(self) -> int:
        return len(self._column)

    def __getitem__(self, n):  # type: ignore[no-untyped-def]  # numbers only
        return self._column[int(n)].as_py()


def _pairs(column: pa.ChunkedArray) -> NDArray[np.uint64]:
    """16 bytes each as two numbers in the same order, shape (n, 2)."""
    content = b"".join(column.to_pylist())
    return np.frombuffer(content, dtype=">u8").astype(np.uint64).reshape(-1, 2)


def _hashes(column: pa.ChunkedArray) -> NDArray[np.uint64]:
    content = bytes.fromhex("".join(column.to_pylist()))
    return np.frombuffer(content, dtype=">u8").astype(np.uint64).reshape(-1, 2)


_COLUMNS: dict[str, Callable[[pa.ChunkedArray], NDArray[Any]]] = {
    "kind": lambda column: np.array([KINDS.index(k) for k in column.to_pylist()], dtype=np.int8),
    "row": _hashes,
    "exact": _pairs,
    "asked": _pairs,
    "direction": lambda column: column.to_numpy(),
    "votes": lambda column: column.to_numpy(),
    "synthetic": lambda column: column.combine_chunks().to_numpy(zero_copy_only=False),
    "at": lambda column: column.cast(pa.int64()).to_numpy(),
}
