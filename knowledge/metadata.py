"""What is said about a file: in its front matter, in a sidecar beside it, for a whole ingest."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from knowledge.formats.problem import FileProblem

# `supersedes` is for people: which version is searched is decided by the days it holds.
KEYS = ("title", "licence", "access", "valid_from", "valid_until", "supersedes")
_PAIR = re.compile(r"([A-Za-z_][\w-]*)\s*:\s*(.*)")
_LARGEST_SIDECAR = 1 << 16  # bytes


class FrontMatter(NamedTuple):
    """What a Markdown file says about itself, and the text below that."""

    about: dict[str, Any]
    text: str


def read_sidecar(file: Path) -> dict[str, Any]:
    """What `NAME.ext.toml` beside a file says about it; nothing if there is none.

    Returns:
        Values as make_document takes them.

    Raises:
        FileProblem: It is there and cannot be understood. The file must not be taken in then:
            a misspelt `access` would open it to everyone.
    """
    sidecar = file.with_name(f"{file.name}.toml")
    if not os.path.lexists(sidecar):
        return {}
    try:
        if not sidecar.is_file() or sidecar.stat().st_size > _LARGEST_SIDECAR:
            raise FileProblem(sidecar, "no small TOML file. Mend it, then add its document again.")
        raw = tomllib.loads(sidecar.read_bytes().decode("utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as problem:
        raise FileProblem(
            sidecar, f"cannot be read as TOML ({problem}). Mend it, then add its document again."
        ) from problem
    for key in raw:
        check_key(key, KEYS, str(sidecar))
    about = {key: _from_toml(key, value, str(sidecar)) for key, value in raw.items()}
    if about.get("access") == []:
        raise FileProblem(sidecar, "access names no label. Name one, or remove the line.")
    about.pop("supersedes", None)
    return about


def _from_toml(key: str, value: Any, place: str) -> Any:
    if key.startswith("valid_") and type(value) is date:  # TOML has days; a time is refused
        return value
    return metadata_value(key, value, place)


def front_matter(file: Path, text: str) -> FrontMatter:
    """What a Markdown file says about itself, as make_document takes it; it need not say anything.

    Raises:
        FileProblem: A line of it cannot be understood.

    >>> front_matter(Path("a.md"), "---\\naccess: staff, desk\\n---\\n\\nText.")
    FrontMatter(about={'access': ['staff', 'desk']}, text='Text.')
    """
    lines = text.split("\n")
    if lines[0].strip() != "---":
        return FrontMatter({}, text)
    end = next((n for n, line in enumerate(lines[1:], start=1) if line.strip() == "---"), None)
    if end is None:
        return FrontMatter({}, text)  # a rule, not front matter
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
            raise FileProblem(place, f"{line.strip()!r} is not `key: value`. Mend that line.")
        key = pair[1]
        check_key(key, KEYS, place)
        if key in raw:
            raise FileProblem(place, f"{key} stands there a second time. Remove one.")
        raw[key], places[key] = pair[2], place
    about = {k: metadata_value(k, v, places[k]) for k, v in raw.items() if v != "" or k == "access"}
    if about.get("access") == []:  # taking it as "everyone" would open what was to be closed
        raise FileProblem(places["access"], "access names no label. Name one, or remove the line.")
    about.pop("supersedes", None)
    return FrontMatter(about, "\n".join(lines[end + 1 :]).lstrip("\n"))


def check_key(key: str, known: Sequence[str], place: str) -> None:
    """Raise FileProblem unless the key is known; it names the one that was meant."""
    if key not in known:
        near = difflib.get_close_matches(key, known, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Known are {', '.join(known)}."
        raise FileProblem(place, f"unknown key {key!r}. {hint}")


def metadata_value(key: str, value: Any, place: str) -> Any:
    """A metadata value as make_document takes it: labels as a list, days as dates.

    Raises:
        FileProblem: It is nothing that the key can have.
    """
    if key == "access":
        parts = value.strip("[] ").split(",") if isinstance(value, str) else value
        if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
            raise FileProblem(place, f"access is {value!r}, expected labels. Write `a, b`.")
        return [_unquoted(part) for part in parts if _unquoted(part)]
    if not isinstance(value, str):
        raise FileProblem(place, f"{key} is {value!r}, expected text. Mend that line.")
    value = _unquoted(value)
    if not key.startswith("valid_"):
        return value
    try:
        return date.fromisoformat(value)
    except ValueError as problem:
        raise FileProblem(
            place, f"{key} is {value!r}, expected a day like 2026-01-31. Mend that line."
        ) from problem


def _unquoted(value: str) -> str:
    value = value.strip()
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value
