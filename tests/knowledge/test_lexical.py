from __future__ import annotations

import math

import bm25s
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.lexical import Postings, Scope, stem, weights_of

TEXTS = [
    "An outgoing wire costs 18 dollars.",
    "Wires, wires and more wires!",
    "Stopping a cheque costs 30 dollars.",
    "",
]
WORDS = st.lists(st.sampled_from("wire cost fee bank card loan rate day".split()), max_size=9)


def scope(texts: list[str], allowed: np.ndarray | None = None) -> Scope:
    return Scope([Postings.of(texts)], [allowed])


def found(
    texts: list[str], query: str, k: int = 10, allowed: np.ndarray | None = None
) -> list[int]:
    return scope(texts, allowed).search(weights_of(query), k).rows.tolist()


def test_a_text_that_repeats_a_rare_word_comes_first():
    assert found(TEXTS, "wire") == [1, 0]


def test_words_meet_in_their_stems_and_whatever_their_case():
    assert found(TEXTS, "CHEQUES stopped") == [2]


def test_only_texts_that_share_a_word_are_found():
    assert found(TEXTS, "zebra") == found(TEXTS, "") == found([], "wire") == []


def test_a_question_of_stopwords_alone_goes_by_them():
    assert found(["To be or not to be.", "The fee."], "to be or not to be") == [0]


def test_no_more_than_k_are_found_and_equal_ones_in_order():
    assert found(["the fee"] * 9, "fee", k=4) == [0, 1, 2, 3]
    assert found(TEXTS, "wire", k=0) == []


def test_scores_are_those_of_a_bm25_that_is_well_known():
    texts = [
        f"{' '.join('wire fee bank card loan'.split()[: n % 5 + 1])} {n % 3} rate"
        for n in range(30)
    ]
    peer = bm25s.BM25(method="lucene", k1=1.5, b=0.75)
    peer.index([stem(text) for text in texts], show_progress=False)
    expected = peer.get_scores(stem("card loan rate"))
    own = scope(texts).scores(weights_of("card loan rate"))
    assert own == pytest.approx(expected * 2.5, rel=1e-4)  # Lucene leaves the factor k1 + 1 out


def test_what_a_reader_may_not_see_moves_no_score():
    hidden = ["wire wire wire and a long text about wires and cheques"] * 50
    allowed = np.array([True] * len(TEXTS) + [False] * len(hidden))
    with_them = scope(TEXTS + hidden, allowed)
    alone = scope(TEXTS)
    weights = weights_of("wire cheque costs")
    assert with_them.scores(weights)[: len(TEXTS)] == pytest.approx(alone.scores(weights), abs=0)
    assert (with_them.scores(weights)[len(TEXTS) :] == 0).all()
    assert with_them.rarity("wire") == alone.rarity("wire") == pytest.approx(math.log1p(2.5 / 2.5))


@settings(max_examples=60, deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=12), st.lists(WORDS, max_size=12), st.data())
def test_segments_score_as_one_would_and_so_does_what_they_are_merged_to(
    one: list[list[str]], other: list[list[str]], data: st.DataObject
):
    first, second = ([" ".join(some) for some in part] for part in (one, other))
    kept = np.array(data.draw(st.lists(st.booleans(), min_size=len(first), max_size=len(first))))
    weights = {"wire": 2.0, "card": 1.0, "rate": 0.5}
    parts = [Postings.of(first), Postings.of(second)]
    both = Scope(parts, [kept, None])
    new_rows = np.where(kept, np.cumsum(kept) - 1, -1)
    total = int(kept.sum()) + len(second)
    merged = Postings.merged(parts, [new_rows, np.arange(len(second)) + int(kept.sum())], total)
    again = Postings.of([text for text, keep in zip(first, kept, strict=True) if keep] + second)
    expected = both.scores(weights)[np.concatenate([kept, np.ones(len(second), dtype=bool)])]
    for postings in (merged, again):
        assert Scope([postings], [None]).scores(weights) == pytest.approx(expected, abs=1e-5)
    assert list(merged.terms) == list(again.terms)
    assert (merged.rows == again.rows).all()
    rows = np.flatnonzero(np.concatenate([kept, np.ones(len(second), dtype=bool)]))
    assert both.scores_of(rows, weights) == pytest.approx(expected, abs=1e-5)
