"""One bucket of turns to rows ready to be held against all others; on all cores where it pays."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loop.curate import steps
from loop.curate.contamination import EvalCases
from loop.curate.funnel import KEPT, Drop, drops_table
from loop.curate.redact import Redactor
from loop.curate.review import Sample, review_table
from loop.curate.source import COMPARISONS, RATINGS, TURNS
from loop.curate.spool import Spool
from loop.curate.synthetic import SYNTHETIC
from loop.store.records import Comparison, Interaction, Rating, Record

ROWS, KEYS, GRAMS, FELL, REVIEW = "rows", "keys", "grams", "fell", "review"
Counts = dict[str, Counter[str]]
_GRAMS = ("grams", "asked_grams")
_KEYS = (
    "kind", "row", "exact", "direction", "origin", "votes", "users", "conversations", "at",
    "asked", "bands", "asked_bands", "synthetic",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What a bucket is worked on with; goes to each process once."""

    folder: Path  # of the spool
    buckets: int
    weights: Mapping[str, float]  # of raters
    least: float  # weight by which one side must lead
    redactor: Redactor
    cases: EvalCases

    def make(self, bucket: int) -> Counts:
        """Turns and what was said of them → rows and their keys, in files of the spool.

        Returns:
            How many rows each step kept and dropped for which reason.
        """
        with closing(Spool(self.folder, self.buckets)) as spool:
            turns, made_up = spool.read(TURNS, bucket), spool.read(SYNTHETIC, bucket)
            if turns is None and made_up is None:
                return {}
            table, drops = steps.make_rows(
                _records(Interaction, turns),
                _records(Rating, spool.read(RATINGS, bucket)),
                _records(Comparison, spool.read(COMPARISONS, bucket)),
                weights=self.weights,
                least=self.least,
            )
            real = table.num_rows
            table = _with_prompts(table, turns)
            if made_up is not None:
                table = pa.concat_tables([table, made_up], promote_options="default")
            redacts = replace(  # what each bucket takes out is told by the bucket
                self.redactor, sample=Sample(self.redactor.sample.size), replaced=Counter()
            )
            table = steps.redact(table, redacts)
            table = steps.leave_out_cases(table, self.cases)
            kept = steps.add_keys(table.filter(pc.is_null(table["reason"])))
            kept = kept.sort_by([("prompt", "ascending"), ("row", "ascending")])
            fell = table.filter(pc.is_valid(table["reason"]))
            drops += _drops(fell)
            spool.put(ROWS, bucket, kept.drop_columns([*_GRAMS, "bands", "asked_bands"]))
            spool.put(KEYS, bucket, kept.select(_KEYS))
            spool.put(GRAMS, bucket, kept.select(_GRAMS))
            spool.put(FELL, bucket, drops_table(drops))
            spool.put(REVIEW, bucket, review_table(redacts.review()))
        return _counts(real, table.num_rows - real, drops)


def work(bench: Bench, *, workers: int = 0) -> Iterator[Counts]:
    """Every bucket's counts as it is done.

    Args:
        bench: What it is done with.
        workers: Processes; 0 takes a core each, and none but this one for a single bucket.
    """
    processes = min(workers or os.cpu_count() or 1, bench.buckets)
    if processes == 1:
        yield from map(bench.make, range(bench.buckets))
        return
    # Fresh processes: the store's threads must not be forked.
    with ProcessPoolExecutor(processes, get_context("spawn"), _take, (bench,)) as pool:
        yield from pool.map(_make, range(bench.buckets))


_bench: Bench | None = None  # of a worker process


def _take(bench: Bench) -> None:
    global _bench
    _bench = bench


def _make(bucket: int) -> Counts:
    assert _bench is not None
    return _bench.make(bucket)


def _records(record: type[Record], table: pa.Table | None) -> list:  # type: ignore[type-arg]
    from loop.store.tables import rows_of

    if table is None:
        return []
    if "prompt" in table.column_names:
        table = table.drop_columns("prompt")
    return [record(**row) for row in rows_of(table)]


def _with_prompts(table: pa.Table, turns: pa.Table | None) -> pa.Table:
    """Rows with the hash of what the model saw, by which they are ordered."""
    columns = [turns[name].to_pylist() for name in ("id", "prompt")] if turns else [[], []]
    prompts = dict(zip(*columns, strict=True))
    of_rows = [prompts[ids[0]] for ids in table["interactions"].to_pylist()]
    return table.append_column("prompt", pa.array(np.array(of_rows, dtype=np.uint64)))


def _drops(fell: pa.Table) -> list[Drop]:
    columns = ("interactions", "synthetics", "kind", "step", "reason")
    return [
        Drop("+".join([*ids, *made_up]), kind, step, reason)
        for ids, made_up, kind, step, reason in zip(
            *(fell[c].to_pylist() for c in columns), strict=True
        )
    ]


def _counts(rows: int, made_up: int, drops: list[Drop]) -> Counts:
    """What each step kept and dropped; things said that made no row are counted with the first."""
    counts: Counts = {}
    for step in ("feedback", "personal_data", "contamination"):
        of_step = Counter(drop.reason for drop in drops if drop.step == step)
        rows -= sum(d.step == step and d.what in ("pair", "sft", "kto") for d in drops)
        counts[step] = of_step + Counter({KEPT: rows})
        rows += made_up if step == "feedback" else 0
    return counts
