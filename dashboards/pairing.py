"""Reads of the evaluations page: two adapters paired, metric by metric and case by case."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from dashboards import source
from dashboards.records import Change, Figure, MetricPair
from eval_suites.records import Report, Score, Summary
from knowledge.errors import RatchetError
from loop.store.records import CaseScore, Evaluation
from loop.store.tables import from_row


def compared(candidate: str, reference: str) -> list[MetricPair]:
    """Every metric that both adapters have on the same version of a suite, by suite and name."""
    new, old = _newest(candidate), _newest(reference)
    shared = [key for key in new if key in old]
    scores: dict[str, Mapping[str, Sequence[Score]]] = {}
    for key in shared:
        for one in (new[key], old[key]):
            if one.id not in scores:
                scores[one.id] = _scores(one.id)
    return [_pair(new[key], old[key], scores) for key in sorted(shared)]


def changes(pair: MetricPair, limit: int = 50) -> list[Change]:
    """Cases on which the two differ in a metric, what got worse first."""
    new, old = (
        {row.case: row for row in _case_scores(id) if row.metric == pair.metric}
        for id in pair.evaluations
    )
    apart = [case for case in old if case in new and new[case].value != old[case].value]
    way = -1 if pair.better == "lower" else 1
    apart.sort(key=lambda case: (new[case].value - old[case].value) * way)
    prompts = _prompts(pair.suite)
    return [
        Change(
            case=case,
            prompt=prompts.get(case),
            old=old[case].value,
            new=new[case].value,
            old_answer=old[case].answer,
            new_answer=new[case].answer,
            worse=(new[case].value - old[case].value) * way < 0,
        )
        for case in apart[:limit]
    ]


def _newest(adapter: str) -> dict[tuple[str, str, str], Evaluation]:
    """(suite, version, metric) → its newest evaluation."""
    found: dict[tuple[str, str, str], Evaluation] = {}
    for row in source.here().store.query("evaluations", adapter=adapter):  # newest first
        one = from_row(Evaluation, row)
        found.setdefault((one.suite, one.suite_version, one.metric), one)
    return found


def _pair(
    new: Evaluation, old: Evaluation, scores: Mapping[str, Mapping[str, Sequence[Score]]]
) -> MetricPair:
    from eval_suites.compare import compare

    figures: dict[str, Any] = {
        "suite": new.suite,
        "metric": new.metric,
        "candidate": Figure(mean=new.mean, low=new.low, high=new.high, n=new.n),
        "reference": Figure(mean=old.mean, low=old.low, high=old.high, n=old.n),
        "evaluations": (new.id, old.id),
        "better": new.better,
        "unit": new.unit,
    }
    try:
        found = compare(_report(new, scores), _report(old, scores), new.metric, partial=True)
    except RatchetError as problem:
        return MetricPair(**figures, problem=str(problem))
    return MetricPair(
        **figures,
        difference=found.difference,
        low=found.low,
        high=found.high,
        wins=found.wins,
        losses=found.losses,
    )


def _report(one: Evaluation, scores: Mapping[str, Mapping[str, Sequence[Score]]]) -> Report:
    """As much of a report as a comparison reads."""
    return Report(
        suite=one.suite,
        version=one.suite_version,
        assistant=one.adapter,
        replies={},
        scores=tuple(scores[one.id].get(one.metric, ())),
        summary={one.metric: _summary(one)},
    )


def _summary(one: Evaluation) -> Summary:
    return Summary(
        mean=one.mean,
        low=one.low,
        high=one.high,
        n=one.n,
        better="lower" if one.better == "lower" else "higher",
        unit=one.unit,
    )


def _scores(evaluation: str) -> Mapping[str, Sequence[Score]]:
    """Metric → its scores, case by case."""
    found: dict[str, list[Score]] = defaultdict(list)
    for row in _case_scores(evaluation):
        found[row.metric].append(
            Score(case=row.case, metric=row.metric, value=row.value, cluster=row.cluster)
        )
    return found


def _case_scores(evaluation: str) -> list[CaseScore]:
    rows = source.here().store.query("case_scores", evaluation=evaluation)
    return [from_row(CaseScore, row) for row in rows]


def _prompts(suite: str) -> dict[str, str]:
    """Case id → what was asked; empty when the suite is not at hand."""
    from loop.project import suites_of

    settings = source.here().settings
    try:
        return {case.id: case.prompt for one in suites_of(settings, [suite]) for case in one.cases}
    except RatchetError:
        return {}
