from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pytest

from knowledge.chunk import chunk, searchable
from knowledge.documents import make_document
from knowledge.errors import RatchetError
from knowledge.fuse import fuse, likeness, regularize
from knowledge.generations import Manifest
from knowledge.records import Document, Passage
from knowledge.search import Defaults, search
from knowledge.segment import Embedded, make
from knowledge.view import View, view_of

TODAY = date(2026, 11, 24)
NOBODY: frozenset[str] = frozenset()


def document(id: str, text: str, **fields: Any) -> Document:
    return make_document(id=id, text=text, title=id, **fields)


DOCUMENTS = [
    document("wires", "An outgoing wire costs 18 dollars."),
    document("cheques", "Stopping a cheque costs 30 dollars."),
    document("alarm", "The alarm code of the wire room is 7719.", access=["staff"]),
    document("old", "An outgoing wire costs 15 dollars.", valid_until=date(2025, 12, 31)),
    document("new", "An outgoing wire will cost 21 dollars.", valid_from=date(2027, 1, 1)),
]


def view(documents: Sequence[Document], embedder: Any) -> View:
    given = []
    for one in documents:
        pieces = chunk(one)
        given.append(Embedded(one, pieces, embedder.encode([searchable(p) for p in pieces])))
    dimension = embedder.dimension
    manifest = Manifest(embedder="words", dimension=dimension, most_tokens=160)
    return view_of(None, manifest, [make(given, dimension=dimension)])


