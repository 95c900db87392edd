"""Code in replies: found, put together, run, and held against an organisation's rules."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from eval_suites import code as coding
from eval_suites import sandbox
from eval_suites.code import RunAssistant, code_in, imported, program, run_many
from eval_suites.importers.programs import read_humaneval, read_mbpp
from eval_suites.records import Case, Code, Reply
from eval_suites.run import run
from eval_suites.scorers.coding import imports_allowed, licence_header, ruff_clean
from eval_suites.stats.pass_at_k import pass_at_k
from eval_suites.suites import load_suite
from knowledge.errors import RatchetError
from tests.eval_suites.builders import make_case, make_reply

confined = pytest.mark.skipif(
    sandbox.problem() is not None, reason=f"cannot confine here: {sandbox.problem()}"
)
HEAD = 'from math import sqrt\n\n\ndef add(a, b):\n    """The sum."""\n'
ADD = make_case(
    code=Code(tests="assert add(1, 2) == 3", entry_point="add", before=HEAD), facts=(), gold=()
)


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ("x = 1", "x = 1"),
        ("```python\nx = 1\n```", "x = 1\n"),
        ("Here:\n\n```py\nx = 1\n```\nand\n```\ny = 1234567\n```", "y = 1234567\n"),
        ("```json\n{}\n```\n```python\nx\n```", "x\n"),
        ("```python\nx = 1", "x = 1"),
        ("Sure, this does it:\ndef f():\n    return 1", "def f():\n    return 1"),
        ("    return a + b", "    return a + b"),
    ],
)
def test_the_code_of_a_reply_is_found(reply: str, found: str) -> None:
    assert code_in(reply) == found


@confined
@pytest.mark.parametrize(
    "reply",
    [
        "    return a + b",
        "return a + b",
        "\n\n    c = a + b\n    return c\n",
        "def add(a, b):\n    return a + b",
        f"```python\n{HEAD}    return a + b\n```",
        "The function:\n```python\ndef add(a, b):\n    return int(sqrt((a + b) ** 2))\n```",
        "add = lambda a, b: a + b",
    ],
)
def test_a_reply_may_give_the_function_or_go_on(reply: str) -> None:
    assert run_many([program(ADD, reply)])[0].passed


@confined
def test_programs_run_side_by_side_and_keep_their_order() -> None:
    programs = [f"import time\ntime.sleep({0.3 - n / 20})\nassert {n} % 2 == 0" for n in range(6)]
    assert [one.passed for one in run_many(programs, workers=3)] == [True, False] * 3
    assert run_many([]) == []


class Coder:
    name = "coder"

    def __init__(self, *replies: str) -> None:
        self.replies = replies

    def __call__(self, cases: Sequence[Case]) -> list[Reply]:
        return [make_reply(self.replies[case.draw.number if case.draw else 0]) for case in cases]


@confined
def test_a_suite_of_code_draws_runs_and_estimates_pass_at_k(tmp_path: Path) -> None:
    (tmp_path / "suite.toml").write_text(
        'name = "adding"\nprimary = "pass@2"\nmetrics = ["code_passes", "pass@2"]\n'
        'setting = "model"\nsamples = 4\ntemperature = 0.8\n'
    )
    row = {"id": "add", "prompt": "Add.", "code": {"tests": "assert add(1, 2) == 3"}}
    (tmp_path / "cases.jsonl").write_text(json.dumps(row) + "\n")
    good, bad = "def add(a, b): return a + b", "def add(a, b): return a - b"
    report = run(load_suite(tmp_path), RunAssistant(Coder(good, bad, bad, bad)))
    assert report.summary["code_passes"].mean == 0.25
    assert report.summary["pass@2"].mean == pytest.approx(pass_at_k(4, 1, 2)) == 0.5
    assert report.replies["add"].passed


@confined
def test_why_code_failed_is_kept() -> None:
    [reply] = RunAssistant(Coder("def add(a, b): return a - b"))([ADD])
    assert (reply.passed, reply.reason) == (False, "AssertionError")
    [reply] = RunAssistant(Coder("import sys\nsys.exit(0)\ndef add(): 0"))([ADD])
    assert (reply.passed, reply.reason) == (False, "left before its last line")
    [plain] = RunAssistant(Coder("text"))([make_case()])
    assert plain.passed is None


def test_where_code_cannot_be_confined_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coding, "problem", lambda: "bubblewrap is not installed.")
    with pytest.raises(RatchetError, match="bubblewrap is not installed"):
        RunAssistant(Coder("x"))


def test_pass_at_k_is_unbiased() -> None:
    assert pass_at_k(5, 0, 1) == 0.0
    assert pass_at_k(5, 5, 3) == 1.0
    assert pass_at_k(200, 20, 1) == pytest.approx(0.1)
    assert pass_at_k(4, 2, 2) == pytest.approx(1 - 1 / 6)
    with pytest.raises(ValueError, match="expected"):
        pass_at_k(3, 1, 4)


def test_pass_at_k_takes_k_replies(tmp_path: Path) -> None:
    (tmp_path / "suite.toml").write_text(
        'name = "s"\nprimary = "pass@5"\nmetrics = ["pass@5"]\nsamples = 3\ntemperature = 1.0\n'
    )
    row = {"id": "add", "prompt": "Add.", "code": {"tests": "assert add"}}
    (tmp_path / "cases.jsonl").write_text(json.dumps(row) + "\n")
    with pytest.raises(RatchetError, match="pass@5 takes 5 replies"):
        load_suite(tmp_path)


def test_forbidden_imports_are_seen_however_they_are_written() -> None:
    case = make_case(rules={"forbidden_imports": ["requests", "os"]})
    for said in ("import requests", "from os.path import join", "__import__('os')"):
        assert imports_allowed(case, make_reply(f"```python\n{said}\n```")) == 0.0
    assert imports_allowed(case, make_reply("import json")) == 1.0
    assert imports_allowed(make_case(), make_reply("import os")) is None
    assert imported("import (") == frozenset()


def test_a_licence_header_stands_at_the_top() -> None:
    case = make_case(rules={"licence_header": "SPDX-License-Identifier: Apache-2.0"})
    good = "#!/usr/bin/env python\n# SPDX-License-Identifier: Apache-2.0\nx = 1"
    assert licence_header(case, make_reply(f"```python\n{good}\n```")) == 1.0
    assert licence_header(case, make_reply("x = 1")) == 0.0


def test_ruff_checks_by_the_rules_of_the_suite_alone() -> None:
    case = make_case(rules={"ruff": ["F", "S"]})
    assert ruff_clean(case, make_reply("x = 1\n")) == 1.0
    assert ruff_clean(case, make_reply("import os\n")) == 0.0  # F401
    assert ruff_clean(case, make_reply("eval('1')\n")) == 0.0  # S307
    with pytest.raises(RatchetError, match="ruff could not"):
        ruff_clean(make_case(rules={"ruff": ["NOPE"]}), make_reply("x = 1\n"))


def test_humaneval_and_mbpp_are_read(tmp_path: Path) -> None:
    file = tmp_path / "h.jsonl"
    row = {
        "task_id": "HumanEval/0",
        "prompt": HEAD,
        "entry_point": "add",
        "test": "def check(candidate):\n    assert candidate(1, 2) == 3\n",
        "canonical_solution": "    return a + b\n",
    }
    file.write_text(json.dumps(row) + "\n")
    [case] = read_humaneval(file)
    assert case.id == "humaneval-0"
    assert program(case, row["canonical_solution"]).endswith("check(add)\n")
    row = {
        "task_id": 2,
        "text": "Write a function to add.",
        "test_list": ["assert add(1, 2) == 3", "assert add(0, 0) == 0"],
        "test_setup_code": "import math",
    }
    file.write_text(json.dumps(row) + "\n")
    [case] = read_mbpp(file)
    assert case.code is not None
    assert case.code.entry_point == "add"
    assert case.code.tests.startswith("import math\nassert add(1, 2)")


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        ("ruf = []", "Did you mean 'ruff'"),
        ('ruff = "F"', "a list"),
        ("licence_header = 3", "text"),
    ],
)
def test_rules_that_cannot_be_are_named(tmp_path: Path, rules: str, why: str) -> None:
    (tmp_path / "suite.toml").write_text(
        f'name = "s"\nprimary = "answered"\nmetrics = ["answered"]\n[rules]\n{rules}\n'
    )
    (tmp_path / "cases.jsonl").write_text('{"id": "a", "prompt": "b"}\n')
    with pytest.raises(RatchetError, match=why):
        load_suite(tmp_path)
