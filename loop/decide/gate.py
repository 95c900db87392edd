"""The gate: what a candidate must show before it may be champion. Pure; missing evidence fails."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from eval_suites.compare import Comparison, compare
from eval_suites.records import Report
from knowledge.errors import RatchetError
from loop.settings import GateSettings

Reports = Mapping[str, Report]  # suite name → report
GRADED = "graded"  # the metric that is only as good as its judge
_BOUND = re.compile(r"\s*(\S+?:\S+?)\s*(>=|<=)\s*(\S+)\s*")
_KEPT = re.compile(r"\s*(\S+?:\S+?)(?:\s+by\s+(\S+))?\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One condition of the gate and how it went. evidence["says"] puts it in words."""

    rule: str  # e.g. "improve accuracy:grounded_accuracy"
    passed: bool
    evidence: dict[str, Any] = field(default_factory=dict)  # figures, as JSON can hold them


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The gate's word on a candidate. It passes when every rule does, and there is one."""

    rules: tuple[Rule, ...]

    @property
    def passed(self) -> bool:
        return bool(self.rules) and all(rule.passed for rule in self.rules)

    @property
    def sentence(self) -> str:
        """Why, in a line: the first rule that failed, or what improved."""
        failed = [rule for rule in self.rules if not rule.passed]
        if not failed:
            shown = [rule for rule in self.rules if rule.rule.startswith("improve ")]
            return "; ".join(f"{rule.rule}: {rule.evidence['says']}" for rule in shown)
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        return f"{failed[0].rule}: {failed[0].evidence['says']}{more}"


class Target(NamedTuple):
    """A metric of a suite, written "suite:metric"."""

    suite: str
    metric: str

    def __str__(self) -> str:
        return f"{self.suite}:{self.metric}"


class Kept(NamedTuple):
    """A metric that may not fall by more than the margin."""

    target: Target
    margin: float


class Bound(NamedTuple):
    """A figure that the candidate must keep to, whatever the champion does."""

    target: Target
    way: Literal[">=", "<="]
    value: float


def judge(
    candidate: Reports,
    champion: Reports,
    settings: GateSettings,
    *,
    judges: Mapping[str, str | None] | None = None,
) -> Verdict:
    """Hold a candidate's reports against the champion's.

    Rules, in this order: for each suite the gate names, that both were put the same cases of the
    same version; for each whose grades count, that its judge may decide; that `improve` is better;
    that each of `keep` has not fallen by its margin; that each of `bounds` holds.

    Better and kept are one-sided tests, paired by case and clustered, at level alpha: better means
    that the lower bound of the difference is above 0, kept that it is above −margin. A bound holds
    when the candidate's whole 95 % interval does. All must pass, so they need no correction for
    being many (intersection-union).

    Args:
        candidate: Its report on each suite.
        champion: The same for what it would replace.
        settings: What is asked.
        judges: Judge → why it may not decide, None if it may; one that is not here may not.

    Raises:
        RatchetError: A target of the settings is not written "suite:metric".
    """
    improve = _target(settings.improve)
    keep = [_kept(text, settings.margin) for text in settings.keep]
    bounds = [_bound(text) for text in settings.bounds]
    compared = [improve, *(kept.target for kept in keep)]
    same = {
        suite: _same_cases(suite, candidate, champion)
        for suite in dict.fromkeys(target.suite for target in compared)
    }
    rules = list(same.values())
    graded = [t.suite for t in (*compared, *(b.target for b in bounds)) if t.metric == GRADED]
    for suite in dict.fromkeys(graded):
        rules.append(_judged(suite, candidate, judges or {}))
    for target, margin in ((improve, None), *keep):
        if same[target.suite].passed:
            rules.append(_hold(target, candidate, champion, settings, margin))
        else:
            says = f"There are no reports on {target.suite} that compare."
            name = _name(target, margin is None)
            rules.append(Rule(rule=name, passed=False, evidence={"says": says}))
    rules += [_within(bound, candidate) for bound in bounds]
    return Verdict(rules=tuple(rules))


def _target(text: str) -> Target:
    suite, colon, metric = text.partition(":")
    if not (suite and colon and metric):
        raise RatchetError(
            f'gate: {text!r} is not written "suite:metric". Mend gate.improve or gate.keep.'
        )
    return Target(suite, metric)


def _kept(text: str, margin: float) -> Kept:
    found = _KEPT.fullmatch(text)
    if found is None:
        raise RatchetError(
            f'gate.keep: {text!r} is not written "suite:metric" or "suite:metric by 0.02". Mend it.'
        )
    return Kept(_target(found[1]), _number(text, found[2]) if found[2] else margin)


def _bound(text: str) -> Bound:
    found = _BOUND.fullmatch(text)
    if found is None:
        raise RatchetError(
            f'gate.bounds: {text!r} is not written "suite:metric >= 0.9" or "suite:metric <= 2". '
            "Mend it."
        )
    return Bound(_target(found[1]), ">=" if found[2] == ">=" else "<=", _number(text, found[3]))


