"""The dataset card: what a version is, how it was made, and what speaks against using it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from loop.curate.facts import Facts
from loop.curate.funnel import STEPS
from loop.curate.shapes import NAMES

# Names of licences in settings → ids that the Hub knows.
_HUB = {"cc0": "cc0-1.0"}
_KNOWN = frozenset(
    "cc0-1.0 cc-by-4.0 cc-by-sa-4.0 cc-by-3.0 cc-by-nc-4.0 mit apache-2.0 bsd-3-clause odc-by "
    "odbl pddl gpl-3.0 lgpl-3.0 unlicense".split()
)
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def card(
    manifest: Mapping[str, Any], found: Facts, files: Mapping[str, Mapping[str, str]], lineage: bool
) -> str:
    """README.md of an exported version, with YAML on top for the Hugging Face Hub.

    Args:
        manifest: Of the version.
        found: What its files hold.
        files: Config → split → path below the card.
        lineage: Whether keys of people and interactions are in it.
    """
    return f"---\n{front_matter(manifest, found, files)}---\n\n{body(manifest, found, lineage)}"


def licences(found: Facts) -> list[str]:
    """Every licence that a row names, in the Hub's spelling."""
    named = {
        part.strip().casefold()
        for value in found.values.get("licence", {})
        for part in value.split("+")
    }
    return sorted({_HUB.get(name, name) for name in named})


def size_category(rows: int) -> str:
    """The Hub's word for so many rows.

    >>> size_category(999), size_category(1000)
    ('n<1K', '1K<n<10K')
    """
    return next((name for most, name in _SIZES if rows < most), "1M<n<10M")


def tags(found: Facts) -> list[str]:
    """What the dataset can be found by."""
    methods = {"pair": "dpo", "sft": "sft", "kto": "kto"}
    made = [methods[kind] for kind, splits in found.counts.items() if sum(splits.values())]
    marks = ["ratchet", "human-feedback", *made]
    for column in ("synthetic", "simulated"):
        if share := found.share(column):
            marks += [column, f"{column}-share-{max(1, round(100 * share))}-percent"]
    return marks


def front_matter(
    manifest: Mapping[str, Any], found: Facts, files: Mapping[str, Mapping[str, str]]
) -> str:
    """The YAML of the card; texts are quoted as JSON, which YAML reads."""
    named = licences(found)
    known = named[0] if len(named) == 1 and named[0] in _KNOWN else "other"
    lines = [f"license: {known}"]
    if known == "other":
        lines.append(f"license_name: {json.dumps('-and-'.join(named) or 'unknown')}")
    lines.append(f"pretty_name: {json.dumps(_title(manifest))}")
    lines += ["size_categories:", f"- {size_category(found.rows)}"]
    lines += ["task_categories:", "- text-generation", "- question-answering"]
    lines += ["tags:", *(f"- {tag}" for tag in tags(found))]
    lines.append("configs:" if files else "configs: []")
    for number, (config, splits) in enumerate(files.items()):
        lines.append(f"- config_name: {config}")
        if number == 0:
            lines.append("  default: true")
        lines.append("  data_files:")
        for split, path in splits.items():
            lines += [f"  - split: {split}", f"    path: {path}"]
    return "\n".join(lines) + "\n"


def body(manifest: Mapping[str, Any], found: Facts, lineage: bool) -> str:
    """The card's text."""
    parts = [
        f"# {_title(manifest)}",
        "What people said about the answers of an assistant, made into rows to train on. Each row "
        "is the prompt as the model saw it, passages and all, with one or two answers.",
        *_section("Splits", _splits(found)),
        *_section("How it was made", _made(manifest)),
        *_section("Consent", _counted(found, "consent", "basis")),
        *_section("Licences", _counted(found, "licence", "licence")),
        *_section("Guidelines", _counted(found, "guideline", "guideline version")),
        *_section("Raters and agreement", _agreement(manifest)),
        *_section("Personal data", _personal(manifest, lineage)),
        *_section("Synthetic and simulated rows", _unreal(manifest, found)),
        *_section("Biases and limits", _LIMITS),
        *_section("Checks", _checks(manifest)),
    ]
    return "\n\n".join(parts) + "\n"


