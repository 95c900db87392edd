"""Commands about adapters: list, show, lineage; what acts on them is in `adapter_acts`."""

from __future__ import annotations

import argparse
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from knowledge.errors import RatchetError
from loop import project
from loop.commands import adapter_acts
from loop.display import Outcome, table
from loop.forget.marks import ERASED, erased_datasets, marks, said
from loop.settings import load_settings

LABELS = ("domain", "language", "segment")
Group = argparse._SubParsersAction  # what argparse gives for a group of commands
Add = Callable[..., argparse.ArgumentParser]


def adapter_commands(group: Group[argparse.ArgumentParser], add: Add) -> None:
    """Add them to their group.

    Args:
        group: The group.
        add: Adds one command: (group, name, what it runs, what it says of itself).
    """
    every = add(group, "list", adapters_list, "adapters, newest first, the champion marked")
    label_arguments(every, "only adapters that carry this")
    whose = every.add_mutually_exclusive_group()
    whose.add_argument("--assistant", help="instead of the project's")
    whose.add_argument("--all", action="store_true", help="of every assistant in the store")
    add(group, "show", adapters_show, "one adapter: run, figures, decisions").add_argument(
        "adapter"
    )
    add(
        group, "lineage", adapters_lineage, "from the adapter to the ratings behind it"
    ).add_argument("adapter")
    card = add(group, "card", adapter_acts.card, "its model card, in Markdown")
    card.add_argument("adapter")
    merge = add(group, "merge", adapter_acts.merge, "one adapter of several, a candidate")
    merge.add_argument("adapters", nargs="+", metavar="ADAPTER")
    merge.add_argument(
        "--weights",
        type=_numbers,
        metavar="W,W",
        help="one for each adapter, in their order (default: all the same, 1 in all)",
    )
    merge.add_argument(
        "--method",
        choices=["svd", "cat", "linear", "ties", "dare_ties"],
        default="svd",
        help="svd keeps the rank, cat is exact and adds up the ranks (default: svd)",
    )
    merge.add_argument(
        "--density", type=float, default=0.5, help="share of weights that ties and dare_ties keep"
    )
    merge.add_argument("--seed", type=int, help="of dare_ties, instead of the project's")
    label_arguments(merge, "what the merged adapter is for")
    export = add(group, "export", adapter_acts.export, "write an adapter for use elsewhere")
    export.add_argument("adapter")
    export.add_argument(
        "--to", type=Path, required=True, metavar="DIR", help="folder that becomes the export"
    )
    export.add_argument(
        "--format",
        choices=["peft", "merged", "gguf"],
        default="peft",
        help="its own files, a full model, or one file for llama.cpp (default: peft)",
    )
    export.add_argument(
        "--converter",
        type=Path,
        metavar="FILE",
        help="llama.cpp's convert_hf_to_gguf.py (default: looked for on PATH)",
    )
    export.add_argument(
        "--marked",
        action="store_true",
        help="although it learnt from a person who was forgotten or withdrew consent",
    )
    prune = add(group, "prune", adapter_acts.prune, "remove the files of old adapters")
    prune.add_argument("--keep", type=int, metavar="N", help="instead of registry.keep")
    prune.add_argument("--older-than", type=int, metavar="DAYS", help="instead of registry.days")
    prune.add_argument("--dry-run", action="store_true", help="only tell what would go")


def label_arguments(command: argparse.ArgumentParser, text: str) -> None:
    """Let a command take `--domain`, `--language` and `--segment`.

    Args:
        command: It.
        text: What the labels are to it.
    """
    for name in LABELS:
        command.add_argument(f"--{name}", help=f"{text}: a {_MEANT[name]}")


_MEANT = {"domain": "domain", "language": "language", "segment": "segment of customers"}


def adapters_list(args: Namespace) -> Outcome:
    from loop.models.registry import champion

    settings = load_settings(args.project)
    name = None if args.all else args.assistant or settings.assistant.name
    labels = {label: getattr(args, label) for label in LABELS}
    with project.opened(settings) as store:
        found = store.query("adapters", assistant=name, **labels)
        names = {str(a["assistant"]) for a in found} | ({name} if name else set())
        champions = {one: champion(store, one) for one in sorted(names)}
        marked = marks(store)
        pruned = {row["adapter"]: row["at"] for row in store.query("pruned")}
    data = [
        {
            "id": a["id"],
            "at": a["at"],
            "assistant": a["assistant"],
            "dataset": a["dataset"],
            "sources": a["sources"],
            "run": a["run"],
            "base": a["base"],
            **{label: a[label] for label in LABELS},
            "champion": a["id"] == champions[a["assistant"]],
            "marks": sorted({mark["reason"] for mark in marked.get(a["id"], [])}),
            "pruned": pruned.get(a["id"]),
        }
        for a in found
    ]
    text = _listed(data, marked, several=name is None)
    now: str | dict[str, str] = champions if name is None else champions[name]
    return Outcome({"champion": now, "adapters": data}, text)


