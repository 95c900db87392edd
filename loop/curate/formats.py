"""The files of an export, format by format: each writes a folder and says what is in it."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from loop.curate import version
from loop.curate.card import card, licences
from loop.curate.croissant import Part, croissant
from loop.curate.facts import BATCH, SPLITS, facts, rows
from loop.curate.rows import KINDS, Kind
from loop.curate.shapes import NAMES, conversational, openai, openai_problem

if TYPE_CHECKING:
    import pyarrow as pa

    from loop.store.records import Dataset

Format = Literal["parquet", "trl", "openai", "hf"]
FORMATS: tuple[Format, ...] = ("parquet", "trl", "openai", "hf")
LINEAGE = ("interactions", "ratings", "users")  # pseudonymous keys are personal data
FEWEST = 10  # examples that OpenAI takes a training file from
LEFT_OUT = "left_out.jsonl"
_ALONG = (  # columns that an export for the Hub keeps beside the messages
    "row", "label", "guideline", "consent", "licence", "simulated", "synthetic", "weight",
    "votes", "margin", "cluster",
)  # fmt: skip


class Left(NamedTuple):
    """A row that a format has no place for."""

    row: str
    kind: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was written, and what was not."""

    dataset: str
    format: Format
    path: Path
    files: dict[str, int]  # path below the folder → rows
    left_out: list[Left] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def reasons(self) -> dict[str, int]:
        """Rows left out, by reason."""
        return dict(sorted(Counter(one.reason for one in self.left_out).items()))


def _parquet(dataset: Dataset, source: Path, part: Path, target: Path, lineage: bool) -> Exported:
    """The version's own files; without lineage they are written anew, less those columns."""
    import pyarrow.parquet as pq

    counts: dict[str, int] = {}
    files: dict[str, dict[str, Any]] = {}
    for name in version.FILES.values():
        if lineage:
            shutil.copyfile(source / name, part / name)
        else:
            _write_without(source / name, part / name)
        counts[name] = pq.read_metadata(part / name).num_rows
        files[name] = {**sums_of(part / name), "rows": counts[name]}
    if lineage:
        for path in source.iterdir():  # what fell and what was masked, too
            if path.name not in counts:
                shutil.copyfile(path, part / path.name)
    else:
        manifest = {**dataset.manifest, "files": files, "lineage": "left out"}
        _write_json(part / version.MANIFEST, manifest)
    return Exported(dataset=dataset.id, format="parquet", path=target, files=counts)


