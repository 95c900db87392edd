"""Commands from what people said to a dataset version, and adapters that came of it."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict

from knowledge.errors import RatchetError
from loop import project
from loop.display import Outcome, table
from loop.forget.marks import ERASED, erased_datasets, marks, said
from loop.settings import load_settings


def curate(args: Namespace) -> Outcome:
    from eval_suites.suites import load_suite
    from knowledge.embed import load_embedder
    from loop.curate.pipeline import curate as run

    settings = load_settings(args.project)
    suites = [load_suite(name) for name in settings.suites]
    with project.opened(settings) as store:
        embed = load_embedder(settings.knowledge.embedder).encode
        done = run(store, settings, suites=suites, embed=embed, progress=not args.json)
    lines = [
        (step, reason, count)
        for step, reasons in done.funnel.items()
        for reason, count in reasons.items()
    ]
    text = f"{done.dataset.id}: {done.dataset.rows} rows\n" + table(
        lines, ["step", "outcome", "rows"]
    )
    return Outcome(
        {"dataset": done.dataset.id, "rows": done.dataset.rows, "funnel": done.funnel}, text
    )


def adapters_list(args: Namespace) -> Outcome:
    from loop.models.registry import champion

    settings = load_settings(args.project)
    name = settings.assistant.name
    with project.opened(settings) as store:
        found, now = store.query("adapters", assistant=name), champion(store, name)
        marked = marks(store)
    data = [
        {
            "id": a["id"],
            "at": a["at"],
            "dataset": a["dataset"],
            "run": a["run"],
            "base": a["base"],
            "champion": a["id"] == now,
            "marks": sorted({mark["reason"] for mark in marked.get(a["id"], [])}),
        }
        for a in found
    ]
    rows = [
        (
            a["id"],
            "champion" if a["champion"] else "",
            a["dataset"],
            f"{a['at']:%Y-%m-%d %H:%M}",
            said(marked.get(a["id"], [])),
        )
        for a in data
    ]
    text = (
        table(rows, ["adapter", "", "dataset", "made", ""])
        if rows
        else "No adapter yet. Run `ratchet train`."
    )
    return Outcome({"champion": now, "adapters": data}, text)


def adapters_show(args: Namespace) -> Outcome:
    from loop.models.registry import adapter_of, verify

    settings = load_settings(args.project)
    with project.opened(settings) as store:
        adapter = adapter_of(store, args.adapter)
        [run] = store.query("run", id=adapter.run)
        evaluations = store.query("evaluations", adapter=adapter.id)
        decisions = store.query("decisions", candidate=adapter.id)
        marked = marks(store, adapter.id).get(adapter.id, [])
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
        "problem": problem,
    }
    lines = [(e["suite"], e["metric"], e["mean"], e["n"]) for e in evaluations]
    text = f"{adapter.id}: {run['method']} on {adapter.dataset}, seed {run['seed']}\n"
    text += table(sorted(run["metrics"].items()), ["metric", "value"])
    text += "\n\n" + table(lines, ["suite", "metric", "mean", "cases"]) if lines else ""
    for decision in decisions[:3]:
        text += f"\nGate against {decision['champion']}: {decision['verdict']}"
    if marked:
        text += f"\n\nMarked: {said(marked)}. It should not be promoted."
    if problem:
        text += f"\n\nDamaged: {problem}"
    return Outcome(data, text, 1 if problem else 0)


def adapters_lineage(args: Namespace) -> Outcome:
    from loop.models.registry import lineage

    with project.opened(load_settings(args.project)) as store:
        data = lineage(store, args.adapter)
        marked, gone = marks(store).get(args.adapter, []), erased_datasets(store)
    data |= {"marks": marked, "erased": bool(data["dataset"]) and data["dataset"]["id"] in gone}
    rows = data["rows"]
    ratings = {r for row in rows for r in row["ratings"]}
    asked = {i for row in rows for i in row["interactions"]}
    guidelines = sorted({str(row["guideline"]) for row in rows})
    consent = sorted({str(row["consent"]) for row in rows})
    dataset, run = data["dataset"] or {}, data["run"] or {}
    text = "\n".join(
        [
            f"{data['adapter']['id']}",
            f"└─ run {run.get('id')} ({run.get('method')}, seed {run.get('seed')})",
            f"   └─ dataset {dataset.get('id')}: {len(rows)} rows"
            + (f" ({ERASED})" if data["erased"] else ""),
            f"      ├─ {len(asked)} interactions",
            f"      ├─ {len(ratings)} ratings and comparisons",
            f"      ├─ guidelines {', '.join(guidelines) or 'none'}",
            f"      └─ consent {', '.join(consent) or 'none'}",
            *([f"Marked: {said(marked)}."] if marked else []),
        ]
    )
    return Outcome(data, text)
