"""Cases kept one JSON object a line: read with every field checked, written the same way."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import Any, cast

from eval_suites.exposure import alike
from eval_suites.records import Case, Code, Expect, Gold, Message, Show, Source, Step
from eval_suites.scorers.form import check_format
from knowledge.errors import RatchetError

EXPECTS = ("answer", "abstain", "refuse")
ROLES = ("user", "assistant")
ORDERS = ("shuffled", "first", "last")
_KNOWN = frozenset(f.name for f in fields(Case)) - {"suite", "draw", "rules"}


def read_cases(file: Path, suite: str) -> tuple[Case, ...]:
    """The cases in a JSONL file, in order.

    Raises:
        RatchetError: The file is missing or empty, or a line is no case; file and line are named.
    """
    if not file.is_file():
        raise RatchetError(f"{file}: no such file. Write one case a line, or mend case_file.")
    cases: dict[str, Case] = {}
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        where = f"{file}:{number}"
        case = read_case(line, suite, where)
        if case.id in cases:
            raise RatchetError(f"{where}: id {case.id!r} stands twice. Give each case its own.")
        cases[case.id] = case
    if not cases:
        raise RatchetError(f"{file}: holds no case. Write one case a line.")
    for case in cases.values():
        if case.variant_of and case.variant_of not in cases:
            raise RatchetError(
                f"{file}: {case.id} is a variant of {case.variant_of!r}, which is not there. "
                "Name a case of this file."
            )
    return tuple(cases.values())


def read_case(line: str, suite: str, where: str) -> Case:
    """One case from its line.

    Args:
        line: A JSON object.
        suite: The suite it belongs to.
        where: File and line, for errors.

    Raises:
        RatchetError: It is no case.
    """
    try:
        row = json.loads(line)
    except json.JSONDecodeError as problem:
        raise RatchetError(f"{where}: not valid JSON: {problem}. Mend that line.") from problem
    if not isinstance(row, dict):
        raise RatchetError(f"{where}: expected an object, found {type(row).__name__}.")
    for key in row:
        if key not in _KNOWN:
            raise RatchetError(f"{where}: unknown field {key!r}.{hint(key, _KNOWN)}")
    for key in ("id", "prompt"):
        if not isinstance(row.get(key), str) or not row[key].strip():
            raise RatchetError(f"{where}: {key} is {row.get(key)!r}, expected text. Mend it.")
    if row.get("expect", "answer") not in EXPECTS:
        raise RatchetError(
            f"{where}: expect is {row['expect']!r}, must be one of {', '.join(EXPECTS)}."
        )
    try:
        return _case(row, suite)
    except (TypeError, ValueError) as problem:
        raise RatchetError(f"{where}: a field has the wrong shape: {problem}.") from problem


def write_cases(file: Path, cases: Iterable[Case]) -> None:
    """Write cases so that `read_cases` gives them back; fields at their defaults are left out."""
    file.write_text("".join(f"{line_of(case)}\n" for case in cases), encoding="utf-8")


def line_of(case: Case) -> str:
    """A case as its line.

    >>> line_of(Case(id="a", suite="s", prompt="Why?", facts=(("so",),)))
    '{"id": "a", "prompt": "Why?", "facts": [["so"]]}'
    """
    plain = Case(id="", suite="", prompt="")
    row = {
        f.name: _plain(getattr(case, f.name))
        for f in fields(Case)
        if f.name in _KNOWN and getattr(case, f.name) != getattr(plain, f.name)
    }
    return json.dumps(row, ensure_ascii=False)


def hint(name: str, known: Iterable[str]) -> str:
    """The nearest known name, or all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f" Did you mean {near[0]!r}?" if near else f" Known: {', '.join(names)}."


