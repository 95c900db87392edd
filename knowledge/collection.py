"""A named collection of documents on disk: add, remove, search, and open what was cited before."""

from __future__ import annotations

import difflib
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from knowledge import generations
from knowledge.embed import Embedder
from knowledge.errors import RatchetError
from knowledge.records import Document, Passage
from knowledge.search import Defaults, SearchSettings, allowed_rows, search
from knowledge.view import Version, View, empty, from_content, revise, to_content

MOST_WORDS = 120  # of a chunk; with its headings this fits the 256 tokens of MiniLM
AT_ONCE = 256  # texts handed to the embedder between two looks of the progress bar


@dataclass(frozen=True, slots=True)
class Changes:
    """What a change did: ids of documents, in order."""

    added: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)  # there was an older version
    removed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)


class Collection:
    """Documents that can be searched. Threads may share one; processes may share a folder.

    Every change is a new generation on disk (see knowledge/generations.py), so add many documents
    at once. A search sees the newest, whichever process made it.
    """

    def __init__(self, folder: Path, embedder: Embedder, most_words: int) -> None:
        self.folder = folder
        self.embedder = embedder
        self._most_words = most_words
        self._swapping = threading.Lock()
        self._view = empty(embedder.dimension, most_words)

    @classmethod
    def open(cls, folder: Path | str, embedder: Embedder, *, most_words: int = MOST_WORDS) -> Self:
        """The collection in a folder; a folder that is not there yet is an empty one.

        Args:
            embedder: The one it was built with.
            most_words: Longest chunk. If it was another when the collection was built, the next
                change cuts all documents anew.

        Raises:
            RatchetError: It is damaged, or was built with another embedder.
        """
        collection = cls(Path(folder), embedder, most_words)
        collection._newest()
        return collection

    @property
    def is_empty(self) -> bool:
        """Whether there is no document."""
        return not self._newest().indexed.documents

    def documents(self) -> list[Document]:
        """The documents that are searched, in order of their ids."""
        return sorted(self._newest().indexed.documents.values(), key=lambda d: d.id)

    def document(self, id: str, version: str | None = None) -> Document | None:
        """A document as it is, or as it was in an older version; None if it is not known."""
        view = self._newest()
        now = view.indexed.documents.get(id)
        if version is None or (now and now.version == version):
            return now
        return view.older.get((id, version))

    def add(self, documents: Iterable[Document], *, progress: bool = False) -> Changes:
        """Add documents, or new versions of them. Searches go on meanwhile and see all or none.

        The older version of a document is searched no more, but `document` still finds it.

        Args:
            progress: Show a bar.

        Raises:
            RatchetError: Two different documents have one id. Nothing was added.
        """
        given = _by_id(documents)
        with generations.writing(self.folder):
            view = self._newest()
            known = view.indexed.documents
            same = {id for id, d in given.items() if id in known and known[id].version == d.version}
            changes = Changes(
                added=[id for id in given if id not in known],
                updated=[id for id in given if id in known and id not in same],
                unchanged=[id for id in given if id in same],
            )
            if len(same) < len(given):
                changed = {id: document for id, document in given.items() if id not in same}
                older = {**view.older, **{_key(known[id]): known[id] for id in changes.updated}}
                for document in changed.values():
                    older.pop(_key(document), None)  # an old version that came back
                self._hold(view, {**known, **changed}, older, progress)
                generations.prune(self.folder, keep=2)
        return changes

    def remove(self, ids: Iterable[str]) -> Changes:
        """Take documents out with all their versions, and their text off the disk.

        Raises:
            RatchetError: There is no such document. Nothing was removed.
        """
        removed = list(dict.fromkeys(ids))
        with generations.writing(self.folder):
            view = self._newest()
            for id in removed:
                if id not in view.indexed.documents:
                    near = difflib.get_close_matches(id, view.indexed.documents, n=1)
                    hint = f"Did you mean {near[0]!r}?" if near else "List what there is."
                    raise RatchetError(f"{self.folder}: there is no document {id!r}. {hint}")
            if removed:
                left = {id: d for id, d in view.indexed.documents.items() if id not in removed}
                older = {key: d for key, d in view.older.items() if d.id not in removed}
                self._hold(view, left, older, progress=False)
                generations.prune(self.folder, keep=1)
        return Changes(removed=removed)

    def search(
        self,
        query: str,
        *,
        labels: frozenset[str] = frozenset(),
        on: date | None = None,
        limit: int = 5,
        settings: SearchSettings | None = None,
    ) -> list[Passage]:
        """The best passages for a query, best first; see `search_many`."""
        [found] = self.search_many([query], labels=labels, on=on, limit=limit, settings=settings)
        return found

    def search_many(
        self,
        queries: Sequence[str],
        *,
        labels: frozenset[str] = frozenset(),
        on: date | None = None,
        limit: int = 5,
        settings: SearchSettings | None = None,
    ) -> list[list[Passage]]:
        """The best passages for each query, best first, all from one generation.

        Args:
            labels: What the reader may see besides what everyone may.
            on: The day on which documents must hold; None takes today.
            limit: Passages per query, at most.
            settings: Weights and candidates; None takes knowledge.search.Defaults.
        """
        indexed = self._newest().indexed
        if not indexed.chunks or not queries:
            return [[] for _ in queries]
        return search(
            indexed,
            queries,
            self.embedder.encode(queries),
            allowed=allowed_rows(indexed, frozenset(labels), on or date.today()),
            limit=limit,
            settings=settings or Defaults(),
        )

    def _newest(self) -> View:
        """The generation that holds, loaded if another process made it."""
        if generations.current(self.folder) == self._view.name:
            return self._view
        with self._swapping:
            while (name := generations.current(self.folder)) != self._view.name:
                try:
                    self._view = self._load(name)
                except FileNotFoundError as problem:
                    if generations.current(self.folder) == name:  # not replaced meanwhile: lost
                        raise RatchetError(
                            f"{problem.filename}: missing, though {self.folder / 'CURRENT'} names "
                            f"{name}. Restore it from a backup, or delete {self.folder} and add "
                            "the documents again."
                        ) from problem
            return self._view

    def _load(self, name: str | None) -> View:
        dimension = self.embedder.dimension
        if name is None:
            return empty(dimension, self._most_words)
        content = generations.read(self.folder, name)
        built, given = (content.embedder, content.dimension), (self.embedder.name, dimension)
        if built != given and content.chunks:
            raise RatchetError(
                f"{self.folder}: built with the embedder {built[0]!r} ({built[1]} dimensions), "
                f"opened with {given[0]!r} ({given[1]}). Set knowledge.embedder to {built[0]!r}, "
                "or name another collection and add the documents to it."
            )
        return from_content(name, content, dimension)

    def _hold(
        self,
        view: View,
        documents: Mapping[str, Document],
        older: Mapping[Version, Document],
        progress: bool,
    ) -> None:
        """Make the generation that has these documents, write it and let it hold."""

        def embed(texts: Sequence[str]) -> NDArray[np.float32]:
            return self._embed(texts, progress)

        new = revise(view, documents, older, most_words=self._most_words, embed=embed)
        content = to_content(new, self.embedder.name)
        draft = generations.write(self.folder, content)
        with self._swapping:  # no other thread loads what is here already
            generations.publish(self.folder, draft)
            self._view = replace(new, name=draft)

    def _embed(self, texts: Sequence[str], progress: bool) -> NDArray[np.float32]:
        from tqdm import tqdm

        rows = [np.zeros((0, self.embedder.dimension), dtype=np.float32)]
        with tqdm(total=len(texts), desc="Embedding", unit="chunk", disable=not progress) as bar:
            for at in range(0, len(texts), AT_ONCE):
                some = texts[at : at + AT_ONCE]
                rows.append(self.embedder.encode(some))
                bar.update(len(some))
        return np.concatenate(rows)


def _key(document: Document) -> Version:
    return document.id, document.version


def _by_id(documents: Iterable[Document]) -> dict[str, Document]:
    given: dict[str, Document] = {}
    for document in documents:
        if given.setdefault(document.id, document).version != document.version:
            raise RatchetError(
                f"{document.source}: two different documents are called {document.id!r}. "
                "Rename one of them; nothing was added."
            )
    return given
