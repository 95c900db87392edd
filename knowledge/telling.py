"""What tells two texts apart although they sound alike: figures, names, a "not", an opposite."""

from __future__ import annotations

import re
from typing import NamedTuple

from knowledge.content import COMMON, NOT, OPPOSITES, Quantity, quantities, stem
from knowledge.text import normalise, sentences, words

_NAME = re.compile(r"[A-Z][\w’'-]*")
_SIGNS = ".,;:!?()[]\"'“”‘’"
_OPPOSED = frozenset(stem(word) for pair in OPPOSITES.split("|") for word in pair.split())
_STARTERS = frozenset(
    "what how when which who where why whom whose until within after before for from on at by in "
    "up under is are do does did can could may must should would will tell show explain help make "
    "write give i we my our the a an to and or please it they there this that these those".split()
)


class Telling(NamedTuple):
    """What texts that say the same have in common. Equal or not; may be a key."""

    quantities: frozenset[Quantity]
    names: frozenset[str]  # stems
    opposites: frozenset[str]  # stems of "before", "after", "more", "less" and the like
    negated: bool


def telling(text: str) -> Telling:
    """The figures, names, opposites and negation of a text.

    >>> telling("It costs 25 dollars.") == telling("The fee is $25.")
    True
    >>> telling("You can cancel it.") == telling("You cannot cancel it.")
    False
    """
    found = words(text)
    return Telling(
        quantities(text),
        frozenset(name for run in names(text) for name in run),
        frozenset(map(stem, found)) & _OPPOSED,
        any(word in NOT or word.endswith("n't") for word in found),
    )


def names(text: str) -> list[tuple[str, ...]]:
    """Runs of names, as stems: words with a capital that begin no sentence. None if all have one.

    >>> names("What does the Harbour Savings account cost?")
    [('harbou', 'sav')]
    """
    if text.isupper() or text.istitle():
        return []
    runs: list[tuple[str, ...]] = []
    for sentence in sentences(text):
        run: list[str] = []
        for place, word in enumerate([*sentence.text.split(), ""]):
            bare = word.strip(_SIGNS)
            name = _NAME.fullmatch(bare) and (place or bare.lower() not in _STARTERS)
            if name and bare.lower() not in COMMON:
                run.append(stem(normalise(bare)))
            elif run:
                runs.append(tuple(run))
                run = []
    return runs
