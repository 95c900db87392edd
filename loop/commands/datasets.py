"""Commands over dataset versions: list, show, compare, copy out."""

from __future__ import annotations

import shutil
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.errors import RatchetError
from loop import project
from loop.commands.learn import dataset_of
from loop.display import Outcome, person, table
from loop.forget.marks import ERASED, erased_datasets, refuse_erased
from loop.settings import load_settings

if TYPE_CHECKING:
    from loop.store.records import Dataset


def listing(args: Namespace) -> Outcome:
    settings = load_settings(args.project)
    with project.opened(settings) as store:
        found, gone = (
            store.query("datasets", assistant=settings.assistant.name),
            erased_datasets(store),
        )
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


def show(args: Namespace) -> Outcome:
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
    lines = [
        (kind, split, n)
        for kind, splits in sorted(counts.items())
        for split, n in sorted(splits.items())
    ]
    text = f"{dataset.id}: {dataset.rows} rows, {dataset.path}\n" + table(
        lines, ["kind", "split", "rows"]
    )
    funnel = dataset.manifest.get("funnel", {})
    steps = [(step, reason, n) for step, reasons in funnel.items() for reason, n in reasons.items()]
    text += "\n\n" + table(steps, ["step", "outcome", "rows"])
    if gone:
        text += f"\n\n{gone:%Y-%m-%d}: {ERASED}; only lineage of other people is left."
    if data["problem"]:
        text += f"\n\nDamaged: {data['problem']}"
    return Outcome(data, text, 1 if data["problem"] else 0)


def diff(args: Namespace) -> Outcome:
    settings = load_settings(args.project)
    with project.opened(settings) as store:
        rows = {}
        for name in (args.dataset, args.other):
            dataset_of(store, settings, name)
            rows[name] = {
                (r["kind"], r["row"]): r for r in store.query("dataset_rows", dataset=name)
            }
    old, new = rows[args.dataset], rows[args.other]
    added, gone = sorted(new.keys() - old.keys()), sorted(old.keys() - new.keys())
    moved = [
        key for key in sorted(old.keys() & new.keys()) if old[key]["split"] != new[key]["split"]
    ]
    data = {
        name: [{"kind": kind, "row": row} for kind, row in keys]
        for name, keys in (("added", added), ("removed", gone), ("other_split", moved))
    }
    counts = [(name, len(keys)) for name, keys in data.items()]
    return Outcome(
        data, table([*counts, ("unchanged", len(old.keys() & new.keys()))], ["rows", "number"])
    )


def export(args: Namespace) -> Outcome:
    settings = load_settings(args.project)
    with project.opened(settings) as store:
        dataset = dataset_of(store, settings, args.dataset)
        refuse_erased(store, dataset.id)
        if problem := _damage(dataset):
            raise RatchetError(
                f"{problem} Nothing was exported. Make it again with `ratchet curate`."
            )
        target = args.folder.resolve() / dataset.id
        if target.exists():
            raise RatchetError(
                f"{target}: is there already. Nothing was exported; name another folder."
            )
        part = target.with_name(f".{target.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        # Noted before it is there, so that `ratchet forget` finds every copy ever made.
        store.command(
            "audit",
            actor=person(),
            action="export",
            subject=dataset.id,
            detail={"path": str(target)},
        )
        shutil.copytree(dataset.path, part)
        part.rename(target)
    return Outcome({"dataset": dataset.id, "path": str(target)}, f"{dataset.id} is at {target}.")


def _damage(dataset: Dataset) -> str | None:
    """What is wrong with a version's files; None when they are what the manifest says."""
    from loop.curate.version import damage

    return damage(Path(dataset.path), dataset.manifest)
