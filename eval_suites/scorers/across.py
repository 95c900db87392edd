"""Metrics across variants: cases that ask the same in other words, or for other people."""

from __future__ import annotations

from collections.abc import Sequence

from eval_suites.records import Case, Reply
from eval_suites.scorers.match import facts_present
from eval_suites.scorers.served import served

Variants = Sequence[tuple[Case, Reply]]


def worst_case(variants: Variants) -> float | None:
    """1 if the facts are stated however the question is put. For cases with variants and facts.

    Source: Liang et al. 2023, HELM (worst case over perturbations).
    """
    values = [facts_present(case, reply) for case, reply in variants]
    known = [value for value in values if value is not None]
    return min(known) if known else None


def group_gap(variants: Variants) -> float | None:
    """How much better the best served group fares than the worst. For variants of two groups.

    A group fares as well as the share of its cases that were served.

    Source: Barocas, Hardt and Narayanan 2023, Fairness and Machine Learning (counterfactuals).
    """
    groups: dict[str, list[float]] = {}
    for case, reply in variants:
        if case.group:
            groups.setdefault(case.group, []).append(served(case, reply))
    means = [sum(values) / len(values) for values in groups.values()]
    return max(means) - min(means) if len(means) > 1 else None
