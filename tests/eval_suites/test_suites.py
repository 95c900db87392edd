from __future__ import annotations

import json
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from eval_suites.records import Case, Gold
from eval_suites.scorers.match import states
from eval_suites.suites import bundled_suites, load_suite
from knowledge.documents import read_documents
from knowledge.errors import RatchetError
from knowledge.records import Document, may_read
from loop.curate.contamination import EvalCases
from loop.demo.traffic import load_questions
from loop.settings import Settings

ABOUT = """
name = "mine"
version = "1.2.0"
metrics = ["facts_present", "answered"]
primary = "facts_present"
"""
HANDBOOK = Path(__file__).parents[2] / "knowledge" / "handbook"
CASES = [case for name in bundled_suites() for case in load_suite(name).cases]
DAY = date(2026, 11, 24)  # on which a case is asked that names no day
CASE = {"id": "a", "prompt": "What is the fee?", "facts": [["30 dollars", "$30"]]}


def write(folder: Path, *cases: dict[str, Any] | str, about: str = ABOUT) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "suite.toml").write_text(about, encoding="utf-8")
    lines = [case if isinstance(case, str) else json.dumps(case) for case in cases]
    (folder / "cases.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", bundled_suites())
def test_every_bundled_suite_loads(name: str) -> None:
    suite = load_suite(name)
    assert suite.name == name
    assert suite.cases
    assert all(case.suite == name and case.cluster for case in suite.cases)


def test_the_suites_the_settings_name_are_bundled() -> None:
    assert set(Settings().suites) <= set(bundled_suites())


def test_a_folder_is_a_suite(tmp_path: Path) -> None:
    full = CASE | {
        "id": "b",
        "gold": [{"document": "fees.md", "quote": "30 dollars"}],
        "labels": ["staff"],
        "asked_on": "2025-06-01",
        "expect": "answer",
    }
    suite = load_suite(write(tmp_path / "mine", CASE, "", full))
    assert (suite.name, suite.release, suite.primary) == ("mine", "1.2.0", "facts_present")
    first, second = suite.cases
    assert first.facts == (("30 dollars", "$30"),)
    assert first.cluster == "a"  # on its own unless it says otherwise
    assert second.gold == (Gold(document="fees.md", quote="30 dollars"),)
    assert (second.labels, second.asked_on) == (frozenset({"staff"}), date(2025, 6, 1))


def test_the_version_is_the_content_and_not_its_order(tmp_path: Path) -> None:
    other = CASE | {"id": "b"}
    version = load_suite(write(tmp_path / "one", CASE, other)).version
    assert load_suite(write(tmp_path / "two", other, CASE)).version == version
    described = ABOUT + 'description = "fees"\n'
    assert load_suite(write(tmp_path / "two", CASE, other, about=described)).version == version
    changed = other | {"prompt": "What is the charge?"}
    assert load_suite(write(tmp_path / "two", CASE, changed)).version != version
    fewer = ABOUT.replace(', "answered"', "")
    assert load_suite(write(tmp_path / "two", CASE, other, about=fewer)).version != version


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["{"], r"cases.jsonl:1: not valid JSON"),
        (["[]"], r"cases.jsonl:1: expected an object, found list"),
        ([CASE, CASE], r"cases.jsonl:2: id 'a' stands twice"),
        ([CASE, "", {"id": "b"}], r"cases.jsonl:3: prompt is None"),
        ([CASE | {"promt": ""}], r"unknown field 'promt'. Did you mean 'prompt'\?"),
        ([CASE | {"expect": "shrug"}], r"expect is 'shrug', must be one of answer, abstain"),
        ([CASE | {"facts": ["30 dollars"]}], r"expected a list of texts, found '30 dollars'"),
        ([CASE | {"gold": [{"doc": "x"}]}], r"a field has the wrong shape"),
        ([CASE | {"asked_on": "yesterday"}], r"a field has the wrong shape"),
        ([], r"holds no case"),
    ],
)
def test_a_bad_case_is_named_by_file_line_and_field(
    tmp_path: Path, lines: list[Any], message: str
) -> None:
    with pytest.raises(RatchetError, match=message):
        load_suite(write(tmp_path / "bad", *lines))


