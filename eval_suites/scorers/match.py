"""Does a reply state a fact? Words are compared folded, numbers whole."""

from __future__ import annotations

import re
import unicodedata

from eval_suites.records import Case, Reply
from knowledge.text import normalise

_MARK = re.compile(r"\[\d+\]")  # a citation is no number of the answer
_MONEY = re.compile(r"\$\s?(\d(?:[\d,.]*\d)?)")
_CLOCK = re.compile(r"(?<=\d)\s*([ap])\.?\s?m\b\.?", re.IGNORECASE)
_PERCENT = re.compile(r"%|\bper cent\b", re.IGNORECASE)
_NUMBER = re.compile(r"((?<![\d.,])\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\d)|\d+(?:[.:]\d+)*)")


def tokens(text: str) -> tuple[str, ...]:
    """The words and numbers of a text, one way of writing for each.

    A number stays whole, so that 35 is not found in 135, 1,035 or 35.50; $35 is 35 dollars,
    8% is 8 percent, 4:00 p.m. is 4 pm, 3.20 is 3.2, and a plural is its singular.

    >>> tokens("It costs $1,035.50 [2].")
    ('it', 'cost', '1035.5', 'dollar')
    >>> tokens("HQ-301, by 4:00 p.m.")
    ('hq', '301', 'by', '4', 'pm')
    """
    text = _MARK.sub(" ", unicodedata.normalize("NFKC", text))
    text = _PERCENT.sub(" percent", _MONEY.sub(r"\1 dollars", text))
    pieces = _NUMBER.split(_CLOCK.sub(r" \1m ", text))
    found: list[str] = []
    for place, piece in enumerate(pieces):
        if place % 2:  # re.split puts what the group caught at odd places
            found.append(_number(piece))
        else:
            found += [_singular(word) for word in normalise(piece).split()]
    return tuple(found)


def states(text: str, phrase: str) -> bool:
    """Whether the phrase stands in the text, word for word and number for number.

    >>> states("A wire costs 135 dollars.", "35 dollars"), states("It is $35.", "35 dollars")
    (False, True)
    """
    there, wanted = tokens(text), tokens(phrase)
    width = len(wanted)
    return width > 0 and any(
        there[at : at + width] == wanted for at in range(len(there) - width + 1)
    )


def facts_present(case: Case, reply: Reply) -> float | None:
    """1 if every fact stands in the reply, by any of its spellings. For cases that have facts."""
    if not case.facts:
        return None
    return float(all(any(states(reply.text, s) for s in spellings) for spellings in case.facts))


def forbidden_absent(case: Case, reply: Reply) -> float | None:
    """1 if nothing forbidden stands in the reply. For cases that forbid something."""
    if not case.forbidden:
        return None
    return float(not any(states(reply.text, phrase) for phrase in case.forbidden))


def _number(text: str) -> str:
    plain = text.replace(",", "")
    if ":" in plain:
        return plain.removesuffix(":00")
    if plain.count(".") == 1:
        return plain.rstrip("0").rstrip(".")
    return plain


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
