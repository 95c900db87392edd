"""Paths, folders and globs → the files to read, each with the name its document will have."""

from __future__ import annotations

import glob
import os
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from knowledge.formats.kinds import KNOWN, format_of, is_sidecar
from knowledge.formats.problem import FileProblem

_MAGIC = re.compile(r"[*?\[]")


class Named(NamedTuple):
    """A file of a kind that is read."""

    file: Path
    name: str  # below the folder, or below the fixed part of the glob, that it was found by
    format: str


class Found(NamedTuple):
    """What is to be read, what cannot be, and what is of another kind."""

    files: list[Named]
    problems: list[FileProblem]
    left_out: list[str]


def find_files(paths: Sequence[Path | str]) -> Found:
    """The files that paths name, in the order given, those below a folder by name; each once.

    A path may be a file, a folder, or a glob (`docs/**/*.md`). In folders and globs hidden files
    are passed over, and files of kinds that are not read are left out; named by themselves they
    are a problem. Sidecars (`fees.pdf.toml`) are no documents.
    """
    found = Found([], [], [])
    seen: set[str] = set()
    for path in paths:
        try:
            for file, root, explicit in _walk(path):
                real = os.path.realpath(file)
                if real not in seen:
                    seen.add(real)
                    _add(found, file, root, explicit)
        except FileProblem as problem:
            found.problems.append(problem)
        except OSError as problem:
            found.problems.append(
                FileProblem(
                    problem.filename or path,
                    f"cannot be opened: {problem.strerror}. Mend that, and add it again.",
                )
            )
    return found


class _Candidate(NamedTuple):
    file: Path
    root: Path  # its name is taken from here
    explicit: bool  # named by itself


def _walk(path: Path | str) -> Iterator[_Candidate]:
    """All that a path names, whatever its kind."""
    given = Path(path)
    if given.is_dir():
        yield from _below(given, given)
    elif os.path.lexists(given):
        yield _Candidate(given, given.parent, True)
    elif _MAGIC.search(str(path)):
        root = _fixed_part(given)
        matched = sorted(glob.glob(str(path), recursive=True))
        if not matched:
            raise FileProblem(path, "no file matches. Check the pattern.")
        for match in map(Path, matched):
            if match.is_dir():
                yield from _below(match, root)
            else:
                yield _Candidate(match, root, False)
    else:
        raise FileProblem(path, "no such file or folder. Check the path.")


def _below(folder: Path, root: Path) -> Iterator[_Candidate]:
    def raise_it(problem: OSError) -> None:
        raise problem

    empty = True
    for here, folders, files in os.walk(folder, onerror=raise_it):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith("."):
                empty = empty and format_of(Path(name)) is None
                yield _Candidate(Path(here, name), root, False)
    if empty and folder == root:
        raise FileProblem(folder, f"no file of a kind that is read below it ({KNOWN}). Add one.")


def _fixed_part(pattern: Path) -> Path:
    """The folder above the first part that is a pattern."""
    parts = pattern.parts
    first = next(n for n, part in enumerate(parts) if _MAGIC.search(part))
    return Path(*parts[:first])


def _add(found: Found, file: Path, root: Path, explicit: bool) -> None:
    format = format_of(file)
    if is_sidecar(file):
        described = file.with_suffix("")
        if not os.path.lexists(described):
            found.problems.append(
                FileProblem(file, f"there is no {described.name} beside it. Rename or remove it.")
            )
        elif explicit:
            found.problems.append(
                FileProblem(file, f"it only describes {described.name}. Add that file instead.")
            )
    elif format is None:
        if explicit:
            found.problems.append(
                FileProblem(file, f"files of this kind are not read, only {KNOWN}. Convert it.")
            )
        else:
            found.left_out.append(str(file))
    else:
        found.files.append(Named(file, file.relative_to(root).as_posix(), format))


def check_file(file: Path, *, most_bytes: int | None) -> None:
    """Refuse what is no regular file with something in it, told without opening it.

    Raises:
        FileProblem: With what it is instead.
        OSError: It cannot be looked at.
    """
    if file.is_symlink() and not file.exists():
        raise FileProblem(file, "it is a link to nothing. Mend the link, or remove it.")
    facts = file.stat()
    if not stat.S_ISREG(facts.st_mode):
        raise FileProblem(file, "it is no regular file but a pipe, socket or device. Remove it.")
    if facts.st_size == 0:
        raise FileProblem(file, "the document has no text. Give it some, or leave it out.")
    if most_bytes is not None and facts.st_size > most_bytes:
        raise FileProblem(
            file,
            f"it has {facts.st_size >> 20} MB, more than the {most_bytes >> 20} MB that are "
            "allowed. Split it, and add its parts.",
        )