def find(
    query: str,
    embedder: Any,
    *,
    labels: frozenset[str] | set[str] = NOBODY,
    on: date = TODAY,
    documents: Sequence[Document] = DOCUMENTS,
    limit: int = 5,
    where: dict[str, str] | None = None,
    rerank: Any = None,
    **settings: Any,
) -> list[Passage]:
    [found] = search(
        view(documents, embedder).within(frozenset(labels), on, where),
        [query],
        embedder.encode([query]),
        limit=limit,
        settings=Defaults(**settings),
        rerank=rerank,
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

    assert on(2025, 12, 31) == {"wires", "old", "cheques"} - {"cheques"}
    assert on(2026, 1, 1) == {"wires"}
    assert on(2027, 1, 1) == {"wires", "new"}


def test_what_may_not_be_read_takes_no_place_from_what_may(embedder):
    secrets = [document(f"s{n}", "wire wire wire cost", access=["staff"]) for n in range(60)]
    found = find("wire cost", embedder, documents=[*secrets, *DOCUMENTS], candidates=2, limit=2)
    assert names(found) == ["wires", "cheques"]
    assert found[0].why["dense_rank"] == found[0].why["lexical_rank"] == 1
    assert found == find("wire cost", embedder, candidates=2, limit=2)


def test_a_passage_says_why_it_was_found_and_how_near_it_is(embedder):
    [best, *_] = find("outgoing wire", embedder)
    assert {name: best.why[name] for name in ("dense_rank", "lexical_rank", "fused")} == {
        "dense_rank": 1,
        "lexical_rank": 1,
        "fused": 1,
    }
    assert set(best.why) == {"dense_rank", "lexical_rank", "fused"}
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
    assert find("?!", embedder) == []


def test_equal_passages_come_in_the_order_they_stand(embedder):
    same = [make_document(id=id, text="The fee is due.", title="T") for id in "cab"]
    for fusion in ("scores", "ranks"):
        one = find("fee due", embedder, documents=same, fusion=fusion)
        assert names(one) == names(find("fee due", embedder, documents=same[::-1], fusion=fusion))


def test_the_first_passages_are_the_same_however_many_are_asked_for(embedder):
    many = [document(f"d{n:02}", f"wire number {n} of {n % 7} banks") for n in range(40)]
    way = {"documents": many, "candidates": 5, "dense_weight": 0.0}
    few = find("wire of 3 banks", embedder, limit=3, **way)
    all_of_them = find("wire of 3 banks", embedder, limit=40, **way)
    assert names(all_of_them)[:3] == names(few)
    assert len(all_of_them) == 40
    scores = [passage.score for passage in all_of_them]
    assert scores == sorted(scores, reverse=True)


def test_no_third_near_copy_is_found(embedder):
    text = "The fee for an outgoing wire is 18 dollars and is due on the day it is sent"
    copies = [document(f"copy{n}", f"{text} {n}.") for n in range(5)]
    other = document("other", "A fee is charged for each copy of a statement.")
    found = names(find("fee wire", embedder, documents=[*copies, other], limit=4))
    assert len([name for name in found if name.startswith("copy")]) == 2
    assert "other" in found


def test_a_search_is_narrowed_by_what_documents_are(embedder):
    assert names(find("wire costs", embedder, where={"document": "ch*"})) == ["cheques"]
    assert find("wire costs", embedder, where={"licence": "cc0"}) == []
    with pytest.raises(RatchetError, match="narrowed by document, title, .*not by 'licens'"):
        find("wire", embedder, where={"licens": "cc0"})


def test_narrowing_opens_nothing(embedder):
    assert find("alarm code", embedder, where={"document": "alarm"}) == []


def test_a_cross_encoder_has_the_last_word_on_the_best_candidates(embedder):
    def rerank(query: str, texts: Sequence[str]) -> list[float]:
        return [1.0 if "cheque" in text else 0.0 for text in texts]

    found = find("outgoing wire costs", embedder, rerank=rerank, reranked=9)
    assert names(found)[0] == "cheques"
    assert (found[0].why["rerank"], found[1].why["rerank"]) == (1.0, 0.0)
    assert names(find("outgoing wire costs", embedder, rerank=rerank, reranked=1))[0] == "wires"


def test_ranks_can_be_fused_instead_of_scores():
    sides = [(1.0, np.array([0.9, 0.8, 0.7, 0.0])), (1.0, np.array([0.0, 2.0, 0.0, 3.0]))]
    assert int(fuse(sides, by_ranks=True).argmax()) == 1
    expected = np.array([1 / 61, 1 / 62 + 1 / 62, 1 / 63, 1 / 61]) / (2 / 62)
    assert fuse(sides, by_ranks=True) == pytest.approx(expected)


def test_a_clear_winner_of_one_side_stays_clear_by_scores():
    sides = [(1.0, np.array([0.9, 0.1])), (0.7, np.array([4.0, 5.0]))]
    assert int(fuse(sides, by_ranks=False).argmax()) == 0


def test_a_passage_among_others_that_fit_gains_and_its_own_document_is_no_witness():
    # Two crowds, one that fits and one that does not, and a passage in each.
    good, bad = np.eye(2)
    vectors = np.stack([good, *[good] * 12, bad, *[bad] * 12])
    scores = np.array([0.7, *[0.9] * 12, 0.8, *[0.1] * 12])
    in_good, in_bad = 0, 13
    apart = regularize(scores, likeness(vectors, np.arange(26)), 0.5)
    assert apart[in_good] > apart[in_bad]
    of_one = np.array([0] * 13 + list(range(13, 26)))
    assert likeness(vectors, of_one)[in_good].tolist() == [1.0] + [0.0] * 25
    assert regularize(scores, likeness(vectors, np.arange(26)), 0.0).argmax() == 1


LONG = """# Fees

The bank charges for wires. A wire abroad costs 35 dollars. It is due on the day.

It is free for pupils. Cheques are free.

# Times

A wire takes a day."""


def test_more_around_a_passage_is_handed_on_when_asked_for(embedder):
    documents = [document("fees", LONG)]
    query = "wire abroad costs"
    [plain, *_] = find(query, embedder, documents=documents)
    [window, *_] = find(query, embedder, documents=documents, expand="window", window=0)
    [section, *_] = find(query, embedder, documents=documents, expand="section")
    assert window.text == "A wire abroad costs 35 dollars."
    assert section.text.startswith("The bank charges")
    assert section.text.endswith("Cheques are free.")
    for passage in (plain, window, section):
        assert passage.text == LONG[passage.start : passage.end]


def test_a_setting_that_there_is_not_is_named_with_those_there_are(embedder):
    with pytest.raises(RatchetError, match="knowledge.fusion is 'magic', expected one of scores"):
        find("wire", embedder, fusion="magic")
