"""The files that hold something of a person: which they are, and what becomes of each."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge.errors import RatchetError
from loop.forget.work import Named
from loop.settings import Settings

if TYPE_CHECKING:
    from loop.store.store import Store

REBUILT = ("datasets", "evaluations", "reports", "runs")  # folders of what can be made again
_NOT_OURS = (".git", ".venv", "venv", "node_modules", "__pycache__")


@dataclass(slots=True)
class Gone:
    """What is to be erased, by kind, and what was found but is left, with the reason."""

    erased: dict[str, list[str]] = field(default_factory=dict)
    named: list[Named] = field(default_factory=list)

    def erase(self, kind: str, path: Path) -> None:
        self.erased.setdefault(kind, []).append(str(path))

    def name(self, place: object, why: str) -> None:
        self.named.append({"place": str(place), "why": why})


def remove(gone: Gone) -> None:
    """Erase files and folders; a link is removed, not what it leads to. Can be done again.

    Raises:
        RatchetError: One cannot be erased.
    """
    for path in (Path(place) for paths in gone.erased.values() for place in paths):
        try:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        except FileNotFoundError:
            continue  # somebody else did
        except OSError as problem:
            raise RatchetError(
                f"{path}: cannot be erased: {problem.strerror}. Mend that, then run the same "
                "command again: it goes on where it stopped."
            ) from problem


def dataset_folders(
    settings: Settings, paths: Mapping[str, str], datasets: Iterable[str]
) -> list[Path]:
    """Where the files of datasets lie: as recorded, and in the project."""
    found: dict[Path, None] = {}
    for name in datasets:
        for path in (Path(paths.get(name, "")), settings.datasets / name):
            if path.name == name:  # never a folder that is not the version's own
                found[path.resolve()] = None
    return [path for path in found if path.exists()]


def exports(store: Store, datasets: Iterable[str]) -> dict[Path, frozenset[str]]:
    """Where datasets were exported to and as which files, as the audit trail says."""
    rows = store.query("exports", ids=list(datasets))
    return {Path(row["detail"]["path"]): frozenset(row["detail"]["files"]) for row in rows}


def run_folders(settings: Settings, datasets: Iterable[str], adapters: Iterable[str]) -> list[Path]:
    """Runs and searches on the datasets, or from the adapters: jobs, logs, checkpoints."""
    from loop.train.job import JOB, read_json

    sets, built = set(datasets), set(adapters)
    found: dict[Path, None] = {}
    for path in sorted((*settings.runs.glob(f"*/{JOB}"), *settings.runs.glob(f"*/*/{JOB}"))):
        job = read_json(path) or {}
        if job.get("dataset") in sets or job.get("parent") in built:
            below = path.parent.relative_to(settings.runs)  # of a stage or trial, whose it is
            found[settings.runs / below.parts[0]] = None
    return list(found)


def known(store: Store, settings: Settings, found: Mapping[str, Any]) -> Gone:
    """Datasets, their exports and the runs on them, and what killed curations left."""
    from loop.curate.version import leftovers

    gone, datasets = Gone(), list(found["datasets"])
    for path, written in exports(store, datasets).items():
        for one in (path, *path.parent.glob(f".{path.name}-*")):  # and what a killed one left
            if _is_export(one, written):
                gone.erase("exports", one)
        if not path.exists() and str(path) not in gone.erased.get("exports", []):
            gone.name(path, "export: no longer there; erase whatever copy was made of it")
        elif path.exists():
            gone.name(path, "export: something else is there now; look into it")
    for row in store.query("adapter_exports", ids=list(found["adapters"])):
        why = f"export of {row['subject']}, which learnt from them: take back every copy"
        gone.name(row["detail"]["path"], why)
    for path in run_folders(settings, datasets, found["adapters"]):
        gone.erase("runs", path)
    for path in dataset_folders(settings, found["paths"], datasets):
        gone.erase("datasets", path)
    for path in leftovers(settings.datasets):
        gone.erase("files", path)
    return gone


def to_erase(settings: Settings, hits: Iterable[str]) -> Gone:
    """What a search found: to be erased in folders of what is made again, else to be named."""
    gone = Gone()
    for hit in sorted(hits):
        path = Path(hit)
        inside = path.is_relative_to(settings.home)
        folder = path.relative_to(settings.home).parts[0] if inside else ""
        if folder in REBUILT:
            gone.erase("files", path)
        elif inside:
            gone.name(path, "in the data folder, but nothing that is made again: erase it by hand")
        else:
            gone.name(path, "outside the data folder: erase it by hand")
    return gone


def datasets_hit(settings: Settings, hits: Iterable[str]) -> list[str]:
    """Dataset versions whose rows or manifest hold something; a list of what fell is not rows."""
    from loop.curate.version import FUNNEL, REVIEW

    found = set()
    for path in map(Path, hits):
        if path.is_relative_to(settings.datasets) and path.name not in (FUNNEL, REVIEW):
            found.add(path.relative_to(settings.datasets).parts[0])
    return sorted(name for name in found if name.startswith("ds-"))


def data_files(settings: Settings, *, but: Path | None = None) -> list[Path]:
    """Every file of the data folder but the store's, which whoever holds it searches."""
    store = settings.store_path
    return [
        path
        for path in _files(settings.home)
        if path != but and not (path.parent == store.parent and path.name.startswith(store.name))
    ]


def outside_files(settings: Settings, also: Sequence[Path] = ()) -> list[Path]:
    """Files of the project's folder beside its data folder, and of other places named."""
    found: dict[Path, None] = {}
    if (settings.root / "ratchet.toml").is_file():  # else it may be anybody's whole home
        found |= dict.fromkeys(_files(settings.root, but=settings.home))
    for place in also:
        found |= dict.fromkeys(_files(place) if place.is_dir() else [place])
    return [path for path in found if path.is_file()]


def _files(folder: Path, but: Path | None = None) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = [one for one in folders if one not in _NOT_OURS and Path(place, one) != but]
        yield from (path for name in names if (path := Path(place, name)).is_file())


def _is_export(path: Path, written: frozenset[str]) -> bool:
    """Is it a folder that holds what an export wrote, and nothing else?

    Args:
        path: Where the export was put, or made.
        written: Its files, as the audit trail names them.
    """
    if not path.is_dir() or path.is_symlink():
        return False
    files = (one for one in path.rglob("*") if not one.is_dir())
    return all(one.relative_to(path).as_posix() in written for one in files)
