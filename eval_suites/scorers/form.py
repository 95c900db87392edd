"""Is the reply in the form that was asked for?

A case's `format` names requirements, of which all must hold: `json` (true, or a JSON Schema that
the whole reply must meet), `matches` (a regular expression for the whole reply), `max_words`,
`min_words`, `max_sentences`, `bullets` (so many lines that begin with a bullet), `starts_with`,
`ends_with`, `holds` and `lacks` (lists of texts, letter case as it is).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from eval_suites.records import Case, Reply
from eval_suites.scorers.refusal import held_back
from knowledge.text import sentences

_MARK = re.compile(r"\s*\[\d+\]")  # a citation is no part of the form
_FENCE = re.compile(r"\A```\w*\n(.*)\n```\Z", re.DOTALL)
_BULLET = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+\S", re.MULTILINE)


def format_followed(case: Case, reply: Reply) -> float | None:
    """1 if the reply keeps to every requirement of its form. For cases with a form.

    To hold back on a question that can be answered is in no form.
    """
    if not case.format:
        return None
    if case.expect == "answer" and held_back(reply):
        return 0.0
    text = _MARK.sub("", reply.text).strip()
    return float(all(CHECKS[name](text, wanted) for name, wanted in case.format.items()))


def check_format(wanted: Mapping[str, Any]) -> None:
    """Whether a case may ask for this form.

    Raises:
        ValueError: A requirement is not known, or its value is not of the kind it takes.
    """
    for name, value in wanted.items():
        if name not in CHECKS:
            raise ValueError(f"format knows no {name!r}; it knows {', '.join(CHECKS)}")
        if name.startswith(("max_", "min_", "bullets")):
            if not isinstance(value, int) or value < 0:
                raise ValueError(f"format.{name} is {value!r}, expected a whole number")
        elif name in ("holds", "lacks"):
            if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
                raise ValueError(f"format.{name} is {value!r}, expected a list of texts")
        elif name == "json":
            _check_schema(value)
        elif not isinstance(value, str):
            raise ValueError(f"format.{name} is {value!r}, expected text")
        elif name == "matches":
            try:
                re.compile(value)
            except re.error as problem:
                raise ValueError(f"format.matches {value!r}: {problem}") from problem


def _check_schema(value: Any) -> None:
    from jsonschema import SchemaError
    from jsonschema.validators import validator_for

    if value is True:
        return
    try:
        validator_for(value).check_schema(value)
    except (SchemaError, TypeError, AttributeError) as problem:
        raise ValueError(f"format.json is no JSON Schema: {problem}") from problem


def _json(text: str, wanted: Any) -> bool:
    from jsonschema.validators import validator_for

    fenced = _FENCE.match(text)
    try:
        value = json.loads(fenced[1] if fenced else text)
    except ValueError:
        return False
    return wanted is True or bool(validator_for(wanted)(wanted).is_valid(value))


CHECKS: Mapping[str, Callable[[str, Any], bool]] = {
    "json": _json,
    "matches": lambda text, wanted: re.fullmatch(wanted, text, re.DOTALL) is not None,
    "max_words": lambda text, wanted: len(text.split()) <= wanted,
    "min_words": lambda text, wanted: len(text.split()) >= wanted,
    "max_sentences": lambda text, wanted: len(sentences(text)) <= wanted,
    "bullets": lambda text, wanted: len(_BULLET.findall(text)) == wanted,
    "starts_with": lambda text, wanted: text.startswith(wanted),
    "ends_with": lambda text, wanted: text.endswith(wanted),
    "holds": lambda text, wanted: all(one in text for one in wanted),
    "lacks": lambda text, wanted: not any(one in text for one in wanted),
}