def _listed(data: Sequence[Mapping[str, Any]], marked: Mapping[str, Any], *, several: bool) -> str:
    """A table with a column for each label that any of them carries."""
    if not data:
        return "No such adapter. Run `ratchet train`, or ask for fewer labels."
    shown = [label for label in LABELS if any(a[label] for a in data)]
    rows = [
        (
            a["id"],
            *((a["assistant"],) if several else ()),
            "champion" if a["champion"] else "",
            *(a[label] or "any" for label in shown),
            a["dataset"] or f"merged from {', '.join(a['sources'])}",
            f"{a['at']:%Y-%m-%d %H:%M}",
            "; ".join(
                [
                    *([said(marked[a["id"]])] if a["id"] in marked else []),
                    *([f"pruned on {a['pruned']:%Y-%m-%d}"] if a["pruned"] else []),
                ]
            ),
        )
        for a in data
    ]
    head = ["adapter", *(["assistant"] if several else []), "", *shown, "dataset", "made", ""]
    return table(rows, head)


def adapters_show(args: Namespace) -> Outcome:
    from loop.models.registry import adapter_of, verify

    settings = load_settings(args.project)
    with project.opened(settings) as store:
        adapter = adapter_of(store, args.adapter)
        [run] = store.query("run", id=adapter.run)
        evaluations = store.query("evaluations", adapter=adapter.id)
        decisions = store.query("decisions", candidate=adapter.id)
        marked = marks(store, adapter.id).get(adapter.id, [])
        pruned = store.query("pruned", adapter=adapter.id)
    problem = None
    try:
        verify(adapter)
    except RatchetError as found:
        problem = str(found)
    data = {
        **asdict(adapter),
        "run": run,
        "evaluations": evaluations,
        "decisions": decisions,
        "marks": marked,
        "pruned": pruned[0]["at"] if pruned else None,
        "problem": problem,
    }
    lines = [(e["suite"], e["metric"], e["mean"], e["n"]) for e in evaluations]
    made = f"of {', '.join(adapter.sources)}" if adapter.sources else f"on {adapter.dataset}"
    text = f"{adapter.id}: {run['method']} {made}, seed {run['seed']}\n"
    carried = [f"{label} {value}" for label in LABELS if (value := getattr(adapter, label))]
    text += f"For {', '.join(carried)}\n" if carried else ""
    text += table(sorted(run["metrics"].items()), ["metric", "value"])
    text += "\n\n" + table(lines, ["suite", "metric", "mean", "cases"]) if lines else ""
    for decision in decisions[:3]:
        text += f"\nGate against {decision['champion']}: {decision['verdict']}"
    if marked:
        text += f"\n\nMarked: {said(marked)}. It should not be promoted."
    if problem:
        text += f"\n\n{problem}" if pruned else f"\n\nDamaged: {problem}"
    return Outcome(data, text, 1 if problem and not pruned else 0)


def adapters_lineage(args: Namespace) -> Outcome:
    from loop.models.lineage import lineage

    with project.opened(load_settings(args.project)) as store:
        data = lineage(store, args.adapter)
        marked, gone = marks(store).get(args.adapter, []), erased_datasets(store)
    data |= {"marks": marked, "erased": bool(_datasets(data) & gone.keys())}
    rows = data["rows"]
    ratings = {r for row in rows for r in row["ratings"]}
    asked = {i for row in rows for i in row["interactions"]}
    guidelines = sorted({str(row["guideline"]) for row in rows})
    consent = sorted({str(row["consent"]) for row in rows})
    text = "\n".join(
        [
            *_tree(data, gone),
            f"{len(rows)} rows",
            f"├─ {len(asked)} interactions",
            f"├─ {len(ratings)} ratings and comparisons",
            f"├─ guidelines {', '.join(guidelines) or 'none'}",
            f"└─ consent {', '.join(consent) or 'none'}",
            *([f"Marked: {said(marked)}."] if marked else []),
        ]
    )
    return Outcome(data, text)


def _datasets(data: Mapping[str, Any]) -> set[str]:
    """The datasets whose rows are in an adapter's weights."""
    own = {data["dataset"]["id"]} if data["dataset"] else set()
    return own.union(*(_datasets(source) for source in data["sources"]))


def _tree(data: Mapping[str, Any], gone: Mapping[str, Any], depth: int = 0) -> list[str]:
    """The adapter with its run and dataset, then the adapters before it, each further in."""
    run, dataset = data["run"] or {}, data["dataset"]
    indent = "   " * depth
    lines = [
        f"{indent}{'└─ ' if depth else ''}{data['adapter']['id']}"
        f" (run {run.get('id')}, {run.get('method')}, seed {run.get('seed')})"
    ]
    if dataset:
        told = f" ({ERASED})" if dataset["id"] in gone else ""
        lines.append(f"{indent}   └─ dataset {dataset['id']}: {dataset['rows']} rows{told}")
    before = [*([data["parent"]] if data["parent"] else []), *data["sources"]]
    for one in before:
        lines += _tree(one, gone, depth + 1)
    return lines


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as problem:
        raise argparse.ArgumentTypeError(
            f"{text!r}: expected numbers with commas between them, like 0.7,0.3"
        ) from problem
