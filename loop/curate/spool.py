"""Tables on disk while a dataset is made: in buckets, each small enough to be held whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

MOST = 10_000  # rows that a bucket should hold, about


def buckets_for(rows: int) -> int:
    """How many buckets for so many rows: a power of two.

    >>> buckets_for(0), buckets_for(10_000), buckets_for(1_000_000)
    (1, 1, 128)
    """
    count = 1
    while count * MOST < rows:
        count *= 2
    return count


def bucket_of(hashes: NDArray[np.uint64], count: int) -> NDArray[np.int64]:
    """The bucket of each hash; buckets are in the order of the hashes they hold."""
    bits = count.bit_length() - 1
    if not bits:
        return np.zeros(len(hashes), dtype=np.int64)
    return (hashes >> np.uint64(64 - bits)).astype(np.int64)


class Spool:
    """Named tables in buckets, as files of a folder that somebody else removes.

    Args:
        folder: An empty one.
        count: Of buckets.
    """

    def __init__(self, folder: Path, count: int) -> None:
        self.folder = folder
        self.count = count
        self._writers: dict[tuple[str, int], pa.RecordBatchFileWriter] = {}

    def write(self, name: str, table: pa.Table, buckets: NDArray[np.int64]) -> None:
        """Add each row to its bucket, in the order given.

        Args:
            name: Of the tables.
            table: All rows have the columns of the first table of that name.
            buckets: Of each row, shape (rows,).
        """
        if not table.num_rows:
            return
        order = np.argsort(buckets, kind="stable")
        ordered = table.take(pa.array(order))
        found, starts = np.unique(buckets[order], return_index=True)
        for bucket, start, end in zip(found, starts, [*starts[1:], len(order)], strict=True):
            self.put(name, int(bucket), ordered.slice(int(start), int(end - start)))

    def put(self, name: str, bucket: int, table: pa.Table) -> None:
        """Add rows to one bucket."""
        writer = self._writers.get((name, bucket))
        if writer is None:
            writer = pa.ipc.new_file(self._path(name, bucket), table.schema)
            self._writers[name, bucket] = writer
        writer.write_table(table)

    def close(self) -> None:
        """Finish the files, so that they can be read; safe to call twice."""
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()

    def read(self, name: str, bucket: int) -> pa.Table | None:
        """All rows of a bucket; None if nothing was put there."""
        path = self._path(name, bucket)
        if not path.exists():
            return None
        with pa.OSFile(str(path)) as file:  # read, not mapped: what is read here may be let go
            return pa.ipc.open_file(file).read_all()

    def all(self, name: str) -> Iterator[tuple[int, pa.Table]]:
        """Every bucket with something in it, in order."""
        for bucket in range(self.count):
            table = self.read(name, bucket)
            if table is not None:
                yield bucket, table

    def _path(self, name: str, bucket: int) -> Path:
        return self.folder / f"{name}-{bucket:05d}.arrow"
