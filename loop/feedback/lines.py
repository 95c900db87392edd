"""A JSONL file into the store: every line is checked before the first row is kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge.errors import RatchetError
from loop.feedback.fields import LineError, Row

if TYPE_CHECKING:
    from loop.store.records import Record
    from loop.store.store import Store

CHUNK = 10_000  # lines kept in one append, once all are known to be good
SHOWN = 5  # mistakes named in one error message


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of a file's lines."""

    count: int  # lines imported, those that were there already among them
    bad: int
    bad_file: Path | None  # where the bad lines went, if there are any


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A line that can be kept: its rows belong together."""

    line: int
    id: str  # of what the line is about
    given: Row  # the line as it was
    records: Sequence[Record]
    needs: Sequence[str] = ()  # interactions that must be there


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """A line that cannot be kept, and why."""

    line: int
    error: str
    text: str


Check = Callable[[Sequence[Entry]], dict[int, str]]  # entries → what is wrong, by line


def import_file(
    store: Store,
    path: Path,
    parse: Callable[[Row, int], Entry],
    check: Check,
    *,
    skip_bad: bool,
) -> Imported:
    """Read, check all, then keep all.

    Args:
        store: Where the rows go.
        path: JSONL, UTF-8; blank lines are passed over.
        parse: Makes an entry of a line's object and number, or raises LineError.
        check: Looks at all entries together, once.
        skip_bad: Write bad lines to NAME.bad.jsonl beside the file and keep the others.

    Raises:
        RatchetError: The file cannot be read, or has bad lines that are not to be skipped.
    """
    raw: dict[int, str] = {}
    entries: list[Entry] = []
    bad: list[Bad] = []
    for line, content in _lines(path):
        shown = content.decode("utf-8", "backslashreplace")
        try:
            entries.append(parse(_object(content), line))
            raw[line] = shown
        except LineError as problem:
            bad.append(Bad(line=line, error=str(problem), text=shown))
    entries, twice = _each_once(entries)
    wrong = twice | check(entries)
    bad += [Bad(line=line, error=error, text=raw[line]) for line, error in wrong.items()]
    bad.sort(key=lambda one: one.line)
    if bad and not skip_bad:
        raise _refusal(path, bad)
    good = [entry for entry in entries if entry.line not in wrong]
    bad_file = _write_bad(path, bad) if bad else None
    for start in range(0, len(good), CHUNK):
        chunk = good[start : start + CHUNK]
        rows = {
            (type(row), getattr(row, "id", "")): row for entry in chunk for row in entry.records
        }
        store.append(list(rows.values()))
    return Imported(count=len(raw) - len(wrong), bad=len(bad), bad_file=bad_file)


def canonical(row: Row) -> str:
    """A line's content as one text, whatever the order of its fields.

    >>> canonical({"b": 1, "a": "ä"})
    '{"a":"ä","b":1}'
    """
    return json.dumps(row, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise RatchetError(
            f"{path}: cannot be read: {problem.strerror}. Name a JSONL file."
        ) from None
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if line.strip():
            yield number, line.rstrip(b"\r")


def _object(content: bytes) -> dict[str, Any]:
    def no_number(name: str) -> None:
        raise LineError(f"{name} is no JSON, expected a number")

    try:
        row = json.loads(content.decode("utf-8"), parse_constant=no_number)
    except UnicodeDecodeError as problem:
        raise LineError(f"not UTF-8 at byte {problem.start + 1}; save the file as UTF-8") from None
    except json.JSONDecodeError as problem:
        raise LineError(f"not valid JSON: {problem.msg} at character {problem.pos + 1}") from None
    except (RecursionError, ValueError):
        raise LineError("not valid JSON: nested too deeply or a number too long") from None
    if not isinstance(row, dict):
        raise LineError(f"expected an object with named fields, found {type(row).__name__}")
    return row


def _each_once(entries: Iterable[Entry]) -> tuple[list[Entry], dict[int, str]]:
    """Entries by id: of lines that are alike the last counts; one id for two things is wrong."""
    kept: dict[str, Entry] = {}
    wrong: dict[int, str] = {}
    for entry in entries:
        before = kept.pop(entry.id, None)
        if before is not None and canonical(before.given) != canonical(entry.given):
            wrong[entry.line] = (
                f"id {entry.id!r} stands in line {before.line} already, for something else"
            )
            entry = before
        kept[entry.id] = entry
    return list(kept.values()), wrong


def _refusal(path: Path, bad: Sequence[Bad]) -> RatchetError:
    named = "\n".join(f"{path}:{one.line}: {one.error}" for one in bad[:SHOWN])
    more = f"\nand {len(bad) - SHOWN} more." if len(bad) > SHOWN else ""
    return RatchetError(
        f"{named}{more}\nNothing was imported. Mend the lines and import again, or pass --skip-bad "
        "to set them aside."
    )


def _write_bad(path: Path, bad: Sequence[Bad]) -> Path:
    file = path.with_suffix(".bad.jsonl")
    rows = ({"line": one.line, "error": one.error, "text": one.text} for one in bad)
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as problem:
        raise RatchetError(
            f"{file}: cannot write the bad lines: {problem.strerror}. Nothing was imported; "
            "mend the lines, or the folder."
        ) from None
    return file
