"""What of a person's words and ids stands where in the store's rows, as they read."""

from __future__ import annotations

import json
from collections.abc import Iterator

from loop.store.erase import Runs, Theirs, conditions, count, used
from loop.store.tables import tables


def shared(run: Runs, theirs: Theirs, pieces: list[str]) -> set[str]:
    """Those of the pieces of text that stand in rows that are not the person's, too."""
    found: set[str] = set()
    for some in _some(pieces):
        forms = {form: piece for piece in some for form in (piece, packed(piece))}
        there = _of_others(run, theirs, "|".join(map(_escaped, forms)))
        found |= {forms[form] for form in there}
    return found


def within(run: Runs, theirs: Theirs, names: list[str]) -> set[str]:
    """Those of the names that are part of longer words in rows that are not the person's."""
    found: set[str] = set()
    for some in _some(names):
        either = "|".join(map(_escaped, some))
        longer = _of_others(run, theirs, f"(?:{either})[A-Za-z0-9_-]|[A-Za-z0-9_-](?:{either})")
        found |= {name for name in some if any(name in one for one in longer)}
    return found


def _of_others(run: Runs, theirs: Theirs, pattern: str) -> set[str]:
    """What of the pattern stands in rows that are not the person's."""
    given = {
        "user": theirs.user, "turns": theirs.turns, "said": theirs.said,
        "quoted": list(theirs.quoted), "any": pattern,
    }  # fmt: skip
    found: set[str] = set()
    for name in tables():
        sql = (
            f"select distinct unnest(regexp_extract_all({_every(name)}, $any)) as piece "
            f'from "{name}" where not coalesce({conditions(name) or "false"}, false) '
            f"and regexp_matches({_every(name)}, $any)"
        )
        if name == "interactions":  # what they repeat is taken out of them
            sql += " and id not in (select unnest($quoted::varchar[]))"
        found |= {row["piece"] for row in run.run(sql, used(sql, given))}
    return found


def _some(texts: list[str]) -> Iterator[list[str]]:
    """As many as one pattern can hold."""
    return (texts[start : start + 200] for start in range(0, len(texts), 200))


def holding(run: Runs, needles: list[str], words: list[str]) -> dict[str, int]:
    """How many rows of each table hold one of the texts in some field, as it reads.

    Args:
        run: The store.
        needles: Found anywhere.
        words: Found where no letter or digit goes on before or after them.
    """
    patterns = [_escaped(one) for one in needles]
    edge = "[^A-Za-z0-9_-]"
    patterns += [f"(?:^|{edge}){_escaped(one)}(?:{edge}|$)" for one in words]
    found = {}
    for name in tables():
        anywhere = f"regexp_matches({_every(name)}, $any)"
        most = 0
        for some in _some(patterns):
            most = max(most, count(run, name, anywhere, {"any": "|".join(some)}))
        if most:
            found[name] = most
    return found


def _every(name: str) -> str:
    """All texts of a row as one."""
    texts = [f'"{f.name}"' for f in tables()[name].schema if str(f.type) == "string"]
    return "concat_ws(chr(10), " + ", ".join(texts) + ")"


def _escaped(text: str) -> str:
    """The text as a pattern of RE2's that matches it alone."""
    return "".join(f"\\x{{{ord(c):x}}}" if not c.isalnum() else c for c in text)


def packed(text: str) -> str:
    """The text as the store writes it within JSON."""
    return json.dumps(text, ensure_ascii=False)[1:-1]
