"""Free the disk of old adapters: their files go, their rows stay. Killed anywhere, run it again."""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge.disk import sync
from knowledge.errors import RatchetError
from loop.models.files import PRUNED
from loop.models.policy import Shelved, again, check, plan
from loop.settings import RegistrySettings, Settings
from loop.store.records import Adapter
from loop.store.retention import service
from loop.store.tables import from_row

if TYPE_CHECKING:
    from loop.store.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What a retention policy means for one adapter."""

    adapter: Adapter
    kept: str | None  # why its files stay; None if they go
    size: int  # bytes on this machine, of its folder and of its run's copies


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What became of all adapters that still had their files."""

    fates: tuple[Fate, ...]  # newest first
    dry: bool  # nothing was changed

    @property
    def gone(self) -> list[Fate]:
        return [fate for fate in self.fates if fate.kept is None]

    @property
    def freed(self) -> int:
        """Bytes."""
        return sum(fate.size for fate in self.gone)


def prune(
    store: Store,
    settings: Settings,
    policy: RegistrySettings,
    *,
    actor: str,
    now: datetime,
    dry: bool = False,
) -> Pruned:
    """Give up the files of an assistant's adapters that the policy does not keep.

    Whatever it says, what stays is the champion, what a rollback would bring back, the arms of
    a running experiment, what the gate has passed against the champion, and all that a kept
    adapter of any assistant was built on. The store checks each of that once more in the
    transaction that records the act. Then a note goes into the folder, then the files go: of the
    adapter, and of its run the copy and the checkpoints. The same training makes it again.

    Args:
        store: Says what is needed, gets an audit event for each.
        settings: Whose adapters, and where they lie.
        policy: How many and how young ones stay.
        actor: Who does it.
        now: Of this moment.
        dry: Only tell.

    Raises:
        RatchetError: The policy is out of range, or a file cannot be removed.
    """
    check(policy)
    _finish(store, settings)
    rows = store.query("adapters_unpruned")
    shelved = [Shelved(from_row(Adapter, row), row["since"]) for row in rows]
    held = service(store, settings.assistant.name)
    folders = run_folders(settings)
    fates = []
    for adapter, kept in plan(shelved, settings.assistant.name, held, policy, now):
        kept = kept or _not_here(adapter)
        size = sum(map(size_of, _places(adapter, folders)))
        if kept is None and not dry:
            kept = _prune(store, adapter, policy, actor, folders)
        fates.append(Fate(adapter=adapter, kept=kept, size=size))
    return Pruned(fates=tuple(fates), dry=dry)


def run_folders(settings: Settings) -> dict[str, Path]:
    """Training runs on this machine: id of the run → its folder, of several stages the last's."""
    from loop.train.job import JOB, STAGE, read_job

    found = {}
    for path in (*settings.runs.glob(f"*/{STAGE}/{JOB}"), *settings.runs.glob(f"*/{JOB}")):
        if (job := read_job(path)) is not None:
            found[job.id] = path.parent
    return found


def size_of(folder: Path) -> int:
    """Bytes of the files below a folder; 0 if there is none."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


def _prune(
    store: Store,
    adapter: Adapter,
    policy: RegistrySettings,
    actor: str,
    folders: Mapping[str, Path],
) -> str | None:
    """Give up one adapter's files; why they stay after all, or None."""
    runs = store.query("run", id=adapter.run)
    told = again(adapter, runs[0] if runs else None)
    detail = {"again": told, "keep": policy.keep, "days": policy.days}
    try:
        store.command(
            "prune_adapter",
            adapter=adapter.id,
            actor=actor,
            reason="retention policy",
            detail=detail,
        )
    except RatchetError as problem:  # something came to need it meanwhile
        return str(problem)
    [event] = store.query("pruned", adapter=adapter.id)
    _remove(adapter, event, folders)
    return None


def _finish(store: Store, settings: Settings) -> None:
    """Remove what a killed pruning recorded and did not remove."""
    folders: dict[str, Path] | None = None
    for event in store.query("pruned"):
        rows = store.query("adapter", id=event["adapter"])
        if not rows or rows[0]["assistant"] != settings.assistant.name:
            continue
        adapter = from_row(Adapter, rows[0])
        if _left(Path(adapter.path)):
            folders = run_folders(settings) if folders is None else folders
            _remove(adapter, event, folders)


def _left(folder: Path) -> bool:
    """Is something there beside the note?"""
    return folder.is_dir() and {path.name for path in folder.iterdir()} != {PRUNED}


def _remove(adapter: Adapter, event: Mapping[str, Any], folders: Mapping[str, Path]) -> None:
    """The note first, so that whoever finds the folder half empty is told why."""
    folder = Path(adapter.path)
    note = {
        "adapter": adapter.id,
        "at": event["at"].isoformat(),
        "again": event["detail"].get("again", ""),
    }
    try:
        part = folder / f".{PRUNED}.part"
        part.write_text(json.dumps(note, indent=2) + "\n", encoding="utf-8")
        sync(part)
        part.replace(folder / PRUNED)
        sync(folder)
        for run in _runs(adapter, folders):
            with _unused(run) as free:
                for name in _copies() if free else ():
                    shutil.rmtree(run / name, ignore_errors=True)
        for path in sorted(folder.iterdir()):
            if path.name != PRUNED:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    except OSError as problem:
        raise RatchetError(
            f"{problem.filename or folder}: cannot be removed: {problem.strerror}. Mend that, then "
            "run the same command again: it goes on where it stopped."
        ) from problem


def _places(adapter: Adapter, folders: Mapping[str, Path]) -> Iterator[Path]:
    yield Path(adapter.path)
    yield from (run / name for run in _runs(adapter, folders) for name in _copies())


def _runs(adapter: Adapter, folders: Mapping[str, Path]) -> list[Path]:
    """The folder of the run that made an adapter, with those of the stages before it."""
    from loop.train.job import STAGE

    run = folders.get(adapter.run)
    if run is None:
        return []
    return sorted(run.parent.glob(STAGE)) if run.match(STAGE) else [run]


def _copies() -> tuple[str, ...]:
    """Folders of a run that go with its adapter: the same weights, and steps on the way there."""
    from loop.train.job import ADAPTER, CHECKPOINTS

    return CHECKPOINTS, ADAPTER


@contextmanager
def _unused(run: Path) -> Iterator[bool]:
    """Hold a run's folder for the block; False while a training process has it."""
    from loop.train.job import LOCK

    with (run / LOCK).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _not_here(adapter: Adapter) -> str | None:
    path = Path(adapter.path)
    if path.name != adapter.id:  # never a folder that is not the adapter's own
        return f"it lies in {path}, which may hold more than it"
    return None if path.is_dir() else "its files are not on this machine"
