"""A suite against an assistant: the only loop over cases."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from eval_suites.converse import converse
from eval_suites.records import Assistant, Better, Case, Draw, Reply, Report, Score, Summary
from eval_suites.scorers import Metric, metric_of
from eval_suites.stats.intervals import clustered_mean, wilson
from eval_suites.stats.pass_at_k import pass_at_k
from eval_suites.suites import Suite
from knowledge.errors import RatchetError

ALPHA = 0.05  # summaries carry 95 % intervals


def run(
    suite: Suite,
    assistant: Assistant,
    *,
    batch: int = 16,
    progress: Callable[[int], object] | None = None,
) -> Report:
    """Put every case to the assistant and score what it says.

    Args:
        suite: What to ask and how to judge.
        assistant: Cases in, replies out, in order.
        batch: Cases it is given at a time.
        progress: Told how many more cases are done, after each batch; e.g. a tqdm bar's `update`.

    Raises:
        RatchetError: The assistant gave fewer or more replies than it was given cases.
    """
    draws = [
        _replies(suite, assistant, _drawn(suite, number), batch, progress)
        for number in range(suite.samples)
    ]
    return make_report(suite, assistant.name, *draws)


def _drawn(suite: Suite, number: int) -> list[Case]:
    """The cases, as they are put for the reply of this number."""
    if suite.samples == 1:
        return list(suite.cases)
    draw = Draw(number=number, temperature=suite.temperature)
    return [replace(case, draw=draw) for case in suite.cases]


def _replies(
    suite: Suite,
    assistant: Assistant,
    cases: Sequence[Case],
    batch: int,
    progress: Callable[[int], object] | None,
) -> dict[str, Reply]:
    """Case id → reply."""
    replies: dict[str, Reply] = {}
    for start in range(0, len(cases), batch):
        some = cases[start : start + batch]
        talks = [case for case in some if case.steps]
        single = [case for case in some if not case.steps]
        said = assistant(single) if single else []
        if len(said) != len(single):
            raise RatchetError(
                f"{assistant.name}: {len(said)} replies to {len(single)} cases of {suite.name}. "
                "An assistant must reply to each case, in order; mend it and run again."
            )
        replies |= {case.id: reply for case, reply in zip(single, said, strict=True)}
        replies |= zip([case.id for case in talks], converse(assistant, talks), strict=True)
        if progress is not None:
            progress(len(some))
    return replies


def make_report(suite: Suite, assistant: str, *draws: dict[str, Reply]) -> Report:
    """Score replies that are already there.

    Args:
        suite: What was asked.
        assistant: Who replied.
        draws: Case id → reply, for every case of the suite; one for each time it was asked. A
            case scores its mean over them.
    """
    known = {name: metric for name in suite.metrics if (metric := metric_of(name)) is not None}
    by_metric = {
        name: _over_draws(
            [list(_scores(suite.cases, replies, name, metric)) for replies in draws], metric.k
        )
        for name, metric in known.items()
    }
    order = {case.id: place for place, case in enumerate(suite.cases)}
    scores = [score for of_metric in by_metric.values() for score in of_metric]
    return Report(
        suite=suite.name,
        version=suite.version,
        assistant=assistant,
        replies=draws[0],
        samples=len(draws),
        scores=tuple(sorted(scores, key=lambda score: order[score.case])),
        summary={
            name: summarise(of_metric, unit=known[name].unit, better=known[name].better)
            for name, of_metric in by_metric.items()
            if of_metric
        },
    )


def summarise(scores: Sequence[Score], *, unit: str = "", better: Better = "higher") -> Summary:
    """Mean and 95 % interval of one metric, at least one score.

    Cases of one cluster count as one look at the world. Yes-or-no metrics whose cases stand each
    for itself get Wilson's interval; the rest a t interval on clusters. Where that cannot be had
    (one cluster, or all values alike) the clusters are taken as so many yes-or-no looks: a
    perfect score is never a certainty. What is measured in a unit has no such bounds: there one
    cluster, or values all alike, say nothing of the spread, and both ends are the mean.

    Args:
        scores: Each in [0, 1], or 0 or more where there is a unit.
        unit: The metric's.
        better: Which way of it is.
    """
    values = [score.value for score in scores]
    clusters = [score.cluster for score in scores]
    groups, mean = len(set(clusters)), sum(values) / len(values)
    binary = set(values) <= {0.0, 1.0}
    if unit:
        alone = groups == 1 or len(set(values)) == 1
        low, high = (mean, mean) if alone else clustered_mean(values, clusters, ALPHA)[1:]
    elif binary and groups == len(values):
        low, high = wilson(round(sum(values)), len(values), ALPHA)
    elif groups == 1 or len(set(values)) == 1:
        low, high = wilson(mean * groups, groups, ALPHA)
    else:
        _, low, high = clustered_mean(values, clusters, ALPHA)
    return Summary(
        mean=mean,
        low=max(0.0, min(low, mean)),
        high=max(high, mean) if unit else min(1.0, max(high, mean)),
        n=len(values),
        better=better,
        unit=unit,
    )


def _over_draws(draws: Sequence[Sequence[Score]], k: int) -> tuple[Score, ...]:
    """Each case's mean over the draws it was scored in, or its pass@k."""
    values: dict[str, list[Score]] = {}
    for draw in draws:
        for score in draw:
            values.setdefault(score.case, []).append(score)
    return tuple(
        replace(some[0], value=_together([score.value for score in some], k))
        for some in values.values()
    )


def _together(values: Sequence[float], k: int) -> float:
    if k:
        return pass_at_k(len(values), round(sum(values)), min(k, len(values)))
    return sum(values) / len(values)


def _scores(
    cases: Sequence[Case], replies: dict[str, Reply], name: str, known: Metric
) -> Iterator[Score]:
    """The scores of one metric, for every case or set of variants it applies to."""
    if known.score is not None:
        for case in cases:
            value = known.score(case, replies[case.id])
            if value is not None:
                yield _score(case, name, value)
    if known.across is not None:
        for variants in _variants(cases):
            value = known.across([(case, replies[case.id]) for case in variants])
            if value is not None:
                yield _score(variants[0], name, value)


def _variants(cases: Sequence[Case]) -> list[list[Case]]:
    """Cases that ask the same, where there are several; the one they vary first."""
    together: dict[str, list[Case]] = {}
    for case in sorted(cases, key=lambda case: bool(case.variant_of)):
        together.setdefault(case.variant_of or case.id, []).append(case)
    return [variants for variants in together.values() if len(variants) > 1]


def _score(case: Case, metric: str, value: float) -> Score:
    return Score(case=case.id, metric=metric, value=value, cluster=case.cluster, kind=case.kind)
