"""Two reports on the same cases: the paired difference, what flipped, where it got worse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from eval_suites.records import Better, Report, Score
from eval_suites.stats.paired import clustered_difference, mcnemar_midp
from knowledge.errors import RatchetError


class Flip(NamedTuple):
    """A case on which the two assistants differ."""

    case: str
    kind: str
    cluster: str
    old: float
    new: float


class Group(NamedTuple):
    """What changed among the cases of one kind or cluster."""

    name: str
    n: int
    wins: int
    losses: int
    difference: float  # new minus old, mean over the group


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One metric of two assistants, case by case. Differences are new minus old."""

    suite: str
    metric: str
    new: str  # adapter id, or "base"
    old: str
    n: int  # cases both have
    new_mean: float
    old_mean: float
    difference: float
    low: float  # interval of the difference, at 1 − alpha
    high: float
    p_value: float  # two-sided
    wins: int  # cases on which new is better
    losses: int
    ties: int
    flips: tuple[Flip, ...]  # losses first, then wins, each in the suite's order
    by_kind: tuple[Group, ...]  # worst first
    by_cluster: tuple[Group, ...]
    missing: tuple[str, ...] = ()  # cases only one side has
    better: Better = "higher"  # which way of the metric is

    @property
    def regressions(self) -> tuple[Group, ...]:
        """Kinds on which new is worse than old."""
        return tuple(group for group in self.by_kind if group.difference * sign(self.better) < 0)

    @property
    def gain(self) -> tuple[float, float, float]:
        """How much better new is, and the ends of its interval: below 0 it is worse."""
        ends = sorted(end * sign(self.better) for end in (self.low, self.high))
        return self.difference * sign(self.better), ends[0], ends[1]


def sign(better: Better) -> int:
    """What makes a difference a gain.

    >>> sign("higher"), sign("lower")
    (1, -1)
    """
    return 1 if better == "higher" else -1


def compare(
    new: Report, old: Report, metric: str, *, alpha: float = 0.05, partial: bool = False
) -> Comparison:
    """Compare two reports of one suite on one metric, paired by case.

    The interval is a t interval on clusters. The p-value is McNemar's mid-p where the metric is
    yes or no and each case stands for itself, else that of the t test on clusters.

    Args:
        new: The candidate.
        old: What it would replace.
        metric: A metric both were scored on.
        alpha: One minus the interval's confidence.
        partial: Compare the cases both have, though others are missing on one side.

    Raises:
        RatchetError: They are of different suites or versions, one lacks the metric or cases, or
            fewer than two clusters are left.
    """
    if (new.suite, new.version) != (old.suite, old.version):
        raise RatchetError(
            f"{new.suite} {new.version} and {old.suite} {old.version} are not the same suite "
            "version, so their scores do not compare. Evaluate both on one version."
        )
    after, before = _scores(new, metric), _scores(old, metric)
    missing = tuple(sorted(after.keys() ^ before.keys()))
    if missing and not partial:
        raise RatchetError(
            f"{new.suite}:{metric}: {len(missing)} cases are scored on one side only "
            f"({', '.join(missing[:3])}…). Evaluate {new.assistant} and {old.assistant} again."
        )
    shared = [case for case in before if case in after]
    flips = [
        Flip(case, before[case].kind, before[case].cluster, before[case].value, after[case].value)
        for case in shared
    ]
    clusters = [flip.cluster for flip in flips]
    if len(set(clusters)) < 2:
        raise RatchetError(
            f"{new.suite}:{metric}: {len(flips)} cases in {len(set(clusters))} clusters do not "
            "make a comparison. It takes two clusters at least; add cases."
        )
    return _comparison(new, old, metric, flips, missing, alpha)


def _comparison(
    new: Report,
    old: Report,
    metric: str,
    flips: Sequence[Flip],
    missing: tuple[str, ...],
    alpha: float,
) -> Comparison:
    """The comparison of at least two clusters of cases."""
    news, olds = [f.new for f in flips], [f.old for f in flips]
    clusters = [f.cluster for f in flips]
    difference, low, high, p_value = clustered_difference(news, olds, clusters, alpha)
    known = new.summary.get(metric)
    better: Better = known.better if known else "higher"
    up, down = [f for f in flips if f.new > f.old], [f for f in flips if f.new < f.old]
    won, lost = (up, down) if better == "higher" else (down, up)
    if set(news) | set(olds) <= {0.0, 1.0} and len(set(clusters)) == len(flips):
        p_value = mcnemar_midp(len(won), len(lost))
    return Comparison(
        suite=new.suite,
        metric=metric,
        new=new.assistant,
        old=old.assistant,
        n=len(flips),
        new_mean=sum(news) / len(news),
        old_mean=sum(olds) / len(olds),
        difference=difference,
        low=low,
        high=high,
        p_value=p_value,
        wins=len(won),
        losses=len(lost),
        ties=len(flips) - len(won) - len(lost),
        flips=(*lost, *won),
        by_kind=_groups(flips, lambda flip: flip.kind, better),
        by_cluster=_groups(flips, lambda flip: flip.cluster, better),
        missing=missing,
        better=better,
    )


def _scores(report: Report, metric: str) -> dict[str, Score]:
    """Case id → its score on the metric."""
    found = {score.case: score for score in report.scores if score.metric == metric}
    if not found:
        raise RatchetError(
            f"{report.suite}: {report.assistant} has no score on {metric!r}. "
            f"Scored: {', '.join(report.summary) or 'nothing'}."
        )
    return found


def _groups(
    flips: Sequence[Flip], name: Callable[[Flip], str], better: Better
) -> tuple[Group, ...]:
    """Groups of flips, those that got worse most first."""
    way = sign(better)
    members: dict[str, list[Flip]] = {}
    for flip in flips:
        members.setdefault(name(flip), []).append(flip)
    groups = [
        Group(
            name=key,
            n=len(some),
            wins=sum((f.new - f.old) * way > 0 for f in some),
            losses=sum((f.new - f.old) * way < 0 for f in some),
            difference=sum(f.new - f.old for f in some) / len(some),
        )
        for key, some in members.items()
    ]
    return tuple(sorted(groups, key=lambda group: (group.difference * way, group.name)))
