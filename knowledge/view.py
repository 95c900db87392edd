"""One generation of a collection in memory, and the next one made from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from knowledge.chunk import chunk, searchable
from knowledge.dense import DenseIndex
from knowledge.generations import Content
from knowledge.lexical import LexicalIndex
from knowledge.records import Chunk, Document
from knowledge.search import Indexed

Version = tuple[str, str]  # id and version of a document


@dataclass(frozen=True, kw_only=True)
class View:
    """What is searched and what was. Never changes: a search keeps the one it began with."""

    name: str | None  # of its generation on disk; None for an empty collection without any
    most_words: int
    indexed: Indexed
    older: Mapping[Version, Document]  # versions that were replaced: old answers cite them


def empty(dimension: int, most_words: int) -> View:
    """A collection without documents."""
    indexed = _index({}, [], DenseIndex(dimension))
    return View(name=None, most_words=most_words, indexed=indexed, older={})


def from_content(name: str, content: Content, dimension: int) -> View:
    """What was read from disk, ready to be searched."""
    dense = DenseIndex(dimension)
    if content.chunks:
        dense.add(_ids(content.chunks), content.vectors_nd)
    documents = {document.id: document for document in content.documents}
    return View(
        name=name,
        most_words=content.most_words,
        indexed=_index(documents, content.chunks, dense),
        older={(document.id, document.version): document for document in content.older},
    )


def to_content(view: View, embedder: str) -> Content:
    """What is to be written to disk."""
    return Content(
        embedder=embedder,
        dimension=view.indexed.dense.dimension,
        most_words=view.most_words,
        documents=list(view.indexed.documents.values()),
        older=list(view.older.values()),
        chunks=list(view.indexed.chunks),
        vectors_nd=view.indexed.dense.vectors(),
    )


def revise(
    view: View,
    documents: Mapping[str, Document],
    older: Mapping[Version, Document],
    *,
    most_words: int,
    embed: Callable[[Sequence[str]], NDArray[np.float32]],
) -> View:
    """The view with these documents instead, not yet named.

    A document whose version stays keeps its chunks, unless they are to be of another length now.
    A chunk whose text and headings were there before keeps its vector.

    Args:
        most_words: Longest chunk.
        embed: Called once, with the texts that have no vector yet.
    """
    before = view.indexed
    stays = {
        (id, document.version)
        for id, document in documents.items()
        if view.most_words == most_words
        and id in before.documents
        and before.documents[id].version == document.version
    }
    staying = [(piece.document, piece.version) in stays for piece in before.chunks]
    kept = list(compress(before.chunks, staying))
    going = [piece for piece, stay in zip(before.chunks, staying, strict=True) if not stay]
    new = [
        piece
        for id, document in documents.items()
        if (id, document.version) not in stays
        for piece in chunk(document, most_words=most_words)
    ]
    rows = np.flatnonzero(~np.array(staying, dtype=bool))
    vectors = dict(zip(map(searchable, going), before.dense.vectors(rows), strict=True))
    texts = [searchable(piece) for piece in new]
    missing = [text for text in dict.fromkeys(texts) if text not in vectors]
    vectors |= dict(zip(missing, embed(missing), strict=True))
    dense = before.dense.copy()
    dense.remove(_ids(going))
    if new:
        dense.add(_ids(new), np.stack([vectors[text] for text in texts]))
    indexed = _index(documents, kept + new, dense)
    return View(name=None, most_words=most_words, indexed=indexed, older=older)


def _index(
    documents: Mapping[str, Document], chunks: Sequence[Chunk], dense: DenseIndex
) -> Indexed:
    lexical = LexicalIndex(_ids(chunks), [searchable(piece) for piece in chunks])
    return Indexed(documents=documents, chunks=chunks, dense=dense, lexical=lexical)


def _ids(chunks: Sequence[Chunk]) -> NDArray[np.int64]:
    return np.array([piece.id for piece in chunks], dtype=np.int64)
