from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from knowledge.cite import best_first, check_citations, excerpt, number_passages
from knowledge.records import Passage
from knowledge.support import support

TABLE = """Fees are charged at once.

| Wire | Fee | Time |
| --- | --- | --- |
| Domestic | 15 dollars | 1 day |
| Abroad | 35 dollars | 4 days |

- A wire can be recalled for 20 dollars.
"""


def passage(text: str, document: str = "wires.md") -> Passage:
    return Passage(
        document=document,
        version="v1",
        start=0,
        end=len(text),
        text=text,
        heading=("Wires", "Fees"),
        score=1.0,
    )


class Deaf:
    """An embedder to which every text is the same."""

    name, dimension = "deaf", 2

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        return np.tile(np.array([1.0, 0.0], dtype=np.float32), (len(texts), 1))


def test_a_table_row_is_read_as_a_sentence_with_its_headers() -> None:
    said = excerpt(passage(TABLE), "What is the fee for a wire abroad?", sentences=1, embedder=None)
    assert said == "Abroad: Fee 35 dollars; Time 4 days."


def test_the_best_sentence_comes_first_and_ties_keep_their_order() -> None:
    text = "Branches open at nine. A wire costs 15 dollars. Branches close at five."
    said = excerpt(passage(text), "What does a wire cost?", sentences=2, embedder=Deaf())
    assert said == "A wire costs 15 dollars. Branches open at nine."


def test_zero_sentences_keeps_all_in_their_order() -> None:
    said = excerpt(passage(TABLE), "recall", sentences=0, embedder=None)
    assert said.startswith("Fees are charged at once. Domestic: Fee 15 dollars; Time 1 day.")
    assert said.endswith("A wire can be recalled for 20 dollars.")


def test_passages_are_numbered_under_their_headings() -> None:
    shown = number_passages([passage("a"), passage("b")], ["A wire costs 15.", "It takes a day."])
    assert shown == "[1] Wires > Fees: A wire costs 15.\n[2] Wires > Fees: It takes a day."


def test_a_citation_leads_to_its_passage_and_a_wrong_number_nowhere() -> None:
    shown = [passage("one", "a.md"), passage("two", "b.md")]
    found = check_citations("It is so [2], and so [2][1]. Not so [7] [0].", shown)
    assert [(c.number, c.document) for c in found] == [(2, "b.md"), (1, "a.md")]


def test_the_passage_whose_sentence_answers_comes_first() -> None:
    about = passage("Wires, wires and wires. All about wires of many kinds.", "about.md")
    answers = passage("Branches open at nine. The fee for a wire abroad is 35 dollars.", "fees.md")
    found = best_first([about, answers], "What is the fee for a wire abroad?", None)
    assert [p.document for p in found] == ["fees.md", "about.md"]


def test_rows_of_a_table_that_goes_on_are_read_by_the_header_in_their_context() -> None:
    rows = passage(
        "| Domestic | 15 dollars | 1 day |\n| Abroad | 35 dollars | 4 days |\n\nSo it is."
    )
    rows = replace(rows, context="| Wire | Fee | Time |\n| --- | --- | --- |")
    said = excerpt(rows, "What is the fee for a wire abroad?", sentences=1)
    assert said == "Abroad: Fee 35 dollars; Time 4 days."
    [found] = support("The fee abroad is 35 dollars.", [rows])
    assert found.passage_number == 1


def test_context_that_is_no_header_is_not_put_as_one() -> None:
    items = replace(passage("- Form A.\n- Form B."), context="Not needed are:")
    assert excerpt(items, "form", sentences=0) == "Form A. Form B."
