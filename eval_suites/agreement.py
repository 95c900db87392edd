"""Does a judge agree with people? Measured before a judge may decide anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from eval_suites.stats.intervals import wilson
from eval_suites.stats.kappa import cohen_kappa, table_of
from knowledge.errors import RatchetError

ALPHA = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How far a judge and people say the same of the same replies."""

    judge: str  # its id
    n: int  # replies, or pairs, that both judged
    kappa: float | None  # weighted by squares; None: all of one side said the same
    low: float | None
    high: float | None
    same: float  # share on which both say exactly the same
    same_low: float
    same_high: float
    unread: int  # that the judge's words could not be read on
    swayed: int = 0  # pairs in which the order decided

    def problem(self, least: float, labels: int) -> str | None:
        """Why the judge may not decide; None if it may.

        Args:
            least: What the lower end of kappa's interval must reach.
            labels: How many replies both must have judged.
        """
        if self.n < labels:
            return f"{self.judge} was held against people on {self.n} replies; it takes {labels}"
        if self.low is None or self.low < least:
            low = "unknown" if self.low is None else f"{self.low:.2f}"
            return (
                f"{self.judge} agrees with people too little: the lower end of kappa is {low}, "
                f"and it takes {least:.2f}"
            )
        return None


def agreement(
    judge: str,
    people: Sequence[float],
    said: Sequence[float | None],
    *,
    swayed: int = 0,
) -> Agreement:
    """Hold a judge's values against people's.

    Args:
        judge: Its id.
        people: What people say of each item, on a scale in steps, shape (n,).
        said: What the judge says of the same items on the same scale; None could not be read.
        swayed: Pairs in which the order decided.

    Raises:
        RatchetError: There is nothing that both judged.

    Source: Cohen 1968 (quadratic weights); interval of Fleiss, Cohen and Everitt 1969.
    """
    if len(people) != len(said):
        raise ValueError(f"{len(people)} of people but {len(said)} of the judge")
    pairs = [(float(p), float(j)) for p, j in zip(people, said, strict=True) if j is not None]
    if not pairs:
        raise RatchetError(
            "There is no reply that people and the judge both judged. Rate some on the Review "
            "page (`ratchet up`) first."
        )
    ours, theirs = zip(*pairs, strict=True)
    found = cohen_kappa(table_of(ours, theirs).tolist(), weights="quadratic", alpha=ALPHA)
    alike = sum(one == other for one, other in pairs)
    low, high = wilson(alike, len(pairs), ALPHA)
    return Agreement(
        judge=judge,
        n=len(pairs),
        kappa=found.kappa if found else None,
        low=found.low if found else None,
        high=found.high if found else None,
        same=alike / len(pairs),
        same_low=low,
        same_high=high,
        unread=len(said) - len(pairs),
        swayed=swayed,
    )
