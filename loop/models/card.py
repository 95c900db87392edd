"""The model card: what an adapter is, what it learnt from and how it did, in Markdown."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from loop.models.card_facts import ModelCard, Row, base_name, licences, share

_TOLD = frozenset(  # settings of a run that the card tells elsewhere, or that are of no use there
    "base base_fingerprint dataset device packages parent seed sha256 sources threads".split()
)
_HARDWARE = ("device", "threads")


def markdown(card: ModelCard, library: str = "peft") -> str:
    """The card, with YAML for the Hugging Face Hub on top.

    Args:
        card: What it tells.
        library: What loads the files beside it: "peft", "transformers" or "gguf".
    """
    return f"---\n{front_matter(card, library)}---\n\n{body(card)}"


def front_matter(card: ModelCard, library: str) -> str:
    """The YAML of the card; texts are quoted as JSON, which YAML reads."""
    adapter, method = card.adapter, str((card.run or {}).get("method", ""))
    named = licences(card.datasets)
    lines = [f"base_model: {json.dumps(base_name(adapter.base))}", f"library_name: {library}"]
    if library != "gguf":
        lines.append("pipeline_tag: text-generation")
    if adapter.language:
        lines += ["language:", f"- {json.dumps(adapter.language)}"]
    lines.append("license: other")  # of the data; the base brings its own
    lines.append(f"license_name: {json.dumps('data-' + ('-and-'.join(named) or 'unknown'))}")
    marks = ["ratchet", "lora", method, *(n for n in ("simulated", "synthetic") if share(card, n))]
    marks += [label for label in (adapter.domain, adapter.segment) if label]
    lines += ["tags:", *(f"- {json.dumps(tag)}" for tag in dict.fromkeys(marks) if tag)]
    return "\n".join(lines) + "\n"


def body(card: ModelCard) -> str:
    """The card's text."""
    parts = [
        f"# {card.adapter.id}",
        _what(card),
        *_section("Training", _training(card)),
        *_section("Data", _data(card)),
        *_section("Evaluation", _evaluation(card)),
        *_section("Limits", _limits(card)),
        *_section("Lineage", _lineage(card)),
    ]
    return "\n\n".join(parts) + "\n"


def _section(title: str, text: str) -> tuple[str, ...]:
    return (f"## {title}", text)


def _what(card: ModelCard) -> str:
    adapter = card.adapter
    labels = [f"{name} `{label}`" for name in _LABELS if (label := getattr(adapter, name))]
    told = [
        f"A LoRA adapter for the assistant `{_cell(adapter.assistant)}` on the base model "
        f"`{_cell(base_name(adapter.base))}`, registered on {adapter.at:%Y-%m-%d}.",
        f"It is meant for {', '.join(labels)}." if labels else "",
        f"Merged from {_listed(adapter.sources)}." if adapter.sources else "",
        f"It started from `{adapter.parent}`." if adapter.parent else "",
        f"SHA-256 of its weights: `{adapter.sha256}`.",
    ]
    return " ".join(one for one in told if one)


_LABELS = ("domain", "language", "segment")


def _training(card: ModelCard) -> str:
    run = card.run
    if run is None:
        return "The run is not on record."
    settings: Row = run["settings"]
    decided = [
        (name, _short(value))
        for name, value in sorted(settings.items())
        if name not in _TOLD and value != run["method"]
    ]
    hardware = [f"{name} {settings[name]}" for name in _HARDWARE if name in settings]
    packages = settings.get("packages")
    told = [
        f"Method `{run['method']}`, seed {run['seed']}, {run['seconds']:.3g} seconds"
        + (f", {run['tokens_per_second']:.0f} tokens a second" if run["tokens_per_second"] else "")
        + ".",
        f"Hardware: {', '.join(hardware) or 'not on record'}.",
        f"Packages: {_pairs(packages) if isinstance(packages, Mapping) else 'not on record'}.",
        _table(("setting", "value"), decided) if decided else "",
        _table(("figure of the run", "value"), sorted(run["metrics"].items()))
        if run["metrics"]
        else "",
    ]
    return "\n\n".join(one for one in told if one)


