"""Any files → Documents; what cannot be read is reported one by one, and the rest goes in."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from tqdm import tqdm

from knowledge.compose import make_document, title_of
from knowledge.files import Named, check_file, find_files
from knowledge.formats.content import read_content
from knowledge.formats.kinds import FORMATS, PLAIN
from knowledge.formats.pool import Task, read_in_workers
from knowledge.formats.problem import FileProblem
from knowledge.formats.records import Content, Limits
from knowledge.metadata import front_matter, read_sidecar
from knowledge.records import Document
from knowledge.rows import read_rows

_FILES_FOR_A_WORKER = 3  # fewer are read sooner than another one starts


@dataclass(frozen=True, slots=True)
class Problem:
    """Why something was not taken in, in one line that ends with what to do."""

    source: str  # the file, or file:line
    reason: str


@dataclass(frozen=True, slots=True)
class Ingested:
    """What came of an ingest. Nothing that was found is in none of the three."""

    documents: list[Document]  # in order of their ids
    problems: list[Problem]  # in order of the files
    left_out: list[str]  # files in folders of kinds that are not read


def ingest(
    paths: Sequence[Path | str],
    *,
    licence: str | None = None,
    access: Sequence[str] = (),
    valid_from: date | None = None,
    valid_until: date | None = None,
    limits: Limits | None = None,
    workers: int | None = None,
    progress: bool = False,
) -> Ingested:
    """Read files, folders and globs: Markdown, HTML, PDF, Office, CSV, text, JSON lines and code.

    What a file says about itself (front matter, a row's keys) holds before what its sidecar
    `NAME.ext.toml` says, and that before the values given here. A file whose metadata cannot be
    understood is not taken in: a misspelt `access` must not open it to everyone.

    Args:
        paths: A document's id is its path below the folder, or below the fixed part of the glob,
            that names it, or else the file's name; a row of JSON lines is called by its `_id`.
        licence: Of files that name none.
        access: Labels of files that name none; empty lets everyone read.
        valid_from: First day on which files hold that name none.
        valid_until: Last day on which files hold that name none.
        limits: What one file may cost; None takes the defaults.
        workers: Processes for foreign formats; None takes one for each core that may be used.
            Markdown, text, JSON lines and code need none.
        progress: Show a progress bar.
    """
    limits = limits or Limits()
    given = {
        "licence": licence,
        "access": list(access),
        "valid_from": valid_from,
        "valid_until": valid_until,
    }
    defaults = {key: value for key, value in given.items() if value}
    found = find_files(paths)
    outcomes: list[list[Document | FileProblem]] = [[] for _ in found.files]
    quiet = not (progress and found.files)
    with tqdm(total=len(found.files), desc="reading", unit="file", disable=quiet) as bar:
        for number, outcome in _outcomes(found.files, defaults, limits, workers):
            outcomes[number] = outcome
            bar.update()
    documents: dict[str, Document] = {}
    problems = list(found.problems)
    for one in (one for outcome in outcomes for one in outcome):
        if isinstance(one, FileProblem):
            problems.append(one)
        elif other := documents.get(one.id):
            reason = f"its id {one.id!r} is also that of {other.source}. Rename one of them."
            problems.append(FileProblem(one.source, reason))
        else:
            documents[one.id] = one
    return Ingested(
        documents=[documents[id] for id in sorted(documents)],
        problems=[Problem(_line(one.source), _line(one.reason)) for one in problems],
        left_out=[_line(name) for name in found.left_out],
    )


def _outcomes(
    files: Sequence[Named], defaults: dict[str, Any], limits: Limits, workers: int | None
) -> Iterator[tuple[int, list[Document | FileProblem]]]:
    """What each file gives, by its number: plain ones first, those for workers as they come."""
    foreign: list[int] = []
    about: dict[int, dict[str, Any]] = {}
    for number, named in enumerate(files):
        try:
            named.name.encode()
            # Rows are read one by one: a corpus may be of any size.
            check_file(named.file, most_bytes=None if named.format == "jsonl" else limits.file)
            about[number] = defaults | read_sidecar(named.file)
            if named.format in PLAIN:
                yield number, _plain(named, about[number], limits)
            else:
                foreign.append(number)
        except FileProblem as problem:
            yield number, [problem]
        except UnicodeEncodeError:
            yield number, [FileProblem(named.file, "its name is not UTF-8. Rename it.")]
        except OSError as problem:
            reason = f"cannot be opened: {problem.strerror}. Mend that, and add it again."
            yield number, [FileProblem(named.file, reason)]
    most = workers or len(os.sched_getaffinity(0))
    most = max(1, min(most, len(foreign) // _FILES_FOR_A_WORKER))
    tasks = [Task(files[number].file, files[number].format) for number in foreign]
    for task, content in read_in_workers(tasks, limits, most):
        number = foreign[task]
        if isinstance(content, FileProblem):
            yield number, [content]
        else:
            yield number, [_composed(files[number], content, about[number])]


def _plain(named: Named, about: dict[str, Any], limits: Limits) -> list[Document | FileProblem]:
    if named.format == "jsonl":
        return list(read_rows(named.file, about, most_bytes=limits.file))
    content = read_content(named.file, named.format, limits)
    if named.format == "markdown":
        own, text = front_matter(named.file, content.text)
        content, about = Content(None, text), about | own
    return [_composed(named, content, about)]


def _composed(named: Named, content: Content, about: dict[str, Any]) -> Document | FileProblem:
    title = content.title
    if named.format == "code":  # a comment is no heading, and the suffix tells the language
        title = named.file.name
    elif title is None and named.format not in ("markdown", "text"):
        title = title_of(named.name, content.text, tuple(FORMATS))
    try:
        return make_document(
            id=named.name,
            text=content.text,
            source=str(named.file),
            format=named.format,
            **({"title": title} | about),
        )
    except FileProblem as problem:
        return problem


def _line(text: str) -> str:
    """On one line that any terminal can show, whatever a file is called."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
