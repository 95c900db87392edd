"""What changed between two dataset versions: rows, settings, funnel, and what they rest on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from loop.curate.rows import KINDS

Key = tuple[str, str]  # kind and row id


class Changed(NamedTuple):
    """A value that differs; None where there is none."""

    name: str
    old: Any
    new: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """As much of a dataset version as is compared."""

    manifest: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]]  # lineage: kind, row, split, guideline, consent
    licences: Mapping[str, int] = field(default_factory=dict)  # rows by licence, where known


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What to do to the old version to get the new one."""

    added: list[Key]
    removed: list[Key]
    moved: list[Key]  # to the other split
    unchanged: int
    by_kind: dict[str, dict[str, int]]  # kind → added, removed, moved, unchanged
    settings: list[Changed]  # seed and suites, too
    funnel: list[Changed]  # "step: reason", items
    bases: dict[str, list[Changed]]  # guideline, consent, licence → rows by value
    sources: list[Changed]  # what there was to curate from

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "added": _keys(self.added),
            "removed": _keys(self.removed),
            "other_split": _keys(self.moved),
            "unchanged": self.unchanged,
            "by_kind": self.by_kind,
            "settings": _changes(self.settings),
            "funnel": _changes(self.funnel),
            **{name: _changes(changes) for name, changes in self.bases.items()},
            "sources": _changes(self.sources),
        }


def difference(old: Version, new: Version) -> Difference:
    """Compare two versions. A row's id is a hash of what it teaches, so equal ids are equal rows.

    Args:
        old: What is compared with.
        new: What is looked at.
    """
    before = {(str(r["kind"]), str(r["row"])): r for r in old.rows}
    after = {(str(r["kind"]), str(r["row"])): r for r in new.rows}
    both = sorted(before.keys() & after.keys())
    added, removed = sorted(after.keys() - before.keys()), sorted(before.keys() - after.keys())
    moved = [key for key in both if before[key]["split"] != after[key]["split"]]
    by_kind: dict[str, dict[str, int]] = {
        kind: {
            "added": _of(kind, added),
            "removed": _of(kind, removed),
            "moved": _of(kind, moved),
            "unchanged": _of(kind, both) - _of(kind, moved),
        }
        for kind in KINDS
    }
    bases = {
        "guideline": _changed(_count(old.rows, "guideline"), _count(new.rows, "guideline")),
        "consent": _changed(_count(old.rows, "consent"), _count(new.rows, "consent")),
        "licence": _changed(old.licences, new.licences),
    }
    return Difference(
        added=added,
        removed=removed,
        moved=moved,
        unchanged=len(both) - len(moved),
        by_kind=by_kind,
        settings=_changed(_rules(old.manifest), _rules(new.manifest)),
        funnel=_changed(_flat(old.manifest.get("funnel")), _flat(new.manifest.get("funnel"))),
        bases=bases,
        sources=_changed(_flat(old.manifest.get("sources")), _flat(new.manifest.get("sources"))),
    )


def _rules(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with all else that decides what becomes of the same feedback."""
    return {
        **_flat(manifest.get("settings")),
        **{f"suites: {name}": version for name, version in _flat(manifest.get("suites")).items()},
        **{name: manifest[name] for name in ("assistant", "format", "seed") if name in manifest},
    }


def _flat(values: object, place: str = "") -> dict[str, Any]:
    """{"step": {"reason": n}} → {"step: reason": n}.

    >>> _flat({"consent": {"kept": 3}, "seed": 7})
    {'consent: kept': 3, 'seed': 7}
    """
    found: dict[str, Any] = {}
    for key, value in values.items() if isinstance(values, Mapping) else ():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{place}{key}: ")
        else:
            found[f"{place}{key}"] = value
    return found


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Changed]:
    names = dict.fromkeys([*old, *new])
    return [
        Changed(name, old.get(name), new.get(name))
        for name in names
        if old.get(name) != new.get(name)
    ]


def _count(rows: Iterable[Mapping[str, Any]], column: str) -> dict[str, int]:
    return dict(sorted(Counter(str(row[column]) for row in rows if column in row).items()))


def _of(kind: str, keys: Sequence[Key]) -> int:
    return sum(one == kind for one, _ in keys)


def _keys(keys: Sequence[Key]) -> list[dict[str, str]]:
    return [{"kind": kind, "row": row} for kind, row in keys]


def _changes(changes: Sequence[Changed]) -> list[dict[str, Any]]:
    return [one._asdict() for one in changes]
