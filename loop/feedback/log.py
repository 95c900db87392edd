"""Interactions of any assistant, imported: what was asked, what was answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields as fields_of
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loop.feedback import fields
from loop.feedback.fields import LineError, Row
from loop.feedback.lines import Entry, Imported, canonical, import_file
from loop.store.ids import id_of
from loop.store.records import Interaction

if TYPE_CHECKING:
    from loop.store.store import Store

CONSENT = ("consent", "contract", "none", "withdrawn")
ROLES = ("system", "developer", "user", "assistant", "tool", "function")
_KNOWN = frozenset(f.name for f in fields_of(Interaction))


def log_file(
    store: Store, path: Path, *, skip_bad: bool, assistant: str, usual: Row | None = None
) -> Imported:
    """Import a JSONL file of interactions, whole or not at all.

    A line has the fields of `Interaction`; question, answer and user are required. Without an id
    it gets one from its content, so that importing a file again changes nothing.

    Args:
        store: Where they go.
        path: JSONL, UTF-8.
        skip_bad: Set bad lines aside in NAME.bad.jsonl and import the others.
        assistant: Whose interactions they are if a line does not say.
        usual: Fields for lines that do not have them, such as consent and licence.

    Raises:
        RatchetError: The file cannot be read, or a line is bad; it names file, line and field.
    """
    now = datetime.now(UTC)

    def parse(row: Row, line: int) -> Entry:
        # A microsecond apart, so that lines without a time keep their order.
        row = {**(usual or {}), **row}
        made = parse_interaction(row, assistant, now + timedelta(microseconds=line))
        return Entry(line=line, id=made.id, given=row, records=[made])

    def check(rows: Sequence[Entry]) -> dict[int, str]:
        return _taken(store, rows) | _forgotten(store, rows)

    return import_file(store, path, parse, check, skip_bad=skip_bad)


def parse_interaction(row: Row, assistant: str, at: datetime) -> Interaction:
    """One line as a record.

    Args:
        row: The line.
        assistant: If it does not say.
        at: If it does not say.

    Raises:
        LineError: A field is missing, unknown or wrong.
    """
    from loop.answer.handover import is_abstention

    fields.only(row, _KNOWN)
    whose = fields.text(row, "assistant", assistant, most=200)
    id = fields.identifier(row, "id") or id_of("interaction", whose, canonical(row))
    question, answer = fields.text(row, "question"), row.get("answer")
    if not isinstance(answer, str):
        raise fields.wrong(row, "answer", "a text")
    return Interaction(
        id=id,
        at=fields.time(row, "at", at),
        assistant=whose,
        user=fields.text(row, "user", most=200),
        conversation=fields.text(row, "conversation", id, most=200),
        question=question,
        answer=fields.checked(answer, "answer"),
        messages=parse_messages(row) or [{"role": "user", "content": question}],
        adapter=fields.text(row, "adapter", "base", most=200),
        base=fields.text(row, "base", "unknown", most=200),
        passages=fields.objects(row, "passages"),
        citations=fields.objects(row, "citations"),
        confidence=fields.number(row, "confidence", least=0, most=1),
        abstained=fields.boolean(row, "abstained", is_abstention(answer)),
        latency_ms=fields.number(row, "latency_ms", least=0) or 0.0,
        prompt_tokens=fields.whole(row, "prompt_tokens", 0, least=0) or 0,
        completion_tokens=fields.whole(row, "completion_tokens", 0, least=0) or 0,
        experiment=fields.text(row, "experiment", "", most=200) or None,
        arm=fields.text(row, "arm", "", most=200) or None,
        consent=fields.one_of(row, "consent", CONSENT, "none"),
        purpose=fields.text(row, "purpose", "", most=200),
        retain_until=fields.maybe_time(row, "retain_until"),
        licence=fields.text(row, "licence", "unknown", most=200),
        seed=fields.whole(row, "seed", None),
        simulated=fields.boolean(row, "simulated"),
    )


def parse_messages(row: Row, name: str = "messages") -> list[dict[str, str]]:
    """A list of messages with role and content; a missing one is empty.

    Raises:
        LineError: One has no role we know, no text, or another field.
    """
    found: list[dict[str, str]] = []
    for number, message in enumerate(fields.objects(row, name), start=1):
        if set(message) != {"role", "content"} or message["role"] not in ROLES:
            raise LineError(
                f"{name}: message {number} is not {{'role': …, 'content': …}} with a role of "
                f"{', '.join(ROLES)}"
            )
        if not isinstance(message["content"], str):
            raise LineError(f"{name}: message {number} has no text as content")
        found.append({"role": message["role"], "content": message["content"]})
    return found


def _forgotten(store: Store, entries: Sequence[Entry]) -> dict[int, str]:
    """Lines from before their person was forgotten; one that says no time is taken for such."""
    lines = [(e, one) for e in entries for one in e.records if isinstance(one, Interaction)]
    users = sorted({one.user for _, one in lines})
    gone = store.command("forgotten_among", users=users) if users else {}
    return {
        entry.line: "is of a person who was forgotten since; take it out of what you import"
        for entry, one in lines
        if (since := gone.get(one.user))
        and ("at" not in entry.given or one.at <= datetime.fromisoformat(since))
    }


def _taken(store: Store, entries: Sequence[Entry]) -> dict[int, str]:
    """Lines whose id belongs to something else in the store."""
    named = {entry.id: entry for entry in entries if "id" in entry.given}
    there = store.query("interactions_by_id", ids=sorted(named)) if named else []
    wrong: dict[int, str] = {}
    for old in there:
        entry = named[old["id"]]
        new: Any = entry.records[0]
        for name, value in entry.given.items():
            if value is not None and getattr(new, name) != old[name]:
                wrong[entry.line] = (
                    f"id {old['id']!r} is in the store already, with another {name}; "
                    "give this one its own id"
                )
                break
    return wrong
