"""How far raters agree beyond chance, by kind of judgement and by criterion of a rubric."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from loop.feedback.judgements import COMPARISON, Codes, Judgements

ALWAYS = ("thumb", "stars", COMPARISON)  # kinds that are told of, said or not


class Beyond(NamedTuple):
    """Agreement beyond chance with its 95 % interval: 1 perfect, 0 chance."""

    value: float
    low: float
    high: float
    items: int  # behind it


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How far raters agree on one kind of judgement. None where nothing was judged twice."""

    kind: str  # thumb, stars, "rubric CRITERION" or comparison
    alpha: float | None  # Krippendorff's: ordinal for stars and rubrics, else nominal
    low: float | None  # its 95 % interval, by bootstrap over items
    high: float | None
    raters: int
    items: int  # that two raters or more have judged
    fleiss: Beyond | None  # Fleiss' kappa of the same items
    cohen: Beyond | None  # of two raters only: Cohen's kappa, quadratic weights on a scale


def agreement_of(judgements: Judgements, *, seed: int = 0) -> list[Agreement]:
    """One for each kind that occurs, and for thumbs, stars and comparisons in any case.

    Args:
        judgements: The latest words, one of each rater on an item.
        seed: Of the bootstrap behind the intervals of alpha.
    """
    others = sorted(set(judgements.kinds) - set(ALWAYS))
    return [_agree(judgements, kind, seed) for kind in (*ALWAYS[:2], *others, ALWAYS[2])]


def _agree(judgements: Judgements, kind: str, seed: int) -> Agreement:
    from eval_suites.stats.agreement import alpha_interval

    number = judgements.kinds.index(kind) if kind in judgements.kinds else -1
    at = np.flatnonzero((judgements.kind_n == number) & ~np.isnan(judgements.value_n))
    rater_n, item_n, value_n = judgements.rater_n[at], judgements.item_n[at], judgements.value_n[at]
    scale = kind not in ("thumb", COMPARISON)
    found = alpha_interval(item_n, value_n, "ordinal" if scale else "nominal", seed=seed)
    return Agreement(
        kind=kind,
        alpha=found.alpha if found else None,
        low=found.low if found else None,
        high=found.high if found else None,
        raters=len(np.unique(rater_n)),
        items=int((np.unique(item_n, return_counts=True)[1] > 1).sum()),
        fleiss=_fleiss(item_n, value_n),
        cohen=_cohen(rater_n, item_n, value_n, scale),
    )


def _fleiss(item_n: Codes, value_n: NDArray[np.float64]) -> Beyond | None:
    from eval_suites.stats.kappa import fleiss_kappa

    kept = np.bincount(item_n)[item_n] > 1 if len(item_n) else np.zeros(0, dtype=bool)
    _, row_n = np.unique(item_n[kept], return_inverse=True)
    values, column_n = np.unique(value_n[kept], return_inverse=True)
    if not len(values):
        return None
    items = int(row_n.max()) + 1
    cells = np.bincount(row_n * len(values) + column_n, minlength=items * len(values))
    found = fleiss_kappa(cells.reshape(items, len(values)).tolist())
    return Beyond(found.kappa, found.low, found.high, items) if found else None


def _cohen(
    rater_n: Codes, item_n: Codes, value_n: NDArray[np.float64], scale: bool
) -> Beyond | None:
    from eval_suites.stats.kappa import cohen_kappa, table_of

    names = np.unique(rater_n)
    if len(names) != 2:
        return None
    one, two = (
        dict(zip(item_n[mine].tolist(), value_n[mine].tolist(), strict=True))
        for mine in (rater_n == name for name in names)
    )
    both = sorted(set(one) & set(two))
    if not both:
        return None
    table = table_of([one[item] for item in both], [two[item] for item in both])
    found = cohen_kappa(table.tolist(), weights="quadratic" if scale else "none")
    return Beyond(found.kappa, found.low, found.high, len(both)) if found else None
