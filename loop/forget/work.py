"""What a forgetting has to remember until it is done, so that it can be killed and run again.

The file holds the person's key, ids and pieces of texts: nothing else could say afterwards what to
look for. Only its owner can read it, and it goes when the report is there.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from knowledge.errors import RatchetError
from loop.settings import Settings

Named = dict[str, str]  # {"place", "why"}: what is left


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A forgetting under way."""

    id: str
    subject: str
    user: str
    needles: list[str]  # found anywhere
    words: list[str]  # found by themselves, in text
    also: list[str]  # datasets that hold something of theirs although no lineage says so
    found: dict[str, Any]  # rows, judged, quoted, datasets, adapters, paths
    erased: dict[str, list[str]] = field(default_factory=dict)  # files gone so far, by what it was
    named: list[Named] = field(default_factory=list)  # what was left, and why


def work_path(settings: Settings, subject: str) -> Path:
    """Where the work on a person lies."""
    return settings.home / "forget" / f"{subject}.json"


def read_work(settings: Settings, subject: str) -> Work | None:
    """The work that was begun and not finished; None if there is none.

    Raises:
        RatchetError: The file is damaged.
    """
    path = work_path(settings, subject)
    try:
        return Work(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as problem:
        raise RatchetError(
            f"{path}: a forgetting was begun here and its file is damaged ({problem}). "
            "Remove the file and run `ratchet forget` again."
        ) from problem


def keep(settings: Settings, work: Work) -> Work:
    """Write it whole, readable by its owner only."""
    path = work_path(settings, work.subject)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, draft = tempfile.mkstemp(prefix=".work-", dir=path.parent)  # mode 0600
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(work), file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)
    return work


def noted(work: Work, erased: Mapping[str, Iterable[str]], named: Iterable[Named]) -> Work:
    """The work with more files gone, or about to go, and more left, each once."""
    gone = {
        what: sorted({*work.erased.get(what, []), *erased.get(what, [])})
        for what in sorted({*work.erased, *erased})
    }
    places = {place for paths in gone.values() for place in paths}
    left = {one["place"]: one for one in (*work.named, *named) if one["place"] not in places}
    return replace(work, erased=gone, named=list(left.values()))


def drop(settings: Settings, subject: str) -> None:
    """The work is done; drafts of killed writes go, too."""
    path = work_path(settings, subject)
    for draft in path.parent.glob(".work-*"):
        draft.unlink(missing_ok=True)
    path.unlink(missing_ok=True)
    if path.parent.is_dir() and not any(path.parent.iterdir()):
        path.parent.rmdir()
