"""Files → Documents: what each says, and who may read it, under which licence, on which days."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from knowledge.errors import RatchetError
from knowledge.records import Document
from knowledge.web_page import read_page

SUFFIXES = (".md", ".txt", ".html", ".htm", ".jsonl")
# `supersedes` is for people: which version is searched is decided by the days it holds.
KEYS = ("title", "licence", "access", "valid_from", "valid_until", "supersedes")
_IN_JSON = ("_id", "text", "metadata", *KEYS)
_PAIR = re.compile(r"([A-Za-z_][\w-]*)\s*:\s*(.*)")
_FIRST_HEADING = re.compile(r"^#\s+(.+?)\s*#*\s*$", re.MULTILINE)


class _Split(NamedTuple):
    about: dict[str, Any]
    text: str


def read_documents(path: Path | str) -> list[Document]:
    """The documents of a file, or of all files below a folder, in order of their ids.

    Read are Markdown (with front matter or without), plain text, HTML, and JSON lines in BEIR's
    corpus format (`_id`, `title`, `text`, and the front matter's keys). In a folder, hidden files
    and files of other kinds are left out.

    Args:
        path: A file or a folder. A document's id is its path below that folder, or the file's
            name; a row of JSON lines is called by its `_id`.

    Raises:
        RatchetError: There is nothing to read, a file is not UTF-8 or says nothing, its metadata
            cannot be understood, or two documents have one id.
    """
    path = Path(path)
    kinds = ", ".join(SUFFIXES)
    if path.is_dir():
        files = sorted(f for f in path.rglob("*") if _is_read(f, path))
        if not files:
            raise RatchetError(
                f"{path}: no file of a kind that is read ({kinds}) below it. Add one."
            )
        named = [(file, file.relative_to(path).as_posix()) for file in files]
    elif not path.exists():
        raise RatchetError(f"{path}: no such file or folder. Check the path.")
    elif path.suffix.lower() not in SUFFIXES:
        raise RatchetError(f"{path}: files of this kind are not read, only {kinds}. Convert it.")
    else:
        named = [(path, path.name)]
    found: dict[str, Document] = {}
    for file, name in named:
        for document in _read(file, name):
            if other := found.get(document.id):
                raise RatchetError(
                    f"{document.source}: its id {document.id!r} is also that of {other.source}. "
                    "Rename one of them."
                )
            found[document.id] = document
    return sorted(found.values(), key=lambda document: document.id)


def make_document(
    *,
    id: str,
    text: str,
    title: str | None = None,
    source: str | None = None,
    licence: str = "unknown",
    access: Sequence[str] | frozenset[str] = (),
    valid_from: date | None = None,
    valid_until: date | None = None,
) -> Document:
    """A document, with its version: the same text and metadata always have the same one.

    Args:
        id: Its stable name.
        title: None takes the text's first heading, or else a name made of the id.
        source: Where it came from, for people; None takes the id.
        access: A reader needs one of these labels; empty lets everyone read.

    Raises:
        RatchetError: The text is empty or no valid Unicode, or it ends to hold before it begins.

    >>> make_document(id="wire-fees.md", text="A wire costs 18 dollars.").title
    'Wire fees'
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise RatchetError(
            f"{source or id}: the document has no text. Give it some, or leave it out."
        )
    if valid_from and valid_until and valid_until < valid_from:
        raise RatchetError(
            f"{source or id}: valid_until {valid_until} is before valid_from {valid_from}. "
            "Mend one of the dates."
        )
    title, licence = title or _title(id, text), licence.strip().lower()
    labels = frozenset(label.strip() for label in access if label.strip())
    days = [day and day.isoformat() for day in (valid_from, valid_until)]
    content = json.dumps([title, text, licence, sorted(labels), *days], ensure_ascii=False)
    try:
        version = hashlib.sha256(content.encode()).hexdigest()[:16]
    except UnicodeEncodeError as problem:
        raise RatchetError(
            f"{source or id}: character {problem.start} is half of a pair, no valid Unicode. "
            "Remove it."
        ) from problem
    return Document(
        id=id,
        version=version,
        title=title,
        text=text,
        source=source or id,
        licence=licence,
        access=labels,
        valid_from=valid_from,
        valid_until=valid_until,
    )


def _is_read(file: Path, root: Path) -> bool:
    hidden = any(part.startswith(".") for part in file.relative_to(root).parts)
    return file.suffix.lower() in SUFFIXES and not hidden and file.is_file()


def _read(file: Path, name: str) -> Iterator[Document]:
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise RatchetError(
            f"{file}: byte {problem.start} is not UTF-8. Save the file as UTF-8 and add it again."
        ) from problem
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    suffix = file.suffix.lower()
    if suffix == ".jsonl":
        yield from _rows(file, text)
        return
    about: dict[str, Any] = {}
    if suffix == ".md":
        about, text = _split(file, text)
    elif suffix != ".txt":
        page = read_page(text)
        about, text = {"title": page.title}, page.text
    yield make_document(id=name, text=text, source=str(file), **about)


def _rows(file: Path, text: str) -> Iterator[Document]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        place = f"{file}:{number}"
        try:
            row = json.loads(line)
        except json.JSONDecodeError as problem:
            raise RatchetError(f"{place}: not JSON: {problem.msg}. Mend that line.") from problem
        if not isinstance(row, dict) or not isinstance(row.get("_id"), str | int):
            raise RatchetError(
                f"{place}: expected an object with `_id` and `text`. Mend that line."
            )
        title, body = row.get("title") or "", row.get("text") or ""
        if not isinstance(title, str) or not isinstance(body, str):
            raise RatchetError(f"{place}: title and text must be strings. Mend that line.")
        for key in row:
            _check_key(key, _IN_JSON, place)
        about = {k: _value(k, v, place) for k, v in row.items() if k in KEYS and v is not None}
        about |= {"title": title or None}
        about.pop("supersedes", None)
        # Some corpora have documents that are a title alone.
        yield make_document(id=str(row["_id"]), text=body or title, source=place, **about)


def _split(file: Path, text: str) -> _Split:
    """The front matter's values and the text below it; a file need not have any."""
    lines = text.split("\n")
    if lines[0].strip() != "---":
        return _Split({}, text)
    end = next((n for n, line in enumerate(lines[1:], start=1) if line.strip() == "---"), None)
    if end is None:
        return _Split({}, text)  # a rule, not front matter
    raw: dict[str, Any] = {}
    places: dict[str, str] = {}
    key = ""
    for number, line in enumerate(lines[1:end], start=2):
        place = f"{file}:{number}"
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        item = line.lstrip()
        if item.startswith("- ") and key and (raw[key] == "" or isinstance(raw[key], list)):
            raw[key] = [*raw[key], item[2:]]
            continue
        pair = _PAIR.fullmatch(line.strip())
        if pair is None:
            raise RatchetError(f"{place}: {line.strip()!r} is not `key: value`. Mend that line.")
        key = pair[1]
        _check_key(key, KEYS, place)
        if key in raw:
            raise RatchetError(f"{place}: {key} stands there a second time. Remove one.")
        raw[key], places[key] = pair[2], place
    if raw.get("access") == "":  # taking it as "everyone" would open what was to be closed
        raise RatchetError(
            f"{places['access']}: access names no label. Name one, or remove the line."
        )
    about = {k: _value(k, v, places[k]) for k, v in raw.items() if v != ""}
    about.pop("supersedes", None)
    return _Split(about, "\n".join(lines[end + 1 :]).lstrip("\n"))


def _check_key(key: str, known: Sequence[str], place: str) -> None:
    if key not in known:
        near = difflib.get_close_matches(key, known, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Known are {', '.join(known)}."
        raise RatchetError(f"{place}: unknown key {key!r}. {hint}")


def _value(key: str, value: Any, place: str) -> Any:
    """A metadata value as make_document takes it."""
    if key == "access":
        parts = value.strip("[] ").split(",") if isinstance(value, str) else value
        if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
            raise RatchetError(f"{place}: access is {value!r}, expected labels. Write `a, b`.")
        return [_unquoted(part) for part in parts if _unquoted(part)]
    if not isinstance(value, str):
        raise RatchetError(f"{place}: {key} is {value!r}, expected text. Mend that line.")
    value = _unquoted(value)
    if not key.startswith("valid_"):
        return value
    try:
        return date.fromisoformat(value)
    except ValueError as problem:
        raise RatchetError(
            f"{place}: {key} is {value!r}, expected a day like 2026-01-31. Mend that line."
        ) from problem


def _unquoted(value: str) -> str:
    value = value.strip()
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value


def _title(id: str, text: str) -> str:
    if heading := _FIRST_HEADING.search(text):
        return heading[1]
    name = re.sub(r"[-_\s]+", " ", id.rstrip("/").rsplit("/", 1)[-1]).strip()
    name = name.rsplit(".", 1)[0] if Path(name).suffix in SUFFIXES else name
    return name[:1].upper() + name[1:] if name else id
