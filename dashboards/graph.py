"""An adapter's lineage in the DOT language, drawn by the browser."""

from __future__ import annotations

import json

from dashboards.agenda import count
from dashboards.records import Lineage


def dot(lineage: Lineage) -> str:
    """Ratings and guideline → rows → dataset → run → adapter, with the adapters before it."""
    adapter, run = lineage.adapter, lineage.run
    rows = sum(origin.rows for origin in lineage.origins)
    said = sum(origin.ratings for origin in lineage.origins)
    turns = sum(origin.interactions for origin in lineage.origins)
    boxes = {
        "adapter": ("Adapter", adapter.id),
        "run": ("Run", "not on record" if run is None else f"{run.method}, seed {run.seed}"),
        "dataset": ("Dataset", adapter.dataset or "those of its sources"),
        "rows": ("Rows", count(rows, "row")),
        "said": ("Feedback", f"{count(said, 'rating')} of {count(turns, 'answer')}"),
    }
    lines = [f"{name} [label={_label(*words)}];" for name, words in boxes.items()]
    lines += ["said -> rows -> dataset -> run -> adapter;"]
    for at, guideline in enumerate(sorted({origin.guideline for origin in lineage.origins})):
        lines.append(f"g{at} [label={_label('Guideline', guideline)}]; g{at} -> rows;")
    child = "run"
    for at, parent in enumerate([*lineage.parents, adapter.base]):
        kind = "Base" if at == len(lineage.parents) else "Parent"
        lines.append(f"p{at} [label={_label(kind, parent)}]; p{at} -> {child};")
        child = f"p{at}"
    for at, source in enumerate(adapter.sources):
        lines.append(f"s{at} [label={_label('Merged from', source)}]; s{at} -> run;")
    return (
        'digraph { rankdir=LR; bgcolor="transparent"; '
        'node [shape=box, style="rounded", color="#0f766e", fontname="Helvetica", fontsize=11, '
        'margin="0.15,0.08"]; edge [color="#94a3b8", arrowsize=0.7]; ' + " ".join(lines) + " }"
    )


def _label(kind: str, words: str) -> str:
    """Two lines as a quoted DOT string; what stands in it is text, never DOT."""
    return json.dumps(f"{kind}\n{words}", ensure_ascii=False)
