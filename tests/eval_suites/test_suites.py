from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from eval_suites.records import Gold
from eval_suites.suites import bundled_suites, load_suite
from knowledge.errors import RatchetError

ABOUT = """
name = "mine"
version = "1.2.0"
metrics = ["facts_present", "answered"]
primary = "facts_present"
"""
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
    from loop.settings import Settings

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