def _write_without(source: Path, path: Path) -> None:
    """A Parquet file less the columns that lead to people."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(source) as file:
        schema = pa.schema([one for one in file.schema_arrow if one.name not in LINEAGE])
        with _writer(path, schema) as writer:
            for batch in file.iter_batches(batch_size=BATCH, columns=schema.names):
                writer.write_batch(batch)


def _trl(dataset: Dataset, source: Path, part: Path, target: Path, lineage: bool) -> Exported:
    """A folder a dataset type, a JSONL file a split, in the conversational form."""
    files: dict[str, int] = {}
    for kind in KINDS:
        shaped = ((row["split"], conversational(kind, row)) for row in rows(source, kind))
        files |= _write_lines(part, NAMES[kind], shaped)
    return Exported(dataset=dataset.id, format="trl", path=target, files=files)


def _openai(dataset: Dataset, source: Path, part: Path, target: Path, lineage: bool) -> Exported:
    """A folder a method, a JSONL file a split; what would be refused is reported, not written."""
    files: dict[str, int] = {}
    left: list[Left] = []

    def good(kind: Kind) -> Iterator[tuple[str, dict[str, Any]]]:
        for row in rows(source, kind):
            example = openai(kind, row)
            if example is None:
                left.append(Left(row["row"], kind, "no form for single labels"))
            elif problem := openai_problem(example):
                left.append(Left(row["row"], kind, problem))
            else:
                yield row["split"], example

    names: dict[Kind, str] = {"pair": "preference", "sft": "supervised", "kto": "unpaired"}
    for kind in KINDS:
        files |= _write_lines(part, names[kind], good(kind))
    notes = [
        f"{path}: {count} examples, fine-tuning wants at least {FEWEST}"
        for path, count in files.items()
        if path.endswith("train.jsonl") and count < FEWEST
    ]
    with (part / LEFT_OUT).open("w", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(one._asdict(), ensure_ascii=False)}\n" for one in left)
    return Exported(
        dataset=dataset.id, format="openai", path=target, files=files, left_out=left, notes=notes
    )


def _hf(dataset: Dataset, source: Path, part: Path, target: Path, lineage: bool) -> Exported:
    """What `datasets.load_dataset(folder)` opens, with a card and Croissant metadata."""
    found = facts(source)
    files: dict[str, int] = {}
    configs: dict[str, dict[str, str]] = {}
    parts: list[Part] = []
    for kind in KINDS:
        for split in SPLITS:
            if not (count := found.counts[kind][split]):
                continue
            below = Path(NAMES[kind]) / f"{split}.parquet"
            (part / below).parent.mkdir(exist_ok=True)
            schema = _write_table(source, kind, split, part / below, lineage)
            files[below.as_posix()] = count
            configs.setdefault(NAMES[kind], {})[split] = below.as_posix()
            sums = sums_of(part / below)
            columns = {one.name: str(one.type) for one in schema}
            name = f"{NAMES[kind]}_{split}"
            parts.append(Part(name, below, sums["sha256"], sums["bytes"], columns))
    manifest = {**dataset.manifest, "dataset": dataset.id, "assistant": dataset.assistant}
    readme = card(manifest, found, configs, lineage)
    (part / "README.md").write_text(readme, encoding="utf-8")
    described = croissant(
        name=dataset.id,
        description=f"Feedback on the answers of {dataset.assistant}, as rows to train on.",
        licences=licences(found),
        at=dataset.at,
        parts=parts,
    )
    _write_json(part / "croissant.json", described)
    return Exported(dataset=dataset.id, format="hf", path=target, files=files)


WRITERS: Mapping[Format, Callable[[Dataset, Path, Path, Path, bool], Exported]] = {
    "parquet": _parquet, "trl": _trl, "openai": _openai, "hf": _hf,
}  # fmt: skip


def _write_table(source: Path, kind: Kind, split: str, path: Path, lineage: bool) -> pa.Schema:
    """One split of a kind as Parquet: messages as lists, the other columns as they are."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(source / version.FILES[kind]) as file:
        there = {one.name: one.type for one in file.schema_arrow}
    along = [*_ALONG, *(LINEAGE if lineage else ())]
    turns = pa.list_(pa.struct({"role": pa.string(), "content": pa.string()}))
    heads = {"pair": ("chosen", "rejected"), "sft": ("completion",), "kto": ("completion",)}[kind]
    kept = {name: there[name] for name in along if name in there}
    schema = pa.schema({"prompt": turns, **dict.fromkeys(heads, turns), **kept})
    with _writer(path, schema) as writer:
        batch: list[dict[str, Any]] = []
        for row in rows(source, kind):
            if row["split"] != split:
                continue
            batch.append({**{name: row[name] for name in kept}, **conversational(kind, row)})
            if len(batch) == BATCH:
                writer.write_table(pa.Table.from_pylist(batch, schema=schema))
                batch = []
        writer.write_table(pa.Table.from_pylist(batch, schema=schema))
    return schema


def _writer(path: Path, schema: pa.Schema) -> Any:
    import pyarrow.parquet as pq

    return pq.ParquetWriter(path, schema, version="2.6", compression="zstd")


def _write_lines(
    part: Path, name: str, shaped: Iterator[tuple[str, dict[str, Any]]]
) -> dict[str, int]:
    """A JSONL file for each split that has rows; rows by path."""
    counts: Counter[str] = Counter()
    with ExitStack() as stack:
        open_files: dict[str, Any] = {}
        for split, one in shaped:
            path = f"{name}/{split}.jsonl"
            if split not in open_files:
                (part / name).mkdir(exist_ok=True)
                file = (part / path).open("w", encoding="utf-8")
                open_files[split] = stack.enter_context(file)
            open_files[split].write(f"{json.dumps(one, ensure_ascii=False)}\n")
            counts[path] += 1
    return dict(counts)


def sums_of(path: Path) -> dict[str, Any]:
    """SHA-256 and size of a file, as a version's manifest names them."""
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return {"sha256": sha256, "bytes": path.stat().st_size}


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)
    path.write_text(f"{text}\n", encoding="utf-8")
