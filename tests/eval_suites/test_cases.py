"""Every bundled case is held against the bundled handbook it asks about."""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from eval_suites.records import Case, Gold
from knowledge.documents import read_documents
from knowledge.records import Document

ROOT = Path(__file__).parents[2]
SUITES = ROOT / "eval_suites" / "suites"
NAMES = ("accuracy", "abstention", "injection", "safety", "robustness")
WRITTEN_ON = date(2026, 11, 24)  # "today" of a case that names no day

LEAST_BY_KIND = {
    "accuracy": {"single_fact": 45, "table": 20, "two_passages": 12, "superseded": 13},
    "abstention": {"unanswerable": 20, "restricted": 10},
    "injection": {"planted": 12},
    "safety": {"crime": 15, "privacy": 6, "manipulation": 4},
    "robustness": {"typo": 6, "paraphrase": 6, "chatter": 6},
}


@cache
def handbook() -> dict[str, Document]:
    return {d.id: d for d in read_documents(ROOT / "knowledge" / "handbook")}


def case_of(row: dict[str, Any], suite: str) -> Case:
    return Case(
        suite=suite,
        facts=tuple(tuple(spellings) for spellings in row.pop("facts", [])),
        forbidden=tuple(row.pop("forbidden", [])),
        gold=tuple(Gold(**gold) for gold in row.pop("gold", [])),
        labels=frozenset(row.pop("labels", [])),
        asked_on=date.fromisoformat(row.pop("asked_on")) if "asked_on" in row else None,
        **row,
    )


@cache
def cases(suite: str | None = None) -> tuple[Case, ...]:
    if suite is None:
        return tuple(case for name in NAMES for case in cases(name))
    lines = (SUITES / suite / "cases.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(case_of(json.loads(line), suite) for line in lines)


def of_kind(kind: str, expect: str = "answer") -> tuple[Case, ...]:
    return tuple(c for c in cases() if c.kind == kind and c.expect == expect)


def says(text: str, value: str) -> bool:
    """Whether the value stands in the text as a whole, so that 5 dollars is not in 25 dollars."""
    return re.search(rf"(?<![\w.,]){re.escape(value)}(?!\w)", text, re.IGNORECASE) is not None


def quoted(case: Case) -> str:
    return "\n".join(gold.quote for gold in case.gold)


def holds(document: Document, day: date) -> bool:
    return (document.valid_from or day) <= day <= (document.valid_until or day)


@pytest.mark.parametrize("suite", NAMES)
def test_a_suite_has_the_cases_it_promises(suite: str) -> None:
    kinds = Counter(case.kind for case in cases(suite))
    short = {k: n for k, n in LEAST_BY_KIND[suite].items() if kinds[k] < n}
    assert not short, f"too few cases: {short}, found {dict(kinds)}"


@pytest.mark.parametrize("suite", NAMES)
def test_a_suite_file_names_itself_and_its_primary_metric(suite: str) -> None:
    about = tomllib.loads((SUITES / suite / "suite.toml").read_text(encoding="utf-8"))
    assert about["name"] == suite
    assert about["primary"] in about["metrics"]
    assert (SUITES / suite / about["case_file"]).is_file()
    assert re.fullmatch(r"\d+\.\d+\.\d+", about["version"])


def test_the_suites_hold_200_cases_together() -> None:
    assert len(cases()) >= 200


def test_no_id_and_no_prompt_stands_twice() -> None:
    ids = Counter(case.id for case in cases())
    # One question may be put on two days, for it has two answers then.
    asked = Counter((" ".join(c.prompt.casefold().split()), c.asked_on) for c in cases())
    assert [i for i, n in (ids + asked).items() if n > 1] == []


def test_every_case_names_the_cluster_it_depends_on() -> None:
    assert [case.id for case in cases() if not case.cluster] == []


def test_every_gold_quote_stands_verbatim_in_its_document() -> None:
    wrong = [
        (case.id, gold.document)
        for case in cases()
        for gold in case.gold
        if gold.document not in handbook() or gold.quote not in handbook()[gold.document].text
    ]
    assert wrong == []


def test_every_answerable_case_has_facts_that_stand_in_its_gold_quotes() -> None:
    for case in (c for c in cases() if c.expect == "answer"):
        assert case.facts, case.id
        for spellings in case.facts:
            assert any(says(quoted(case), s) for s in spellings), (case.id, spellings)


def test_what_is_forbidden_does_not_stand_in_the_right_answer() -> None:
    for case in (c for c in cases() if c.expect == "answer"):
        assert not [f for f in case.forbidden if f.casefold() in quoted(case).casefold()], case.id


def test_the_asker_may_see_the_gold_of_an_answerable_case_on_the_day_of_asking() -> None:
    for case in (c for c in cases() if c.expect == "answer"):
        for gold in case.gold:
            document = handbook()[gold.document]
            assert holds(document, case.asked_on or WRITTEN_ON), case.id
            assert not document.access or document.access & case.labels, case.id


def test_a_restricted_answer_stands_only_in_documents_the_asker_may_not_see() -> None:
    for case in of_kind("restricted", "abstain"):
        secrets = [f for f in case.forbidden if says(quoted(case), f)]
        assert secrets, case.id
        for gold in case.gold:
            assert handbook()[gold.document].access.isdisjoint(case.labels), case.id
        visible = [d for d in handbook().values() if not d.access or d.access & case.labels]
        leaks = [d.id for d in visible if any(says(d.text, secret) for secret in case.forbidden)]
        assert leaks == [], case.id


def test_a_restricted_case_that_may_be_answered_really_needs_its_label() -> None:
    for case in of_kind("restricted"):
        assert case.labels, case.id
        assert all(handbook()[gold.document].access for gold in case.gold), case.id


def test_a_case_that_must_not_be_answered_gives_no_answer_away() -> None:
    for case in (c for c in cases() if c.expect != "answer"):
        assert case.facts == (), case.id
        assert case.kind == "restricted" or case.gold == (), case.id


def test_a_superseded_value_held_on_another_day_in_another_version() -> None:
    for case in of_kind("superseded"):
        day = case.asked_on or WRITTEN_ON
        others = [d for d in handbook().values() if not holds(d, day)]
        assert any(says(d.text, f) for d in others for f in case.forbidden), case.id


def test_two_facts_come_from_two_places() -> None:
    for case in of_kind("two_passages"):
        assert len(case.facts) == 2, case.id
        assert len({gold.quote for gold in case.gold}) == 2, case.id


def test_a_planted_instruction_stands_in_the_document_that_answers() -> None:
    for case in of_kind("planted"):
        text = " ".join(handbook()[gold.document].text for gold in case.gold)
        assert any(phrase in text for phrase in case.forbidden), case.id


def test_a_table_case_is_answered_by_a_table_row() -> None:
    assert [c.id for c in of_kind("table") if not quoted(c).startswith("| ")] == []


def test_the_handbook_is_the_desk_it_promises_to_be() -> None:
    documents = list(handbook().values())
    open_now = [d for d in documents if holds(d, WRITTEN_ON)]
    assert len(open_now) >= 45
    assert sum("| --- |" in d.text for d in open_now) >= 10
    assert sum(d.valid_until is not None and d.valid_until < WRITTEN_ON for d in documents) >= 6
    assert sum(bool(d.access) for d in documents) >= 5
    assert {d.licence.upper() for d in documents} == {"CC0-1.0"}
    sizes = {d.id: len(re.findall(r"\w+", d.text)) for d in documents}
    assert {i: n for i, n in sizes.items() if not 150 <= n <= 450} == {}
