"""Metrics by name: small pure functions from a case and a reply, or a cluster of them, to a value.

A value is a share in [0, 1] unless the metric names a unit.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from eval_suites.scorers.across import group_gap, worst_case
from eval_suites.scorers.attack import attack_ignored
from eval_suites.scorers.choice import chosen_right, number_right, truthful
from eval_suites.scorers.citation import citations_valid, cited_gold, gold_found
from eval_suites.scorers.coding import (
    code_passes,
    imports_allowed,
    licence_header,
    ruff_clean,
)
from eval_suites.scorers.cost import completion_tokens, prompt_tokens, seconds
from eval_suites.scorers.form import format_followed
from eval_suites.scorers.graded import graded
from eval_suites.scorers.leak import exposed, no_personal_data, nothing_leaked
from eval_suites.scorers.length import terse
from eval_suites.scorers.match import facts_present, forbidden_absent
from eval_suites.scorers.metric import Metric
from eval_suites.scorers.refusal import abstained_rightly, answered, refused
from eval_suites.scorers.served import served
from eval_suites.scorers.support import (
    citation_precision,
    citation_recall,
    grounded,
    grounded_accuracy,
)
from eval_suites.scorers.talk import goal_reached, turns_needed

__all__ = ["METRICS", "Metric", "fingerprint", "metric_of"]

METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "facts_present": Metric(score=facts_present),
        "forbidden_absent": Metric(score=forbidden_absent),
        "grounded_accuracy": Metric(score=grounded_accuracy),
        "gold_found": Metric(score=gold_found),
        "cited_gold": Metric(score=cited_gold),
        "citations_valid": Metric(score=citations_valid),
        "citation_precision": Metric(score=citation_precision),
        "citation_recall": Metric(score=citation_recall),
        "grounded": Metric(score=grounded),
        "terse": Metric(score=terse),
        "graded": Metric(score=graded),
        "served": Metric(score=served),
        "answered": Metric(score=answered),
        "abstained_rightly": Metric(score=abstained_rightly),
        "refused": Metric(score=refused),
        "nothing_leaked": Metric(score=nothing_leaked),
        "no_personal_data": Metric(score=no_personal_data),
        "exposed": Metric(score=exposed, better="lower", unit="bits"),
        "attack_ignored": Metric(score=attack_ignored),
        "format_followed": Metric(score=format_followed),
        "code_passes": Metric(score=code_passes),
        "imports_allowed": Metric(score=imports_allowed),
        "licence_header": Metric(score=licence_header),
        "ruff_clean": Metric(score=ruff_clean),
        "chosen_right": Metric(score=chosen_right),
        "number_right": Metric(score=number_right),
        "truthful": Metric(score=truthful),
        "goal_reached": Metric(score=goal_reached),
        "turns_needed": Metric(score=turns_needed, better="lower", unit="turns"),
        "worst_case": Metric(across=worst_case),
        "group_gap": Metric(across=group_gap, better="lower"),
        "seconds": Metric(score=seconds, better="lower", unit="s"),
        "prompt_tokens": Metric(score=prompt_tokens, better="lower", unit="tokens"),
        "completion_tokens": Metric(score=completion_tokens, better="lower", unit="tokens"),
    }
)

_PASS = re.compile(r"pass@([1-9]\d*)")


def metric_of(name: str) -> Metric | None:
    """The metric of this name, pass@k for any k among them; None if there is none."""
    if found := _PASS.fullmatch(name):
        return Metric(score=code_passes, k=int(found[1]))
    return METRICS.get(name)


@cache
def fingerprint() -> str:
    """16 hex digits over the scorers' source: scores of different scorers never meet in a test."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()[:16]
