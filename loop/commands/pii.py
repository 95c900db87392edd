"""`ratchet pii …`: personal data in a file, row by row."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from knowledge.errors import RatchetError
from loop.display import Outcome, table

Group = argparse._SubParsersAction  # what argparse gives for a group of commands
Add = Callable[..., argparse.ArgumentParser]
FIELDS = (
    "text", "question", "answer", "prompt", "response", "messages", "correction", "comment",
    "chosen", "rejected",
)  # fmt: skip


class _Text(NamedTuple):
    field: str  # such as "answer" or "messages.0.content"
    text: str


def pii_commands(group: Group[argparse.ArgumentParser], add: Add) -> None:
    """Add them to their group.

    Args:
        group: The group.
        add: Adds one command: (group, name, what it runs, what it says of itself).
    """
    command = add(group, "scan", scan, "find personal data in the texts of a JSONL file")
    command.add_argument("file", type=Path, help="rows with a text, or interactions")
    command.add_argument(
        "--type",
        action="append",
        default=[],
        metavar="TYPE",
        help="only this type; may be repeated",
    )
    command.add_argument(
        "--recogniser",
        action="append",
        default=[],
        metavar="NAME",
        help="beside our rules: presidio, spacy:MODEL or transformers:MODEL; may be repeated",
    )


def scan(args: argparse.Namespace) -> Outcome:
    """A line per row: id, and the spans in each of its texts. Plain web addresses count here."""
    from knowledge.pii import find_personal_data, united
    from loop.curate.recognisers import found_beside
    from loop.curate.review import shape

    wanted = {name.upper() for name in args.type}
    lines: list[dict[str, Any]] = []
    counts: Counter[str] = Counter()
    examples: dict[str, tuple[str, str]] = {}
    for number, row in _rows(args.file):
        spans = []
        for field, text in _texts(row, f"{args.file}:{number}"):
            found = find_personal_data(text, links=True)
            if args.recogniser:
                found = united(text, found, found_beside(args.recogniser, [text])[0])
            for span in found:
                if wanted and span.type not in wanted:
                    continue
                spans.append(
                    {"type": span.type, "start": span.start, "end": span.end, "field": field}
                )
                counts[span.type] += 1
                examples.setdefault(span.type, (str(row.get("id", number)), shape(span.value)))
        lines.append({"id": row.get("id", number), "spans": spans})
    if args.json:
        return Outcome(lines, "\n".join(json.dumps(line) for line in lines), lines=True)
    return Outcome(lines, _said(lines, counts, examples))


def _said(
    lines: list[dict[str, Any]], counts: Counter[str], examples: dict[str, tuple[str, str]]
) -> str:
    rows = [(type, count, *examples[type]) for type, count in counts.most_common()]
    held = sum(bool(line["spans"]) for line in lines)
    about = f"{held} of {len(lines)} rows hold personal data."
    if not rows:
        return about
    return f"{table(rows, ['type', 'found', 'first in row', 'its shape'])}\n{about}"


def _rows(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        with file.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if not line.strip():
                    continue
                try:
                    row = json.loads(line)
                except json.JSONDecodeError as problem:
                    raise RatchetError(
                        f"{file}:{number}: not JSON ({problem}). Mend that line."
                    ) from problem
                if not isinstance(row, dict):
                    raise RatchetError(
                        f"{file}:{number}: expected an object, not {type(row).__name__}. "
                        "Mend that line."
                    )
                yield number, row
    except (OSError, UnicodeDecodeError) as problem:
        raise RatchetError(f"{file}: cannot be read: {problem}.") from problem


def _texts(row: dict[str, Any], place: str) -> list[_Text]:
    """The texts of a row by field; messages one by one."""
    found: list[_Text] = []
    known = [name for name in FIELDS if row.get(name) is not None]
    for name in known:
        value = row[name]
        if isinstance(value, str):
            found.append(_Text(name, value))
        elif isinstance(value, list) and name != "text":
            found += [
                _Text(f"{name}.{n}.content", one["content"])
                for n, one in enumerate(value)
                if isinstance(one, dict) and isinstance(one.get("content"), str)
            ]
        else:
            raise RatchetError(f"{place}: {name} is {value!r}, expected text. Mend that line.")
    if not known:
        raise RatchetError(
            f'{place}: expected an object with "text", or an interaction with "question" and '
            '"answer". Mend that line.'
        )
    return found