def _case(row: Mapping[str, Any], suite: str) -> Case:
    wanted = row.get("format", {})
    if not isinstance(wanted, dict):
        raise TypeError(f"format is {wanted!r}, expected an object")
    check_format(wanted)
    choices, correct = _texts(row.get("choices", [])), row.get("correct")
    if (correct is None) == bool(choices) or (choices and correct not in range(len(choices))):
        raise ValueError(
            f"correct is {correct!r}, expected the place of one of the choices, from 0"
        )
    return Case(
        id=row["id"],
        suite=suite,
        prompt=row["prompt"],
        kind=str(row.get("kind", "")),
        expect=cast(Expect, row.get("expect", "answer")),
        facts=_groups(row.get("facts", [])),
        forbidden=_texts(row.get("forbidden", [])),
        gold=tuple(Gold(**gold) for gold in row.get("gold", [])),
        labels=frozenset(_texts(row.get("labels", []))),
        asked_on=date.fromisoformat(row["asked_on"]) if row.get("asked_on") else None,
        cluster=str(row.get("cluster") or row["id"]),
        history=tuple(_message(one) for one in row.get("history", [])),
        context=tuple(Source(**one) for one in row.get("context", [])),
        show=_show(row["show"]) if row.get("show") else None,
        variant_of=str(row.get("variant_of", "")),
        group=str(row.get("group", "")),
        choices=choices,
        correct=correct,
        number=_number(row["number"]) if row.get("number") is not None else None,
        right=_texts(row.get("right", [])),
        wrong=_texts(row.get("wrong", [])),
        secret=_secret(row.get("secret", "")),
        attack=str(row.get("attack", "")),
        format=wanted,
        code=_code(row["code"]) if row.get("code") else None,
        steps=tuple(_step(one) for one in row.get("steps", [])),
        patience=_count(row.get("patience", 2), "patience"),
        interaction=str(row.get("interaction", "")),
    )


def _message(row: Mapping[str, Any]) -> Message:
    if row.get("role") not in ROLES or not isinstance(row.get("content"), str):
        raise ValueError(f"history holds {row!r}, expected a role of {' or '.join(ROLES)} and text")
    return Message(role=row["role"], content=row["content"])


def _show(row: Mapping[str, Any]) -> Show:
    show = Show(**row)
    if show.order not in ORDERS:
        raise ValueError(f"show.order is {show.order!r}, must be one of {', '.join(ORDERS)}")
    return Show(distractors=_count(show.distractors, "show.distractors"), order=show.order)


def _step(row: Mapping[str, Any]) -> Step:
    rest = set(row) - {"ask", "facts", "rephrase"}
    if rest or not isinstance(row.get("ask"), str):
        raise ValueError(f"steps holds {row!r}, expected ask, facts and rephrase")
    return Step(
        ask=row["ask"],
        facts=_groups(row.get("facts", [])),
        rephrase=_texts(row.get("rephrase", [])),
    )


def _code(row: Any) -> Code:
    if not isinstance(row, dict) or set(row) - {"tests", "entry_point", "before", "language"}:
        raise ValueError(f"code is {row!r:.80}, expected tests, entry_point and before")
    if row.get("language", "python") != "python":
        raise ValueError(f"code.language is {row['language']!r}, must be python")
    if not isinstance(row.get("tests"), str) or not row["tests"].strip():
        raise ValueError("code.tests is empty, expected assertions")
    return Code(**row)


def _secret(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"secret is {value!r}, expected text")
    if value:
        alike(value)  # are there enough others of its form?
    return value


def _groups(value: Any) -> tuple[tuple[str, ...], ...]:
    return tuple(_texts(group) for group in value)


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise TypeError(f"expected a list of texts, found {value!r}")
    return tuple(value)


def _count(value: Any, name: str) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"{name} is {value!r}, expected a whole number of 0 or more")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not math.isfinite(number := float(value)):
        raise ValueError(f"number is {value!r}, expected one")
    return number


def _plain(value: Any) -> Any:
    """As JSON has it; fields of parts that are at their defaults are left out."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(one) for one in value]
    if hasattr(value, "__dataclass_fields__"):
        row = {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
        return {name: one for name, one in row.items() if one not in ([], "")}
    return value