_LIMITS = (
    "- People who rate are not all who ask: rows over-represent answers that somebody bothered to "
    "judge.\n"
    "- Whoever rates much weighs much, up to the limit that the settings set.\n"
    "- Answers rest on the passages they were shown; these may be out of date by now.\n"
    "- Patterns find personal data by its form. A name in running text may have stayed.\n"
    "- The held-out split is for tuning. It is no eval suite: cases of those are kept out of both."
)


def _title(manifest: Mapping[str, Any]) -> str:
    return f"Feedback on {manifest.get('assistant', 'an assistant')} ({manifest.get('dataset')})"


def _section(title: str, text: str) -> tuple[str, ...]:
    return (f"## {title}", text) if text else ()


def _splits(found: Facts) -> str:
    rows = [
        (NAMES[kind], splits.get("train", 0), splits.get("held_out", 0))  # type: ignore[index]
        for kind, splits in found.counts.items()
    ]
    told = "No person who asked is in both splits."
    return f"{_table(('config', 'train', 'held_out'), rows)}\n\n{told}"


def _made(manifest: Mapping[str, Any]) -> str:
    funnel = manifest.get("funnel") or {}  # a store gives it back in order of names
    order = {step: number for number, step in enumerate(STEPS)}
    lines = [
        (step, reason, count)
        for step in sorted(funnel, key=lambda step: order.get(step, len(order)))
        for reason, count in funnel[step].items()
    ]
    sources = ", ".join(f"{n} {name}" for name, n in (manifest.get("sources") or {}).items())
    suites = ", ".join(f"{n} ({v})" for n, v in (manifest.get("suites") or {}).items()) or "none"
    told = [
        f"Curated by Ratchet from {sources or 'recorded feedback'}, seed {manifest.get('seed')}. "
        f"Near copies of cases of these eval suites were left out: {suites}.",
        _table(("step", "outcome", "items"), lines) if lines else "",
        "Settings:",
        f"```json\n{json.dumps(manifest.get('settings') or {}, indent=2, sort_keys=True)}\n```",
    ]
    return "\n\n".join(part for part in told if part)


def _counted(found: Facts, column: str, head: str) -> str:
    counts = found.values.get(column, {})
    rows = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return _table((head, "rows"), rows) if rows else "Nothing is recorded."


def _agreement(manifest: Mapping[str, Any]) -> str:
    parts = []
    for key in ("raters", "agreement"):
        value = manifest.get(key)
        if isinstance(value, Mapping):
            parts.append(_table((key, "value"), list(_flat(value))))
        elif value is not None:
            parts.append(f"{key.capitalize()}: {value}")
    return "\n\n".join(parts) or "Not measured for this version."


def _personal(manifest: Mapping[str, Any], lineage: bool) -> str:
    policy = (manifest.get("settings") or {}).get("personal_data", "unknown")
    keys = (
        "Pseudonymous keys of people and ids of their interactions are in it; they are personal "
        "data, so whoever holds a copy must be able to delete rows."
        if lineage
        else "Keys of people and ids of their interactions are not in it."
    )
    return (
        f"Personal data that was found by pattern was treated by the policy `{policy}`. {keys} "
        "Rows follow the consent above; when somebody withdraws, the version is named to its owner "
        "and a new one is made."
    )


def _unreal(manifest: Mapping[str, Any], found: Facts) -> str:
    told = [
        f"{100 * found.share(column):.1f} % of the rows are {column}: {meaning}."
        for column, meaning in (
            ("synthetic", "made up from documents, checked by a round trip"),
            ("simulated", "asked or judged by a simulated person"),
        )
    ]
    makers = manifest.get("generators")
    if isinstance(makers, Sequence) and not isinstance(makers, str):
        told.append(f"Generators: {', '.join(map(str, makers))}.")
    return "\n".join(told)


def _checks(manifest: Mapping[str, Any]) -> str:
    checks = manifest.get("checks")
    if isinstance(checks, Mapping):
        return _table(("check", "outcome"), list(_flat(checks)))
    if isinstance(checks, Sequence) and not isinstance(checks, str):
        return "\n".join(f"- {check}" for check in checks)
    return "The files have the SHA-256 that the manifest of the version named when exported."


def _flat(values: Mapping[str, Any], place: str = "") -> Iterable[tuple[str, object]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{place}{key}.")
        else:
            yield f"{place}{key}", value


def _table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(_cell(value) for value in line)} |" for line in lines)


def _cell(value: object) -> str:
    """A value that cannot break out of its cell."""
    return " ".join(str(value).replace("|", "\\|").split())
