"""The gate: what a candidate must show before it may be champion. Pure; missing evidence fails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from eval_suites.compare import Comparison, compare
from eval_suites.records import Report
from knowledge.errors import RatchetError
from loop.settings import GateSettings

Reports = Mapping[str, Report]  # suite name → report


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


def judge(candidate: Reports, champion: Reports, settings: GateSettings) -> Verdict:
    """Hold a candidate's reports against the champion's.

    Rules, in this order: for each suite the gate names, that both were put the same cases of the
    same version; that `improve` is better; that each of `keep` has not fallen by the margin.
    Both are one-sided tests, paired by case and clustered, at level alpha: better means that the
    lower bound of the difference is above 0, kept that it is above −margin. All must pass, so
    the kept ones need no correction for being many (intersection-union).

    Args:
        candidate: Its report on each suite.
        champion: The same for what it would replace.
        settings: What is asked.

    Raises:
        RatchetError: A target of the settings is not written "suite:metric".
    """
    improve = _target(settings.improve)
    keep = [_target(text) for text in settings.keep]
    suites = dict.fromkeys(target.suite for target in (improve, *keep))
    same = {suite: _same_cases(suite, candidate, champion) for suite in suites}
    rules = list(same.values())
    for target in (improve, *keep):
        better = target is improve
        if same[target.suite].passed:
            rules.append(_hold(target, candidate, champion, settings, better=better))
        else:
            says = f"There are no reports on {target.suite} that compare."
            rules.append(Rule(rule=_name(target, better), passed=False, evidence={"says": says}))
    return Verdict(rules=tuple(rules))


def _target(text: str) -> Target:
    suite, colon, metric = text.partition(":")
    if not (suite and colon and metric):
        raise RatchetError(
            f'gate: {text!r} is not written "suite:metric". Mend gate.improve or gate.keep.'
        )
    return Target(suite, metric)


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


def _hold(
    target: Target, candidate: Reports, champion: Reports, settings: GateSettings, *, better: bool
) -> Rule:
    """Whether the metric is better, or has not fallen, with the figures."""
    name, above = _name(target, better), 0.0 if better else -settings.margin
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
