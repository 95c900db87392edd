from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.chunk import chunk, searchable
from knowledge.documents import make_document, read_documents
from knowledge.records import Chunk, Document

HANDBOOK = Path(__file__).parents[2] / "knowledge" / "handbook"
SENTENCE = "The bank keeps a copy of each form for as long as the law asks."


def make(text: str, title: str = "Wires") -> Document:
    return make_document(id="wires.md", text=text, title=title)


def size(piece: Chunk) -> int:
    """Words, with 24 letters or 2 Han characters as the longest word there is."""
    return len(re.findall(r"[一-鿿]{1,2}|[^\W_一-鿿][^\s一-鿿]{0,23}", piece.text))


def test_a_chunk_stands_under_the_headings_above_it():
    text = "Intro.\n\n# Fees\n\nA.\n\n## At home ##\n\nB.\n\n## Abroad\n\nC.\n\n# Times\n\nD.\n"
    found = [(piece.text, piece.heading) for piece in chunk(make(text))]
    assert found == [
        ("Intro.", ("Wires",)),
        ("A.", ("Wires", "Fees")),
        ("B.", ("Wires", "Fees", "At home")),
        ("C.", ("Wires", "Fees", "Abroad")),
        ("D.", ("Wires", "Times")),
    ]


def test_a_title_that_the_page_says_again_stands_once():
    [piece] = chunk(make("# WIRES\n\nText."))
    assert piece.heading == ("Wires",)


def test_a_comment_in_code_is_no_heading():
    [piece] = chunk(make("```\n# not a heading\nrun\n```\n"))
    assert (piece.heading, "not a heading" in piece.text) == (("Wires",), True)


def test_a_document_without_headings_is_cut_between_sentences_in_equal_parts():
    pieces = chunk(make(" ".join([SENTENCE] * 20)), most_words=120)
    assert [size(piece) for piece in pieces] == [105, 105, 90]
    assert all(piece.text.startswith("The") and piece.text.endswith("asks.") for piece in pieces)


def test_a_table_that_fits_is_never_cut():
    table = "| Wire | Fee |\n| --- | --- |\n" + "\n".join(f"| kind {n} | {n} |" for n in range(9))
    pieces = chunk(make(f"{SENTENCE} {SENTENCE}\n\n{table}\n\n{SENTENCE}"), most_words=40)
    assert [table in piece.text for piece in pieces] == [False, True, False]


def test_a_long_table_is_cut_between_rows_and_its_header_stands_in_the_first_piece():
    rows = [f"| row {n} of the table | {n} dollars |" for n in range(40)]
    pieces = chunk(make("\n".join(["| Wire | Fee |", "| --- | --- |", *rows])), most_words=50)
    assert len(pieces) > 1
    assert pieces[0].text.startswith("| Wire | Fee |\n| --- | --- |\n| row 0")
    lines = [line for piece in pieces for line in piece.text.split("\n")]
    assert lines[2:] == rows


@pytest.mark.parametrize("wall", ["word " * 1000, "x" * 24_000, "汇款" * 1000])
def test_a_wall_of_text_is_cut_all_the_same(wall: str):
    pieces = chunk(make(wall), most_words=50)
    assert max(map(size, pieces)) <= 50
    assert len(pieces) >= 1000 / 50
    assert "".join(piece.text for piece in pieces).replace(" ", "") == wall.replace(" ", "")


def test_a_document_of_headings_alone_is_found_by_them():
    [piece] = chunk(make("# Wires\n\n## Fees\n"))
    assert piece.text == "# Wires\n\n## Fees"


def test_ids_are_positive_and_the_same_every_time_and_change_with_the_version():
    one, again = chunk(make(SENTENCE)), chunk(make(SENTENCE))
    assert one == again
    assert 0 < one[0].id < 2**63
    assert chunk(make(SENTENCE, title="Other"))[0].id != one[0].id


def test_every_word_of_the_handbook_stands_in_one_chunk_or_heading():
    documents = read_documents(HANDBOOK)
    seen: set[int] = set()
    for document in documents:
        pieces = chunk(document)
        assert max(map(size, pieces)) <= 120
        body = " ".join(line for line in document.text.split("\n") if not line.startswith("#"))
        assert " ".join(p.text for p in pieces).split() == body.split(), document.id
        seen.update(piece.id for piece in pieces)
    assert len(seen) == sum(len(chunk(document)) for document in documents)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["# A", "## B", "| a | b |", "| --- | --- |", "- item one", "```", "", "1. x"]
        )
        | st.text(alphabet="ab .!?\n|#é汇\u2028\x0b", max_size=60),
        max_size=25,
    ).map("\n".join),
    st.integers(1, 30),
)
def test_whatever_the_text_chunks_are_exact_spans_in_order_that_lose_no_words(
    text: str, most_words: int
):
    if not text.strip():
        return
    document = make(text)
    pieces = chunk(document, most_words=most_words)
    assert pieces
    last = 0
    for piece in pieces:
        assert piece.text == document.text[piece.start : piece.end] == piece.text.strip() != ""
        assert piece.start >= last
        assert size(piece) <= most_words
        last = piece.end


def test_a_search_sees_the_headings_above_the_text():
    [piece] = chunk(make("## Fees\n\n18 dollars."))
    assert searchable(piece) == "Wires > Fees\n18 dollars."
