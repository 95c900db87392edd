"""Commands over the documents the assistant answers from."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from knowledge.errors import RatchetError
from loop import project
from loop.display import Outcome, table
from loop.settings import load_settings


def add(args: Namespace) -> Outcome:
    from knowledge.formats.records import Limits
    from knowledge.ingest import ingest

    settings = load_settings(args.project)
    read = ingest(
        args.path,
        licence=args.licence,
        access=args.access,
        valid_from=args.valid_from,
        valid_until=args.valid_until,
        limits=Limits(seconds=args.seconds_per_file),
        progress=not args.json,
    )
    if not read.documents and all(_names_nothing(p.source, args.path) for p in read.problems):
        for problem in read.problems:
            raise RatchetError(f"{problem.source}: {problem.reason}")
    collection = project.open_collection(settings)
    changes = collection.add(read.documents, progress=not args.json)
    counts = {name: len(ids) for name, ids in asdict(changes).items()}
    said = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    total = len(collection.documents())
    lines = [f"{said or 'Nothing to do'}. The collection holds {total} documents."]
    if read.left_out:
        kinds = sorted({Path(name).suffix or Path(name).name for name in read.left_out})
        lines.append(f"{len(read.left_out)} files of other kinds left out ({', '.join(kinds)}).")
    if read.problems:
        lines.append(f"{len(read.problems)} not added:")
        lines.extend(f"  {problem.source}: {problem.reason}" for problem in read.problems)
    return Outcome(
        asdict(changes)
        | {"problems": [asdict(p) for p in read.problems], "left_out": read.left_out},
        "\n".join(lines),
        status=1 if read.problems else 0,
    )


def _names_nothing(source: str, paths: list[str]) -> bool:
    return source in paths and not os.path.lexists(source)


def remove(args: Namespace) -> Outcome:
    collection = project.open_collection(load_settings(args.project))
    known = {document.id for document in collection.documents()}
    if unknown := [name for name in args.documents if name not in known]:
        raise RatchetError(
            f"No document {unknown[0]!r} is in the collection. Nothing was removed. "
            "See `ratchet knowledge list`."
        )
    changes = collection.remove(args.documents)
    return Outcome(
        asdict(changes), f"{len(args.documents)} removed, with all their versions and off the disk."
    )


def listing(args: Namespace) -> Outcome:
    documents = project.open_collection(load_settings(args.project)).documents()
    data = [
        {
            "id": d.id,
            "version": d.version,
            "title": d.title,
            "licence": d.licence,
            "access": sorted(d.access),
            "valid_from": d.valid_from,
            "valid_until": d.valid_until,
            "characters": len(d.text),
        }
        for d in sorted(documents, key=lambda d: d.id)
    ]
    rows = [
        (d.id, d.title, ", ".join(sorted(d.access)) or "everyone", d.valid_from, d.valid_until)
        for d in sorted(documents, key=lambda d: d.id)
    ]
    text = table(rows, ["document", "title", "who may read", "valid from", "valid until"])
    return Outcome(
        data, text if rows else "No document yet. Add some with `ratchet knowledge add PATH`."
    )


def search(args: Namespace) -> Outcome:
    settings = load_settings(args.project)
    collection = project.open_collection(settings, needed=True)
    found = collection.search(
        args.query,
        labels=frozenset(args.label),
        limit=args.limit,
        where=_pairs(args.where),
        settings=settings.knowledge,
    )
    lines = [
        f"{number}. {p.document} [{p.start}:{p.end}]  score {p.score:.4f}  "
        + " ".join(f"{name} {value:g}" for name, value in p.why.items())
        + f"\n   {' '.join(p.text.split())[:300]}"
        for number, p in enumerate(found, start=1)
    ]
    return Outcome({"passages": [asdict(p) for p in found]}, "\n".join(lines) or "Nothing found.")


def compact(args: Namespace) -> Outcome:
    collection = project.open_collection(load_settings(args.project), needed=True)
    before = collection.describe()
    collection.compact()
    after = collection.describe()
    text = f"{before.segments} segments made one: {after.chunks:,} chunks, {after.reason}."
    return Outcome({"before": asdict(before), "after": asdict(after)}, text)


def _pairs(given: Sequence[str]) -> dict[str, str]:
    """FIELD=GLOB as field → glob."""
    pairs: dict[str, str] = {}
    for one in given:
        name, found, pattern = one.partition("=")
        if not found:
            raise RatchetError(f"--where is {one!r}, expected FIELD=GLOB. Mend it.")
        pairs[name] = pattern
    return pairs
