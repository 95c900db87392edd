"""Folders as content, and the far end of a run on a cluster: it trains there and tells what is new.

Runs on the cluster's machine, in an actor. Knows no store.
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import tempfile
from contextlib import ExitStack
from dataclasses import asdict, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

from knowledge.errors import RatchetError
from loop.models.bases import base_folder, fingerprint
from loop.train.job import CHECKPOINTS, ERROR, JOB, LOCK, RESULT, Job, write_json
from loop.train.journal import WHOLE
from loop.train.start import process_of

_SCRATCH, _HELD = "ratchet-run-", "held"

Files = dict[str, bytes]  # path below a folder → content


class News(NamedTuple):
    """What is new in a run's folder since the last look."""

    files: Files
    gone: list[str]
    status: int | None  # the training process's exit status; None while it runs


def read_tree(folder: Path) -> Files:
    """All files below a folder, but for those half written and for locks."""
    found: Files = {}
    for path in paths(folder):
        try:
            found[path] = (folder / path).read_bytes()
        except FileNotFoundError:  # removed meanwhile
            continue
    return found


def paths(folder: Path) -> list[str]:
    """Paths of whole files below a folder, in order."""
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file()
        and not path.name.startswith(LOCK)
        and not any(part.startswith(".") or part.endswith(".part") for part in _parts(path, folder))
    )


def _parts(path: Path, folder: Path) -> tuple[str, ...]:
    return path.relative_to(folder).parts


def write_tree(folder: Path, files: Files) -> None:
    """Write files below a folder, each whole or not at all; the result of a run last."""
    for name in sorted(files, key=lambda name: (name == RESULT, Path(name).name == WHOLE, name)):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.part")
        part.write_bytes(files[name])
        part.replace(path)


def write_news(folder: Path, news: News) -> None:
    """Have a folder mirror the far one."""
    write_tree(folder, news.files)
    for name in news.gone:
        path = folder / name
        path.unlink(missing_ok=True)
        if path.parent != folder and path.parent.is_dir() and not any(path.parent.iterdir()):
            path.parent.rmdir()
    if (folder / RESULT).exists():
        shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Remove scratch folders whose run has ended with its machine or its starter."""
    for scratch in folder.glob(f"{_SCRATCH}*"):
        with ExitStack() as files:
            try:
                for lock in (scratch / _HELD, *(scratch / "run").glob(f"{LOCK}*")):
                    file = files.enter_context(lock.open("r+"))
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:  # in use, or somebody else's
                continue
            shutil.rmtree(scratch, ignore_errors=True)


class Carrier:
    """Trains one job on this machine, in a scratch folder."""

    def __init__(self) -> None:
        sweep(Path(tempfile.gettempdir()))
        hidden = Path(tempfile.mkdtemp(prefix=f".{_SCRATCH}"))
        self._held = (hidden / _HELD).open("a")  # until this process ends, however it does
        fcntl.flock(self._held, fcntl.LOCK_EX)
        self._scratch = hidden.rename(hidden.with_name(hidden.name.removeprefix(".")))
        self._run = self._scratch / "run"
        self._seen: dict[str, tuple[int, int]] = {}
        self._open = ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        self._refused = False

    def begin(self, job: Job, before: Files, carried: dict[str, Any]) -> str:
        """Unpack what came along and start training.

        Args:
            job: As it is where it came from.
            before: The run's folder, with what earlier attempts left.
            carried: Name → files of a folder, or Ray's reference to them.

        Returns:
            The run's folder here, as messages name it.
        """
        write_tree(self._run, before)
        self._seen = {name: self._stamp(name) for name in paths(self._run)}
        for name, files in carried.items():
            (self._scratch / name).mkdir(exist_ok=True)
            write_tree(self._scratch / name, _fetched(files))
        here = replace(
            job,
            dataset_folder=str(self._scratch / "data"),
            root=str(self._scratch / "root"),
            parent_folder=None if job.parent_folder is None else str(self._scratch / "parent"),
            judge_folders={name: str(self._scratch / name) for name in job.judge_folders},
        )
        write_json(self._run / JOB, asdict(here))
        self._seen[JOB] = self._stamp(JOB)  # theirs stays as it is
        if problem := _unfit(here):
            write_json(self._run / ERROR, {"message": problem})
            self._refused = True
        else:
            self._process = self._open.enter_context(process_of(self._run, here))
        return str(self._run)

    def look(self) -> News:
        """What is new since the last look; checkpoints only when they are whole."""
        status = 2 if self._refused else self._process.poll() if self._process else None
        now = {name: self._stamp(name) for name in paths(self._run) if self._is_ready(name)}
        files: Files = {}
        for name, stamp in now.items():
            if self._seen.get(name) != stamp:
                try:
                    files[name] = (self._run / name).read_bytes()
                except FileNotFoundError:
                    continue
        gone = [name for name in self._seen if name not in now]
        self._seen = now
        if status is not None:
            self._open.close()
            if not files and not gone:
                shutil.rmtree(self._scratch, ignore_errors=True)
        return News(files, gone, status if not files and not gone else None)

    def stop(self) -> None:
        """Have the run save and end."""
        if self._process is not None:
            self._process.terminate()

    def _stamp(self, name: str) -> tuple[int, int]:
        try:
            known = (self._run / name).stat()
        except FileNotFoundError:
            return (0, 0)
        return (known.st_mtime_ns, known.st_size)

    def _is_ready(self, name: str) -> bool:
        top, _, rest = name.partition("/")
        if top != CHECKPOINTS:
            return True
        return (self._run / top / rest.partition("/")[0] / WHOLE).exists()


def _fetched(files: Any) -> Files:
    if isinstance(files, dict):
        return files
    import ray

    found: Files = ray.get(files)
    return found


def _unfit(job: Job) -> str | None:
    """Why this machine cannot do a job with the same outcome, or None."""
    for name, wanted in job.packages.items():
        try:
            there = version(name)
        except PackageNotFoundError:
            there = "none"
        if there.partition("+")[0] != wanted.partition("+")[0]:
            return (
                f"A machine of the Ray cluster has {name} {there}, here it is {wanted}. Install "
                "the same versions everywhere (constraints.txt)."
            )
    try:
        same = fingerprint(base_folder(job.base, Path(job.root)), job.base) == job.base_fingerprint
    except RatchetError:
        same = False
    if not same:
        return (
            f"Base model {job.base!r} is missing or another one on a machine of the Ray cluster. "
            "Put it there, or keep it in the project's folder and name it relative to that."
        )
    return None
