"""An adapter's folder: copied whole or not at all, with a manifest of every file's SHA-256."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from knowledge.disk import sync
from knowledge.errors import RatchetError

FILES = "files.json"  # the manifest: name → SHA-256 in hex
PRUNED = "pruned.json"  # all that is left of a pruned adapter: when, why and how to have it again
_PICKLED = (".bin", ".pt", ".pth", ".pkl", ".ckpt")  # may run code when read; never kept
_STALE = 3600.0  # seconds after which a half-copied folder is nobody's any more


def file_hashes(folder: Path) -> dict[str, str]:
    """Name → SHA-256 of every file of a folder but the manifest; those below it by their path."""
    return {
        path.relative_to(folder).as_posix(): sha256_of(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in (FILES, PRUNED)
    }


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_manifest(folder: Path) -> dict[str, str]:
    """Write `files.json` for what lies in a folder; what it says."""
    hashes = file_hashes(folder)
    text = json.dumps(hashes, indent=2, sort_keys=True) + "\n"
    (folder / FILES).write_text(text, encoding="utf-8")
    return hashes


def read_manifest(folder: Path) -> dict[str, str]:
    """What `files.json` of a folder says; empty if there is none, as in folders of old.

    Raises:
        RatchetError: It is there and cannot be read.
    """
    path = folder / FILES
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as problem:
        raise RatchetError(f"{path}: cannot be read ({problem}). Restore it from a backup.") from (
            problem
        )
    if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
        raise RatchetError(f"{path}: is no list of files. Restore it from a backup.")
    return found


def changed_files(folder: Path, expected: Mapping[str, str]) -> list[str]:
    """Names of files that are missing or not what a manifest names, in order."""
    return [
        name
        for name, sha256 in sorted(expected.items())
        if not (folder / name).is_file() or sha256_of(folder / name) != sha256
    ]


def read_pruned(folder: Path) -> dict[str, Any] | None:
    """The note that pruning left in a folder; None if it was not pruned, or put back since."""
    try:
        note = json.loads((folder / PRUNED).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return note if isinstance(note, dict) else None


def copy_whole(folder: Path, target: Path, *, damaged: bool) -> None:
    """The folder's files at `target` with their manifest, whole or not at all.

    Args:
        folder: What to copy; pickled files stay behind.
        target: Where to.
        damaged: Whether what stands there, if anything, is to be moved out of the way.

    Raises:
        OSError: The disk is full, or `target` is there and not damaged.
    """
    shelf = target.parent
    shelf.mkdir(parents=True, exist_ok=True)
    _sweep(shelf)
    with scratch(target) as part:
        for file in sorted(folder.iterdir()):
            if file.is_file() and file.suffix not in _PICKLED and file.name not in (FILES, PRUNED):
                shutil.copyfile(file, part / file.name)
        write_manifest(part)
        sync_all(part)
        if damaged and target.exists():
            aside = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=shelf))
            target.rename(aside / "damaged")
        part.rename(target)
        sync(shelf)


@contextmanager
def scratch(target: Path) -> Iterator[Path]:
    """A fresh folder beside `target` that goes with the block unless it was renamed."""
    part = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        part.chmod(0o755)
        yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)


def sync_all(folder: Path) -> None:
    """Every file of a folder and its folders onto the disk."""
    for path in (*folder.rglob("*"), folder):
        sync(path)


def _sweep(shelf: Path) -> None:
    """Remove what killed registrations, merges and prunings left behind."""
    for part in shelf.glob(".ad-*"):
        try:
            stale = time.time() - part.stat().st_mtime > _STALE
        except FileNotFoundError:  # somebody else swept
            continue
        if stale:
            shutil.rmtree(part, ignore_errors=True)
