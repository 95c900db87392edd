from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from knowledge.text import (
    containment,
    fingerprint,
    jaccard,
    ngrams,
    normalise,
    sentences,
    words,
)


def test_case_punctuation_and_width_do_not_make_another_text() -> None:
    assert fingerprint("The FEE is ３５ dollars!") == fingerprint("the fee is 35 dollars")
    assert fingerprint("The fee is 36 dollars") != fingerprint("the fee is 35 dollars")


@given(st.text(max_size=200))
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@given(st.text(alphabet=st.sampled_from("ab. \n|-#1[]?A"), max_size=80))
def test_a_sentence_is_what_stands_at_its_place_and_no_word_is_lost(text: str) -> None:
    found = sentences(text)
    assert all(text[s.start : s.end] == s.text for s in found)
    assert all(a.end <= b.start for a, b in itertools.pairwise(found))
    assert [w for s in found for w in words(s.text)] == words(text)


def test_a_paragraph_that_breaks_its_lines_is_read_on() -> None:
    text = "The fee is\n35 dollars. It is taken\nat once.\n\nA new paragraph"
    assert [s.text.split() for s in sentences(text)] == [
        "The fee is 35 dollars.".split(),
        "It is taken at once.".split(),
        "A new paragraph".split(),
    ]


def test_abbreviations_and_decimals_do_not_end_a_sentence() -> None:
    text = "Ask Dr. Hale, e.g. by phone, about the 2.5 percent. Then wait."
    assert [s.text for s in sentences(text)] == [
        "Ask Dr. Hale, e.g. by phone, about the 2.5 percent.",
        "Then wait.",
    ]


def test_rows_and_list_items_stand_for_themselves() -> None:
    text = "# Fees\n| a | b |\n| --- | --- |\n| 1 | 2 |\n- one\n- two\n"
    assert [s.text for s in sentences(text)] == [
        "# Fees",
        "| a | b |",
        "| --- | --- |",
        "| 1 | 2 |",
        "- one",
        "- two",
    ]


def test_overlap_is_a_share() -> None:
    part, whole = ngrams("a b c d", 2), ngrams("x a b c y", 2)
    assert containment(part, whole) == 2 / 3
    assert jaccard(part, whole) == 2 / 5
    assert containment(frozenset(), whole) == jaccard(frozenset(), frozenset()) == 0.0
