"""From what people said to a dataset version; nothing vanishes without a reason.

Texts are never all in memory. They are divided into buckets by what the model was asked, so that
everything said of one prompt is together; each bucket is worked on alone, on any core; then all
rows are held against each other by their keys, a few bytes each.
"""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from knowledge.errors import RatchetError
from loop.curate import source, split, version
from loop.curate.choose import Chosen, choose
from loop.curate.consent import withdrawn_people
from loop.curate.contamination import EvalCases
from loop.curate.funnel import Drop, Funnel, drops_table
from loop.curate.meaning import Meaning
from loop.curate.paraphrase import Embed
from loop.curate.redact import redactor
from loop.curate.review import Review, Sample, review_table
from loop.curate.rows import KINDS, Kind
from loop.curate.spool import Spool
from loop.curate.work import FELL, REVIEW, ROWS, Bench, work
from loop.feedback.gold import gold_items
from loop.settings import CurateSettings, Settings
from loop.store.records import Dataset, DatasetRow

if TYPE_CHECKING:
    from eval_suites.suites import Suite
    from loop.store.store import Store


class NothingToTrainOn(RatchetError):
    """No row is left; the message names where most were lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curated:
    """A dataset version, and how many items each step kept and dropped for which reason."""

    dataset: Dataset
    funnel: dict[str, dict[str, int]]


def curate(
    store: Store,
    settings: Settings,
    *,
    suites: Sequence[Suite],
    embed: Embed | None = None,
    progress: bool = False,
    workers: int = 0,
) -> Curated:
    """Make a dataset version of all that was said to the assistant and of its answers.

    The same content of the store, settings, seed and suites give the same version, byte for byte,
    on any number of cores; one that exists is used again. Killed at any moment, it can simply be
    run again.

    Args:
        store: What people said; the version and its rows are recorded there.
        settings: `curate` says what may enter.
        suites: No case of these, nor a near-copy, gets in.
        embed: Texts to unit vectors, for what words do not tell; None leaves that out.
        progress: Show a bar on stderr.
        workers: Processes; 0 takes a core each, and only this one for a few turns.

    Raises:
        NothingToTrainOn: No row is left.
        RatchetError: A setting is out of range, or the disk cannot be written.
    """
    rules, name = settings.curate, settings.assistant.name
    check(rules)
    redacts = redactor(rules)
    with closing(Funnel(progress)) as funnel, _scratch(settings.datasets) as folder:
        funnel.stage("Reading")
        said = source.read_judgements(store, name)
        sources = _sources(said)
        gold = gold_items(store, name)
        standings = source.standings(said, settings.raters, gold)
        held = {r: f"rater_{one.held_back}" for r, one in standings.items() if one.held_back}
        said, drops = source.without(said, held, gold, simulated=rules.simulated)
        funnel.note("feedback", 0, [drop.reason for drop in drops])
        withdrawn = withdrawn_people(store, name, rules)
        spool, turns = source.spool_turns(
            store, name, said, rules, folder, funnel, withdrawn=withdrawn
        )
        del said
        cases = EvalCases(
            suites, rules.contamination, embed=embed, cosine=rules.contamination_cosine
        )
        meaning = Meaning(embed, cases, rules.semantic_duplicate) if embed else None
        bench = Bench(
            folder=folder,
            buckets=spool.count,
            weights={rater: one.weight for rater, one in standings.items()},
            least=settings.raters.margin,
            redactor=redacts,
            cases=cases,
        )
        funnel.stage("Making rows", spool.count)
        for counts in work(bench, workers=workers):
            funnel.add(counts)
            funnel.advance()
        funnel.stage("Comparing rows")
        chosen = choose(spool, rules, seed=settings.seed, funnel=funnel, meaning=meaning)
        if not any(chosen.sides):
            raise NothingToTrainOn(f"{name}: {funnel.largest_drop()}")
        funnel.stage("Writing", spool.count)
        dataset = _publish(
            store, settings, suites, spool, chosen, drops, funnel,
            by_meaning=embed is not None,
            sources={"interactions": turns, **sources},
            raters={"heard": len(standings) - len(held), "held_back": dict(Counter(held.values()))},
        )  # fmt: skip
    return Curated(dataset=dataset, funnel=funnel.counts)


def check(rules: CurateSettings) -> None:
    """Raises RatchetError for a setting out of range."""
    for name in (
        "near_duplicate", "contamination", "contamination_cosine", "semantic_duplicate",
    ):  # fmt: skip
        value = getattr(rules, name)
        if not 0 < value <= 1:
            raise _out_of_range(name, value, "more than 0 and at most 1")
    if not 0 <= rules.held_out < 1:
        raise _out_of_range("held_out", rules.held_out, "0 or more and less than 1")
    if rules.most_per_user < 1:
        raise _out_of_range("most_per_user", rules.most_per_user, "at least 1")
    if rules.split not in split.ORDERS:
        raise _out_of_range("split", rules.split, " or ".join(split.ORDERS))


def _out_of_range(name: str, value: object, expected: str) -> RatchetError:
    return RatchetError(
        f"curate.{name} is {value!r}, expected {expected}. Mend it in ratchet.toml."
    )


@contextmanager
def _scratch(datasets: Path) -> Iterator[Path]:
    """A folder for texts as they were said: it goes with this run."""
    folder = version.scratch(datasets)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sources(said: source.Judgements) -> dict[str, Any]:
    """How much was said, and a hash of its ids."""
    digest = hashlib.sha256()
    for table in (said.ratings, said.comparisons):
        for id in sorted(table["id"].to_pylist()):
            digest.update(f"{id}\n".encode())
    return {
        "ratings": said.ratings.num_rows,
        "comparisons": said.comparisons.num_rows,
        "sha256": digest.hexdigest(),
    }


def _publish(
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
        table = table.append_column("cluster", pa.nulls(table.num_rows, pa.string()))
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
    names = ("row", "split", "interactions", "ratings", "guideline", "consent", "users")
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
        for side, users, guideline, consent, licence, simulated, synthetic in zip(
            *(table[name].to_pylist() for name in columns), strict=True
        ):
            self._counts[kind][side] += 1
            self._people[side].update(users)
            self._values["guidelines"][guideline] += 1
            self._values["consent"][consent] += 1
            self._values["licences"][licence] += 1
            self._marks["simulated"] += simulated
            self._marks["synthetic"] += synthetic

    def told(self) -> dict[str, Any]:
        """What the manifest says of the rows."""
        return {
            "rows": sum(n for sides in self._counts.values() for n in sides.values()),
            "counts": self._counts,
            "people": {side: len(users) for side, users in self._people.items()},
            **{name: dict(sorted(found.items())) for name, found in self._values.items()},
            **self._marks,
        }
