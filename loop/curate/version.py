"""A dataset version on disk: named by its content, written whole, never changed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge.errors import RatchetError
from loop.curate.rows import KINDS, Kind, Row, digest, row_id
from loop.curate.split import Side

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = 1  # changes when the same rows would be written in another way
FILES: dict[Kind, str] = {"pair": "pairs.parquet", "sft": "sft.parquet", "kto": "kto.parquet"}
MANIFEST = "manifest.json"
_ANSWERS: dict[Kind, tuple[str, ...]] = {
    "pair": ("chosen", "rejected"),
    "sft": ("answer",),
    "kto": ("answer", "label"),
}

Line = dict[str, Any]  # a row as it stands in its file


def lines(rows: Sequence[Row], sides: Mapping[str, Side]) -> dict[Kind, list[Line]]:
    """Rows as they stand in the files, by kind, in the order of their content hash."""
    made: dict[Kind, list[Line]] = {kind: [] for kind in KINDS}
    for row in sorted(rows, key=row_id):
        values: dict[str, object] = {
            "chosen": row.answer, "rejected": row.rejected, "answer": row.answer,
            "label": row.label,
        }  # fmt: skip
        made[row.kind].append(
            {
                "row": row_id(row),
                "split": sides[row.users[0]],
                "messages": json.dumps(row.messages, ensure_ascii=False),
                **{name: values[name] for name in _ANSWERS[row.kind]},
                "interactions": list(row.interactions),
                "ratings": list(row.ratings),
                "guideline": row.guideline,
                "consent": row.consent,
                "licence": row.licence,
                "users": list(row.users),
                "simulated": row.simulated,
            }
        )
    return made


def name_of(content: Mapping[Kind, Sequence[Line]], basis: Mapping[str, object]) -> str:
    """The dataset's id: "ds-" and 12 hex digits over its rows and what they were made by."""
    return f"ds-{digest([FORMAT, dict(content), dict(basis)])[:12]}"


def write(
    folder: Path, content: Mapping[Kind, Sequence[Line]], manifest: Mapping[str, Any]
) -> dict[str, Any]:
    """Put a version on disk, whole or not at all; one that is there and whole is left alone.

    Args:
        folder: The version's own; a damaged one is replaced.
        content: Its rows.
        manifest: What is told of it; figures of its files are added.

    Returns:
        The manifest as it stands on disk.

    Raises:
        RatchetError: The folder cannot be written.
    """
    if not damage(folder):
        return read_manifest(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as problem:
        raise RatchetError(f"{folder.parent}: cannot be written: {problem.strerror}.") from problem
    try:
        files = {}
        for kind, name in FILES.items():
            _write_parquet(fresh / name, kind, content[kind])
            files[name] = _figures(fresh / name) | {"rows": len(content[kind])}
        full = {**manifest, "files": files}
        text = json.dumps(full, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        (fresh / MANIFEST).write_text(text, encoding="utf-8")
        fresh.chmod(0o755)
        for path in (*fresh.iterdir(), fresh):
            _sync(path)
        _move(fresh, folder)
        _sync(folder.parent)
    except OSError as problem:
        raise RatchetError(
            f"{folder}: cannot be written: {problem.strerror}. Mend the disk and curate again."
        ) from problem
    finally:
        for leftover in folder.parent.glob(f".{folder.name}-*"):  # of killed runs, too
            shutil.rmtree(leftover, ignore_errors=True)
    return read_manifest(folder)


def damage(folder: Path, manifest: Mapping[str, Any] | None = None) -> str | None:
    """What is wrong with a version on disk, file by file; None if it is as it was written.

    Args:
        folder: The version's.
        manifest: What its files should be like, e.g. from the store; None reads manifest.json.
    """
    try:
        expected = read_manifest(folder) if manifest is None else manifest
    except RatchetError as problem:
        return str(problem)
    found = []
    for name in FILES.values():
        path = folder / name
        if not path.is_file():
            found.append(f"{path}: missing.")
        elif _figures(path)["sha256"] != expected.get("files", {}).get(name, {}).get("sha256"):
            found.append(f"{path}: changed since it was written.")
    return " ".join(found) or None


def read_manifest(folder: Path) -> dict[str, Any]:
    """manifest.json of a version.

    Raises:
        RatchetError: It is missing or no JSON object.
    """
    path = folder / MANIFEST
    with contextlib.suppress(OSError, ValueError):
        manifest = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(manifest, dict):
            return manifest
    raise RatchetError(f"{path}: missing or damaged. Make it again with `ratchet curate`.")


def _write_parquet(path: Path, kind: Kind, rows: Sequence[Line]) -> None:
    """The same bytes for the same rows, with one version of pyarrow."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pylist(list(rows), schema=_schema(kind))
    pq.write_table(
        table,
        path,
        version="2.6",
        compression="zstd",
        compression_level=3,
        use_dictionary=True,
        write_statistics=True,
        row_group_size=10_000,
        data_page_version="1.0",
    )


def _schema(kind: Kind) -> pa.Schema:
    import pyarrow as pa

    text, texts, yes_or_no = pa.string(), pa.list_(pa.string()), pa.bool_()
    answers = {name: yes_or_no if name == "label" else text for name in _ANSWERS[kind]}
    return pa.schema(
        {
            "row": text, "split": text, "messages": text, **answers, "interactions": texts,
            "ratings": texts, "guideline": text, "consent": text, "licence": text, "users": texts,
            "simulated": yes_or_no,
        }
    )  # fmt: skip


def _move(fresh: Path, folder: Path) -> None:
    """Into place in one act; what stands there damaged goes first."""
    if folder.exists() and damage(folder):
        folder.rename(fresh.with_name(f"{fresh.name}-damaged"))
    try:
        fresh.rename(folder)
    except OSError:
        if damage(folder):  # else somebody else has just made the same
            raise


def _figures(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return {"sha256": sha256, "bytes": path.stat().st_size}


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
