"""A version's files and its lineage, from the rows that stay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from loop.curate import clusters, source, split, version
from loop.curate.choose import Chosen
from loop.curate.funnel import Drop, Funnel, drops_table
from loop.curate.review import Review, Sample, review_table
from loop.curate.rows import KINDS, Kind
from loop.curate.spool import Spool
from loop.curate.work import FELL, REVIEW, ROWS
from loop.settings import Settings
from loop.store.records import Dataset, DatasetRow

if TYPE_CHECKING:
    from eval_suites.suites import Suite
    from loop.store.store import Store


def publish(
    store: Store,
    settings: Settings,
    suites: Sequence[Suite],
    spool: Spool,
    chosen: Chosen,
    drops: Sequence[Drop],
    funnel: Funnel,
    *,
    by_meaning: bool,
    sources: dict[str, Any],
    raters: dict[str, Any],
) -> Dataset:
    """Write the version's files, then record where each of its rows came from, then the version."""
    basis: dict[str, Any] = {
        "assistant": settings.assistant.name,
        "settings": asdict(settings.curate),
        "synthetic_share": settings.synthesize.share,
        "raters_settings": asdict(settings.raters),
        "embedder": settings.knowledge.embedder if by_meaning else None,
        "seed": settings.seed,
        "suites": {suite.name: suite.version for suite in suites},
    }
    tally = _Tally()
    with closing(version.Writer(settings.datasets)) as writer:
        for rows in _chosen_rows(spool, chosen):
            for kind in KINDS:
                table = version.table_of(kind, rows.filter(pc.equal(rows["kind"], kind)))
                writer.add(kind, table)
                tally.add(kind, table)
            funnel.advance()
        for table in (drops_table(drops), drops_table(chosen.drops)):
            writer.add_drops(table)
        for name in (source.DROPS, FELL):
            for _, table in spool.all(name):
                writer.add_drops(table)
        writer.add_review(_review(spool, settings.curate.review_sample))
        writer.add_clusters(clusters.to_table(chosen.clusters))
        manifest = {
            **tally.told(), "sources": sources, "raters": raters, "funnel": funnel.counts,
        }  # fmt: skip
        folder = writer.finish(basis, manifest)
    told = version.read_manifest(folder)
    dataset = Dataset(
        id=told["dataset"],
        at=datetime.now(UTC),
        assistant=settings.assistant.name,
        rows=told["rows"],
        path=str(folder),
        manifest=told,
    )
    _record(store, dataset)
    [kept] = store.query("dataset", id=dataset.id)
    return Dataset(**{**kept, "path": str(folder)})


def _review(spool: Spool, size: int) -> pa.Table:
    """A sample of what was masked, over all buckets."""
    sample = Sample(size)
    for _, table in spool.all(REVIEW):
        sample.merge(Review(**row) for row in table.to_pylist())
    return review_table(sample.rows())


def _chosen_rows(spool: Spool, chosen: Chosen) -> Iterator[pa.Table]:
    """Rows that stay, with side and weight, in the order of what the model was asked."""
    start = 0
    for _, table in spool.all(ROWS):
        end = start + table.num_rows
        table = table.append_column("split", pa.array(chosen.sides[start:end], pa.string()))
        table = table.append_column("weight", pa.array(chosen.weights[start:end]))
        table = table.append_column("cluster", pa.array(chosen.tasks[start:end], pa.string()))
        yield table.filter(pc.is_valid(table["split"]))
        start = end


def _record(store: Store, dataset: Dataset) -> None:
    """Lineage first: a version that is recorded has all of it."""
    if store.query("dataset", id=dataset.id):
        return
    from loop.store.tables import encode

    for kind in KINDS:
        for part in version.read_rows(Path(dataset.path), kind):
            lines = part.to_pylist()
            store.append_batch(encode([_origin(dataset.id, kind, line) for line in lines]))
    store.append([dataset])


def _origin(dataset: str, kind: Kind, line: dict[str, Any]) -> DatasetRow:
    names = (
        "row", "split", "interactions", "ratings", "guideline", "consent", "users", "synthetics",
    )  # fmt: skip
    return DatasetRow(dataset=dataset, kind=kind, **{name: line[name] for name in names})


class _Tally:
    """Figures of the rows as they are written."""

    def __init__(self) -> None:
        self._counts = {kind: dict.fromkeys(split.BOTH, 0) for kind in KINDS}
        self._people: dict[str, set[str]] = {side: set() for side in split.BOTH}
        self._values: dict[str, Counter[str]] = {
            name: Counter() for name in ("guidelines", "consent", "licences")
        }
        self._marks = Counter(dict.fromkeys(("simulated", "synthetic"), 0))

    def add(self, kind: Kind, table: pa.Table) -> None:
        columns = ("split", "users", "guideline", "consent", "licence", "simulated", "synthetic")
        for side, users, guideline, consent, licence, simulated, made_up in zip(
            *(table[name].to_pylist() for name in columns), strict=True
        ):
            self._counts[kind][side] += 1
            self._people[side].update(users)
            if guideline:
                self._values["guidelines"][guideline] += 1
            self._values["consent"][consent] += 1
            self._values["licences"][licence] += 1
            self._marks["simulated"] += simulated
            self._marks["synthetic"] += made_up

    def told(self) -> dict[str, Any]:
        """What the manifest says of the rows."""
        return {
            "rows": sum(n for sides in self._counts.values() for n in sides.values()),
            "counts": self._counts,
            "people": {side: len(users) for side, users in self._people.items()},
            **{name: dict(sorted(found.items())) for name, found in self._values.items()},
            **self._marks,
        }