def _data(card: ModelCard) -> str:
    data = card.data
    sets = [(one["id"], one["rows"], f"{one['at']:%Y-%m-%d}") for one in card.datasets]
    told = [
        f"{data['rows']} rows, from {data['interactions']} interactions of {data['people']} people "
        f"and {data['ratings']} ratings and comparisons; {data['synthetics']} made-up questions.",
        _table(("dataset", "rows", "made"), sets) if sets else "No dataset is on record.",
    ]
    for head, name in (("consent basis", "consent"), ("guideline", "guideline"), ("kind", "kind")):
        counts = _by(card.taught, name)
        told.append(_table((head, "rows"), counts) if counts else "")
    of = Counter[str]()
    for one in card.datasets:
        of.update(one["manifest"].get("licences") or {})
    told.append(_table(("licence of the data", "rows"), sorted(of.items())) if of else "")
    told += [
        f"{100 * share(card, mark):.1f} % of the datasets' rows are {mark}: {meaning}."
        for mark, meaning in (
            ("simulated", "asked or judged by a simulated person"),
            ("synthetic", "made up from documents"),
        )
    ]
    return "\n\n".join(one for one in told if one)


def _evaluation(card: ModelCard) -> str:
    if not card.scores:
        return f"Not evaluated yet. Run `ratchet eval --adapter {card.adapter.id}`."
    against = {
        (one["suite"], one["suite_version"], one["metric"]): one
        for one in reversed(card.champion_scores)  # the newest stays
    }
    rows = [
        (
            one["suite"],
            one["metric"],
            _interval(one),
            _interval(against.get((one["suite"], one["suite_version"], one["metric"]))),
            one["n"],
        )
        for one in card.scores
    ]
    head = ("suite", "metric", "this adapter", f"champion then: {card.champion or '–'}", "cases")
    told = [_table(head, rows), "Mean with its interval at 95 percent."]
    if card.decision is not None:
        rules = [
            (rule["rule"], "passed" if rule["passed"] else "failed", rule["evidence"].get("says"))
            for rule in card.decision["rules"]
        ]
        verdict = "passed" if card.decision["verdict"] == "pass" else "refused"
        told += [
            f"The gate {verdict} it against `{card.champion}` on {card.decision['at']:%Y-%m-%d}.",
            _table(("rule", "outcome", "evidence"), rules) if rules else "",
        ]
    return "\n\n".join(one for one in told if one)


def _limits(card: ModelCard) -> str:
    told = [
        "It answers from passages it is shown; without them it may make things up.",
        "People who rate are not all who ask, and their taste is in its answers.",
        "The licence of the base model holds beside those of the data.",
    ]
    if card.champion is None:
        told.append("No gate has judged it.")
    if share(card, "simulated"):
        told.append("Part of what it learnt from was said by simulated people.")
    erased = [one["id"] for one in card.datasets if one["erased_at"] is not None]
    if erased:
        told.append(f"Data of it were erased for a forgotten person: {_listed(erased)}.")
    for reason in sorted({str(one["reason"]) for one in card.marks}):
        told.append(f"**It learnt from a person who {_REASONS.get(reason, reason)}.**")
    return "\n".join(f"- {one}" for one in told)


_REASONS = {"forgotten": "was forgotten since", "withdrawn": "withdrew consent since"}


def _lineage(card: ModelCard) -> str:
    before = f"Adapters before it: {_listed(card.before)}.\n\n" if card.before else ""
    return (
        f"{before}Where each row came from is told by the project that made it:\n\n"
        f"```bash\nratchet adapters lineage {card.adapter.id}\n```"
    )


def _by(rows: Sequence[Row], name: str) -> list[tuple[str, int]]:
    counts = Counter[str]()
    for row in rows:
        counts[str(row[name]) or "none"] += int(row["rows"])
    return sorted(counts.items())


def _pairs(values: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(values.items()))


def _listed(ids: Iterable[str]) -> str:
    return ", ".join(f"`{one}`" for one in ids)


def _interval(row: Row | None) -> str:
    return "–" if row is None else f"{row['mean']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"


def _short(value: object) -> str:
    return json.dumps(value) if isinstance(value, list | dict) else str(value)


def _table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(_cell(value) for value in line)} |" for line in lines)


def _cell(value: object) -> str:
    """A value that cannot break out of its cell or its quotes."""
    text = f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)
    return " ".join(text.replace("|", "\\|").replace("`", "'").replace("<", "&lt;").split())
