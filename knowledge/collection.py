"""A named collection of documents on disk: add, remove, search, and open what was cited before."""

from __future__ import annotations

import difflib
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Self

from knowledge import generations
from knowledge.chunk import MOST_TOKENS
from knowledge.embed import Embedder, load_embedder
from knowledge.errors import RatchetError
from knowledge.gpu import find_gpu
from knowledge.indexing import Indexer
from knowledge.records import Changes, Chunk, Description, Document, Passage
from knowledge.rerank import load_reranker
from knowledge.search import Defaults, Rerank, SearchSettings, search
from knowledge.view import View, view_of

SEGMENTS_MOST = 12  # more than so many and the small ones among them are made one
SMALLER = 4  # a segment at most so many times as large as all behind it is merged with them


class Collection:
    """Documents that can be searched. Threads may share one; processes may share a folder.

    Every change is a new generation on disk (see knowledge/generations.py). A search sees the
    newest, whichever process made it.
    """

    def __init__(self, folder: Path, embedder: Embedder, most_tokens: int) -> None:
        self.folder = folder
        self.embedder = embedder
        self._indexer = Indexer(
            folder, embedder, min(most_tokens, embedder.most_tokens), find_gpu()
        )
        self._swapping = threading.Lock()
        self._rerankers: dict[str, Rerank] = {}
        self._view = view_of(None, self._indexer.manifest, [])

    @classmethod
    def open(
        cls,
        folder: Path | str,
        embedder: Embedder | None = None,
        *,
        most_tokens: int = MOST_TOKENS,
    ) -> Self:
        """The collection in a folder; a folder that is not there yet is an empty one.

        Args:
            embedder: The one it was built with; None takes all-MiniLM-L6-v2.
            most_tokens: Longest chunk with its headings, in the embedder's tokens, or what it
                reads where that is less. If it was another when the collection was built, the
                next change cuts all documents anew.

        Raises:
            RatchetError: It is damaged, or was built with another embedder.
        """
        collection = cls(Path(folder), embedder or load_embedder(), most_tokens)
        collection._newest()
        return collection

    @property
    def is_empty(self) -> bool:
        """Whether there is no document."""
        return not any(mask.any() for mask in self._newest().current)

    def documents(self) -> list[Document]:
        """The documents that are searched, in order of their ids."""
        return sorted(self._newest().documents(), key=lambda d: d.id)

    def document(self, id: str, version: str | None = None) -> Document | None:
        """A document as it is, or as it was in an older version; None if it is not known."""
        view = self._newest()
        if version is None:
            place = view.find(id)
            return view.document(place) if place else None
        for place in view.versions(id):
            if view.segments[place.segment].version(place.row) == version:
                return view.document(place)
        return None

    def chunks(self, id: str) -> list[Chunk]:
        """The chunks of a document as it is, in order; none if it is not known."""
        view = self._newest()
        place = view.find(id)
        return view.chunks_of(place) if place else []

    def flagged(self, limit: int | None = None) -> list[Chunk]:
        """Chunks that hold text which speaks to a model instead of the reader."""
        return list(islice(self._newest().flagged(), limit))

    def describe(self) -> Description:
        """What there is, how it is searched and why."""
        view = self._newest()
        return view.describe(self.embedder.name, generations.size(self.folder))

    def add(self, documents: Iterable[Document], *, progress: bool = False) -> Changes:
        """Add documents, or new versions of them. Searches go on meanwhile and see all or none.

        The older version of a document is searched no more, but `document` still finds it. Cost
        goes by what is added, not by what is there. Killed and called again, it goes on with the
        vectors it had already.

        Args:
            progress: Show bars.

        Raises:
            RatchetError: Two different documents have one id. Nothing was added.
        """
        given = _by_id(documents)
        with generations.writing(self.folder):
            view = self._newest()
            known = {id: view.version(id) for id in given}
            changes = Changes(
                added=[id for id in given if known[id] is None],
                updated=[id for id, d in given.items() if known[id] not in (None, d.version)],
                unchanged=[id for id, d in given.items() if known[id] == d.version],
            )
            fresh = [document for id, document in given.items() if known[id] != document.version]
            if not fresh:
                return changes
            self._publish(self._indexer.add(view, fresh, progress=progress), keep=2)
            self._compact_some()
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
                if view.find(id) is None:
                    near = difflib.get_close_matches(id, view.ids(), n=1)
                    hint = f"Did you mean {near[0]!r}?" if near else "List what there is."
                    raise RatchetError(f"{self.folder}: there is no document {id!r}. {hint}")
            if removed:
                self._publish(self._indexer.remove(view, removed), keep=1)
        return Changes(removed=removed)

    def compact(self) -> None:
        """Make one segment of all: chunks that are searched no more go, their texts stay."""
        with generations.writing(self.folder):
            view = self._newest()
            if view.segments:
                self._publish(self._indexer.merge(view, 0), keep=2)

    def search(
        self,
        query: str,
        *,
        labels: frozenset[str] = frozenset(),
        on: date | None = None,
        limit: int = 5,
        where: Mapping[str, str] | None = None,
        settings: SearchSettings | None = None,
    ) -> list[Passage]:
        """The best passages for a query, best first; see `search_many`."""
        [found] = self.search_many(
            [query], labels=labels, on=on, limit=limit, where=where, settings=settings
        )
        return found

    def search_many(
        self,
        queries: Sequence[str],
        *,
        labels: frozenset[str] = frozenset(),
        on: date | None = None,
        limit: int = 5,
        where: Mapping[str, str] | None = None,
        settings: SearchSettings | None = None,
    ) -> list[list[Passage]]:
        """The best passages for each query, best first, all from one generation.

        Args:
            labels: What the reader may see besides what everyone may.
            on: The day on which documents must hold; None takes today.
            limit: Passages per query, at most.
            where: Narrows the search: a glob for document, title, source, licence or format.
            settings: How it is done; None takes knowledge.search.Defaults.

        Raises:
            RatchetError: `where` names another field, or the reranker cannot be had.
        """
        view, settings = self._newest(), settings or Defaults()
        within = view.within(
            frozenset(labels),
            on or date.today(),
            where,
            instructed=settings.instructions != "exclude",
        )
        if not len(within) or not queries:
            return [[] for _ in queries]
        return search(
            within,
            queries,
            self.embedder.encode(queries),
            limit=limit,
            settings=settings,
            rerank=self._reranker(settings.reranker),
            embedder=self.embedder,
        )

    def _reranker(self, name: str) -> Rerank | None:
        if name and name not in self._rerankers:
            self._rerankers[name] = load_reranker(name)
        return self._rerankers[name] if name else None

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
        if name is None:
            return view_of(None, self._indexer.manifest, [])
        known = {segment.name: segment for segment in self._view.segments}
        manifest, segments = generations.read(self.folder, name, known, gpu=self._indexer.gpu)
        built = (manifest.embedder, manifest.dimension)
        given = (self.embedder.name, self.embedder.dimension)
        if built != given and segments:
            raise RatchetError(
                f"{self.folder}: built with the embedder {built[0]!r} ({built[1]} dimensions), "
                f"opened with {given[0]!r} ({given[1]}). Set knowledge.embedder to {built[0]!r}, "
                "or name another collection and add the documents to it."
            )
        return view_of(name, manifest, segments)

    def _compact_some(self) -> None:
        """Merge the newest segments when there are many, as few rows as can be at a time."""
        view = self._view
        if len(view.segments) <= SEGMENTS_MOST:
            return
        first = len(view.segments) - 1
        behind = len(view.segments[first])
        while first and len(view.segments[first - 1]) <= SMALLER * behind:
            first -= 1
            behind += len(view.segments[first])
        first = min(first, len(view.segments) - SEGMENTS_MOST // 2)
        self._publish(self._indexer.merge(view, first), keep=2)

    def _publish(self, view: View, *, keep: int) -> None:
        with self._swapping:  # no other thread loads what is here already
            name = generations.publish(self.folder, view.manifest)
            self._view = replace(view, name=name)
        generations.prune(self.folder, keep=keep)


def _by_id(documents: Iterable[Document]) -> dict[str, Document]:
    given: dict[str, Document] = {}
    for document in documents:
        if given.setdefault(document.id, document).version != document.version:
            raise RatchetError(
                f"{document.source}: two different documents are called {document.id!r}. "
                "Rename one of them; nothing was added."
            )
    return given
