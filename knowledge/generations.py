"""A collection's folder: immutable segments; each change is a new generation, a list of them.

    CURRENT                      "000007 <checksum of 000007.json>", replaced in one step
    generations/000007.json      its segments with the checksum of every file
    segments/3f0c…/              documents, chunks, terms, entries (Arrow), vectors, fast (FAISS)
    embeddings.sqlite            vectors of texts that were embedded before (knowledge/cache.py)
    lock                         held while a generation is written

A process killed at any instant leaves CURRENT at the old generation or at the new one.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from knowledge.dense import Vectors
from knowledge.disk import sync
from knowledge.errors import RatchetError
from knowledge.gpu import Gpu
from knowledge.lexical import Postings
from knowledge.segment import Segment

Number = TypeVar("Number", np.int32, np.int64)
FORMAT = 2
_DRAFT = ".draft"


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A segment on disk."""

    name: str
    open_rows: int
    files: dict[str, str]  # name → SHA-256


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a generation consists of."""

    embedder: str
    dimension: int
    most_tokens: int
    segments: tuple[Stored, ...] = ()
    format: int = FORMAT


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Wait until no one else writes to the collection, in this process or another."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the system lets go of it if the process dies
        for left in (folder / "segments").glob(f"{_DRAFT}*"):  # by a writer that was killed
            shutil.rmtree(left, ignore_errors=True)
        yield


def current(folder: Path) -> str | None:
    """The name of the generation that holds; None while there is none."""
    try:
        return (folder / "CURRENT").read_text(encoding="ascii").split(" ")[0].strip()
    except FileNotFoundError:
        if len(names := _names(folder)) > 1:  # one alone may be a first one that was cut short
            raise RatchetError(
                f"{folder / 'CURRENT'} is missing. Write the line {names[-1]} into it."
            ) from None
        return None


def read(
    folder: Path, name: str, known: Mapping[str, Segment], *, gpu: Gpu | None = None
) -> tuple[Manifest, list[Segment]]:
    """A generation with its segments, each file checked against its checksum.

    Args:
        known: Segments in memory by name; they are not read again.

    Raises:
        FileNotFoundError: It is not there: taken away after a newer one was made, or lost.
        RatchetError: It is damaged.
    """
    file = folder / "generations" / f"{name}.json"
    if not file.exists() and (folder / "generations" / name).is_dir():
        raise RatchetError(
            f"{folder}: made by an earlier Ratchet. Delete the folder and add the documents again."
        )
    try:
        data = file.read_bytes()
        _check_pointer(folder, name, data)
        raw = json.loads(data)
        if raw["format"] != FORMAT:
            raise RatchetError(
                f"{file}: its format is {raw['format']}, expected {FORMAT}. Update Ratchet."
            )
        stored = tuple(Stored(**one) for one in raw.pop("segments"))
        manifest = Manifest(**raw, segments=stored)
        segments = [
            known[one.name] if one.name in known else _read_segment(folder, one, manifest, gpu)
            for one in stored
        ]
    except FileNotFoundError:
        raise
    except (ValueError, KeyError, TypeError, RuntimeError, OSError, pa.ArrowException) as problem:
        earlier = [other for other in _names(folder) if other < name]
        advice = f"write {earlier[-1]} into {folder / 'CURRENT'} to go back, or " if earlier else ""
        raise RatchetError(
            f"{file}: the generation is damaged ({problem}). Restore it from a backup, {advice}"
            f"delete {folder} and add the documents again."
        ) from problem
    return manifest, segments


def store(folder: Path, segment: Segment) -> tuple[Stored, Segment]:
    """Put a segment on disk, for a generation to name. Call within `writing`."""
    shelf = folder / "segments"
    draft = shelf / f"{_DRAFT}-{os.getpid()}"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    _write_segment(draft, segment)
    files = {}
    for file in sorted(draft.iterdir()):
        files[file.name] = _digest(file)
        sync(file)
    sync(draft)
    name = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()[:16]
    if (shelf / name).exists():  # the same was written before
        shutil.rmtree(shelf / name)
    draft.rename(shelf / name)
    sync(shelf)
    stored = Stored(name=name, open_rows=segment.vectors.open_rows, files=files)
    return stored, replace(segment, name=name, _columns={})


def publish(folder: Path, manifest: Manifest) -> str:
    """Write a generation and let it hold from now on; its name. Call within `writing`."""
    shelf = folder / "generations"
    shelf.mkdir(exist_ok=True)
    name = f"{max((int(n) for n in _names(folder)), default=0) + 1:06}"
    data = json.dumps(asdict(manifest), indent=1).encode()
    _write(shelf / f"{name}.json", data)
    _write(folder / "CURRENT", f"{name} {hashlib.sha256(data).hexdigest()}\n".encode())
    return name


def prune(folder: Path, *, keep: int) -> None:
    """Take all but the newest generations away, and segments that none of these has."""
    names = _names(folder)
    for name in names[:-keep]:
        (folder / "generations" / f"{name}.json").unlink(missing_ok=True)
    used: set[str] = set()
    for name in names[-keep:]:
        raw = json.loads((folder / "generations" / f"{name}.json").read_bytes())
        used |= {one["name"] for one in raw["segments"]}
    for place in (folder / "segments").iterdir():
        if place.name not in used:
            shutil.rmtree(place, ignore_errors=True)


def size(folder: Path) -> int:
    """Bytes that the collection takes on disk."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _names(folder: Path) -> list[str]:
    """The generations that are there, oldest first."""
    return sorted(file.stem for file in (folder / "generations").glob("[0-9]*.json"))


