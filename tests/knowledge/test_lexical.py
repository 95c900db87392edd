from __future__ import annotations

import numpy as np
import pytest

from knowledge.lexical import LexicalIndex

TEXTS = [
    "Wire fees\nAn outgoing wire costs 18 dollars.",
    "Cheques\nStopping a cheque costs 30 dollars.",
    "Hours\nBranches open at 9.",
    "Wires\nA wire returned is credited. Wires are certain.",
]


@pytest.fixture
def index() -> LexicalIndex:
    return LexicalIndex(np.array([40, 30, 20, 10]), TEXTS)


def test_the_text_with_the_rarest_words_of_the_query_comes_first(index: LexicalIndex):
    hits = index.search("What does stopping a wire cost?", 4)
    assert hits.ids[0] == 30
    assert set(hits.ids.tolist()) == {10, 30, 40}
    assert (np.diff(hits.scores) <= 0).all()


def test_words_are_compared_by_stem_and_numbers_count(index: LexicalIndex):
    assert index.search("wiring CHEQUE", 1).ids.tolist() == [30]
    assert index.search("opening", 4).ids.tolist() == [20]
    assert index.search("9", 4).ids.tolist() == [20]


def test_what_shares_no_word_is_not_found(index: LexicalIndex):
    for query in ("mortgage", "the of and", "", "?!"):
        assert index.search(query, 4).ids.tolist() == []


def test_what_is_not_allowed_is_not_found(index: LexicalIndex):
    allowed = np.array([False, True, True, False])
    assert index.search("wire dollars", 4, allowed).ids.tolist() == [30]


def test_equal_texts_come_in_order_of_their_ids():
    index = LexicalIndex(np.array([5, 9, 2, 7]), ["a fee"] * 3 + ["other"])
    assert index.search("fee", 2).ids.tolist() == [2, 5]


def test_texts_without_words_can_be_indexed():
    assert LexicalIndex(np.array([1, 2]), ["", "!"]).search("fee", 5).ids.tolist() == []
    assert LexicalIndex(np.zeros(0, dtype=np.int64), []).search("fee", 5).ids.tolist() == []
    assert LexicalIndex(np.array([1, 2]), ["", "fee"]).search("fee", 5).ids.tolist() == [2]
