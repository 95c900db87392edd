"""A dataset version for others, whole or not at all, and noted where it is."""

from __future__ import annotations

import shutil
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.errors import RatchetError
from loop.curate import version
from loop.curate.formats import WRITERS, Exported, Format, sums_of

if TYPE_CHECKING:
    from loop.store.records import Dataset
    from loop.store.store import Store


def export(
    store: Store, dataset: Dataset, folder: Path, *, format: Format, lineage: bool, actor: str
) -> Exported:
    """Write a version for others, whole or not at all, and note in the audit trail where it is.

    Args:
        store: Gets the note: a person who must be forgotten is in every copy.
        dataset: The version.
        folder: Where the export's own folder goes.
        format: "parquet" copies; "trl", "openai" and "hf" are for trainers elsewhere.
        lineage: Let keys of people and ids of their interactions and ratings go along. Only
            "parquet" and "hf" have a place for them.
        actor: Who does it.

    Raises:
        RatchetError: The version's files are damaged, the target is there already, or the folder
            cannot be written. Nothing is left behind.
    """
    source = Path(dataset.path)
    if damage := version.damage(source, dataset.manifest):
        raise RatchetError(f"{damage} Nothing was exported. Make it again with `ratchet curate`.")
    if lineage and format not in ("parquet", "hf"):
        raise RatchetError(
            f"--with-lineage: {format} has no place for it. Export as parquet or hf, or leave it."
        )
    name = dataset.id if format == "parquet" else f"{dataset.id}-{format}"
    target = folder / name
    if target.exists():
        raise RatchetError(
            f"{target}: is there already. Nothing was exported; name another folder."
        )
    part: Path | None = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=folder))
        done = WRITERS[format](dataset, source, part, target, lineage)
        part.chmod(0o755)
        sums = {
            path.relative_to(part).as_posix(): sums_of(path)["sha256"]
            for path in sorted(part.rglob("*"))
            if path.is_file()
        }
        store.command(  # first the note: no copy may be out of sight
            "audit",
            actor=actor,
            action="export",
            subject=dataset.id,
            detail={
                "host": socket.gethostname(),  # the store may be on another machine
                "path": str(target.resolve()),
                "format": format,
                "lineage": lineage,
                "rows": sum(done.files.values()),
                "files": sums,
            },
        )
        part.rename(target)
    except OSError as problem:
        raise RatchetError(
            f"{target}: cannot be written: {problem.strerror or problem}. Nothing was exported; "
            "name another folder."
        ) from problem
    finally:
        if part is not None:
            shutil.rmtree(part, ignore_errors=True)
    return done
