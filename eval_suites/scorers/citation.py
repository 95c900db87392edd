"""Does a reply cite, and does it cite where the answer stands?"""

from __future__ import annotations

import re
from collections.abc import Sequence

from eval_suites.records import Case, Gold, Reply
from eval_suites.scorers.match import states
from knowledge.records import Citation, Passage
from knowledge.text import normalise

_MARK = re.compile(r"\[(\d+)\]")


def citations_valid(case: Case, reply: Reply) -> float | None:
    """1 if the reply has a citation and every [n] points to a passage shown. Answerable cases."""
    if case.expect != "answer":
        return None
    numbers = [int(number) for number in _MARK.findall(reply.text)]
    return float(bool(numbers) and all(1 <= n <= len(reply.passages) for n in numbers))


def cited_gold(case: Case, reply: Reply) -> float | None:
    """The share of the facts that a cited gold passage bears out. For answerable cases with gold.

    A fact is borne out when a cited passage, of the gold document, holds a gold quote that states
    the fact. So two facts from two places need two citations, and of two places that state the
    same fact one is enough.
    """
    if case.expect != "answer" or not case.gold:
        return None
    cited = [_whole(reply, citation) for citation in reply.citations]
    return _share_held(case, cited)


def gold_shown(case: Case, passages: Sequence[Passage]) -> bool:
    """Whether the passages hold all it takes to answer the case."""
    return bool(case.gold) and _share_held(case, passages) == 1.0


def gold_found(case: Case, reply: Reply) -> float | None:
    """The share of the facts whose gold stands in a passage the model was shown. Cases with gold.

    This is the search's part in a good answer. Where no facts are named, any gold will do.
    """
    if case.expect != "answer" or not case.gold:
        return None
    return _share_held(case, reply.passages)


def holds(passage: Passage | Citation, gold: Gold) -> bool:
    """Whether this is a passage of the gold document with the gold quote in it, if there is one."""
    if not gold.quote:
        return passage.document == gold.document
    quote, text = normalise(gold.quote), normalise(passage.text)
    return passage.document == gold.document and f" {quote} " in f" {text} "


def _share_held(case: Case, passages: Sequence[Passage | Citation]) -> float:
    wanted = [_places(case, spellings) for spellings in case.facts] or [case.gold]
    held = [any(holds(p, gold) for gold in places for p in passages) for places in wanted]
    return sum(held) / len(held)


def _places(case: Case, spellings: Sequence[str]) -> Sequence[Gold]:
    """The gold quotes that state this fact; all of them when none does so in these words."""
    return [g for g in case.gold if any(states(g.quote, s) for s in spellings)] or case.gold


def _whole(reply: Reply, citation: Citation) -> Passage | Citation:
    """The passage as it was shown under this number; else what the citation carries."""
    if 1 <= citation.number <= len(reply.passages):
        return reply.passages[citation.number - 1]
    return citation
