"""A suite against an assistant: the only loop over cases."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from eval_suites.records import Assistant, Case, Reply, Report, Score, Summary
from eval_suites.scorers import METRICS
from eval_suites.stats.intervals import clustered_mean, wilson
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
    replies: dict[str, Reply] = {}
    for start in range(0, len(suite.cases), batch):
        cases = suite.cases[start : start + batch]
        said = assistant(cases)
        if len(said) != len(cases):
            raise RatchetError(
                f"{assistant.name}: {len(said)} replies to {len(cases)} cases of {suite.name}. "
                "An assistant must reply to each case, in order; mend it and run again."
            )
        replies |= {case.id: reply for case, reply in zip(cases, said, strict=True)}
        if progress is not None:
            progress(len(cases))
    return make_report(suite, assistant.name, replies)


def make_report(suite: Suite, assistant: str, replies: dict[str, Reply]) -> Report:
    """Score replies that are already there: case id → reply, for every case of the suite."""
    scores = tuple(
        score
        for case in suite.cases
        for metric in suite.metrics
        if (score := _score(case, replies[case.id], metric)) is not None
    )
    summary = {
        metric: summarise(of_metric)
        for metric in suite.metrics
        if (of_metric := [score for score in scores if score.metric == metric])
    }
    return Report(
        suite=suite.name,
        version=suite.version,
        assistant=assistant,
        replies=replies,
        scores=scores,
        summary=summary,
    )


def summarise(scores: Sequence[Score]) -> Summary:
    """Mean and 95 % interval of one metric, at least one score, each in [0, 1].

    Cases of one cluster count as one look at the world. Yes-or-no metrics whose cases stand each
    for itself get Wilson's interval; the rest a t interval on clusters. Where that cannot be had
    (one cluster, or all values alike) the clusters are taken as so many yes-or-no looks: a
    perfect score is never a certainty.
    """
    values = [score.value for score in scores]
    clusters = [score.cluster for score in scores]
    groups, mean = len(set(clusters)), sum(values) / len(values)
    binary = set(values) <= {0.0, 1.0}
    if binary and groups == len(values):
        low, high = wilson(round(sum(values)), len(values), ALPHA)
    elif groups == 1 or len(set(values)) == 1:
        low, high = wilson(mean * groups, groups, ALPHA)
    else:
        _, low, high = clustered_mean(values, clusters, ALPHA)
    return Summary(
        mean=mean, low=max(0.0, min(low, mean)), high=min(1.0, max(high, mean)), n=len(values)
    )


def _score(case: Case, reply: Reply, metric: str) -> Score | None:
    value = METRICS[metric](case, reply)
    if value is None:
        return None
    return Score(case=case.id, metric=metric, value=value, cluster=case.cluster, kind=case.kind)
