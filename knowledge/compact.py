"""Several segments made one, and a segment without a trace of some documents."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from knowledge.dense import Vectors
from knowledge.gpu import Gpu
from knowledge.lexical import Postings
from knowledge.segment import Segment


def merge(
    segments: Sequence[Segment], current: Sequence[NDArray[np.bool_]], *, gpu: Gpu | None = None
) -> Segment:
    """One segment out of several, without the chunks that are searched no more.

    Args:
        segments: At least one.
        current: For each, which documents are searched; the others' text is kept.
    """
    documents = pa.concat_tables(segment.documents for segment in segments).unify_dictionaries()
    chunks = pa.concat_tables(segment.chunks for segment in segments).unify_dictionaries()
    searched = np.concatenate([*current])
    first = np.cumsum([0, *(segment.documents.num_rows for segment in segments)])
    place = np.concatenate(
        [segment.document_of + start for segment, start in zip(segments, first, strict=False)]
    ).astype(np.int64)
    open_documents = np.concatenate(
        [
            np.array([not rights.access for rights in s.kinds_of_rights], dtype=bool)[s.rights_of]
            for s in segments
        ]
    )
    alive = searched[place]
    closed = ~open_documents[place]
    kept = np.flatnonzero(alive)
    kept = kept[np.argsort(closed[kept], kind="stable")]
    new_row = np.full(len(place), -1, dtype=np.int64)
    new_row[kept] = np.arange(len(kept))
    starts = np.cumsum([0, *(len(segment) for segment in segments)])
    vectors_nd = np.concatenate([segment.vectors.all_nd for segment in segments])[kept]
    documents = documents.set_column(
        documents.schema.get_field_index("searched"), "searched", pa.array(searched)
    )
    chunks = chunks.set_column(
        chunks.schema.get_field_index("document"), "document", pa.array(place.astype(np.int32))
    ).take(pa.array(kept))
    return Segment(
        documents=documents.combine_chunks(),
        chunks=chunks.combine_chunks(),
        postings=Postings.merged(
            [segment.postings for segment in segments],
            [new_row[a:b] for a, b in pairwise(starts)],
            len(kept),
        ),
        vectors=Vectors.build(vectors_nd, int((~closed[kept]).sum()), gpu=gpu),
    )


def purge(segment: Segment, ids: frozenset[str]) -> Segment | None:
    """The segment without a trace of these documents; None if nothing else is left.

    Rows stay where they are, so that the index over them can stay too: those of the documents
    that go belong to none, with neither text, words nor vector.
    """
    going = np.isin(np.array(segment.documents["id"].to_pylist(), dtype=object), list(ids))
    if not going.any():
        return segment
    if going.all():
        return None
    dead = segment.rows_of(going)
    blank = pa.array(~going)
    nothing = {"id": "", "version": "", "title": "", "text": "", "source": "", "searched": False}
    documents = segment.documents
    for at, name in enumerate(documents.schema.names):
        if name in nothing:
            column = pc.if_else(
                blank, documents[name], pa.scalar(nothing[name], documents.schema.field(name).type)
            )
            documents = documents.set_column(at, name, column)
    chunks = segment.chunks
    alive = pa.array(~dead)
    for name in ("context", "heading"):
        at = chunks.schema.get_field_index(name)
        kind = chunks.schema.field(name).type
        empty = pa.scalar([] if name == "heading" else "", kind)
        chunks = chunks.set_column(at, name, pc.if_else(alive, chunks[name], empty))
    same = np.where(dead, -1, np.arange(len(segment)))
    return Segment(
        documents=documents.combine_chunks(),
        chunks=chunks.combine_chunks(),
        postings=Postings.merged([segment.postings], [same], len(segment)),
        vectors=segment.vectors.without(np.flatnonzero(dead)),
    )
