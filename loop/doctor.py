"""What this machine and project have, and what is missing: facts, each with its mend."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from knowledge.errors import RatchetError
from loop import project
from loop.settings import Settings

PACKAGES = (
    "torch",
    "transformers",
    "peft",
    "trl",
    "sentence-transformers",
    "duckdb",
    "streamlit",
    "scipy",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at."""

    name: str
    well: bool
    found: str  # what it is, or how to mend it


def examine(settings: Settings) -> list[Finding]:
    """Look at Python, packages, GPU, disk, and the project's model, documents and store."""
    looks: tuple[tuple[str, Callable[[Settings], str]], ...] = (
        ("base model", _base),
        ("documents", _documents),
        ("store", _store),
        ("audit trail", _audit),
    )
    found = [
        Finding(name="python", well=sys.version_info >= (3, 11), found=sys.version.split()[0]),
        _packages(),
        _faiss(),
        _gpu(),
        _disk(settings),
    ]
    for name, look in looks:
        try:
            found.append(Finding(name=name, well=True, found=look(settings)))
        except RatchetError as problem:
            found.append(Finding(name=name, well=False, found=str(problem)))
    return found


def _packages() -> Finding:
    versions, missing = [], []
    for name in PACKAGES:
        try:
            versions.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    told = (
        f"missing: {', '.join(missing)}; install Ratchet again" if missing else ", ".join(versions)
    )
    return Finding(name="packages", well=not missing, found=told)


def _faiss() -> Finding:
    wheels = []
    for name in ("faiss-cpu", "faiss-gpu", "faiss-gpu-cu12"):
        try:
            wheels.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    if len(wheels) > 1:
        return Finding(
            name="faiss", well=False, found=f"{' and '.join(wheels)} clash; uninstall one"
        )
    if importlib.util.find_spec("faiss") is None:
        mend = (
            "missing; install ratchet-loop[cpu], or ratchet-loop[gpu] where there is an NVIDIA GPU"
        )
        return Finding(name="faiss", well=False, found=mend)
    return Finding(name="faiss", well=True, found=", ".join(wheels) or "present")


def _gpu() -> Finding:
    from loop.models.bases import best_device

    device = best_device()
    return Finding(name="device", well=True, found="a CUDA GPU" if device == "cuda" else "CPU only")


def _disk(settings: Settings) -> Finding:
    free = shutil.disk_usage(settings.root).free / 2**30
    told = f"{free:.1f} GB free" if free >= 2 else f"{free:.1f} GB free; make room for 2 GB"
    return Finding(name="disk", well=free >= 2, found=told)


def _base(settings: Settings) -> str:
    from loop.models.bases import base_folder

    if settings.assistant.endpoint:
        return f"served at {settings.assistant.endpoint}"
    folder = base_folder(settings.assistant.base, settings.root)
    return f"{settings.assistant.base} ({'by hub name' if folder is None else 'on this machine'})"


def _documents(settings: Settings) -> str:
    return f"{len(project.open_collection(settings, needed=True).documents())} documents"


def _store(settings: Settings) -> str:
    with project.opened(settings) as store:
        counts = store.query("counts")[0]
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "empty"


def _audit(settings: Settings) -> str:
    from loop.store.audit import verify_chain

    with project.opened(settings) as store:
        events = store.query("audit_chain")
    if problem := verify_chain(events):
        raise RatchetError(f"{problem}. Restore the store from a backup.")
    return f"{len(events)} events, every link is whole"
