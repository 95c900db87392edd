"""Is the reply as short as its question allows?"""

from __future__ import annotations

import re

from eval_suites.records import Case, Reply

WORDS_PER_FACT = 24  # a full sentence that restates the question and gives one fact
_MARK = re.compile(r"\[\d+\]")


def terse(case: Case, reply: Reply) -> float | None:
    """1 up to 24 words a fact, then the share of the words that are within it. Answerable cases.

    The budget leaves room for a full sentence; small talk around it does not fit. Citations are
    not counted. A reply without words is not terse but empty: 0.
    """
    if case.expect != "answer":
        return None
    budget = WORDS_PER_FACT * max(1, len(case.facts))
    count = len(_MARK.sub(" ", reply.text).split())
    return min(1.0, budget / count) if count else 0.0
