"""Is what the reply says borne out by what the model was shown?"""

from __future__ import annotations

from eval_suites.records import Case, Reply
from eval_suites.scorers.citation import cited_gold
from eval_suites.scorers.match import facts_present, forbidden_absent
from knowledge.support import support


def grounded(case: Case, reply: Reply) -> float | None:
    """The share of the reply's sentences that a passage bears out. For answerable cases.

    A reply that says nothing bears out nothing: it scores 0, as does one that shows no passage.
    """
    if case.expect != "answer":
        return None
    if reply.abstained:
        return 0.0
    found = support(reply.text, reply.passages)
    return sum(s.passage_number is not None for s in found) / len(found) if found else 0.0


def grounded_accuracy(case: Case, reply: Reply) -> float | None:
    """1 if every fact is stated, nothing forbidden is, and the gold passages are cited.

    The answer a desk wants: right, and to be looked up where it stands. For cases with facts
    and gold.
    """
    present, cited = facts_present(case, reply), cited_gold(case, reply)
    if present is None or cited is None:
        return None
    clean = forbidden_absent(case, reply) in (None, 1.0)
    return float(present == 1.0 and cited == 1.0 and clean)
