"""What each step kept and dropped: counted, and item by item with the reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

STEPS = (
    "consent", "licence", "simulated", "feedback", "synthetic", "personal_data", "contamination",
    "duplicates", "meaning", "balance", "split",
)  # fmt: skip
KEPT = "kept"
SCHEMA = pa.schema(
    {
        "item": pa.string(),  # id of an interaction, a judgement or a made-up question, or a row
        "what": pa.string(),  # interaction, judgement, synthetic, pair, sft or kto
        "step": pa.string(),
        "reason": pa.string(),
        "instead": pa.string(),  # the row that stands for it, of a duplicate
    }
)


class Drop(NamedTuple):
    """Something that fell, where, and why."""

    item: str
    what: str
    step: str
    reason: str
    instead: str | None = None


def drops_table(drops: Sequence[Drop]) -> pa.Table:
    """Drops as a table with the funnel's columns."""
    columns = zip(*drops, strict=True) if drops else ([] for _ in SCHEMA)
    return pa.table(dict(zip(SCHEMA.names, map(list, columns), strict=True)), schema=SCHEMA)


class Funnel:
    """Counts by step: {"kept": n, reason: n, …}; turns up to "simulated", rows from "feedback".

    Args:
        progress: Show a bar on stderr.
    """

    def __init__(self, progress: bool) -> None:
        self._counts: dict[str, Counter[str]] = {step: Counter({KEPT: 0}) for step in STEPS}
        self._progress = progress
        self._bar: Any = None

    def stage(self, says: str, total: int | None = None) -> None:
        """Begin a stage of so many parts, on the bar."""
        self.close()
        if self._progress:
            from tqdm import tqdm

            self._bar = tqdm(total=total, desc=says, unit="part", leave=False)

    def advance(self) -> None:
        """One part of the stage is done."""
        if self._bar is not None:
            self._bar.update()

    def note(self, step: str, kept: int, reasons: Iterable[str]) -> None:
        """So many passed a step, and these did not."""
        self._counts[step][KEPT] += kept
        self._counts[step].update(reasons)

    def add(self, counts: dict[str, Counter[str]]) -> None:
        """What was counted elsewhere."""
        for step, found in counts.items():
            self._counts[step].update(found)

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """{"kept": n, reason: n, …} by step, "synthetic" only if anything was made up."""
        return {
            step: {KEPT: found[KEPT], **{r: n for r, n in sorted(found.items()) if r != KEPT and n}}
            for step, found in self._counts.items()
            if step != "synthetic" or found.total()
        }

    def largest_drop(self) -> str:
        """Where most was lost, and what to do about it."""
        drops = [
            (count, step, reason)
            for step, counts in self.counts.items()
            for reason, count in counts.items()
            if reason != KEPT and count
        ]
        if not drops:
            return (
                "nothing to train on: no interaction is in the store. "
                "Log some with `ratchet log`, or ask and rate."
            )
        count, step, reason = max(drops, key=lambda drop: drop[0])
        advice = _ADVICE.get(step, "Gather more feedback")
        return f"nothing to train on: {step} dropped {count} for {reason!r}. {advice}."

    def close(self) -> None:
        """Take the bar away; safe to call twice."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


_ADVICE = {
    "consent": "Ask people for consent, or name the basis you have in curate.consent",
    "licence": "Name the licence in curate.licences if it allows training",
    "simulated": "Let people in, or set curate.simulated to true",
    "feedback": "Rate answers, or compare them, with `ratchet up` or `ratchet rate`",
    "contamination": "What people asked is what the suites ask; gather other questions",
    "split": "Ask more people, or other questions",
}
