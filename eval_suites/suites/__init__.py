"""Suites: a folder each with suite.toml (what is measured) and a file of cases, one JSON a line."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
import tomllib
from dataclasses import asdict, dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any, cast

from eval_suites.records import Case, Expect, Gold
from eval_suites.scorers import METRICS, fingerprint
from knowledge.errors import RatchetError

BUNDLED = Path(__file__).parent
EXPECTS = ("answer", "abstain", "refuse")
_KNOWN = frozenset(f.name for f in fields(Case)) - {"suite"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """Cases that are measured together."""

    name: str
    version: str  # 16 hex digits over cases, metrics and scorers: only equal versions compare
    release: str = "0.0.0"  # what the owner calls this version
    metrics: tuple[str, ...]  # names in eval_suites.scorers.METRICS
    primary: str  # the metric that sums the suite up
    cases: tuple[Case, ...]
    minimum_effect: float = 0.05  # the smallest difference worth having
    description: str = ""
    owner: str = ""
    licence: str = "unknown"


def bundled_suites() -> list[str]:
    """Names of the suites that come with Ratchet."""
    return sorted(file.parent.name for file in BUNDLED.glob("*/suite.toml"))


def load_suite(name: str | Path) -> Suite:
    """A suite by the name of a bundled one or by its folder.

    Raises:
        RatchetError: There is no such suite, or its files have a field that cannot be right.
    """
    folder = BUNDLED / name if isinstance(name, str) and name in bundled_suites() else Path(name)
    file = folder / "suite.toml"
    if not file.is_file():
        raise RatchetError(
            f"{name}: no such suite. Bundled: {', '.join(bundled_suites())}; "
            "or name a folder that holds suite.toml."
        )
    try:
        about = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise RatchetError(f"{file}: not valid TOML: {problem}. Mend that line.") from problem
    try:
        return _suite(about, file)
    except KeyError as missing:
        raise RatchetError(f"{file}: {missing} is missing. Add it.") from missing


def version_of(metrics: tuple[str, ...], cases: tuple[Case, ...]) -> str:
    """What makes two suites the same measure: their cases, metrics and scorers."""
    rows = [
        {**asdict(case), "labels": sorted(case.labels), "asked_on": str(case.asked_on)}
        for case in sorted(cases, key=lambda case: case.id)
    ]
    content = json.dumps([sorted(metrics), rows, fingerprint()], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _suite(about: dict[str, Any], file: Path) -> Suite:
    metrics = tuple(str(metric) for metric in about["metrics"])
    for metric in (*metrics, str(about["primary"])):
        if metric not in METRICS:
            raise RatchetError(f"{file}: no metric is called {metric!r}.{_hint(metric, METRICS)}")
    if about["primary"] not in metrics:
        raise RatchetError(f"{file}: primary {about['primary']!r} is not among metrics. Add it.")
    name = str(about["name"])
    if not re.fullmatch(r"[A-Za-z0-9][\w-]*", name):
        raise RatchetError(
            f"{file}: name is {name!r}, expected letters, digits, hyphens and underscores."
        )
    cases = read_cases(file.parent / str(about.get("case_file", "cases.jsonl")), name)
    return Suite(
        name=name,
        version=version_of(metrics, cases),
        release=str(about.get("version", "0.0.0")),
        metrics=metrics,
        primary=str(about["primary"]),
        cases=cases,
        minimum_effect=float(about.get("minimum_effect", 0.05)),
        description=str(about.get("description", "")),
        owner=str(about.get("owner", "")),
        licence=str(about.get("licence", "unknown")),
    )


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
        case = _case(line, suite, where)
        if case.id in cases:
            raise RatchetError(f"{where}: id {case.id!r} stands twice. Give each case its own.")
        cases[case.id] = case
    if not cases:
        raise RatchetError(f"{file}: holds no case. Write one case a line.")
    return tuple(cases.values())


def _case(line: str, suite: str, where: str) -> Case:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as problem:
        raise RatchetError(f"{where}: not valid JSON: {problem}. Mend that line.") from problem
    if not isinstance(row, dict):
        raise RatchetError(f"{where}: expected an object, found {type(row).__name__}.")
    for key in row:
        if key not in _KNOWN:
            raise RatchetError(f"{where}: unknown field {key!r}.{_hint(key, _KNOWN)}")
    for key in ("id", "prompt"):
        if not isinstance(row.get(key), str) or not row[key].strip():
            raise RatchetError(f"{where}: {key} is {row.get(key)!r}, expected text. Mend it.")
    if row.get("expect", "answer") not in EXPECTS:
        raise RatchetError(
            f"{where}: expect is {row['expect']!r}, must be one of {', '.join(EXPECTS)}."
        )
    try:
        return Case(
            id=row["id"],
            suite=suite,
            prompt=row["prompt"],
            kind=str(row.get("kind", "")),
            expect=cast(Expect, row.get("expect", "answer")),
            facts=tuple(_texts(group) for group in row.get("facts", [])),
            forbidden=_texts(row.get("forbidden", [])),
            gold=tuple(Gold(**gold) for gold in row.get("gold", [])),
            labels=frozenset(_texts(row.get("labels", []))),
            asked_on=date.fromisoformat(row["asked_on"]) if row.get("asked_on") else None,
            cluster=str(row.get("cluster") or row["id"]),
        )
    except (TypeError, ValueError) as problem:
        raise RatchetError(f"{where}: a field has the wrong shape: {problem}.") from problem


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise TypeError(f"expected a list of texts, found {value!r}")
    return tuple(value)


def _hint(name: str, known: Any) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean {near[0]!r}?" if near else f" Known: {', '.join(sorted(known))}."
