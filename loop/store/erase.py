"""Find and erase what is one person's in every table, by what a record's fields are called.

A new table is covered if its fields are named like the others': `user` and `users` are people who
asked, `rater` and the like are people who judged, `interaction`, `rating` and the like name rows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from loop.store.tables import JSON, tables

JUDGES = ("rater", "reviewer", "annotator", "author")  # fields that hold who judged
_ONE = ("interaction", "rating", "comparison", "case", "about", "item", "target")
_MANY = ("interactions", "ratings", "comparisons", "shown")
_KEPT = ("audit_events",)  # chained: what they say is checked against their hash
_GOES = """
    interaction in (select unnest($turns::varchar[]))
    or (
        rater = $user
        and (
            kind in ('correction', 'comment')
            or kind = 'flag' and "text" not in (
                select "text" from ratings
                where kind = 'flag' and rater <> $user and "text" is not null
            )
        )
    )
"""  # an own correction, comment or wording of a flag is nothing without its text

Rows = list[dict[str, Any]]


class Runs(Protocol):
    """What can run a statement."""

    def run(self, sql: str, parameters: dict[str, Any]) -> Rows: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Theirs:
    """What one person left in the store."""

    user: str
    turns: list[str]  # ids of interactions they asked
    said: list[str]  # ids of judgements that go with them: of these, or in the person's own words
    texts: list[str]  # what they wrote and were answered, what was said of it
    shown: str  # the passages they were shown: words of documents, not theirs
    quoted: dict[str, Any]  # other people's interactions that repeat it: id → messages without it
    rows: dict[str, int]  # table → rows to erase
    judged: dict[str, int]  # table → rows in which they judged others: they stay, without a name
    datasets: dict[str, int]  # dataset → rows of theirs in it
    paths: dict[str, str]  # dataset → its folder
    adapters: dict[str, str]  # adapter → the dataset or adapter through which it learnt from them


def find(run: Runs, user: str, *, also: tuple[str, ...] = ()) -> Theirs:
    """Everything that is the person's, or is about what they asked.

    Args:
        run: The store, or a transaction in it.
        user: The person's key.
        also: Datasets that hold something of theirs although no lineage says so.
    """
    given: dict[str, Any] = {"user": user}
    asked = run.run(
        "select id, conversation, question, answer, abstained, passages from interactions "
        'where "user" = $user order by "at", id',
        given,
    )
    turns = [row["id"] for row in asked]
    rated = run.run(f'select id, "text" from ratings where {_GOES}', given | {"turns": turns})
    compared = run.run(
        "select id from comparisons where list_has_any(interactions::varchar[], $turns::varchar[])",
        {"turns": turns},
    )
    said = [row["id"] for row in (*rated, *compared)]
    texts = [row["question"] for row in asked]
    texts += [row["answer"] for row in asked if not row["abstained"]]  # those are alike for all
    texts += [row["text"] for row in rated if row["text"]]
    quoted = _quoted(run, user, asked)
    parameters = given | {"turns": turns, "said": said, "quoted": list(quoted)}
    counts: dict[str, int] = {}
    judged: dict[str, int] = {}
    for name in tables():
        if condition := conditions(name):
            counts[name] = count(run, name, condition, parameters)
        for judge in _judges(name):
            others = f'"{judge}" = $user and not coalesce({condition or "false"}, false)'
            judged[name] = judged.get(name, 0) + count(run, name, others, parameters)
    touched = run.run(
        'select dataset, count(*) as "rows" from dataset_rows '
        f"where {conditions('dataset_rows')} group by dataset order by dataset",
        used(conditions("dataset_rows") or "", parameters),
    )
    datasets = {row["dataset"]: row["rows"] for row in touched}
    datasets |= {name: 0 for name in also if name not in datasets}
    paths = run.run(
        "select id, path from datasets where id in (select unnest($ids::varchar[]))",
        {"ids": list(datasets)},
    )
    return Theirs(
        user=user,
        turns=turns,
        said=said,
        texts=list(dict.fromkeys(texts)),
        shown="\n".join({row["passages"] for row in asked}),
        quoted=quoted,
        rows={name: n for name, n in counts.items() if n},
        judged={name: n for name, n in judged.items() if n},
        datasets=datasets,
        paths={row["id"]: row["path"] for row in paths},
        adapters=_adapters(run, datasets),
    )


def erase(run: Runs, theirs: Theirs, pseudonym: str) -> None:
    """Delete what is the person's; where they judged others, the pseudonym stands instead."""
    parameters = {
        "user": theirs.user, "turns": theirs.turns, "said": theirs.said,
        "quoted": list(theirs.quoted), "pseudonym": pseudonym,
    }  # fmt: skip
    for id, messages in theirs.quoted.items():
        run.run(
            "update interactions set messages = $messages where id = $id",
            {"id": id, "messages": messages},
        )
    # Ratings go before interactions: nothing is then left that points at a row that is gone.
    for name in sorted(tables(), key=lambda name: name == "interactions"):
        if condition := conditions(name):
            sql = f'delete from "{name}" where {condition}'
            run.run(sql, used(sql, parameters))
    for name in tables():
        for judge in _judges(name):
            sql = f'update "{name}" set "{judge}" = $pseudonym where "{judge}" = $user'
            run.run(sql, used(sql, parameters))


