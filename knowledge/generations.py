"""A collection's folder: each change is a whole new generation; CURRENT names the one that holds.

    CURRENT                      "000007", replaced in one step
    generations/000007/          meta.json, documents.jsonl, chunks.jsonl, vectors.npy
    lock                         held while a generation is written

A process killed at any instant leaves CURRENT at the old generation or at the new one.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowledge.errors import RatchetError
from knowledge.records import Chunk, Document

FORMAT = 1
DOCUMENTS, CHUNKS, VECTORS, META = "documents.jsonl", "chunks.jsonl", "vectors.npy", "meta.json"


@dataclass(frozen=True, kw_only=True)
class Content:
    """All that a generation holds."""

    embedder: str
    dimension: int
    most_words: int
    documents: list[Document]  # those that are searched
    older: list[Document]  # versions that were replaced: old answers cite them
    chunks: list[Chunk]
    vectors_nd: NDArray[np.float32]  # one row per chunk


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Wait until no one else writes to the collection, in this process or another."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the system lets go of it if the process dies
        yield


def current(folder: Path) -> str | None:
    """The name of the generation that holds; None while there is none."""
    try:
        return (folder / "CURRENT").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        if len(names := _names(folder)) > 1:  # one alone may be a first one that was cut short
            raise RatchetError(
                f"{folder / 'CURRENT'} is missing. Write the line {names[-1]} into it."
            ) from None
        return None


def read(folder: Path, name: str) -> Content:
    """What a generation holds.

    Raises:
        FileNotFoundError: It is not there: taken away after a newer one was made, or lost.
        RatchetError: It is damaged.
    """
    place = folder / "generations" / name
    try:
        meta = json.loads((place / META).read_text(encoding="utf-8"))
        if meta["format"] != FORMAT:
            raise RatchetError(
                f"{place}: its format is {meta['format']}, expected {FORMAT}. Update Ratchet."
            )
        for file, digest in meta["files"].items():
            if _digest(place / file) != digest:
                raise ValueError(f"{file} is not as it was written")
        by_version: dict[tuple[str, str], Document] = {}
        documents: list[Document] = []
        older: list[Document] = []
        for row in _rows(place / DOCUMENTS):
            (documents if row.pop("current") else older).append(document := _document(row))
            by_version[document.id, document.version] = document
        chunks = [_chunk(row, by_version) for row in _rows(place / CHUNKS)]
        vectors_nd = np.load(place / VECTORS, allow_pickle=False)
        if vectors_nd.shape != (len(chunks), meta["dimension"]):
            raise ValueError(f"{VECTORS} has the shape {vectors_nd.shape}")
    except (ValueError, KeyError, TypeError) as problem:
        earlier = [other for other in _names(folder) if other < name]
        advice = f"write {earlier[-1]} into {folder / 'CURRENT'} to go back, or " if earlier else ""
        raise RatchetError(
            f"{place}: the generation is damaged ({problem}). Restore it from a backup, {advice}"
            f"delete {folder} and add the documents again."
        ) from problem
    return Content(
        embedder=meta["embedder"],
        dimension=meta["dimension"],
        most_words=meta["most_words"],
        documents=documents,
        older=older,
        chunks=chunks,
        vectors_nd=vectors_nd,
    )


def write(folder: Path, content: Content) -> str:
    """Put a generation on disk, for `publish`; returns its name. Call within `writing`."""
    shelf = folder / "generations"
    shelf.mkdir(exist_ok=True)
    draft = shelf / ".draft"
    shutil.rmtree(draft, ignore_errors=True)  # of a writer that died
    draft.mkdir()
    documents = [asdict(d) | {"current": True} for d in content.documents]
    documents += [asdict(d) | {"current": False} for d in content.older]
    _write_rows(draft / DOCUMENTS, documents)
    _write_rows(draft / CHUNKS, ({**asdict(c), "text": None} for c in content.chunks))
    with (draft / VECTORS).open("wb") as out:
        np.save(out, content.vectors_nd, allow_pickle=False)
        _sync(out.fileno())
    meta = {
        "format": FORMAT,
        "embedder": content.embedder,
        "dimension": content.dimension,
        "most_words": content.most_words,
        "files": {name: _digest(draft / name) for name in (DOCUMENTS, CHUNKS, VECTORS)},
    }
    _write(draft / META, json.dumps(meta, indent=1))
    _sync_folder(draft)
    number = max((int(name) for name in _names(folder)), default=0) + 1
    name = f"{number:06}"
    draft.rename(shelf / name)
    _sync_folder(shelf)
    return name


def publish(folder: Path, name: str) -> None:
    """From now on this generation holds. Call within `writing`."""
    _write(folder / "CURRENT.draft", f"{name}\n")
    os.replace(folder / "CURRENT.draft", folder / "CURRENT")
    _sync_folder(folder)


def prune(folder: Path, *, keep: int) -> None:
    """Take all but the newest generations away. Call within `writing`."""
    for name in _names(folder)[:-keep]:
        shutil.rmtree(folder / "generations" / name, ignore_errors=True)


def _names(folder: Path) -> list[str]:
    """The generations that are there, oldest first."""
    shelf = folder / "generations"
    return sorted(p.name for p in shelf.iterdir() if p.name.isdigit()) if shelf.is_dir() else []


def _document(row: dict[str, Any]) -> Document:
    days = {key: row[key] and date.fromisoformat(row[key]) for key in ("valid_from", "valid_until")}
    return Document(**{**row, **days, "access": frozenset(row["access"])})


def _chunk(row: dict[str, Any], documents: dict[tuple[str, str], Document]) -> Chunk:
    text = documents[row["document"], row["version"]].text[row["start"] : row["end"]]
    return Chunk(**{**row, "text": text, "heading": tuple(row["heading"])})


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    with file.open(encoding="utf-8", newline="\n") as lines:
        for line in lines:
            yield json.loads(line)


def _write_rows(file: Path, rows: Iterable[dict[str, Any]]) -> None:
    with file.open("w", encoding="utf-8", newline="\n") as out:
        for row in rows:
            out.write(f"{json.dumps(row, default=_plain)}\n")
        out.flush()
        _sync(out.fileno())


def _plain(value: object) -> object:
    """Days and sets of labels as JSON has them."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, frozenset):
        return sorted(value)
    raise TypeError(f"{value!r} does not go into JSON")


def _write(file: Path, text: str) -> None:
    with file.open("w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        _sync(out.fileno())


def _sync(descriptor: int) -> None:
    os.fsync(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _digest(file: Path) -> str:
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()
