from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.chunk import MOST_TOKENS, chunk, searchable
from knowledge.documents import make_document, read_documents
from knowledge.records import Chunk, Document
from knowledge.tokens import word_starts

HANDBOOK = Path(__file__).parents[2] / "knowledge" / "handbook"
SENTENCE = "The bank keeps a copy of each form for as long as the law asks."


def make(text: str, title: str = "Wires") -> Document:
    return make_document(id="wires.md", text=text, title=title)


def size(piece: Chunk) -> int:
    return len(word_starts(searchable(piece)))


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
    pieces = chunk(make(" ".join([SENTENCE] * 20)), most_tokens=120)
    assert [piece.text.count(".") for piece in pieces] == [7, 7, 6]
    assert all(piece.text.startswith("The") and piece.text.endswith("asks.") for piece in pieces)


def test_a_chunk_ends_with_a_paragraph_where_one_ends_near_the_middle():
    short, long = " ".join([SENTENCE] * 4), " ".join([SENTENCE] * 6)
    assert [p.text for p in chunk(make(f"{short}\n\n{long}"), most_tokens=120)] == [short, long]


def test_a_heading_may_be_underlined_and_a_rule_is_none():
    text = "Fees\n====\n\nA.\n\nAt home\n-------\n\nB. And\nso on.\n---\n\nC.\n\n---\n\nD.\n"
    found = [(piece.text, piece.heading[1:]) for piece in chunk(make(text))]
    assert found == [
        ("A.", ("Fees",)),
        ("B. And\nso on.\n---\n\nC.\n\n---\n\nD.", ("Fees", "At home")),
    ]


def test_only_a_fence_of_its_kind_ends_code():
    text = "~~~\n# no\n```\n# no\n~~~~\n\n# Yes\n\nB."
    assert [piece.heading for piece in chunk(make(text))] == [("Wires",), ("Wires", "Yes")]


def test_headings_that_take_half_a_chunk_lose_the_first_of_them():
    long = " ".join(["name"] * 30)
    [piece] = chunk(make(f"# {long}\n\n## Fees\n\nText.", title="A title"), most_tokens=50)
    assert piece.heading == ("Fees",)
    pieces = chunk(make(f"# {long}\n\n{SENTENCE}", title="A title"), most_tokens=20)
    assert {piece.heading for piece in pieces} == {(" ".join(["name"] * 10),)}
    assert max(map(size, pieces)) <= 20


def test_a_table_that_fits_is_never_cut():
    table = "| Wire | Fee |\n| --- | --- |\n" + "\n".join(f"| kind {n} | {n} |" for n in range(9))
    pieces = chunk(make(f"{SENTENCE} {SENTENCE}\n\n{table}\n\n{SENTENCE}"), most_tokens=75)
    assert [table in piece.text for piece in pieces] == [False, True, False]
    assert [piece.kind for piece in pieces] == ["text", "table", "text"]


def test_a_long_table_is_cut_between_rows_that_are_read_by_its_header():
    header = "| Wire | Fee |\n| :--- | ---: |"
    rows = [f"| row {n} of the table | {n} dollars |" for n in range(40)]
    pieces = chunk(make("\n".join([header, *rows])), most_tokens=80)
    assert len(pieces) > 1
    assert pieces[0].text.startswith(f"{header}\n| row 0")
    assert [piece.context for piece in pieces] == ["", *[header] * (len(pieces) - 1)]
    assert "\n".join(piece.text for piece in pieces).split("\n")[2:] == rows
    assert {piece.kind for piece in pieces} == {"table"}
    assert max(map(size, pieces)) <= 80


def test_a_header_that_leaves_no_room_is_not_repeated():
    header = f"| {SENTENCE} | {SENTENCE} |\n| --- | --- |"
    pieces = chunk(
        make("\n".join([header, *[f"| {n} | {SENTENCE} |" for n in range(5)]])), most_tokens=50
    )
    assert {piece.context for piece in pieces} == {""}


def test_a_list_that_fits_stays_with_the_sentence_that_leads_to_it():
    items = "\n".join(f"- Paper number {n} of the file." for n in range(6))
    text = f"{SENTENCE} {SENTENCE} The following are needed:\n\n{items}\n\n{SENTENCE}"
    pieces = chunk(make(text), most_tokens=65)
    assert f"The following are needed:\n\n{items}" in [piece.text for piece in pieces]
    assert [piece.kind for piece in pieces] == ["text", "list", "text"]


def test_the_items_of_a_long_list_are_read_by_the_sentence_that_leads_to_it():
    items = [f"{n}. Paper number {n} of the file." for n in range(1, 30)]
    pieces = chunk(make("\n".join(["Not needed are:", *items])), most_tokens=75)
    assert [piece.context for piece in pieces] == ["", *["Not needed are:"] * (len(pieces) - 1)]
    assert "\n".join(piece.text for piece in pieces).split("\n")[1:] == items


def test_an_item_is_not_torn_from_what_is_nested_in_it():
    groups = [
        f"- Form {n}\n  - of the first kind\n    or so\n\n  - of the second kind" for n in range(12)
    ]
    pieces = chunk(make("\n".join(groups)), most_tokens=100)
    assert len(pieces) > 1
    assert all(piece.text.startswith("- Form") for piece in pieces)
    assert all(piece.text.endswith("second kind") for piece in pieces)


def test_items_nested_in_one_that_is_too_long_are_read_by_it():
    text = "- Forms\n" + "\n".join(f"  - number {n} of the first kind" for n in range(30))
    pieces = chunk(make(text), most_tokens=75)
    assert [piece.context for piece in pieces] == ["", *["- Forms"] * (len(pieces) - 1)]


