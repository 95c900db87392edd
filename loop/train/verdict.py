"""Are the best settings of a search better than the default ones, or only luckier?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eval_suites.stats.paired import clustered_difference
from loop.train.history import Repeat

LEAST = 10  # prompts in each half of the held-out rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Best settings against default ones, on rows and seeds that chose nothing; above 0 is better.

    The interval is over rows: what other rows would say of these runs. Whether other seeds would
    say the same is told by `by_seed`.
    """

    verdict: str  # "better", "worse" or "no better"
    difference: float
    low: float
    high: float
    p_value: float
    rows: int
    prompts: int
    by_seed: dict[int, float]  # seed → its difference alone

    @property
    def words(self) -> str:
        """The verdict in a sentence."""
        seeds = "seed" if len(self.by_seed) == 1 else "seeds"
        behind = f"{self.rows} rows that chose nothing, {len(self.by_seed)} {seeds}"
        span = f"[{self.low:.4f}, {self.high:.4f}]"
        if self.verdict == "no better":
            odd = (self.low > 0 and " The seeds do not agree.") or ""
            return f"No better than the defaults: {self.difference:.4f} {span} ({behind}).{odd}"
        word = self.verdict.capitalize()
        return f"{word} than the defaults by {abs(self.difference):.4f} {span} ({behind})."


def compare(
    best: Sequence[Repeat], default: Sequence[Repeat], prompts: Mapping[str, str], *, more: bool
) -> Comparison:
    """The difference row by row, averaged over seeds, with a 95 % interval.

    Seeds share the rows, and rows share prompts, so prompts are the independent units. Better is
    what the interval and every seed say.

    Args:
        best: Runs of the best settings, at least one.
        default: Runs of the default settings with the same seeds, in the same order.
        prompts: Row → its prompt, of at least two prompts.
        more: Is more of the figure better.

    Source: `clustered_difference`.
    """
    sign = 1.0 if more else -1.0
    pairs = list(zip(best, default, strict=True))
    known = set(prompts).intersection(*(one.figures for pair in pairs for one in pair))
    rows = sorted(known)

    def mean(runs: Sequence[Repeat], row: str) -> float:
        return sign * sum(run.figures[row] for run in runs) / len(runs)

    found = clustered_difference(
        [mean(best, row) for row in rows],
        [mean(default, row) for row in rows],
        [prompts[row] for row in rows],
    )
    by_seed = {
        new.seed: sum(sign * (new.figures[row] - old.figures[row]) for row in rows) / len(rows)
        for new, old in pairs
    }
    verdict = "no better"
    if found.low > 0 and all(value > 0 for value in by_seed.values()):
        verdict = "better"
    elif found.high < 0:
        verdict = "worse"
    return Comparison(
        verdict=verdict,
        difference=found.difference,
        low=found.low,
        high=found.high,
        p_value=found.p_value,
        rows=len(rows),
        prompts=len({prompts[row] for row in rows}),
        by_seed=by_seed,
    )
