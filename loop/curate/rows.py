"""A training row with where it came from, and the texts in it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Literal

import orjson

if TYPE_CHECKING:
    import pyarrow as pa

Kind = Literal["pair", "sft", "kto"]
KINDS: tuple[Kind, ...] = ("pair", "sft", "kto")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
QUESTION = "\n\nQuestion: "  # stands between the passages and what was asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One thing to learn, with the turns, judgements and people behind it."""

    kind: Kind
    messages: list[dict[str, str]]  # the prompt as the model saw it
    answer: str  # of a pair: the preferred one
    rejected: str | None = None  # pairs only
    label: bool | None = None  # KTO only: was the answer good
    votes: float = 1.0  # judgements for this by their raters' weight, less those against
    margin: float = 1.0  # of all that weight, in (0, 1]: 1 is of one mind
    interactions: tuple[str, ...]
    ratings: tuple[str, ...]  # of ratings and comparisons
    guideline: str  # of the newest judgement
    consent: str  # bases, joined by "+" if there are several
    licence: str
    users: tuple[str, ...]  # who asked
    conversations: tuple[str, ...] = ()  # where
    at: datetime = EPOCH  # of the last turn behind it
    simulated: bool  # somebody who asked or judged was
    synthetic: bool = False  # nobody asked: a model or a rule wrote it
    synthetics: tuple[str, ...] = ()  # ids of what was made up

    @property
    def answers(self) -> tuple[str, ...]:
        return (self.answer,) if self.rejected is None else (self.answer, self.rejected)


@cache
def row_schema() -> pa.Schema:
    """A row as Arrow holds it: messages are `canonical` text, all else is as in `Row`."""
    import pyarrow as pa

    text, texts, number = pa.string(), pa.list_(pa.string()), pa.float64()
    kinds = {
        "kind": text, "messages": text, "answer": text, "rejected": text, "label": pa.bool_(),
        "votes": number, "margin": number, "interactions": texts, "ratings": texts,
        "guideline": text, "consent": text, "licence": text, "users": texts,
        "conversations": texts, "at": pa.timestamp("us", tz="UTC"), "simulated": pa.bool_(),
        "synthetic": pa.bool_(), "synthetics": texts,
    }  # fmt: skip
    return pa.schema({one.name: kinds[one.name] for one in fields(Row)})


def to_table(rows: Sequence[Row]) -> pa.Table:
    """Rows as an Arrow table with `row_schema`, in their order."""
    import pyarrow as pa

    columns = {name: [getattr(row, name) for row in rows] for name in row_schema().names}
    columns["messages"] = [canonical(row.messages) for row in rows]
    return pa.table(columns, schema=row_schema())


def row_id(kind: str, messages: str, answer: str, rejected: str | None, label: bool | None) -> str:
    """32 hex digits over what is learnt; where it came from does not count.

    Args:
        kind: What it is for.
        messages: The prompt as `canonical` writes it: many rows share one.
        answer: Of a pair, the preferred one.
        rejected: Pairs only.
        label: KTO only.
    """
    rest = ",".join(map(canonical, (answer, rejected, label)))
    return _sha256(f"[{canonical(kind)},{messages},{rest}]")[:32]


def digest(value: object) -> str:
    """SHA-256 of anything JSON can hold, in hex."""
    return _sha256(json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")))


def canonical(value: object) -> str:
    """The one way in which a prompt or a text is written as JSON."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def asked(content: str) -> str:
    """What a person asked in a message: all of it but the numbered passages before it.

    >>> asked("[1] Fees: A wire costs 35 dollars.\\n\\nQuestion: What does a wire cost?")
    'What does a wire cost?'
    >>> asked("What does a wire cost?\\n\\nQuestion: And abroad?")
    'What does a wire cost?\\n\\nQuestion: And abroad?'
    """
    before, mark, question = content.partition(QUESTION)
    shown = mark and (not before.strip() or before.lstrip().startswith(("[1]", "<passages>")))
    return question.strip() if shown else content


def said(messages: Sequence[dict[str, str]], *roles: str) -> list[str]:
    """What was said in a prompt, in order, without standing instructions and passages.

    Args:
        messages: The prompt.
        roles: By whom; "user" and "assistant" if none is named.
    """
    return [
        asked(one["content"]) if one["role"] == "user" else one["content"]
        for one in messages
        if one["role"] in (roles or ("user", "assistant"))
    ]
