"""A dataset version on disk: named by its content, written whole, never changed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from knowledge.disk import sync
from knowledge.errors import RatchetError
from loop.curate.funnel import SCHEMA as FUNNEL_SCHEMA
from loop.curate.rows import KINDS, Kind, digest

FORMAT = 4  # changes when the same rows would be written in another way
FILES: dict[Kind, str] = {"pair": "pairs.parquet", "sft": "sft.parquet", "kto": "kto.parquet"}
FUNNEL = "funnel.parquet"
REVIEW = "review.parquet"  # some of what was masked, for a person to judge
CLUSTERS = "clusters.parquet"  # what people asked about, by task
MANIFEST = "manifest.json"
LEFTOVER = ".making-"  # a folder of work that is not done, with the number of its process
GROUP = 10_000  # rows of a Parquet row group
_ANSWERS: dict[Kind, dict[str, str]] = {  # column of a file → column of a row
    "pair": {"chosen": "answer", "rejected": "rejected"},
    "sft": {"answer": "answer"},
    "kto": {"answer": "answer", "label": "label"},
}
_AFTER = (
    "interactions", "ratings", "guideline", "consent", "licence", "users", "simulated",
    "synthetic", "synthetics", "weight", "votes", "margin", "cluster",
)  # fmt: skip

_HASHED = ("row", "split", *_AFTER)  # `row` is a hash of the texts


def table_of(kind: Kind, rows: pa.Table) -> pa.Table:
    """Rows of one kind as they stand in their file.

    Args:
        kind: Theirs.
        rows: With the columns of `rows.row_schema` and `row`, `split`, `weight`, `cluster`.
    """
    names = {"row": "row", "split": "split", "messages": "messages", **_ANSWERS[kind]}
    names |= {name: name for name in _AFTER}
    return pa.table({name: rows[column] for name, column in names.items()}, schema=_schema(kind))


def scratch(datasets: Path) -> Path:
    """A fresh folder for work beside the versions, which only its owner may read.

    Folders that killed runs left behind go.

    Raises:
        RatchetError: It cannot be made.
    """
    try:
        datasets.mkdir(parents=True, exist_ok=True)
        for folder in leftovers(datasets):
            shutil.rmtree(folder, ignore_errors=True)
        return Path(tempfile.mkdtemp(prefix=f"{LEFTOVER}{os.getpid()}-", dir=datasets))
    except OSError as problem:
        raise RatchetError(
            f"{datasets}: cannot be written: {problem.strerror}. Mend the disk and curate again."
        ) from problem


def leftovers(datasets: Path) -> list[Path]:
    """Folders of texts as they were said that killed runs left behind."""
    return [
        folder
        for folder in sorted(datasets.glob(f"{LEFTOVER}*"))
        if not _alive(folder.name.removeprefix(LEFTOVER).partition("-")[0])
    ]


def _alive(pid: str) -> bool:
    """Does a process of this number run here?"""
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


class Writer:
    """Writes a version beside its place; it gets its name and place when all is written.

    Args:
        datasets: The folder of all versions.

    Raises:
        RatchetError: The folder cannot be written.
    """

    def __init__(self, datasets: Path) -> None:
        self._datasets = datasets
        self._fresh = scratch(datasets)
        self._files = {kind: _Parquet(self._fresh / FILES[kind], _schema(kind)) for kind in KINDS}
        self._funnel = _Parquet(self._fresh / FUNNEL, FUNNEL_SCHEMA)
        self._content = {kind: hashlib.sha256() for kind in KINDS}
        self.rows: dict[Kind, int] = dict.fromkeys(KINDS, 0)

    def close(self) -> None:
        """Let go of what was not finished; safe to call twice."""
        for file in (*self._files.values(), self._funnel):
            with contextlib.suppress(OSError):
                file.close()
        for leftover in (self._fresh, _damaged(self._fresh)):
            shutil.rmtree(leftover, ignore_errors=True)

    def add(self, kind: Kind, table: pa.Table) -> None:
        """More rows of a kind (`table_of`); their order is part of the content."""
        columns = [table[name].to_pylist() for name in _HASHED]
        for values in zip(*columns, strict=True):
            self._content[kind].update(orjson.dumps(values) + b"\n")
        self.rows[kind] += table.num_rows
        self._files[kind].add(table)

    def add_drops(self, table: pa.Table) -> None:
        """More of what fell (`funnel.drops_table`)."""
        self._funnel.add(table)

    def add_review(self, table: pa.Table) -> None:
        """What of the masked is to be looked at (`review.review_table`)."""
        pq.write_table(table, self._fresh / REVIEW)

    def add_clusters(self, table: pa.Table) -> None:
        """The tasks that rows are named by (`clusters.to_table`)."""
        pq.write_table(table, self._fresh / CLUSTERS)

    def finish(self, basis: Mapping[str, object], manifest: Mapping[str, Any]) -> Path:
        """Put the version in its place, whole or not at all; one that is there and whole stays.

        Args:
            basis: What the rows were made by; with them it gives the name.
            manifest: What else is told of it; figures of its files are added.

        Returns:
            Its folder; `read_manifest` gives the manifest as it stands there.

        Raises:
            RatchetError: The folder cannot be written.
        """
        hashes = {kind: self._content[kind].hexdigest() for kind in KINDS}
        id = f"ds-{digest([FORMAT, hashes, dict(basis)])[:12]}"
        folder = self._datasets / id
        try:
            if not damage(folder):
                return folder
            for file in (*self._files.values(), self._funnel):
                file.close()
            files = {
                path.name: _figures(path) | {"rows": pq.read_metadata(path).num_rows}
                for path in sorted(self._fresh.iterdir())
            }
            full = {"dataset": id, "format": FORMAT, **basis, **manifest, "files": files}
            text = json.dumps(full, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
            (self._fresh / MANIFEST).write_text(text, encoding="utf-8")
            self._fresh.chmod(0o755)
            for path in (*self._fresh.iterdir(), self._fresh):
                sync(path)
            _move(self._fresh, folder)
            sync(folder.parent)
        except OSError as problem:
            raise RatchetError(
                f"{folder}: cannot be written: {problem.strerror}. Mend the disk and curate again."
            ) from problem
        return folder


class _Parquet:
    """A file in row groups of one size, however the rows come."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._file = pq.ParquetWriter(
            path,
            schema,
            version="2.6",
            compression="zstd",
            compression_level=3,
            use_dictionary=True,
            write_statistics=True,
            data_page_version="1.0",
        )
        self._waiting: list[pa.Table] = []
        self._rows = 0

    def add(self, table: pa.Table) -> None:
        self._waiting.append(table)
        self._rows += table.num_rows
        if self._rows >= GROUP:
            whole = pa.concat_tables(self._waiting)
            full = whole.num_rows // GROUP * GROUP
            self._file.write_table(whole.slice(0, full), row_group_size=GROUP)
            self._waiting, self._rows = [whole.slice(full)], whole.num_rows - full

    def close(self) -> None:
        """Write what waits; safe to call twice."""
        if self._rows:
            self._file.write_table(pa.concat_tables(self._waiting), row_group_size=GROUP)
        self._waiting, self._rows = [], 0
        self._file.close()


