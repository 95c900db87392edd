"""Commands for dataset versions: list, show, compare, and export them for others."""

from __future__ import annotations

import argparse
from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.errors import RatchetError
from loop import project
from loop.display import Outcome, person, table
from loop.forget.marks import ERASED, erased_datasets, refuse_erased
from loop.settings import Settings, load_settings

if TYPE_CHECKING:
    from loop.curate.diff import Changed
    from loop.curate.diff import Version as Compared
    from loop.store.records import Dataset
    from loop.store.store import Store

TASKS = 12  # that `show` tells, the largest
Group = argparse._SubParsersAction  # what argparse gives for a group of commands
Add = Callable[..., argparse.ArgumentParser]


def dataset_commands(group: Group[argparse.ArgumentParser], add: Add) -> None:
    """Add them to their group.

    Args:
        group: The group.
        add: Adds one command: (group, name, what it runs, what it says of itself).
    """
    add(group, "list", datasets_list, "all dataset versions")
    add(group, "show", datasets_show, "one version: funnel, counts, sources").add_argument(
        "dataset"
    )
    diff = add(group, "diff", datasets_diff, "what changed between two versions")
    diff.add_argument("dataset")
    diff.add_argument("other")
    export = add(group, "export", datasets_export, "write a version's rows for use elsewhere")
    export.add_argument("dataset")
    export.add_argument("folder", type=Path, help="the export gets a folder of its own in it")
    export.add_argument(
        "--format",
        choices=["parquet", "trl", "openai", "hf"],
        default="parquet",
        help="as it is, or for TRL, OpenAI's fine-tuning or the Hugging Face Hub",
    )
    export.add_argument(
        "--with-lineage",
        action="store_true",
        help="with keys of people and ids of what they said, which are personal data",
    )


def dataset_of(store: Store, settings: Settings, name: str | None) -> Dataset:
    """The named dataset version, or the newest.

    Raises:
        RatchetError: There is none.
    """
    from loop.store.records import Dataset

    gone = erased_datasets(store)
    found = (
        store.query("dataset", id=name)
        if name
        else [
            row
            for row in store.query("datasets", assistant=settings.assistant.name)
            if row["id"] not in gone
        ]
    )
    if not found:
        raise RatchetError(
            f"No dataset {name}. See `ratchet datasets list`."
            if name
            else "No dataset yet. Run `ratchet curate`."
        )
    return Dataset(**found[0])


def datasets_list(args: Namespace) -> Outcome:
    settings = load_settings(args.project)
    with project.opened(settings) as store:
        found = store.query("datasets", assistant=settings.assistant.name)
        gone = erased_datasets(store)
    data = [
        {name: d[name] for name in ("id", "at", "rows", "path")} | {"erased": d["id"] in gone}
        for d in found
    ]
    rows = [
        (d["id"], f"{d['at']:%Y-%m-%d %H:%M}", d["rows"], ERASED if d["id"] in gone else "")
        for d in found
    ]
    text = (
        table(rows, ["dataset", "made", "rows", ""])
        if rows
        else "No dataset yet. Run `ratchet curate`."
    )
    return Outcome(data, text)


def datasets_show(args: Namespace) -> Outcome:
    from loop.curate import clusters
    from loop.curate.funnel import STEPS

    settings = load_settings(args.project)
    with project.opened(settings) as store:
        dataset = dataset_of(store, settings, args.dataset)
        origins = store.query("dataset_rows", dataset=dataset.id)
        gone = erased_datasets(store).get(dataset.id)
    counts: dict[str, dict[str, int]] = {}
    for row in origins:
        of_kind = counts.setdefault(str(row["kind"]), {})
        of_kind[str(row["split"])] = of_kind.get(str(row["split"]), 0) + 1
    data = {**asdict(dataset), "counts": counts, "erased": gone}
    data["problem"] = None if gone else _damage(dataset)
    data["clusters"] = [] if gone or data["problem"] else clusters.read(Path(dataset.path))
    lines = [
        (kind, split, n)
        for kind, splits in sorted(counts.items())
        for split, n in sorted(splits.items())
    ]
    text = f"{dataset.id}: {dataset.rows} rows, {dataset.path}\n" + table(
        lines, ["kind", "split", "rows"]
    )
    funnel = dataset.manifest.get("funnel", {})
    steps = [(s, reason, n) for s in STEPS for reason, n in funnel.get(s, {}).items()]
    text += "\n\n" + table(steps, ["step", "outcome", "rows"])
    if data["clusters"]:
        about = [(one["rows"], one["name"]) for one in data["clusters"][:TASKS]]
        text += "\n\n" + table(about, ["rows", "most typical prompt of the task"])
    if gone:
        text += f"\n\n{gone:%Y-%m-%d}: {ERASED}; only lineage of other people is left."
    if data["problem"]:
        text += f"\n\nDamaged: {data['problem']}"
    return Outcome(data, text, 1 if data["problem"] else 0)


def datasets_diff(args: Namespace) -> Outcome:
    from loop.curate.diff import difference

    settings = load_settings(args.project)
    with project.opened(settings) as store:
        old, new = (_compared(store, settings, name) for name in (args.dataset, args.other))
    found = difference(old, new)
    header = ["kind", "added", "removed", "other split", "unchanged"]
    text = table([(kind, *counts.values()) for kind, counts in found.by_kind.items()], header)
    text += _changes("settings", found.settings) + _changes("funnel", found.funnel)
    for name, changes in found.bases.items():
        text += _changes(f"rows by {name}", changes)
    text += _changes("sources", found.sources)
    return Outcome(found.as_json(), text)


def datasets_export(args: Namespace) -> Outcome:
    from loop.curate.export import export

    settings = load_settings(args.project)
    with project.opened(settings) as store:
        dataset = dataset_of(store, settings, args.dataset)
        refuse_erased(store, dataset.id)
        done = export(
            store,
            dataset,
            args.folder,
            format=args.format,
            lineage=args.with_lineage,
            actor=person(),
        )
    data = {
        "dataset": done.dataset,
        "path": str(done.path),
        "format": done.format,
        "files": done.files,
        "left_out": done.reasons,
        "notes": done.notes,
    }
    text = f"{done.dataset} is at {done.path}.\n" + table(
        list(done.files.items()), ["file", "rows"]
    )
    for reason, count in done.reasons.items():
        text += f"\n{count} rows left out: {reason}"
    return Outcome(data, "\n".join([text, *done.notes]))


def _compared(store: Store, settings: Settings, name: str) -> Compared:
    """A version as it is compared; licences only where its files are whole."""
    from loop.curate.diff import Version
    from loop.curate.facts import facts

    dataset = dataset_of(store, settings, name)
    rows = store.query("dataset_rows", dataset=name)
    values = {} if _damage(dataset) else facts(Path(dataset.path)).values
    return Version(manifest=dataset.manifest, rows=rows, licences=values.get("licence", {}))


def _changes(title: str, changes: Sequence[Changed]) -> str:
    """A table of what differs under its title; nothing where nothing does."""
    if not changes:
        return ""
    rows = [(one.name, _value(one.old), _value(one.new)) for one in changes]
    return f"\n\n{table(rows, [title, 'old', 'new'])}"


def _value(value: object) -> object:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else value


def _damage(dataset: Dataset) -> str | None:
    """What is wrong with a version's files; None when they are what the manifest says."""
    from loop.curate.version import damage

    return damage(Path(dataset.path), dataset.manifest)
