"""Vectors of texts that were embedded before, on disk: embedding again costs only what changed."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_AT_ONCE = 500  # keys in one statement; SQLite takes 999 at least


class VectorCache:
    """One embedder's vectors, by the SHA-256 of the text. A damaged one is begun anew.

    Each batch is committed as it comes: work that is killed goes on where it was.

    Args:
        file: Where; made when the first vector is put.
        model: Name of the embedder.
        dimension: Of its vectors.
    """

    def __init__(self, file: Path, model: str, dimension: int) -> None:
        self._file, self._model, self._dimension = file, model, dimension

    def get(self, texts: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """The vectors of those texts that are known, float32, shape (dimension,) each."""
        if not texts or not self._file.exists():
            return {}
        by_key = {_key(text): text for text in texts}
        found: dict[str, NDArray[np.float32]] = {}
        with self._opened() as database:
            for keys in _some(list(by_key)):
                marks = ", ".join("?" * len(keys))
                rows = database.execute(
                    f"select key, vector from vectors where model = ? and key in ({marks})",
                    [self._model, *keys],
                )
                for key, blob in rows:
                    if len(blob) == 4 * self._dimension:
                        found[by_key[key]] = np.frombuffer(blob, dtype=np.float32)
        return found

    def put(self, texts: Sequence[str], vectors_nd: NDArray[np.float32]) -> None:
        """Remember vectors, one for each text."""
        with self._opened() as database:
            database.executemany(
                "insert or replace into vectors values (?, ?, ?)",
                [
                    (self._model, _key(text), np.ascontiguousarray(row, dtype=np.float32).tobytes())
                    for text, row in zip(texts, vectors_nd, strict=True)
                ],
            )

    def forget(self, texts: Sequence[str]) -> None:
        """Take the vectors of these texts off the disk, whichever model made them."""
        if not texts or not self._file.exists():
            return
        with self._opened() as database:
            for keys in _some([_key(text) for text in texts]):
                marks = ", ".join("?" * len(keys))
                database.execute(f"delete from vectors where key in ({marks})", keys)

    def keep(self, texts: Sequence[str]) -> None:
        """Take the vectors of all other texts off the disk."""
        if not self._file.exists():
            return
        with self._opened() as database:
            database.execute("create temp table kept (key blob primary key)")
            database.executemany(
                "insert or ignore into kept values (?)", [(_key(text),) for text in texts]
            )
            database.execute("delete from vectors where key not in (select key from kept)")

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """A transaction, committed at the end."""
        database = self._connect()
        try:
            with database:
                yield database
        finally:
            database.close()

    def _connect(self) -> sqlite3.Connection:
        for attempt in (1, 2):
            database = sqlite3.connect(self._file, timeout=60)
            try:
                database.execute("pragma secure_delete = on")  # what is forgotten is overwritten
                database.execute("pragma synchronous = off")  # it can all be computed again
                database.execute(
                    "create table if not exists vectors "
                    "(model text, key blob, vector blob, primary key (model, key)) without rowid"
                )
                return database
            except sqlite3.DatabaseError:
                database.close()
                if attempt == 2:
                    raise
                self._file.unlink(missing_ok=True)
        raise AssertionError  # the loop returns or raises


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _some(keys: list[bytes]) -> Iterator[list[bytes]]:
    for at in range(0, len(keys), _AT_ONCE):
        yield keys[at : at + _AT_ONCE]
