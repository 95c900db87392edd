"""Suites: a folder each with suite.toml (what is measured) and a file of cases, one JSON a line."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from eval_suites.cases import hint, read_cases
from eval_suites.records import Better, Case, Setting
from eval_suites.scorers import METRICS, fingerprint, metric_of
from knowledge.errors import RatchetError

BUNDLED = Path(__file__).parent
RULES = {"forbidden_imports": list, "licence_header": str, "ruff": list}
CASES = "cases.jsonl"  # where a suite's cases lie unless it says otherwise
SETTINGS = ("desk", "model")
KEYS = frozenset(
    "name version owner licence description metrics primary better minimum_effect setting "
    "max_tokens samples temperature rubric rules case_file".split()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """Cases that are measured together."""

    name: str
    version: str  # 16 hex digits over cases, metrics and scorers: only equal versions compare
    release: str = "0.0.0"  # what the owner calls this version
    metrics: tuple[str, ...]  # names in eval_suites.scorers.METRICS
    primary: str  # the metric that sums the suite up
    cases: tuple[Case, ...]
    minimum_effect: float = 0.05  # the smallest difference of the primary metric worth having
    setting: Setting = "desk"  # who is asked: the desk with its documents, or the model alone
    max_tokens: int | None = None  # longest reply; None takes the assistant's
    samples: int = 1  # replies drawn per case; their mean counts
    temperature: float = 0.0  # at which they are drawn
    rubric: str = ""  # for the metric `graded`; "" takes the judge's own
    description: str = ""
    owner: str = ""
    licence: str = "unknown"

    @property
    def better(self) -> Better:
        """Which way of the primary metric is better."""
        return better_of(self.primary)


def better_of(metric: str) -> Better:
    """Which way of a metric is better; of one that is not known, higher."""
    known = metric_of(metric)
    return known.better if known else "higher"


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


def version_of(
    metrics: tuple[str, ...],
    cases: tuple[Case, ...],
    setting: Setting = "desk",
    max_tokens: int | None = None,
    draws: tuple[int, float] = (1, 0.0),
    rubric: str = "",
) -> str:
    """What makes two suites the same measure: cases, metrics, scorers, and who is asked how."""
    rows = [
        {**asdict(case), "labels": sorted(case.labels), "asked_on": str(case.asked_on)}
        for case in sorted(cases, key=lambda case: case.id)
    ]
    content = [sorted(metrics), rows, fingerprint(), setting, max_tokens, draws, rubric]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _suite(about: dict[str, Any], file: Path) -> Suite:
    for key in about:
        if key not in KEYS:
            raise RatchetError(f"{file}: unknown key {key!r}.{hint(key, KEYS)}")
    name = str(about["name"])
    if not re.fullmatch(r"[A-Za-z0-9][\w-]*", name):
        raise RatchetError(
            f"{file}: name is {name!r}, expected letters, digits, hyphens and underscores."
        )
    metrics, primary = _metrics(about, file)
    setting = _one_of(about, "setting", SETTINGS, file)
    effect, most = about.get("minimum_effect", 0.05), about.get("max_tokens")
    if not isinstance(effect, int | float) or isinstance(effect, bool) or effect <= 0:
        raise RatchetError(f"{file}: minimum_effect is {effect!r}, expected a number above 0.")
    if most is not None and (not isinstance(most, int) or most < 1):
        raise RatchetError(f"{file}: max_tokens is {most!r}, expected a whole number above 0.")
    samples, heat = _draws(about, file)
    rubric = str(about.get("rubric", ""))
    rules = _rules(about, file)
    for metric in metrics:
        known = metric_of(metric)
        if known and known.k > samples:
            raise RatchetError(
                f"{file}: {metric} takes {known.k} replies a case, but samples is {samples}. "
                "Draw more."
            )
    cases = tuple(
        replace(case, rules=rules)
        for case in read_cases(file.parent / str(about.get("case_file", CASES)), name)
    )
    return Suite(
        name=name,
        version=version_of(metrics, cases, setting, most, (samples, heat), rubric),
        release=str(about.get("version", "0.0.0")),
        metrics=metrics,
        primary=primary,
        cases=cases,
        minimum_effect=float(effect),
        setting=setting,
        max_tokens=most,
        samples=samples,
        temperature=heat,
        rubric=rubric,
        description=str(about.get("description", "")),
        owner=str(about.get("owner", "")),
        licence=str(about.get("licence", "unknown")),
    )


def _metrics(about: dict[str, Any], file: Path) -> tuple[tuple[str, ...], str]:
    """The metrics, and which of them is primary."""
    metrics, primary = tuple(str(metric) for metric in about["metrics"]), str(about["primary"])
    for metric in (*metrics, primary):
        if metric_of(metric) is None:
            raise RatchetError(f"{file}: no metric is called {metric!r}.{hint(metric, METRICS)}")
    if primary not in metrics:
        raise RatchetError(f"{file}: primary {primary!r} is not among metrics. Add it.")
    better = better_of(primary)
    if about.get("better", better) != better:
        raise RatchetError(
            f"{file}: better is {about['better']!r}, but of {primary} {better} is better. Mend it."
        )
    return metrics, primary


def _draws(about: dict[str, Any], file: Path) -> tuple[int, float]:
    """How many replies are drawn per case, and at which temperature."""
    samples, heat = about.get("samples", 1), about.get("temperature", 0.0)
    if not isinstance(samples, int) or samples < 1:
        raise RatchetError(f"{file}: samples is {samples!r}, expected a whole number above 0.")
    if not isinstance(heat, int | float) or not 0 <= heat <= 5:
        raise RatchetError(f"{file}: temperature is {heat!r}, expected a number from 0 to 5.")
    if (samples > 1) != (heat > 0):
        raise RatchetError(
            f"{file}: samples is {samples} and temperature {heat}. Several replies are drawn at a "
            "temperature above 0, a single one at 0."
        )
    return samples, float(heat)


def _rules(about: dict[str, Any], file: Path) -> dict[str, Any]:
    """The organisation's rules for code."""
    rules = about.get("rules", {})
    if not isinstance(rules, dict):
        raise RatchetError(f"{file}: rules is {rules!r}, expected a table [rules].")
    for name, value in rules.items():
        if name not in RULES:
            raise RatchetError(f"{file}: rules has no {name!r}.{hint(name, RULES)}")
        listed = isinstance(value, list) and all(isinstance(one, str) for one in value)
        if not (isinstance(value, str) if RULES[name] is str else listed):
            kind = "text" if RULES[name] is str else "a list of texts"
            raise RatchetError(f"{file}: rules.{name} is {value!r}, expected {kind}.")
    return rules


def _one_of(about: dict[str, Any], key: str, known: tuple[str, ...], file: Path) -> Any:
    value = about.get(key, known[0])
    if value not in known:
        raise RatchetError(f"{file}: {key} is {value!r}, must be one of {', '.join(known)}.")
    return value
