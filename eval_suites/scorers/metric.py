"""What a metric is: how it scores, which way is better, in what unit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from eval_suites.records import Better, Case, Reply

PerCase = Callable[[Case, Reply], float | None]
PerVariants = Callable[[Sequence[tuple[Case, Reply]]], float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One way of measuring. It scores each case, or a case and its variants together.

    None says that it does not apply, which depends on the case alone, never on the reply. So two
    assistants are always judged on the same cases, and staying silent is no way out of a metric.
    """

    score: PerCase | None = None
    across: PerVariants | None = None
    better: Better = "higher"
    k: int = 0  # above 0: the chance that one of k passes, from all that were drawn
    unit: str = ""  # "" is a share in [0, 1]; else values are 0 or more, e.g. in "s"

    @property
    def meaning(self) -> str:
        """What it measures, in a line."""
        told = (self.score or self.across).__doc__ or ""
        return told.partition("\n")[0]