def _check_pointer(folder: Path, name: str, data: bytes) -> None:
    """Hold a generation against the checksum in CURRENT; one written by hand may have none."""
    pointer = (folder / "CURRENT").read_text(encoding="ascii").split()
    if pointer[0] == name and pointer[1:] not in ([], [hashlib.sha256(data).hexdigest()]):
        raise ValueError(f"{name}.json is not as it was written")


def _write_segment(folder: Path, segment: Segment) -> None:
    postings = segment.postings
    terms = {"term": pa.array(postings.terms, pa.large_string()), "begins": postings.offsets[:-1]}
    tables = {
        "documents": segment.documents,
        "chunks": segment.chunks.append_column("length", pa.array(postings.lengths)),
        "terms": pa.table(terms),
        "entries": pa.table({"row": postings.rows, "count": postings.counts}),
    }
    for name, table in tables.items():
        whole = table.combine_chunks()
        file = os.fspath(folder / f"{name}.arrow")
        with pa.OSFile(file, "wb") as sink, pa.ipc.new_file(sink, whole.schema) as out:
            out.write_table(whole)
    segment.vectors.write(folder)


def _read_segment(folder: Path, stored: Stored, manifest: Manifest, gpu: Gpu | None) -> Segment:
    place = folder / "segments" / stored.name
    for name, digest in stored.files.items():
        if _digest(place / name) != digest:
            raise ValueError(f"{stored.name}/{name} is not as it was written")
    tables = {
        name: pa.ipc.open_file(pa.memory_map(os.fspath(place / f"{name}.arrow"))).read_all()
        for name in ("documents", "chunks", "terms", "entries")
    }
    chunks, terms, entries = tables["chunks"], tables["terms"], tables["entries"]
    begins = _column(terms, "begins", np.int64)
    vectors = Vectors.read(place, stored.open_rows, gpu=gpu)
    if len(vectors) != chunks.num_rows or vectors.dimension != manifest.dimension:
        raise ValueError(f"{stored.name} has {len(vectors)} vectors, {chunks.num_rows} chunks")
    return Segment(
        documents=tables["documents"],
        chunks=chunks.drop_columns(["length"]),
        postings=Postings(
            terms=terms["term"].to_pylist(),
            offsets=np.append(begins, np.int64(entries.num_rows)),
            rows=_column(entries, "row", np.int32),
            counts=_column(entries, "count", np.int32),
            lengths=_column(chunks, "length", np.int32),
        ),
        vectors=vectors,
        name=stored.name,
    )


def _column(table: pa.Table, name: str, kind: type[Number]) -> NDArray[Number]:
    return np.asarray(table[name].to_numpy(), dtype=kind)


def _write(file: Path, data: bytes) -> None:
    """Replace a file in one step."""
    draft = file.with_name(f"{file.name}.draft")
    draft.write_bytes(data)
    sync(draft)
    os.replace(draft, file)
    sync(file.parent)


def _digest(file: Path) -> str:
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()