def conditions(name: str) -> str | None:
    """Which rows of a table are the person's or about what they asked; None if none can be.

    >>> conditions("tickets")
    '("interaction" in (select unnest($turns::varchar[] || $said::varchar[])))'
    >>> conditions("runs") is None
    True
    """
    if name in _KEPT:
        return None
    if name == "ratings":
        return f"({_GOES})"
    found = []
    for field in tables()[name].schema:
        column, packed = f'"{field.name}"', field.metadata == JSON
        if field.name == "user":
            found.append(f"{column} = $user")
        elif field.name == "users" and packed:
            found.append(f"list_contains({column}::varchar[], $user)")
        elif field.name in _MANY and packed:
            ids = "$turns::varchar[] || $said::varchar[]"
            if name == "dataset_rows":  # a row of a prompt that repeated their words
                ids += " || $quoted::varchar[]"
            found.append(f"list_has_any({column}::varchar[], {ids})")
        elif field.name in _ONE and not packed:
            found.append(f"{column} in (select unnest($turns::varchar[] || $said::varchar[]))")
    return f"({' or '.join(found)})" if found else None


def _judges(name: str) -> list[str]:
    if name in _KEPT:
        return []
    return [f.name for f in tables()[name].schema if f.name in JUDGES]


def count(run: Runs, name: str, condition: str, parameters: Mapping[str, Any]) -> int:
    """How many rows of a table meet a condition."""
    sql = f'select count(*) as n from "{name}" where {condition}'
    return int(run.run(sql, used(sql, parameters))[0]["n"])


def used(sql: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that a statement names; DuckDB refuses others."""
    return {name: value for name, value in parameters.items() if f"${name}" in sql}


def _quoted(run: Runs, user: str, asked: Rows) -> dict[str, Any]:
    """Other people's interactions in the same conversations that repeat what was said."""
    words = [row[name] for row in asked for name in ("question", "answer") if len(row[name]) > 11]
    rows = run.run(
        'select id, messages from interactions where "user" <> $user and conversation in '
        "(select unnest($talks::varchar[]))",
        {"user": user, "talks": sorted({row["conversation"] for row in asked})},
    )
    found = {}
    for row in rows:
        messages = json.loads(row["messages"])
        clean = [
            one | {"content": "[erased]"} if any(w in str(one["content"]) for w in words) else one
            for one in messages
        ]
        if clean != messages:
            found[row["id"]] = json.dumps(clean, ensure_ascii=False, separators=(",", ":"))
    return found


def _adapters(run: Runs, datasets: Mapping[str, int]) -> dict[str, str]:
    """Adapters trained on the datasets, then those built on them, each with what led to it."""
    rows = run.run('select id, dataset from adapters order by "at", id', {})
    steps = run.run("select adapter, origin from adapter_origins order by adapter, origin", {})
    found = {row["id"]: row["dataset"] for row in rows if row["dataset"] in datasets}
    more = True
    while more:
        built = {
            step["adapter"]: step["origin"]
            for step in steps
            if step["origin"] in found and step["adapter"] not in found
        }
        found |= built
        more = bool(built)
    return found
