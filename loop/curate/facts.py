"""What a dataset version's files hold, counted; columns that are not there count nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loop.curate.rows import KINDS, Kind
from loop.curate.version import FILES

SPLITS = ("train", "held_out")
_COUNTED = ("consent", "licence", "guideline", "simulated", "synthetic")
BATCH = 4096  # rows that are held at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Rows by kind and split, and by what each says of itself."""

    counts: dict[str, dict[str, int]]  # kind → split → rows
    values: dict[str, dict[str, int]]  # column → value → rows

    @property
    def rows(self) -> int:
        return sum(sum(splits.values()) for splits in self.counts.values())

    def share(self, column: str) -> float:
        """Share of rows that say yes, in [0, 1]; 0 where the column is not there."""
        return self.values.get(column, {}).get("true", 0) / self.rows if self.rows else 0.0


def facts(folder: Path) -> Facts:
    """Count the rows of a version.

    Args:
        folder: With pairs.parquet, sft.parquet and kto.parquet.
    """
    counts: dict[str, dict[str, int]] = {}
    values: dict[str, Counter[str]] = {name: Counter() for name in _COUNTED}
    for kind in KINDS:
        by_split: Counter[str] = Counter()
        for row in rows(folder, kind, ["split", *_COUNTED]):
            by_split[row["split"]] += 1
            for name in _COUNTED:
                if row.get(name) is not None:
                    values[name][_text(row[name])] += 1
        counts[kind] = {split: by_split[split] for split in SPLITS}
    named = {name: dict(sorted(found.items())) for name, found in values.items() if found}
    return Facts(counts=counts, values=named)


def rows(
    folder: Path, kind: Kind, columns: Sequence[str] | None = None
) -> Iterator[dict[str, Any]]:
    """The rows of a kind, a batch in memory at a time.

    Args:
        folder: Of the version.
        kind: Of row.
        columns: Those wanted, where they are there; None gives all.
    """
    import pyarrow.parquet as pq

    with pq.ParquetFile(folder / FILES[kind]) as file:
        there = file.schema_arrow.names
        wanted = there if columns is None else [name for name in columns if name in there]
        for batch in file.iter_batches(batch_size=BATCH, columns=wanted):
            yield from batch.to_pylist()


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
