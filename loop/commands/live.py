"""`ratchet knowledge eval` without a folder: the search, judged by the project's own ratings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge.errors import RatchetError
from knowledge.pii import mask
from loop import project
from loop.display import Outcome, interval, table
from loop.settings import Settings

if TYPE_CHECKING:
    from eval_suites.stats.intervals import Difference
    from loop.evaluate.live_retrieval import Estimate, Figures, LiveRetrieval

LAST = 5000  # newest judged answers that are asked again
SHOWN = 10  # documents and questions printed


def evaluate_live(sides: Sequence[Settings], *, per_query: Path | None = None) -> Outcome:
    """Ask again what people asked, with one setting or two, and compare with their ratings.

    Args:
        sides: The project with the setting to measure, and with the one to compare it with.
        per_query: Write a line per question there.
    """
    from loop.evaluate.judged import read_judged
    from loop.evaluate.live_retrieval import compare_live, evaluate_live_settings

    first = sides[0]
    collection = project.open_collection(first, needed=True)
    with project.opened(first) as store:
        answers = read_judged(store, first.assistant.name, LAST)
    found = evaluate_live_settings(collection, answers, sides, on=datetime.now(UTC).date())
    if per_query:
        _write(per_query, found)
    data, text = as_json(found[0]), _told(found[0])
    if len(found) > 1:
        compared = compare_live(found[0], found[1])
        data["against"] = as_json(found[1])
        data["comparison"] = {n: c and c._asdict() for n, c in compared.items()}
        text += "\n\n" + _comparison(found, compared)
    return Outcome(data, text)


def as_json(found: LiveRetrieval) -> dict[str, Any]:
    """The figures for machines; the single questions are left to `--per-query`."""
    return {
        "k": found.k,
        "answers": found.answers,
        "people": asdict(found.people),
        "simulated": asdict(found.simulated),
        "documents": [asdict(one) for one in found.documents],
        "missed": [asdict(one) for one in found.missed],
    }


def _told(found: LiveRetrieval) -> str:
    columns = (found.people, found.simulated)
    rows = [
        ("questions with a confirmed passage", *(one.questions for one in columns)),
        ("  of them by a correction", *(one.corrected for one in columns)),
        ("people who asked them", *(one.people for one in columns)),
        (f"found among the first {found.k}", *(_share(one.found) for one in columns)),
        ("MRR", *(_share(one.mrr) for one in columns)),
        ("passage no longer there", *(one.gone for one in columns)),
        ("questions with a denied passage", *(one.denied for one in columns)),
        ("  it is still found first", *(_share(one.still_first) for one in columns)),
    ]
    lines = [
        f"{found.answers} judged answers, asked again of the collection as it is today. What was "
        "confirmed was found once: a fall is a loss, a full score no proof that nothing is missed.",
        "",
        table(rows, ["", "people", "simulated people"]),
        *(f"\n{says}" for says in _notes(columns)),
    ]
    if found.documents:
        some = found.documents[:SHOWN]
        about = [(d.document, d.wanted, d.found, d.denied, d.still_first) for d in some]
        head = ["document", "wanted", f"in first {found.k}", "denied", "still first"]
        lines += ["", table(about, head)]
    if found.missed:
        lines += ["", f"Not among the first {found.k}:"]
        for one in found.missed[:SHOWN]:
            at = f"rank {one.rank}" if one.rank else "not found"
            lines.append(f"  {one.question}  {one.document} [{one.start}:{one.end}], {at}")
    return "\n".join(lines)


def _notes(columns: Sequence[Figures]) -> list[str]:
    """What is said of how far the figures reach; of simulated people only where there are some."""
    people, simulated = columns
    notes = [people.says] if people.says else []
    return notes + ([simulated.says] if simulated.says and simulated.questions else [])


def _comparison(found: Sequence[LiveRetrieval], compared: Mapping[str, Difference | None]) -> str:
    sides = {"found": [one.people.found for one in found], "mrr": [one.people.mrr for one in found]}
    rows = [
        (
            name,
            *(None if one is None else f"{one.mean:.2f}" for one in sides[name]),
            None if c is None else interval(c.difference, c.low, c.high),
            None if c is None else c.p_value,
        )
        for name, c in compared.items()
    ]
    return table(rows, ["measure (people)", "A", "B", "A − B [95 %]", "p"])


def _share(one: Estimate | None) -> str | None:
    if one is None:
        return None
    if one.low is None or one.high is None:
        return f"{one.mean:.2f}"
    return interval(one.mean, one.low, one.high)


def _write(file: Path, found: Sequence[LiveRetrieval]) -> None:
    """A line per question: what is wanted and where each setting finds it."""
    names = ("rank", "against_rank")[: len(found)]
    lines = [
        json.dumps(
            {
                "question": mask(looked[0].wanted.question),
                "why": looked[0].wanted.why,
                "simulated": looked[0].wanted.simulated,
                **{name: one.rank for name, one in zip(names, looked, strict=True)},
                "passages": [asdict(one) for one in looked[0].wanted.passages],
            },
            ensure_ascii=False,
        )
        for looked in zip(*(one.looked for one in found), strict=True)
    ]
    try:
        file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    except OSError as problem:
        raise RatchetError(f"{file}: cannot be written: {problem}. Name another file.") from problem
