from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest

from knowledge.chunk import chunk, searchable
from knowledge.dense import DenseIndex
from knowledge.documents import make_document
from knowledge.lexical import LexicalIndex
from knowledge.records import Document, Passage
from knowledge.search import Defaults, Indexed, allowed_rows, fuse, search

TODAY = date(2026, 11, 24)


def document(id: str, text: str, **fields: Any) -> Document:
    return make_document(id=id, text=text, title=id, **fields)


DOCUMENTS = [
    document("wires", "An outgoing wire costs 18 dollars."),
    document("cheques", "Stopping a cheque costs 30 dollars."),
    document("alarm", "The alarm code of the wire room is 7719.", access=["staff"]),
    document("old", "An outgoing wire costs 15 dollars.", valid_until=date(2025, 12, 31)),
    document("new", "An outgoing wire will cost 21 dollars.", valid_from=date(2027, 1, 1)),
]


def index(documents: list[Document], embedder: Any) -> Indexed:
    chunks = [piece for one in documents for piece in chunk(one)]
    ids = np.array([piece.id for piece in chunks], dtype=np.int64)
    texts = [searchable(piece) for piece in chunks]
    dense = DenseIndex(embedder.dimension)
    dense.add(ids, embedder.encode(texts))
    return Indexed(
        documents={one.id: one for one in documents},
        chunks=chunks,
        dense=dense,
        lexical=LexicalIndex(ids, texts),
    )


def find(
    query: str,
    embedder: Any,
    *,
    labels: set[str] = frozenset(),
    on: date = TODAY,  # type: ignore[assignment]
    documents: list[Document] = DOCUMENTS,
    limit: int = 5,
    **settings: Any,
) -> list[Passage]:
    indexed = index(documents, embedder)
    [found] = search(
        indexed,
        [query],
        embedder.encode([query]),
        allowed=allowed_rows(indexed, frozenset(labels), on),
        limit=limit,
        settings=Defaults(**settings),
    )
    return found


def names(found: list[Passage]) -> list[str]:
    return [passage.document for passage in found]


def test_a_reader_finds_what_holds_today_and_is_open_to_them(embedder):
    assert sorted(names(find("wire costs", embedder))) == ["cheques", "wires"]
    assert "alarm" in names(find("wire costs", embedder, labels={"staff", "fraud"}))
    assert "alarm" not in names(find("alarm code 7719", embedder, labels={"fraud"}))


def test_a_document_holds_from_its_first_day_to_its_last(embedder):
    def on(*day: int) -> set[str]:
        return set(names(find("outgoing wire", embedder, on=date(*day))))

    assert on(2025, 12, 31) == {"wires", "old"}
    assert on(2026, 1, 1) == {"wires"}
    assert on(2027, 1, 1) == {"wires", "new"}


def test_what_may_not_be_read_takes_no_place_from_what_may(embedder):
    secrets = [document(f"s{n}", "wire wire wire cost", access=["staff"]) for n in range(60)]
    found = find("wire cost", embedder, documents=[*secrets, *DOCUMENTS], candidates=2, limit=2)
    assert names(found) == ["wires", "cheques"]
    assert found[0].why["dense_rank"] == found[0].why["lexical_rank"] == 1


def test_a_passage_says_why_it_was_found_and_how_near_it_is(embedder):
    [best, *_] = find("outgoing wire", embedder)
    assert best.why == {"dense_rank": 1, "lexical_rank": 1, "fused": pytest.approx(2 / 61)}
    assert best.score == best.why["fused"]
    [wires] = [d for d in DOCUMENTS if d.id == "wires"]
    vectors = embedder.encode([searchable(chunk(wires)[0]), "outgoing wire"])
    assert best.similarity == pytest.approx(float(vectors[0] @ vectors[1]), abs=1e-5)
    assert (best.heading, best.source) == (("wires",), "wires")


def test_a_passage_that_only_one_side_found_has_a_cosine_too(embedder):
    [best, *_] = find("stopping", embedder, dense_weight=0)
    assert set(best.why) == {"lexical_rank", "fused"}
    assert best.similarity is not None
    assert best.similarity > 0


def test_the_weights_decide_between_the_sides(embedder):
    worded = find("outgoing wire", embedder, dense_weight=0.0)
    assert all("dense_rank" not in passage.why for passage in worded)
    near = find("outgoing wire", embedder, lexical_weight=0.0)
    assert all("lexical_rank" not in passage.why for passage in near)


def test_nothing_is_found_where_neither_side_matches(embedder):
    assert find("zebra", embedder, dense_weight=0.0) == []
    assert find("", embedder) == []
    assert find("wire", embedder, documents=[]) == []


def test_equal_passages_come_in_the_order_they_stand(embedder):
    same = [document(id, "The fee is due.") for id in "cab"]
    same = [make_document(id=d.id, text=d.text, title="T") for d in same]
    assert names(find("fee due", embedder, documents=same)) == names(
        find("fee due", embedder, documents=same[::-1])
    )


def test_limit_beyond_the_candidates_is_still_filled(embedder):
    many = [document(f"d{n}", f"wire number {n}") for n in range(30)]
    assert len(find("wire", embedder, documents=many, candidates=5, limit=20)) == 20


def test_fusion_prefers_what_both_sides_found():
    scores = fuse([(1.0, [1, 2, 3]), (1.0, [4, 2, 5])])
    assert max(scores, key=scores.__getitem__) == 2
    assert fuse([(2.0, [1]), (1.0, [4])])[1] == 2 / 61
