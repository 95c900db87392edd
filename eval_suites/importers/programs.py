"""Programming tasks with tests: HumanEval and MBPP."""

from __future__ import annotations

import re
from pathlib import Path

from eval_suites.importers.files import json_rows
from eval_suites.records import Case, Code
from knowledge.errors import RatchetError

_NAME = re.compile(r"\bassert\s+(?:not\s+)?\(*\s*(?:\w+\()*?(\w+)\(")
ASK = "Complete this function. Reply with the code alone.\n\n```python\n{head}\n```"


def read_humaneval(path: Path) -> list[Case]:
    """Functions to complete, from JSON Lines of task_id, prompt, entry_point and test.

    Raises:
        RatchetError: The file cannot be read, or lacks a field.

    Source: Chen et al. 2021, HumanEval.
    """
    cases = []
    for row in json_rows(path):
        name, entry = row.text("task_id"), row.text("entry_point")
        head = row.fields.get("prompt")
        if not isinstance(head, str) or not head.strip():
            raise RatchetError(f"{row.where}: prompt is {head!r:.40}, expected a function's head.")
        cases.append(
            Case(
                id=name.replace("/", "-").lower(),
                suite="",
                prompt=ASK.format(head=head.rstrip()),
                kind="function",
                code=Code(
                    tests=f"{row.text('test')}\n\ncheck({entry})", entry_point=entry, before=head
                ),
                cluster=name,
            )
        )
    return cases


def read_mbpp(path: Path) -> list[Case]:
    """Small functions to write, from JSON Lines of task_id, text or prompt, and test_list.

    Raises:
        RatchetError: The file cannot be read, or lacks a field.

    Source: Austin et al. 2021, MBPP.
    """
    cases: list[Case] = []
    for row in json_rows(path):
        tests = row.fields.get("test_list")
        if not isinstance(tests, list) or not tests:
            raise RatchetError(f"{row.where}: test_list is {tests!r:.40}, expected assertions.")
        setup = row.fields.get("test_setup_code") or "\n".join(row.fields.get("test_imports") or [])
        found = _NAME.search(str(tests[0]))
        listed = "\n".join(str(test) for test in tests)
        cases.append(
            Case(
                id=f"mbpp-{row.fields.get('task_id', len(cases))}",
                suite="",
                prompt=(
                    f"{row.text('text', 'prompt')} Your code must pass these tests; reply with "
                    f"the code alone.\n\n{listed}"
                ),
                kind="function",
                code=Code(
                    tests=f"{setup}\n{listed}".strip(), entry_point=found[1] if found else ""
                ),
                cluster=f"mbpp-{row.fields.get('task_id', len(cases))}",
            )
        )
    return cases
