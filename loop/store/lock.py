"""store.lock: a note beside the store that says who holds it and how to reach them.

The lock itself is the one that DuckDB takes from the operating system on its file: it ends with
its process, however that dies, and no pid that was given to another process can keep it. So the
note is only written by whoever has the file open, and only believed about that process.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """The process that has the store open."""

    pid: int
    address: str | None  # where it serves the store; None when it does not
    started: str  # ISO time, for people


def lock_path(store: Path) -> Path:
    """Where the note on a store lies."""
    return store.with_suffix(".lock")


def write_lock(store: Path, *, address: str | None, now: datetime) -> Holder:
    """Put this process's note there, whole at once, over any that a dead process left."""
    holder = Holder(pid=os.getpid(), address=address, started=now.isoformat(timespec="seconds"))
    path = lock_path(store)
    draft = path.with_suffix(f".lock.{holder.pid}")
    draft.write_text(json.dumps(asdict(holder)), encoding="utf-8")
    os.replace(draft, path)
    return holder


def read_lock(store: Path) -> Holder | None:
    """What the note says; None when there is none that can be read."""
    try:
        values = json.loads(lock_path(store).read_text(encoding="utf-8"))
        address = values["address"]
        return Holder(
            pid=int(values["pid"]),
            address=None if address is None else str(address),
            started=str(values["started"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remove_lock(store: Path, holder: Holder) -> None:
    """Take this process's note away; another's stays. Call before letting the file go."""
    if read_lock(store) == holder:
        lock_path(store).unlink(missing_ok=True)
