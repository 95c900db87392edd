from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.chunk import chunk
from knowledge.documents import make_document
from knowledge.expand import join, moved, section_span, window
from knowledge.records import Document, Passage
from knowledge.text import sentences

TEXT = "One is so. Two is so.\n\nThree is so. Four is so. Five is so."
TABLE = "\n".join(["| Wire | Fee |", "| --- | --- |", *(f"| kind {n} | {n} |" for n in range(40))])


def make(text: str) -> Document:
    return make_document(id="wires.md", text=text, title="Wires")


def passage(document: Document, start: int, end: int, **fields: object) -> Passage:
    made = Passage(
        document=document.id,
        version=document.version,
        start=start,
        end=end,
        text=document.text[start:end],
        heading=("Wires",),
        score=1.0,
    )
    return replace(made, **fields)  # type: ignore[arg-type]


def seen(text: str, said: str) -> tuple[int, int]:
    return text.index(said), text.index(said) + len(said)


def test_a_window_is_the_best_sentence_and_its_neighbours():
    best = seen(TEXT, "Three is so.")
    start, end = window(TEXT, 0, len(TEXT), best=best, sentences=1)
    assert TEXT[start:end] == "Two is so.\n\nThree is so. Four is so."
    assert window(TEXT, 0, len(TEXT), best=best, sentences=0) == best
    assert window(TEXT, 0, len(TEXT), best=best, sentences=9) == (0, len(TEXT))


def test_a_window_does_not_leave_its_section():
    best = seen(TEXT, "Three is so.")
    start, end = window(TEXT, *seen(TEXT, "Three is so. Four is so."), best=best, sentences=3)
    assert TEXT[start:end] == "Three is so. Four is so."


def test_a_window_takes_no_part_of_a_sentence():
    text = f"{'word ' * 2000}end. Best. {'word ' * 2000}end."
    best = seen(text, "Best.")
    assert window(text, 0, len(text), best=best, sentences=2) == best


def test_a_section_that_fits_is_taken_whole_and_else_as_much_as_fits():
    text = "# A\n\n" + " ".join(f"Sentence {n} is said." for n in range(99)) + "\n\n# B\n\nC."
    middle = chunk(make(text), most_tokens=60)[4]
    whole = section_span(text, middle, 10_000)
    assert text[slice(*whole)].startswith("Sentence 0 ")
    assert text[slice(*whole)].endswith("Sentence 98 is said.")
    start, end = section_span(text, middle, 600)
    assert end - start <= 600
    assert start < middle.start < middle.end < end
    assert text[start:end].startswith("Sentence")
    assert text[start:end].endswith("said.")
    assert section_span(text, middle, 10) == (middle.start, middle.end)


def test_a_section_of_code_is_cut_between_lines():
    text = "def f():\n" + "\n".join(f"    a{n} = f. b" for n in range(99))
    code = replace(make(text), format="code")
    start, end = section_span(text, chunk(code, most_tokens=60)[4], 600)
    assert all(line.strip().startswith("a") for line in text[start:end].split("\n"))
    assert text[start:end].endswith("b")


def test_a_passage_that_is_moved_among_rows_is_read_by_the_header_above_them():
    document = make(f"Before.\n\n{TABLE}\n\nBehind.")
    header = "| Wire | Fee |\n| --- | --- |"
    whole = passage(document, 0, len(document.text))
    rows = moved(whole, document.text, seen(document.text, "| kind 7 | 7 |\n| kind 8 | 8 |"))
    assert (rows.text, rows.context) == ("| kind 7 | 7 |\n| kind 8 | 8 |", header)
    back = moved(rows, document.text, seen(document.text, TABLE))
    assert (back.text, back.context) == (TABLE, "")
    behind = moved(rows, document.text, seen(document.text, "Behind."))
    assert (behind.text, behind.context) == ("Behind.", "")


def test_a_passage_never_begins_with_the_rule_below_a_header():
    document = make(TABLE)
    found = moved(passage(document, 0, 9), TABLE, (TABLE.index("| ---"), TABLE.index("| kind 3")))
    assert found.start == 0
    assert found.text.startswith("| Wire | Fee |\n| --- | --- |\n| kind 0")


def test_a_row_far_down_a_table_keeps_the_header_it_had():
    text = "\n".join(["| Wire | Fee |", "| --- | --- |", *["| a | b |"] * 2000])
    document = make(text)
    last = chunk(document, most_tokens=60)[-1]
    found = passage(document, last.start, last.end, context=last.context)
    assert moved(found, text, (last.start, last.end)) == found
    assert found.context == "| Wire | Fee |\n| --- | --- |"


def test_neighbours_are_joined_where_the_best_of_them_stood():
    document, other = make(TEXT), make_document(id="other.md", text="Other.")
    one = passage(document, *seen(TEXT, "One is so."), score=0.1, why={"dense_rank": 9.0})
    two = passage(document, *seen(TEXT, "Two is so."), score=0.5, why={"dense_rank": 2.0})
    four = passage(document, *seen(TEXT, "Four is so."), score=0.3)
    apart = passage(other, 0, 6, score=0.4)
    known = {document.id: document, other.id: other}
    first, second, third = join([two, apart, four, one], known)
    assert (first.text, first.score, first.why) == ("One is so. Two is so.", 0.5, two.why)
    assert (second, third) == (apart, four)


def test_overlapping_passages_are_joined_and_have_the_headings_they_share():
    document = make(TEXT)
    one = passage(document, 0, 30, heading=("Wires", "class A", "A.b"))
    two = passage(document, 20, 50, heading=("Wires", "class A", "A.c"))
    inside = passage(document, 5, 10, heading=("Wires", "class A"))
    [found] = join([one, inside, two], {document.id: document})
    assert (found.text, found.heading) == (TEXT[:50], ("Wires", "class A"))


def test_pieces_of_a_table_that_are_joined_have_its_header_once():
    document = make(TABLE)
    pieces = [
        passage(document, piece.start, piece.end, context=piece.context)
        for piece in chunk(document, most_tokens=80)
    ]
    [later] = join(pieces[2:0:-1], {document.id: document})
    assert later.context == "| Wire | Fee |\n| --- | --- |"
    [whole] = join(pieces, {document.id: document})
    assert (whole.text, whole.context) == (TABLE, "")


def test_passages_of_different_headings_stay_apart():
    document = make("# A\n\nOne.\n\n# B\n\nTwo.")
    pieces = [passage(document, p.start, p.end) for p in chunk(document)]
    assert join(pieces, {document.id: document}) == pieces


def test_nothing_joined_is_nothing():
    assert join([], {}) == []


@settings(max_examples=60, deadline=None)
@given(
    st.text(alphabet="ab. \n|#-", min_size=1, max_size=200).filter(str.strip),
    st.lists(st.tuples(st.integers(0, 199), st.integers(0, 199)), max_size=8),
    st.integers(0, 3),
)
def test_whatever_is_found_stays_true_to_the_text(
    text: str, spans: list[tuple[int, int]], around: int
):
    document = make(text)
    text = document.text
    inside = [(min(s), max(s)) for s in spans if text[min(s) : max(s)].strip()]
    found = join(
        [passage(document, a, min(b, len(text))) for a, b in inside], {document.id: document}
    )
    ordered = sorted(found, key=lambda p: p.start)
    for one in found:
        assert one.text == text[one.start : one.end]
    for one, two in pairwise(ordered):
        assert text[one.end : two.start].strip()
    for sentence in sentences(text):
        start, end = window(text, 0, len(text), best=sentence[:2], sentences=around)
        assert start <= sentence.start < sentence.end <= end