def damage(folder: Path, manifest: Mapping[str, Any] | None = None) -> str | None:
    """What is wrong with a version on disk, file by file; None if it is as it was written.

    Args:
        folder: The version's.
        manifest: What its files should be like, e.g. from the store; None reads manifest.json.
    """
    try:
        expected = read_manifest(folder) if manifest is None else manifest
    except RatchetError as problem:
        return str(problem)
    found = []
    for name in sorted({*FILES.values(), *expected.get("files", {})}):
        path = folder / name
        if name == FUNNEL and not path.exists():  # erased: somebody who fell was forgotten
            continue
        if not path.is_file():
            found.append(f"{path}: missing.")
        elif _figures(path)["sha256"] != expected.get("files", {}).get(name, {}).get("sha256"):
            found.append(f"{path}: changed since it was written.")
    return " ".join(found) or None


def read_manifest(folder: Path) -> dict[str, Any]:
    """manifest.json of a version.

    Raises:
        RatchetError: It is missing or no JSON object.
    """
    path = folder / MANIFEST
    with contextlib.suppress(OSError, ValueError):
        manifest = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(manifest, dict):
            return manifest
    raise RatchetError(f"{path}: missing or damaged. Make it again with `ratchet curate`.")


def read_rows(folder: Path, kind: Kind) -> Iterator[pa.Table]:
    """A version's rows of one kind, a part at a time."""
    with pq.ParquetFile(folder / FILES[kind]) as file:
        for batch in file.iter_batches(GROUP):
            yield pa.Table.from_batches([batch])


def _schema(kind: Kind) -> pa.Schema:
    text, texts, yes_or_no, number = pa.string(), pa.list_(pa.string()), pa.bool_(), pa.float64()
    answers = {name: yes_or_no if name == "label" else text for name in _ANSWERS[kind]}
    return pa.schema(
        {
            "row": text, "split": text, "messages": text, **answers, "interactions": texts,
            "ratings": texts, "guideline": text, "consent": text, "licence": text, "users": texts,
            "simulated": yes_or_no, "synthetic": yes_or_no, "synthetics": texts, "weight": number,
            "votes": number, "margin": number, "cluster": text,
        }
    )  # fmt: skip


def _move(fresh: Path, folder: Path) -> None:
    """Into place in one act; what stands there damaged goes first."""
    if folder.exists() and damage(folder):
        folder.rename(_damaged(fresh))
    try:
        fresh.rename(folder)
    except OSError:
        if damage(folder):  # else somebody else has just made the same
            raise


def _damaged(fresh: Path) -> Path:
    return fresh.with_name(f"{fresh.name}-damaged")


def _figures(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return {"sha256": sha256, "bytes": path.stat().st_size}
