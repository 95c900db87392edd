"""Documents → a segment: cut, marked, embedded once, indexed; and the views such changes make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from knowledge.cache import VectorCache
from knowledge.chunk import chunk, searchable
from knowledge.compact import merge, purge
from knowledge.embed import Embedder
from knowledge.generations import Manifest, Stored, store
from knowledge.gpu import Gpu
from knowledge.injection import find_instructions
from knowledge.records import Chunk, Document
from knowledge.segment import Embedded, Segment, make
from knowledge.view import View, view_of, with_segment

AT_ONCE = 256  # texts handed to the embedder between two looks of the progress bar


@dataclass(frozen=True)
class Indexer:
    """What makes the next view of a collection and puts its segments on disk.

    Nothing of it holds before the view is published. Call within `generations.writing`.

    Args:
        folder: Of the collection.
        embedder: Makes the vectors.
        most_tokens: Longest chunk with its headings.
        gpu: Where large segments are searched.
    """

    folder: Path
    embedder: Embedder
    most_tokens: int
    gpu: Gpu | None

    @property
    def manifest(self) -> Manifest:
        """Of a collection without segments."""
        embedder = self.embedder
        return Manifest(
            embedder=embedder.name, dimension=embedder.dimension, most_tokens=self.most_tokens
        )

    def add(self, view: View, documents: Sequence[Document], *, progress: bool) -> View:
        """The view with a segment of these documents behind the others.

        Where chunks are to be of another length now, all documents are cut anew.
        """
        if not view.segments:
            view = view_of(None, self.manifest, [])
        if view.manifest.most_tokens == self.most_tokens:
            stored, segment = self._store(self._segment(documents, progress=progress))
            return with_segment(view, stored, segment)
        replaced = {document.id for document in documents}
        kept = [document for document in view.documents() if document.id not in replaced]
        searched = {(document.id, document.version) for document in [*kept, *documents]}
        older = [
            view.document(place)
            for version, place in view.every_version().items()
            if version not in searched
        ]
        stored, segment = self._store(self._segment([*kept, *documents], older, progress=progress))
        self._cache.keep([searchable(piece) for d in (*kept, *documents) for piece in self._cut(d)])
        return view_of(None, replace(self.manifest, segments=(stored,)), [segment])

    def remove(self, view: View, ids: Sequence[str]) -> View:
        """The view without a trace of these documents; their vectors are forgotten at once."""
        for id in ids:
            for place in view.versions(id):
                cut = self._cut(view.document(place))
                self._cache.forget([searchable(piece) for piece in cut])
        gone = frozenset(ids)
        return self._replaced(view, {at: purge(s, gone) for at, s in enumerate(view.segments)})

    def merge(self, view: View, first: int) -> View:
        """The view with one segment instead of all from `first` on."""
        merged = merge(view.segments[first:], view.current[first:], gpu=self.gpu)
        new: dict[int, Segment | None] = dict.fromkeys(range(first, len(view.segments)))
        return self._replaced(view, {**new, first: merged})

    def _replaced(self, view: View, new: Mapping[int, Segment | None]) -> View:
        """The view with other segments in these places; None takes one out."""
        kept = []
        for at, pair in enumerate(zip(view.manifest.segments, view.segments, strict=True)):
            segment = new.get(at, pair[1])
            if segment is pair[1]:
                kept.append(pair)
            elif segment is not None:
                kept.append(self._store(segment))
        manifest = replace(view.manifest, segments=tuple(stored for stored, _ in kept))
        return view_of(None, manifest, [segment for _, segment in kept])

    def _store(self, segment: Segment) -> tuple[Stored, Segment]:
        return store(self.folder, segment)

    @property
    def _cache(self) -> VectorCache:
        file = self.folder / "embeddings.sqlite"
        return VectorCache(file, self.embedder.name, self.embedder.dimension)

    def _segment(
        self,
        documents: Sequence[Document],
        older: Sequence[Document] = (),
        *,
        progress: bool = False,
    ) -> Segment:
        """A segment of these documents, and of versions that are kept but not searched."""
        cut = [self._cut(document) for document in documents]
        vectors_nd = self._embed([searchable(piece) for some in cut for piece in some], progress)
        ends = np.cumsum([len(some) for some in cut])
        given = [
            Embedded(document, some, vectors_nd[end - len(some) : end])
            for document, some, end in zip(documents, cut, ends, strict=True)
        ]
        return make(given, older, dimension=self.embedder.dimension, gpu=self.gpu)

    def _cut(self, document: Document) -> list[Chunk]:
        pieces = chunk(
            document, most_tokens=self.most_tokens, token_starts=self.embedder.token_starts
        )
        return [replace(piece, instructions=_instructions(piece)) for piece in pieces]

    def _embed(self, texts: Sequence[str], progress: bool) -> NDArray[np.float32]:
        from tqdm import tqdm

        rows = [np.zeros((0, self.embedder.dimension), dtype=np.float32)]
        with tqdm(total=len(texts), desc="Embedding", unit="chunk", disable=not progress) as bar:
            for at in range(0, len(texts), AT_ONCE):
                some = texts[at : at + AT_ONCE]
                known = self._cache.get(some)
                missing = list(dict.fromkeys(text for text in some if text not in known))
                if missing:
                    made = self.embedder.encode(missing)
                    self._cache.put(missing, made)
                    known |= dict(zip(missing, made, strict=True))
                rows.append(np.stack([known[text] for text in some]))
                bar.update(len(some))
        return np.concatenate(rows)


def _instructions(piece: Chunk) -> int:
    return len(find_instructions(f"{piece.context}\n{piece.text}"))
