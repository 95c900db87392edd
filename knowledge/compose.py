"""Text and what is said about it → a Document with its version."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from knowledge.formats.problem import FileProblem
from knowledge.records import Document

# Taken off a name that becomes a title. Titles are part of versions: add none here.
_SUFFIXES = (".md", ".txt", ".html", ".htm", ".jsonl")
_FIRST_HEADING = re.compile(r"^#\s+(.+?)\s*#*\s*$", re.MULTILINE)


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
    format: str = "text",
) -> Document:
    """A document, with its version: the same text and metadata always have the same one.

    Args:
        id: Its stable name.
        title: None takes the text's first heading, or else a name made of the id.
        source: Where it came from, for people; None takes the id.
        access: A reader needs one of these labels; empty lets everyone read.
        format: What it was read from; not part of the version.

    Raises:
        RatchetError: The text is empty or no valid Unicode, or it ends to hold before it begins.

    >>> make_document(id="wire-fees.md", text="A wire costs 18 dollars.").title
    'Wire fees'
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise FileProblem(source or id, "the document has no text. Give it some, or leave it out.")
    if valid_from and valid_until and valid_until < valid_from:
        raise FileProblem(
            source or id,
            f"valid_until {valid_until} is before valid_from {valid_from}. Mend one of the dates.",
        )
    title, licence = title or title_of(id, text), licence.strip().lower()
    labels = frozenset(label.strip() for label in access if label.strip())
    days = [day and day.isoformat() for day in (valid_from, valid_until)]
    content = json.dumps([title, text, licence, sorted(labels), *days], ensure_ascii=False)
    try:
        version = hashlib.sha256(content.encode()).hexdigest()[:16]
    except UnicodeEncodeError as problem:
        raise FileProblem(
            source or id,
            f"character {problem.start} is half of a pair, no valid Unicode. Remove it.",
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
        format=format,
    )


def title_of(id: str, text: str, suffixes: Sequence[str] = _SUFFIXES) -> str:
    """The text's first heading of level 1, or else a name made of the id, without its suffix.

    >>> title_of("fees/wire-fees.pdf", "Eighteen.", suffixes=[".pdf"])
    'Wire fees'
    """
    if heading := _FIRST_HEADING.search(text):
        return heading[1]
    name = re.sub(r"[-_\s]+", " ", id.rstrip("/").rsplit("/", 1)[-1]).strip()
    name = name.rsplit(".", 1)[0] if Path(name).suffix in suffixes else name
    return name[:1].upper() + name[1:] if name else id