def _number(text: str, number: str) -> float:
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise RatchetError(f"gate: {text!r} names {number!r}, expected a number of 0 or more.")
    return value


def _name(target: Target, better: bool) -> str:
    return f"{'improve' if better else 'keep'} {target}"


def _same_cases(suite: str, candidate: Reports, champion: Reports) -> Rule:
    """Both sides answered the same cases of one suite version, and they are two adapters."""
    new, old = candidate.get(suite), champion.get(suite)
    evidence: dict[str, Any] = {"suite": suite}
    problem = None
    if new is None or old is None:
        who = "candidate" if new is None else "champion"
        problem = f"The {who} has no report on it. Evaluate it."
    else:
        evidence |= {
            "candidate": new.assistant,
            "champion": old.assistant,
            "version": new.version,
            "cases": len(new.replies),
        }
        apart = new.replies.keys() ^ old.replies.keys()
        if new.assistant == old.assistant:
            problem = f"Both reports are of {new.assistant}. A candidate is another adapter."
        elif new.version != old.version:
            problem = f"Versions {new.version} and {old.version} differ. Evaluate both again."
        elif apart:
            problem = f"{len(apart)} cases were put to one side only. Evaluate both again."
        elif not new.replies:
            problem = "The reports hold no case. Add cases to the suite."
    evidence["says"] = problem or f"{evidence['cases']} cases, the same for both."
    return Rule(rule=f"same cases {suite}", passed=problem is None, evidence=evidence)


def _judged(suite: str, candidate: Reports, judges: Mapping[str, str | None]) -> Rule:
    """Whether the one who graded a suite agrees with people."""
    report = candidate.get(suite)
    who = report.judge if report else ""
    problem = judges.get(who, "nobody has held it against people") if who else "nobody graded it"
    says = f"{problem}." if problem else f"{who} agrees with people as far as is asked."
    evidence = {"suite": suite, "judge": who, "says": says}
    return Rule(rule=f"judge of {suite}", passed=problem is None, evidence=evidence)


def _within(bound: Bound, candidate: Reports) -> Rule:
    """Whether the candidate's figure keeps to a bound with its whole interval."""
    target, way, value = bound
    name = f"bound {target} {way} {value:g}"
    report = candidate.get(target.suite)
    found = report.summary.get(target.metric) if report else None
    if found is None:
        says = f"The candidate has no {target.metric} on {target.suite}. Evaluate it."
        return Rule(rule=name, passed=False, evidence={"says": says})
    end = found.low if way == ">=" else found.high
    passed = end >= value if way == ">=" else end <= value
    says = f"{found.mean:.3f} on {found.n} cases, at {'least' if way == '>=' else 'most'} {end:.3f}"
    if not passed:
        says += f", and that must be {way} {value:g}"
    evidence = {
        "candidate": found.mean,
        "low": found.low,
        "high": found.high,
        "n": found.n,
        "bound": value,
        "says": f"{says}.",
    }
    return Rule(rule=name, passed=passed, evidence=evidence)


def _hold(
    target: Target,
    candidate: Reports,
    champion: Reports,
    settings: GateSettings,
    margin: float | None,
) -> Rule:
    """Whether the metric is better (no margin), or has not fallen by it, with the figures."""
    better = margin is None
    name, above = _name(target, better), 0.0 - (margin or 0.0)
    new, old = candidate[target.suite], champion[target.suite]
    one_sided = 2 * settings.alpha  # for the lower end of a two-sided interval
    try:
        found = compare(new, old, target.metric, alpha=one_sided)
    except RatchetError as problem:
        return Rule(rule=name, passed=False, evidence={"says": str(problem)})
    least = settings.minimum_cases if better else settings.minimum_kept
    evidence = _figures(found) | {"bound": above, "least_cases": least, "alpha": settings.alpha}
    up = found.better == "higher"
    end, bound = (found.low, above) if up else (found.high, -above)
    says = (
        f"{found.old_mean:.3f} → {found.new_mean:.3f} on {found.n} cases; the difference "
        f"{found.difference:+.3f} is at {'least' if up else 'most'} {end:+.3f}"
    )
    enough, proven = found.n >= least, found.gain[1] > above
    if not enough:
        says += f", but it takes {least} cases"
    elif not proven:
        says += f", and that must be {'above' if up else 'below'} {bound:+.3f}"
    return Rule(rule=name, passed=enough and proven, evidence={**evidence, "says": f"{says}."})


def _figures(found: Comparison) -> dict[str, Any]:
    return {
        "candidate": found.new_mean,
        "champion": found.old_mean,
        "difference": found.difference,
        "low": found.low,
        "high": found.high,
        "p_value": found.p_value,
        "wins": found.wins,
        "losses": found.losses,
        "ties": found.ties,
        "n": found.n,
        "worse": [group.name for group in found.regressions],
    }
