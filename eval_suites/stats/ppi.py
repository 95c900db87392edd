"""A few human ratings correct many of a judge's: prediction-powered inference."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from eval_suites.stats.intervals import Mean, check_alpha, normal_quantile


def ppi_mean(
    human: ArrayLike, judge_on_same: ArrayLike, judge_elsewhere: ArrayLike, alpha: float = 0.05
) -> Mean:
    """Mean that people would give, from a judge's scores and its errors where people rated too.

    Unbiased however wrong the judge; narrower than people alone only if it is right often.

    Args:
        human: People's scores, shape (n,).
        judge_on_same: The judge's scores of the same items in the same order, shape (n,).
        judge_elsewhere: The judge's scores of items nobody rated, shape (N,), drawn alike.
        alpha: One minus the interval's confidence.

    Raises:
        ValueError: Lengths differ, or a side has fewer than two scores.

    Source: Angelopoulos et al. 2023, Science 382:669.

    >>> found = ppi_mean([1, 0, 1, 1], [0.9, 0.2, 0.8, 0.9], [0.9, 0.8, 0.1, 0.9, 0.8, 0.7])
    >>> round(found.mean, 3), round(found.high - found.low, 2)
    (0.75, 0.53)
    """
    check_alpha(alpha)
    human_n, judge_n, else_m = (
        np.asarray(side, dtype=float) for side in (human, judge_on_same, judge_elsewhere)
    )
    if len(human_n) != len(judge_n):
        raise ValueError(f"{len(human_n)} human scores but {len(judge_n)} of the judge's")
    if min(len(human_n), len(else_m)) < 2:
        raise ValueError("expected two scores at least, with people and without")
    errors_n = human_n - judge_n
    mean = float(else_m.mean() + errors_n.mean())
    reach = normal_quantile(1 - alpha / 2) * math.sqrt(
        float(else_m.var()) / len(else_m) + float(errors_n.var()) / len(errors_n)
    )
    return Mean(mean, mean - reach, mean + reach)
