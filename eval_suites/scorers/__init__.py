"""Metrics by name: small pure functions from a case and a reply to a value in [0, 1].

Whether a metric applies (None: it does not) depends on the case alone, never on the reply. So two
assistants are always judged on the same cases, and staying silent is never a way out of a metric.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from eval_suites.records import Case, Reply
from eval_suites.scorers.citation import citations_valid, cited_gold
from eval_suites.scorers.leak import nothing_leaked
from eval_suites.scorers.length import terse
from eval_suites.scorers.match import facts_present, forbidden_absent
from eval_suites.scorers.refusal import abstained_rightly, answered, refused
from eval_suites.scorers.support import grounded, grounded_accuracy

__all__ = ["METRICS", "Metric", "fingerprint"]

Metric = Callable[[Case, Reply], float | None]

METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "facts_present": facts_present,
        "forbidden_absent": forbidden_absent,
        "grounded_accuracy": grounded_accuracy,
        "cited_gold": cited_gold,
        "citations_valid": citations_valid,
        "grounded": grounded,
        "terse": terse,
        "answered": answered,
        "abstained_rightly": abstained_rightly,
        "refused": refused,
        "nothing_leaked": nothing_leaked,
    }
)


@cache
def fingerprint() -> str:
    """16 hex digits over the scorers' source: scores of different scorers never meet in a test."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()[:16]
