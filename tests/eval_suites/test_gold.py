from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from eval_suites.gold import gold_passages
from eval_suites.records import Gold
from eval_suites.scorers.citation import gold_shown
from knowledge.errors import RatchetError
from knowledge.records import Document
from tests.eval_suites.builders import QUOTE, make_case

FILLER = "The bank keeps a copy of each form for as long as the law asks. " * 12


def document(id: str, text: str, **fields: Any) -> Document:
    return Document(id=id, version="v1", title=id, text=text, source=id, **fields)


DOCUMENTS = [
    document("cheques.md", f"# Cheques\n\n{FILLER}\n\n## Stopping\n\n{QUOTE} It is free online.\n"),
    document("staff.md", "# Staff\n\nThe alarm code is 7719.\n", access=frozenset({"staff"})),
    document("old.md", "# Old\n\nThe fee was 25 dollars.\n", valid_until=date(2024, 12, 31)),
    *(document(f"other{n}.md", f"# Other {n}\n\nThe limit is {n}00 dollars.\n") for n in range(5)),
]


def test_the_passage_is_the_piece_of_the_document_that_holds_the_quote() -> None:
    [passage] = gold_passages(make_case(), DOCUMENTS)
    assert passage.document == "cheques.md"
    assert QUOTE in passage.text
    assert DOCUMENTS[0].text[passage.start : passage.end] == passage.text
    assert "law" not in passage.text


def test_two_quotes_of_one_piece_are_one_passage() -> None:
    quotes = (QUOTE, "It is free online.")
    case = make_case(gold=tuple(Gold(document="cheques.md", quote=q) for q in quotes))
    assert len(gold_passages(case, DOCUMENTS)) == 1


def test_distractors_are_others_that_the_asker_may_see_today() -> None:
    today = date(2026, 11, 24)
    found = gold_passages(make_case(), DOCUMENTS, distractors=9, today=today)
    names = [passage.document for passage in found]
    assert sorted(names) == ["cheques.md", *(f"other{n}.md" for n in range(5))]
    assert gold_shown(make_case(), found)
    again = gold_passages(make_case(), DOCUMENTS, distractors=9, today=today)
    assert [passage.document for passage in again] == names
    orders = {
        tuple(p.document for p in gold_passages(make_case(), DOCUMENTS, distractors=3, seed=seed))
        for seed in range(6)
    }
    assert len(orders) > 1


def test_gold_the_asker_may_not_see_is_not_shown() -> None:
    gold = (Gold(document="staff.md", quote="The alarm code is 7719."),)
    case = make_case(expect="abstain", facts=(), gold=gold)
    assert gold_passages(case, DOCUMENTS) == []
    cleared = make_case(gold=gold, labels=frozenset({"staff"}))
    assert [p.document for p in gold_passages(cleared, DOCUMENTS)] == ["staff.md"]


def test_gold_that_held_on_the_day_of_asking_is_shown() -> None:
    gold = (Gold(document="old.md", quote="The fee was 25 dollars."),)
    asked = make_case(gold=gold, asked_on=date(2024, 6, 1))
    assert [p.document for p in gold_passages(asked, DOCUMENTS)] == ["old.md"]
    assert gold_passages(make_case(gold=gold), DOCUMENTS, today=date(2026, 1, 1)) == []


def test_a_quote_that_does_not_stand_there_is_an_error() -> None:
    missing = make_case(gold=(Gold(document="cheques.md", quote="31 dollars"),))
    with pytest.raises(RatchetError, match="does not hold the gold quote"):
        gold_passages(missing, DOCUMENTS)
    nowhere = make_case(gold=(Gold(document="none.md", quote="31 dollars"),))
    with pytest.raises(RatchetError, match="no document 'none.md'"):
        gold_passages(nowhere, DOCUMENTS)
