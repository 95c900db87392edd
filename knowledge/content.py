"""Words that carry meaning, and the numbers of a text with what they count."""

from __future__ import annotations

import re
from typing import NamedTuple

from knowledge.text import words

STEM = 6  # letters kept of a word, so that its forms meet
_SAME = dict.fromkeys(("cost", "charg", "price", "fee"), "fee")
_ENDINGS = ("ings", "ing", "ied", "ies", "ed", "es", "ly", "s", "e", "y")

COMMON = frozenset(
    "a an and are as at be by can do does for from has have how i if in into is it its me my of "
    "on or our that the their them they this to was we what when where which who will with you "
    "your".split()
)
NOT = frozenset("not no never cannot nor neither none nobody without".split())
OPPOSITES = (
    "before after|above below|over under|more less|maximum minimum|most least|increase decrease"
    "|accept refuse|accept reject|allow forbid|incoming outgoing|domestic international|buy sell"
    "|earlier later|first last|always never|personal business|must may|open closed"
)
_SPELT = {
    word: str(number)
    for number, word in enumerate(
        "two three four five six seven eight nine ten eleven twelve".split(), start=2
    )
}
_SPELT_OUT = re.compile(rf"\b(?:{'|'.join(_SPELT)})\b", re.IGNORECASE)
_NUMBER = re.compile(
    r"(?P<money>[$€£] ?)?(?P<figure>\d+(?:[.,:]\d+)*)"
    r"(?:(?P<percent> ?%)|[ -]?(?:(?:business|working|calendar|us) )?(?P<unit>second|minute|hour"
    r"|day|week|month|year|dollar|euro|pound|cent|percent|am|pm|mile|metre|kilogram)s?\b)?",
    re.IGNORECASE,
)
_MONEY = {"$": "dollar", "€": "euro", "£": "pound"}


class Quantity(NamedTuple):
    """A number as it is written, without thousands separators, and what it counts, if it says."""

    figure: str
    unit: str = ""


def content_words(text: str) -> frozenset[str]:
    """Words that carry meaning, cut to six letters so that their forms meet.

    >>> sorted(content_words("What does a recalled wire cost?"))
    ['cost', 'recall', 'wire']
    """
    return frozenset(word[:STEM] for word in words(text) if word not in COMMON)


def stem(word: str) -> str:
    """A word without its ending, cut: closer than `content_words` for comparing short sentences.

    >>> stem("tracing") == stem("traces") == stem("trace")
    True
    """
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) > 2:
            return word.removesuffix(ending)[:STEM]
    return word[:STEM]


def stems(text: str) -> frozenset[str]:
    """The stems of the words that carry meaning; what a thing costs has one name.

    >>> stems("the fee charged") == stems("what it costs")
    True
    """
    found = (stem(word) for word in words(in_figures(text)) if word not in COMMON)
    return frozenset(_SAME.get(one, one) for one in found)


def in_figures(text: str) -> str:
    """The text with its numbers from two to twelve in figures.

    >>> in_figures("Four of them.")
    '4 of them.'
    """
    return _SPELT_OUT.sub(lambda found: _SPELT[found[0].lower()], text)


def quantities(text: str) -> frozenset[Quantity]:
    """The numbers in a text, in figures or, from two to twelve, in letters.

    >>> sorted(quantities("It costs $1,500 within five business days."))
    [Quantity(figure='1500', unit='dollar'), Quantity(figure='5', unit='day')]
    """
    found = set()
    for match in _NUMBER.finditer(in_figures(text)):
        money = _MONEY.get((match["money"] or "").strip(), "")
        unit = "percent" if match["percent"] else money or (match["unit"] or "").lower()
        found.add(Quantity(match["figure"].replace(",", ""), unit))
    return frozenset(found)
