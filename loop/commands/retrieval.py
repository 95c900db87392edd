"""`ratchet knowledge eval`: how well the search finds, on a folder or by what people confirmed."""

from __future__ import annotations

import json
import tempfile
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge.errors import RatchetError
from loop import project
from loop.display import Outcome, table
from loop.settings import KnowledgeSettings, Settings, load_settings, with_pairs

if TYPE_CHECKING:
    from knowledge.measure import Retrieval
    from loop.evaluate.retrieval import RetrievalComparison


def evaluate(args: Namespace) -> Outcome:
    """With a folder, its queries; without one, the ratings of the project."""
    settings = load_settings(args.project)
    sides = [_changed(settings, args.set, "--set")]
    if args.against:
        sides.append(_changed(settings, args.against, "--against"))
    if args.folder is None:
        from loop.commands.live import evaluate_live

        _check_live(settings, sides, args)
        return evaluate_live(sides, per_query=args.per_query)
    measured = _measure(settings, sides, args)
    data: dict[str, Any] = {**measured[0].as_json(), "against": None, "comparison": None}
    text = _figures(measured)
    compared = None
    if args.against:
        from loop.evaluate.retrieval import compare_retrieval

        compared = compare_retrieval(measured[0], measured[1])
        data |= {"against": measured[1].as_json(), "comparison": asdict(compared)}
        text = f"{text}\n\n{_comparison(compared, args)}"
    if args.per_query:
        _write(args.per_query, measured)
        text += f"\n\nEvery query: {args.per_query}"
    return Outcome(data, text)


def _check_live(own: Settings, sides: Sequence[Settings], args: Namespace) -> None:
    """Ratings are about the project's collection as it stands, and there are few: all are taken."""
    if args.split != "all":
        raise RatchetError(
            f"--split is {args.split!r}, but ratings are not parted. Name a folder or drop it."
        )
    for side in sides:
        before, built = _built(own.knowledge), _built(side.knowledge)
        if other := [key for key in built if built[key] != before[key]]:
            raise RatchetError(
                f"{other[0]} is {built[other[0]]!r}, but the collection was built with "
                f"{before[other[0]]!r}. Measure what it is built with on a folder of queries."
            )


def _changed(settings: Settings, pairs: Sequence[str], place: str) -> Settings:
    """The project's settings with these pairs laid over those of its collection."""
    return replace(settings, knowledge=with_pairs(settings.knowledge, "knowledge", pairs, place))


def _measure(own: Settings, sides: Sequence[Settings], args: Namespace) -> list[Retrieval]:
    """Each side's figures; sides that differ in the search alone are asked of one collection."""
    from knowledge.measure import evaluate_settings

    groups = [[side] for side in sides]
    if len(sides) == 2 and _built(sides[0].knowledge) == _built(sides[1].knowledge):
        groups = [list(sides)]
    found: list[Retrieval] = []
    with tempfile.TemporaryDirectory(prefix="ratchet-eval-") as scratch:
        for number, group in enumerate(groups):
            first = group[0]

            def make(place: Path, first: Settings = first) -> Any:
                return project.open_collection(replace(first, data=str(place)))

            changed = _built(first.knowledge) != _built(own.knowledge)
            named = first.knowledge.collection != own.knowledge.collection
            if changed and not named:  # what is on disk was built otherwise
                collection = make(Path(scratch) / str(number))
            else:
                collection = project.open_collection(first)
            found += evaluate_settings(
                collection,
                args.folder,
                [side.knowledge for side in group],
                split=args.split,
                share=args.share,
                make=make,
                progress=not args.json,
            )
    return found


def _built(knowledge: KnowledgeSettings) -> dict[str, object]:
    """What a collection is and is built with: all that its search does not read anew each time."""
    from knowledge.search import SearchSettings

    return {
        one.name: getattr(knowledge, one.name)
        for one in fields(knowledge)
        if not hasattr(SearchSettings, one.name)
    }


def _figures(measured: Sequence[Retrieval]) -> str:
    first = measured[0]
    rows = [
        ("nDCG@10", *(one.ndcg_at_10 for one in measured)),
        ("recall@100", *(one.recall_at_100 for one in measured)),
        ("MRR", *(one.mrr for one in measured)),
        ("latency p50 (ms)", *(one.latency_p50_ms for one in measured)),
        ("latency p95 (ms)", *(one.latency_p95_ms for one in measured)),
        ("queries", *(one.queries for one in measured)),
    ]
    header = ["measure", "A", "B"] if len(measured) > 1 else ["measure", "value"]
    note = "" if first.embedding_timed else "\nLatency is that of the search, without embedding."
    return table(rows, header) + note


def _comparison(compared: RetrievalComparison, args: Namespace) -> str:
    rows = [
        (
            pair.measure,
            pair.new,
            pair.old,
            _interval(pair.difference, pair.low, pair.high),
            pair.p_value,
            pair.sign_flip_p,
            pair.better,
            pair.worse,
            pair.equal,
        )
        for pair in compared.measures
    ]
    header = ["measure", "A", "B", "A − B [95 %]", "p (paired t)", "p (sign flip)"]
    text = (
        f"A: {' '.join(args.set) or 'the project as it is'}\nB: {' '.join(args.against)}\n\n"
        + table(rows, [*header, "A better", "worse", "equal"])
    )
    if compared.worst:
        worst = [(h.query, h.old, h.new, h.text[:80]) for h in compared.worst]
        text += "\n\nWhere A lost most nDCG@10:\n" + table(worst, ["query", "B", "A", "asked"])
    return text


def _interval(difference: float, low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return f"{difference:+.4f}"
    return f"{difference:+.4f} [{low:+.4f}, {high:+.4f}]"


def _write(file: Path, measured: Sequence[Retrieval]) -> None:
    """A line per query; with two settings, the other's figures beside."""
    lines = [one.as_json() for one in measured[0].per_query]
    for other in measured[1:]:
        for line, one in zip(lines, other.per_query, strict=True):
            line["against"] = one.as_json()
    try:
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        file.write_text(text, encoding="utf-8")
    except OSError as problem:
        raise RatchetError(f"{file}: cannot be written ({problem}). Name another file.") from None
