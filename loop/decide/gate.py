"""The gate: what a candidate must show before it may be champion. Pure; missing evidence fails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from eval_suites.compare import Comparison, compare
from eval_suites.records import Report
from eval_suites.stats.multiplicity import holm
from knowledge.errors import RatchetError
from loop.decide.targets import Bound, Kept, Target, bound_of, kept_of, target_of
from loop.settings import GateSettings

Reports = Mapping[str, Report]  # suite name → report
GRADED = "graded"  # the metric that is only as good as its judge


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


def judge(
    candidate: Reports,
    champion: Reports,
    settings: GateSettings,
    *,
    judges: Mapping[str, str | None] | None = None,
) -> Verdict:
    """Hold a candidate's reports against the champion's.

    Rules, in this order: for each suite the gate names, that both were put the same cases of the
    same version; for each whose grades count, that its judge may decide; that `improve`, or one of
    it and `goals`, is better; that each of `keep`, and each goal, has not fallen by its margin;
    that each of `bounds` holds.

    Better and kept are one-sided tests, paired by case and clustered, at level alpha: better means
    that the lower bound of the difference is above 0, kept that it is above −margin. A bound holds
    when the candidate's whole 95 % interval does. All must pass, so they need no correction for
    being many (intersection-union). Of several goals one is enough, so their p-values are
    corrected after Holm.

    Args:
        candidate: Its report on each suite.
        champion: The same for what it would replace.
        settings: What is asked.
        judges: Judge → why it may not decide, None if it may; one that is not here may not.

    Raises:
        RatchetError: A target of the settings is not written "suite:metric".
    """
    improve = target_of(settings.improve)
    goals = [improve, *(t for t in map(target_of, settings.goals) if t != improve)]
    keep = [kept_of(text, settings.margin) for text in settings.keep]
    if len(goals) > 1:
        named = {kept.target for kept in keep}
        keep += [Kept(goal, settings.margin) for goal in goals if goal not in named]
    bounds = [bound_of(text) for text in settings.bounds]
    compared = [*goals, *(kept.target for kept in keep)]
    same = {
        suite: _same_cases(suite, candidate, champion)
        for suite in dict.fromkeys(target.suite for target in compared)
    }
    rules = list(same.values())
    graded = [t.suite for t in (*compared, *(b.target for b in bounds)) if t.metric == GRADED]
    for suite in dict.fromkeys(graded):
        rules.append(_judged(suite, candidate, judges or {}))
    held = {
        (target, margin): _hold(target, candidate, champion, settings, margin)
        if same[target.suite].passed
        else _none(target, margin)
        for target, margin in (*((goal, None) for goal in goals), *keep)
    }
    won = [held.pop((goal, None)) for goal in goals]
    rules.append(won[0] if len(won) == 1 else _one_of(goals, won, settings))
    rules += held.values()
    rules += [_within(bound, candidate) for bound in bounds]
    return Verdict(rules=tuple(rules))


def _none(target: Target, margin: float | None) -> Rule:
    says = f"There are no reports on {target.suite} that compare."
    return Rule(rule=_name(target, margin is None), passed=False, evidence={"says": says})


def _one_of(goals: list[Target], won: list[Rule], settings: GateSettings) -> Rule:
    """Whether one of several goals is better, corrected for their number.

    Source: Holm 1979. A goal without figures counts among them, with a p-value of 1.
    """
    one_sided = [_one_sided(rule.evidence) for rule in won]
    adjusted = holm(one_sided)
    better = [
        p < settings.alpha and rule.evidence.get("n", 0) >= settings.minimum_cases
        for p, rule in zip(adjusted, won, strict=True)
    ]
    told = [
        f"{goal} {rule.evidence['difference']:+.3f} (p = {p:.2g})"
        if "difference" in rule.evidence
        else f"{goal}: {rule.evidence['says'].rstrip('.')}"
        for goal, rule, p in zip(goals, won, adjusted, strict=True)
    ]
    says = "; ".join(told)
    if not any(better):
        says += (
            f"; none is better at {settings.alpha:g} among {len(goals)}, each taking "
            f"{settings.minimum_cases} cases"
        )
    evidence: dict[str, Any] = {
        "n": max(rule.evidence.get("n", 0) for rule in won),
        "alpha": settings.alpha,
        "goals": [
            {"target": str(goal), **rule.evidence, "p_one_sided": p, "p_holm": q, "better": good}
            for goal, rule, p, q, good in zip(goals, won, one_sided, adjusted, better, strict=True)
        ],
        "says": f"{says}.",
    }
    name = f"improve one of {', '.join(map(str, goals))}"
    return Rule(rule=name, passed=any(better), evidence=evidence)


def _one_sided(evidence: Mapping[str, Any]) -> float:
    """The p-value for being better, from the two-sided one and the way of the difference."""
    if "p_value" not in evidence:
        return 1.0
    half = float(evidence["p_value"]) / 2
    return half if evidence["gain"] > 0 else 1.0 - half


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
        "gain": found.gain[0],
        "low": found.low,
        "high": found.high,
        "p_value": found.p_value,
        "wins": found.wins,
        "losses": found.losses,
        "ties": found.ties,
        "n": found.n,
        "worse": [group.name for group in found.regressions],
    }