def test_fenced_code_stays_whole_or_is_cut_between_definitions():
    functions = [f"def f{n}(a):\n    b = a\n\n    return a + b + {n}" for n in range(12)]
    fenced = "\n".join(["```python", "\n\n".join(functions), "```"])
    [piece] = chunk(make(fenced), most_tokens=1000)
    assert (piece.text, piece.kind) == (fenced, "code")
    pieces = chunk(make(fenced), most_tokens=80)
    assert len(pieces) > 1
    assert all(piece.text.removeprefix("```python\n").startswith("def f") for piece in pieces)


def test_a_chunk_knows_the_section_it_stands_in():
    text = f"# Fees\n\n{' '.join([SENTENCE] * 30)}\n\n# Times\n\nD."
    *fees, times = chunk(make(text))
    assert len(fees) > 1
    assert {text[slice(*piece.section)] for piece in fees} == {" ".join([SENTENCE] * 30)}
    assert text[slice(*times.section)] == "D."


@pytest.mark.parametrize("wall", ["word " * 1000, "x" * 24_000, "汇款" * 1000, "한국" * 500])
def test_a_wall_of_text_is_cut_all_the_same(wall: str):
    pieces = chunk(make(wall), most_tokens=50)
    assert max(map(size, pieces)) <= 50
    assert len(pieces) >= 1000 / 50
    assert "".join(piece.text for piece in pieces).replace(" ", "") == wall.replace(" ", "")


def test_what_a_tokenizer_takes_for_one_word_is_cut_all_the_same():
    def unknown(text: str) -> np.ndarray:
        """WordPiece: a word is unknown beyond 100 letters, and else comes in pairs of them."""
        words = [match.span() for match in re.finditer(r"\S+", text)]
        return np.array(
            [n for at, end in words for n in range(at, end, 2 if end - at <= 100 else end - at)],
            dtype=np.int32,
        )

    pieces = chunk(make("x" * 24_000), most_tokens=50, token_starts=unknown)
    assert max(len(unknown(searchable(piece))) for piece in pieces) <= 50
    assert max(len(piece.text) for piece in pieces) < 4000


WALLS = [
    "|",
    "#",
    " ",
    "a",
    "(",
    "`",
    ".",
    "- ",
    "\n- x",
    ". a",
    "[1]",
    "\n\na",
    "\n# a\nb",
    "| a |\n",
]


@pytest.mark.parametrize("wall", WALLS)
def test_a_wall_of_anything_takes_no_longer_than_text(wall: str):
    text = "a" + (wall * 50_000)[:50_000] + "a"
    begun = time.process_time()
    pieces = chunk(make(text))
    assert time.process_time() - begun < 5  # the square of it would take hours
    assert max(map(size, pieces)) <= 200


def test_a_list_may_be_nested_as_deep_as_it_likes():
    text = "\n".join(" " * depth + "- x" for depth in range(1500))
    pieces = chunk(make(text))
    assert " ".join(piece.text for piece in pieces).split() == text.split()


def test_a_chunk_has_room_for_text():
    with pytest.raises(ValueError, match="most_tokens is 7"):
        chunk(make(SENTENCE), most_tokens=7)


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
        assert max(map(size, pieces)) <= MOST_TOKENS
        body = " ".join(line for line in document.text.split("\n") if not line.startswith("#"))
        assert " ".join(p.text for p in pieces).split() == body.split(), document.id
        seen.update(piece.id for piece in pieces)
    assert len(seen) == sum(len(chunk(document)) for document in documents)


LINES = st.sampled_from(
    [
        "# A",
        "## B",
        "Under",
        "====",
        "----",
        "| a | b |",
        "| --- | --- |",
        "- item one",
        "  - in it",
        "    1. in that",
        "The following:",
        "```",
        "~~~python",
        "",
        "1. x",
        "汇款手续费是三十五元。请",
    ]
) | st.text(alphabet="ab .!?\n|#é汇한\u2028\x0b\t:", max_size=60)


@settings(max_examples=150, deadline=None)
@given(st.lists(LINES, max_size=25).map("\n".join), st.integers(8, 60))
def test_whatever_the_text_chunks_are_exact_spans_in_order_that_lose_no_words(
    text: str, most_tokens: int
):
    if not text.strip():
        return
    document = make(text)
    pieces = chunk(document, most_tokens=most_tokens)
    assert pieces
    last = 0
    for piece in pieces:
        assert piece.text == document.text[piece.start : piece.end] == piece.text.strip() != ""
        assert piece.start >= last
        assert piece.section[0] <= piece.start < piece.end <= piece.section[1]
        assert all(line in document.text for line in piece.context.split("\n"))
        assert size(piece) <= most_tokens
        assert are_headings(document.text[last : piece.start])
        last = piece.end
    assert are_headings(document.text[last:]) or last == 0


def are_headings(left_out: str) -> bool:
    """Whether nothing was left out but headings."""
    lines = [line.strip() for line in left_out.splitlines() if line.strip()]
    below = [*lines, ""][1:]
    return all(
        re.match(r"#{1,6}\s|={3,}$|-{3,}$", f"{line}\n") or re.match(r"={3,}$|-{3,}$", under)
        for line, under in zip(lines, below, strict=True)
    )


def test_a_search_sees_the_headings_above_the_text():
    [piece] = chunk(make("## Fees\n\n18 dollars."))
    assert searchable(piece) == "Wires > Fees\n18 dollars."


def test_a_search_sees_the_context_between_headings_and_text():
    piece = Chunk(id=1, document="a", version="1", start=0, end=1, text="B", heading=("A",))
    assert searchable(replace(piece, context="| C |")) == "A\n| C |\nB"
