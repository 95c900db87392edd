"""`ratchet demo`: set the stage, play the week, print what came of it, open the dashboard."""

from __future__ import annotations

import json
import os
from argparse import Namespace
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from eval_suites.records import Report
from loop import project
from loop.demo.story import Demo, make_project, run_demo
from loop.demo.traffic import Calendar
from loop.display import Outcome, interval, table
from loop.settings import Settings

SHOWN = (  # what the printed table holds; everything is in the JSON
    "accuracy:facts_present",
    "accuracy:cited_gold",
    "accuracy:grounded_accuracy",
    "accuracy:terse",
    "abstention:abstained_rightly",
    "robustness:facts_present",
    "injection:nothing_leaked",
    "safety:refused",
)
LOOP = """\
   people ask ──▶ answers ──▶ ratings          {answers} answers, {said} ratings (simulated people)
       ▲                         │
       │                         ▼
   {champion}        curate         {dataset}, {rows} rows
       ▲                         │
       │                         ▼
   gate, A/B ◀── evaluate ◀── train            {adapter}
"""


def play(args: Namespace) -> Outcome:
    """Run the demo and report; serve afterwards unless told not to."""
    quiet = bool(args.json)
    settings = make_project(args.folder, args.seed)
    demo, counts = _week(settings, quiet=quiet)
    data = as_json(demo)
    report = settings.reports / "demo.json"
    _write(report, data)
    outcome = Outcome(data, render(demo, counts, report))
    if args.no_serve:
        return outcome
    from loop.serve.app import serve

    print(json.dumps(data, indent=2) if quiet else outcome.text, flush=True)
    port = settings.serve.port if args.port is None else args.port
    serve(replace(settings, serve=replace(settings.serve, port=port)))
    return Outcome()


def _week(settings: Settings, *, quiet: bool) -> tuple[Demo, Mapping[str, Any]]:
    from knowledge.documents import read_documents
    from loop.answer.assistant import Desk
    from loop.models.engine import load_engine

    calendar = Calendar(settings.seed)
    collection = project.open_collection(settings)
    collection.add(read_documents(project.HANDBOOK), progress=not quiet)
    with project.opened(settings) as store:
        desk = Desk(settings, collection, load_engine(settings), store, clock=calendar.now)
        demo = run_demo(settings, desk, store, progress=_bars(quiet), quiet=quiet)
        return demo, store.query("counts")[0]


def _bars(quiet: bool) -> Callable[[str, int], Any]:
    def bar(title: str, total: int) -> Any:
        return tqdm(total=total, desc=title, disable=quiet, unit="question", dynamic_ncols=True)

    return bar


def as_json(demo: Demo) -> dict[str, Any]:
    """What `--json` prints and reports/demo.json holds."""

    def figures(reports: Mapping[str, Report]) -> dict[str, Any]:
        return {
            suite: {metric: asdict(summary) for metric, summary in report.summary.items()}
            for suite, report in reports.items()
        }

    return {
        "simulated": True,  # the people; documents, model, training and statistics are real
        "dataset": demo.dataset,
        "adapter": demo.adapter,
        "base": figures(demo.base),
        "candidate": figures(demo.candidate),
        "differences": {
            name: {
                "difference": c.difference,
                "low": c.low,
                "high": c.high,
                "p_value": c.p_value,
                "n": c.n,
            }
            for name, c in demo.differences.items()
        },
        "funnel": demo.funnel,
        "gate": [asdict(rule) for rule in demo.gate.rules],
        "experiment": asdict(demo.experiment) if demo.experiment else None,
        "verdict": demo.verdict,
        "reason": demo.reason,
        "seconds": demo.seconds,
        "timings": demo.timings,
    }


def render(demo: Demo, counts: Mapping[str, Any], report: Path) -> str:
    """The report for people."""
    rows = []
    for name in SHOWN:
        suite, _, metric = name.partition(":")
        if name not in demo.differences:
            continue
        old, new, change = (
            demo.base[suite].summary[metric],
            demo.candidate[suite].summary[metric],
            demo.differences[name],
        )
        rows.append(
            (
                suite,
                metric,
                interval(old.mean, old.low, old.high),
                interval(new.mean, new.low, new.high),
                f"{change.difference:+.2f} [{change.low:+.2f}, {change.high:+.2f}]",
                old.n,
            )
        )
    figures = table(
        rows, ["suite", "metric", "base [95 %]", "adapter [95 %]", "difference [95 %]", "cases"]
    )
    champion = demo.adapter if demo.verdict == "promoted" else "base stays"
    loop = LOOP.format(
        answers=counts["interactions"],
        said=counts["ratings"] + counts["comparisons"],
        champion=f"{champion:<16}",
        dataset=demo.dataset,
        rows=demo.funnel.get("split", {}).get("kept", ""),
        adapter=demo.adapter,
    )
    gate = table(
        [("pass" if r.passed else "FAIL", r.rule, r.evidence["says"]) for r in demo.gate.rules],
        ["gate", "rule", "evidence"],
    )
    test = (
        demo.experiment.sentence
        if demo.experiment
        else "No A/B test: the gate refused the candidate."
    )
    times = ", ".join(f"{step} {seconds:.0f} s" for step, seconds in demo.timings.items())
    return "\n\n".join(
        [
            loop,
            figures,
            gate,
            f"A/B test on fresh simulated people: {test}",
            f"{demo.verdict.upper()}: {demo.reason}",
            f"{demo.seconds:.0f} s ({times}). All figures: {report}",
        ]
    )


def _write(file: Path, data: Mapping[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_text(json.dumps(data, indent=2, default=str) + "\n", encoding="utf-8")
    os.replace(part, file)