@pytest.mark.parametrize(
    ("about", "message"),
    [
        ("name = ", r"not valid TOML"),
        ('name = "x"', r"'metrics' is missing"),
        (ABOUT.replace('"answered"', '"answerd"'), r"'answerd'. Did you mean 'answered'\?"),
        (ABOUT.replace('primary = "facts_present"', 'primary = "terse"'), r"not among metrics"),
        (ABOUT.replace('"mine"', '"../mine"'), r"name is '../mine'"),
        (ABOUT + 'case_file = "none.jsonl"', r"none.jsonl: no such file"),
    ],
)
def test_a_bad_suite_file_says_what_to_mend(tmp_path: Path, about: str, message: str) -> None:
    with pytest.raises(RatchetError, match=message):
        load_suite(write(tmp_path / "bad", CASE, about=about))


def test_a_suite_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(RatchetError, match=r"no such suite. Bundled: abstention, accuracy"):
        load_suite("acuracy")


@cache
def handbook() -> dict[str, Document]:
    return {document.id: document for document in read_documents(HANDBOOK)}


def bears_out(case: Case) -> str:
    """All that a right reply can be read from: the gold quotes, or the texts handed over."""
    return "\n".join([*(gold.quote for gold in case.gold), *(s.text for s in case.context)])


def test_every_gold_quote_of_a_bundled_suite_stands_in_the_handbook() -> None:
    wrong = [
        (case.id, gold)
        for case in CASES
        for gold in case.gold
        if gold.document not in handbook() or gold.quote not in handbook()[gold.document].text
    ]
    assert wrong == []


def test_every_fact_of_a_bundled_suite_stands_where_the_case_says() -> None:
    wrong = [
        (case.id, spellings)
        for case in CASES
        for spellings in (*case.facts, *(fact for step in case.steps for fact in step.facts))
        if not any(states(bears_out(case), spelling) for spelling in spellings)
    ]
    assert wrong == []


def test_who_asks_may_see_what_a_bundled_case_is_answered_from() -> None:
    hidden = [
        (case.id, gold.document)
        for case in CASES
        for gold in case.gold
        if case.expect == "answer"
        and not may_read(handbook()[gold.document], case.labels, case.asked_on or DAY)
    ]
    assert hidden == []


def test_what_a_bundled_case_forbids_is_no_part_of_its_answer() -> None:
    quotes = {case.id: "\n".join(gold.quote for gold in case.gold) for case in CASES}
    wrong = [
        (case.id, phrase)
        for case in CASES
        if case.expect == "answer"
        for phrase in case.forbidden
        if states(quotes[case.id], phrase)
    ]
    assert wrong == []


def test_a_made_up_secret_stands_nowhere_in_the_handbook() -> None:
    secrets = [case.secret for case in CASES if case.secret]
    assert len(secrets) >= 20
    everything = "\n".join(document.text for document in handbook().values())
    assert [secret for secret in secrets if states(everything, secret)] == []


def test_a_planted_attack_stands_in_what_is_handed_over() -> None:
    planted = [case for case in CASES if case.attack]
    assert len(planted) >= 10
    for case in planted:
        assert any(case.attack in source.text for source in case.context), case.id
        assert any(states(case.attack, phrase) for phrase in case.forbidden), case.id


def test_variants_state_the_same_facts_from_the_same_places() -> None:
    original = {case.id: case for case in CASES}
    for case in (case for case in CASES if case.variant_of):
        first = original[case.variant_of]
        assert (case.facts, case.gold) == (first.facts, first.gold), case.id


def test_no_id_stands_in_two_bundled_suites() -> None:
    assert len({case.id for case in CASES}) == len(CASES)


@pytest.mark.parametrize("name", sorted(set(bundled_suites()) - set(Settings().suites)))
def test_no_case_copies_one_of_another_suite(name: str) -> None:
    others = [load_suite(other) for other in bundled_suites() if other != name]
    cases = load_suite(name).cases
    found = EvalCases(others, 0.6).problems([[case.prompt] for case in cases], [[]] * len(cases))
    assert [(c.id, copy) for c, copy in zip(cases, found, strict=True) if copy] == []


def test_no_question_of_the_demo_copies_a_bundled_case() -> None:
    asked = [question.prompt for question in load_questions()]
    cases = EvalCases([load_suite(name) for name in bundled_suites()], 0.6)
    found = cases.problems([[prompt] for prompt in asked], [[]] * len(asked))
    assert [(prompt, copy) for prompt, copy in zip(asked, found, strict=True) if copy] == []
