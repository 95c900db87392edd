"""What each step kept and dropped, counted and shown as it goes."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, TypeVar

from loop.curate.rows import Sifted

T = TypeVar("T")
STEPS = (
    "consent", "licence", "simulated", "feedback", "personal_data", "duplicates", "contamination",
    "balance", "split",
)  # fmt: skip
KEPT = "kept"


class Funnel:
    """Counts by step: {"kept": n, reason: n, …}; turns up to "simulated", rows from "feedback".

    Args:
        progress: Show a bar of the steps on stderr.
    """

    def __init__(self, progress: bool) -> None:
        self.counts: dict[str, dict[str, int]] = {}
        self._bar: Any = None
        if progress:
            from tqdm import tqdm

            self._bar = tqdm(total=len(STEPS), desc="Curating", unit="step", leave=False)

    def __enter__(self) -> Funnel:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def kept(
        self, step: str, sifted: Sifted[T], *, also: Mapping[str, int] | None = None
    ) -> list[T]:
        """Note what a step did; what it kept.

        Args:
            step: Its name.
            sifted: What it kept and dropped.
            also: Further things that came to nothing, by reason.
        """
        counts = sifted.counts()
        for reason, count in sorted((also or {}).items()):
            counts[reason] = counts.get(reason, 0) + count
        self.counts[step] = counts
        if self._bar is not None:
            self._bar.update()
        return sifted.kept

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


_ADVICE = {
    "consent": "Ask people for consent, or name the basis you have in curate.consent",
    "licence": "Name the licence in curate.licences if it allows training",
    "simulated": "Let people in, or set curate.simulated to true",
    "feedback": "Rate answers, or compare them, with `ratchet up` or `ratchet rate`",
    "contamination": "What people asked is what the suites ask; gather other questions",
}
