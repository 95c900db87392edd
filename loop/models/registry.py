"""The adapters there are, which one is champion, and what each was made from."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge.errors import RatchetError
from loop.models.records import BASE
from loop.settings import Settings
from loop.store.records import Adapter, Run

if TYPE_CHECKING:
    from loop.models.records import Engine
    from loop.store.store import Store

_STALE = 3600.0  # seconds after which a half-copied folder is nobody's any more


def register(
    store: Store, settings: Settings, run: Run, folder: Path, parent: Adapter | None, at: datetime
) -> Adapter:
    """Enter a trained adapter: its files into the registry's folder, then its rows into the store.

    Only the rows make it exist. Killed anywhere, it can be done again; the same weights twice
    are one adapter, named by their SHA-256.

    Args:
        store: Gets the run and the adapter, in one append.
        settings: Say where adapters are kept and whose it is.
        run: The training run that made it.
        folder: The adapter in PEFT's format; it stays where it is.
        parent: The adapter it started from.
        at: Now.

    Raises:
        RatchetError: The weights are missing or corrupt.
    """
    from loop.models.weights import read_adapter, weights_sha256

    read_adapter(folder)
    sha256 = weights_sha256(folder)
    id = f"ad-{sha256[:12]}"
    if (known := _registered(store, id)) is not None and _sound(Path(known.path), sha256):
        store.append([run])
        return known
    path = _copy(folder, settings.adapters / id, sha256)
    made = Adapter(
        id=id,
        at=at,
        assistant=settings.assistant.name,
        run=run.id,
        dataset=run.dataset,
        base=run.base,
        parent=None if parent is None else parent.id,
        path=str(path),
        sha256=sha256,
    )
    store.append([run, made])
    return known or made


def verify(adapter: Adapter) -> None:
    """Are the adapter's files what was registered?

    Raises:
        RatchetError: They are missing, cannot be read, or are not the same weights.
    """
    from loop.models.weights import read_adapter, weights_sha256

    folder = Path(adapter.path)
    found = weights_sha256(folder)
    if found != adapter.sha256:
        raise RatchetError(
            f"{folder}: the weights of {adapter.id} have SHA-256 {found[:12]}…, registered were "
            f"{adapter.sha256[:12]}…. Restore the file from a backup, or roll back."
        )
    read_adapter(folder)


def make_ready(store: Store, engine: Engine, id: str) -> None:
    """Have an engine able to answer with a registered adapter; "base" needs nothing.

    Raises:
        RatchetError: There is no such adapter, or its files are not what was registered.
    """
    if id != BASE:
        found = adapter_of(store, id)
        verify(found)
        engine.load_adapter(id, Path(found.path))


def champion(store: Store, assistant: str) -> str:
    """The adapter that answers for an assistant; "base" until one is promoted."""
    rows = store.query("champion", assistant=assistant)
    return str(rows[0]["adapter"]) if rows else BASE


def starting_point(store: Store, settings: Settings, start: str = "") -> Adapter | None:
    """The adapter that training goes on from; None is a fresh one on the base.

    Args:
        store: Knows the champion.
        settings: `train.start`, unless `start` says another.
        start: "base", "champion", or an adapter's id.

    Raises:
        RatchetError: There is no such adapter.
    """
    wanted = start or settings.train.start
    if wanted == "champion":
        wanted = champion(store, settings.assistant.name)
    return None if wanted == BASE else adapter_of(store, wanted)


def adapter_of(store: Store, id: str) -> Adapter:
    """A registered adapter by its id.

    Raises:
        RatchetError: There is none.
    """
    found = _registered(store, id)
    if found is None:
        raise RatchetError(f"No adapter {id!r}. See `ratchet adapters list`.")
    return found


def _registered(store: Store, id: str) -> Adapter | None:
    rows = store.query("adapter", id=id)
    if not rows:
        return None
    values = {f.name: rows[0].get(f.name) for f in fields(Adapter)}
    if isinstance(values["at"], str):
        moment = datetime.fromisoformat(values["at"])
        values["at"] = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return Adapter(**values)  # type: ignore[arg-type]


def lineage(store: Store, adapter_id: str) -> dict[str, Any]:
    """All that an adapter was made from, ready for JSON.

    Returns:
        `adapter`, `run` and `dataset` as they were recorded; `rows`, each with `row`, `kind`,
        `split`, `interactions`, `ratings`, `guideline` and `consent`; and `parent`, the same of
        the adapter it started from, or None.

    Raises:
        RatchetError: There is no such adapter.
    """
    found = store.query("adapter", id=adapter_id)
    if not found:
        raise RatchetError(f"No adapter {adapter_id!r}. See `ratchet adapters list`.")
    row = found[0]
    parent = row.get("parent")
    return {
        "adapter": _plain(row),
        "run": _plain(_first(store.query("run", id=row["run"]))),
        "dataset": _plain(_first(store.query("dataset", id=row["dataset"]))),
        "rows": [
            {key: _plain(origin.get(key)) for key in _ROW_KEYS}
            for origin in store.query("lineage_rows", adapter=adapter_id)
        ],
        "parent": lineage(store, str(parent)) if parent else None,
    }


_ROW_KEYS = ("row", "kind", "split", "interactions", "ratings", "guideline", "consent")


def _copy(folder: Path, target: Path, sha256: str) -> Path:
    """The folder's files at `target`, whole or not at all."""
    if _sound(target, sha256):
        return target.resolve()
    shelf = target.parent
    shelf.mkdir(parents=True, exist_ok=True)
    _sweep(shelf)
    part = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=shelf))
    try:
        part.chmod(0o755)
        for file in sorted(folder.iterdir()):
            if file.is_file():
                shutil.copyfile(file, part / file.name)
                _sync(part / file.name)
        _sync(part)
        if target.exists():  # damaged: it was not sound above
            target.rename(Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=shelf)) / "damaged")
        try:
            part.rename(target)
        except OSError:  # someone registers the same weights just now
            if not _sound(target, sha256):
                raise
        _sync(shelf)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return target.resolve()


def _sound(folder: Path, sha256: str) -> bool:
    from loop.models.weights import CONFIG, weights_sha256

    try:
        return weights_sha256(folder) == sha256 and (folder / CONFIG).is_file()
    except RatchetError:
        return False


def _sweep(shelf: Path) -> None:
    """Remove what killed registrations left half copied."""
    for part in shelf.glob(".ad-*"):
        if time.time() - part.stat().st_mtime > _STALE:
            shutil.rmtree(part, ignore_errors=True)


def _sync(path: Path) -> None:
    """Onto the disk, file or folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _first(rows: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    return rows[0] if rows else None


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value.isoformat() if isinstance(value, datetime) else value
