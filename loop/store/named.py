"""Named queries: each .sql file promises on line one what it returns and takes `$parameters`."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from knowledge.errors import RatchetError

FOLDER = Path(__file__).parent / "queries"
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
    return {path.stem: _read(path) for path in sorted(FOLDER.glob("*.sql"))}


def _read(path: Path) -> NamedQuery:
    text = path.read_text(encoding="utf-8")
    promise = text.partition("\n")[0]
    if not promise.startswith("-- "):
        raise ValueError(f"{path}: line 1 must be a comment that says what the query returns")
    sql = _COMMENT.sub("", text)
    return NamedQuery(
        name=path.stem,
        promise=promise.removeprefix("-- "),
        sql=sql,
        parameters=frozenset(_PARAMETER.findall(sql)),
        defaults={name: json.loads(value) for name, value in _DEFAULT.findall(text)},
    )
