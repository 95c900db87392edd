"""Is what the reply says borne out by what the model was shown?"""

from __future__ import annotations

import re
from typing import NamedTuple

from eval_suites.records import Case, Reply
from eval_suites.scorers.citation import cited_gold
from eval_suites.scorers.match import facts_present, forbidden_absent
from eval_suites.scorers.refusal import held_back
from knowledge.support import support
from knowledge.text import sentences

_MARK = re.compile(r"\[(\d+)\]")


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


def citation_recall(case: Case, reply: Reply) -> float | None:
    """The share of the reply's sentences that the passages they cite bear out. Answerable cases.

    A sentence without a citation counts against it, as does a reply that says nothing.

    Source: Gao et al. 2023, ALCE (citation recall).
    """
    if case.expect != "answer":
        return None
    claims = [] if held_back(reply) else _claims(reply)
    return sum(claim.borne_out for claim in claims) / len(claims) if claims else 0.0


def citation_precision(case: Case, reply: Reply) -> float | None:
    """The share of the reply's citations that do their sentence some good. Answerable cases.

    A citation does if its passage alone bears the sentence out, or if without it the other
    passages cited for the sentence no longer do. A reply without a citation scores 0.

    Source: Gao et al. 2023, ALCE (citation precision).
    """
    if case.expect != "answer":
        return None
    useful = [
        claim.borne_out
        and (_bears_out(claim.text, [n], reply) or not _bears_out(claim.text, others, reply))
        for claim in ([] if held_back(reply) else _claims(reply))
        for n in claim.cited
        for others in [[other for other in claim.cited if other != n]]
    ]
    return sum(useful) / len(useful) if useful else 0.0


class _Claim(NamedTuple):
    text: str
    cited: list[int]  # numbers in its brackets, as they stand
    borne_out: bool  # by the passages it cites, together


def _claims(reply: Reply) -> list[_Claim]:
    """The reply's sentences that say something, each with the passages it cites."""
    claims = []
    for sentence in sentences(reply.text):
        cited = list(dict.fromkeys(int(number) for number in _MARK.findall(sentence.text)))
        if support(sentence.text, []) or cited:
            borne_out = bool(cited) and _bears_out(sentence.text, cited, reply)
            claims.append(_Claim(sentence.text, cited, borne_out))
    return claims


def _bears_out(sentence: str, numbers: list[int], reply: Reply) -> bool:
    """Whether these passages bear the sentence out; numbers that point nowhere bear out nothing."""
    shown = [reply.passages[n - 1] for n in numbers if 1 <= n <= len(reply.passages)]
    found = support(sentence, shown)
    return bool(shown and found) and all(one.passage_number is not None for one in found)


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
