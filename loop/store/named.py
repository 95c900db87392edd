"""Named queries: each .sql file promises on line one what it returns and takes `$parameters`.

A metric is a file of its own, which gives a value for each answer; queries that reduce it to people
are made of it: `metric_…` for an A/B test, `watch_…` for the time after a promotion.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from knowledge.errors import RatchetError

FOLDER = Path(__file__).parent / "queries"
METRICS = Path(__file__).parent / "metrics"
METRIC, WATCH = "metric_", "watch_"  # queries of these prefixes reduce a metric to people
_DEFAULT = re.compile(r"^-- \$(\w+) is (.+) if not given\.$", re.MULTILINE)
_COMMENT = re.compile(r"--.*$", re.MULTILINE)
_PARAMETER = re.compile(r"\$(\w+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedQuery:
    """A query with what it promises and what it takes."""

    name: str
    promise: str  # the comment on line one
    sql: str
    parameters: frozenset[str]
    defaults: Mapping[str, Any]  # from comments like `-- $limit is 100 if not given.`

    def bind(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Every parameter with its value.

        Raises:
            RatchetError: One is unknown, or one without a default is missing.
        """
        for name in given:
            if name not in self.parameters:
                takes = ", ".join(sorted(self.parameters)) or "no parameters"
                raise RatchetError(f"Query {self.name!r} has no {name!r}; it takes {takes}.")
        values = {**self.defaults, **given}
        if missing := sorted(self.parameters - values.keys()):
            raise RatchetError(f"Query {self.name!r} also needs {', '.join(missing)}.")
        return values


def named(name: str) -> NamedQuery:
    """The query of this name.

    Raises:
        RatchetError: There is none.
    """
    known = queries()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(known)}."
        raise RatchetError(f"There is no query {name!r}. {hint}")
    return known[name]


@cache
def queries() -> dict[str, NamedQuery]:
    """All queries by name, read once."""
    found = {path.stem: _query(path.stem, _text(path)) for path in FOLDER.glob("*.sql")}
    for prefix, file in ((METRIC, "of_experiment"), (WATCH, "of_watch")):
        template = _text(METRICS / "people" / f"{file}.sql")
        for name, text in _metrics().items():
            about, _, values = text.partition("\n")
            whole = template.replace("{about}", about.removeprefix("-- "))
            made = whole.replace("{values}", _COMMENT.sub("", values).strip())
            found[prefix + name] = _query(prefix + name, made)
    return dict(sorted(found.items()))


@cache
def metrics() -> dict[str, Literal["higher", "lower"]]:
    """Metrics of answers by name, each with the way in which it is better."""
    return {
        name: "lower" if "-- Lower is better." in text else "higher"
        for name, text in _metrics().items()
    }


@cache
def _metrics() -> dict[str, str]:
    return {path.stem: _text(path) for path in sorted(METRICS.glob("*.sql"))}


def _text(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    if not text.startswith("-- "):
        raise ValueError(f"{path}: line 1 must be a comment that says what the query returns")
    return text


def _query(name: str, text: str) -> NamedQuery:
    promise = text.partition("\n")[0]
    sql = _COMMENT.sub("", text)
    return NamedQuery(
        name=name,
        promise=promise.removeprefix("-- "),
        sql=sql,
        parameters=frozenset(_PARAMETER.findall(sql)),
        defaults={name: json.loads(value) for name, value in _DEFAULT.findall(text)},
    )
