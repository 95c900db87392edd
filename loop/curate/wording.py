"""Texts as numbers: the stems of their words, whatever the spelling, a slip of the finger or two.

Only words that some eval case holds get a number of their own; all others are one and the same.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from knowledge.content import COMMON, stem
from loop.curate.tokens import numbered

UNKNOWN, END, NOTHING = (
    -1,
    -2,
    -3,
)  # a word that no case holds, a text's end, a word that says naught
REMEMBERED = 2_000_000  # words whose number is kept
SLIP_FROM = 4  # letters of a word from which one may be another
MEANT_FROM = 5  # times a word is written in the cases from which a rare one may be a slip of it
LITTLE = 2  # letters of a word that says nothing if no case holds it
POLITE = frozenset(
    "please kindly thanks thank hi hello hey dear sorry ok okay just so sir madam morning quick "
    "question".split()
)
_BREAK = "\x00"
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_THOUSANDS = re.compile(r",(?<=\d,)(?=\d{3}(?!\d))")
_HIDDEN = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufe00-\ufe0f\ufeff]|[\u0300-\u036f]")
# Letters that look like Latin ones (Unicode's confusables, those of two common scripts).
_LOOKALIKES = str.maketrans(
    "аеорсухіјѕԁһԛԝкмнтвгԍℓαορνικτυχηɡıⅼАЕОРСУХІЈЅКМНТВΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",
    "aeopcyxijsdhqwkmhtbrglaopviktuxngilaeopcyxijskmhtbabezhikmnoptyx",
)
_SPELT = {
    word: str(number)
    for number, word in enumerate(
        "one two three four five six seven eight nine ten eleven twelve".split(), start=1
    )
}
_SAME = dict.fromkeys(("cost", "charg", "price", "fee"), "fee")


class Worded(NamedTuple):
    """Texts as numbers, one behind another."""

    written: Sequence[str]
    ids: NDArray[np.int64]  # of each word, END behind each text
    texts: NDArray[np.int64]  # which text each stands in
    starts: NDArray[np.int64]  # where each text begins, shape (texts,)
    lengths: NDArray[np.int64]  # words of each text, shape (texts,)

    def of(self, text: int) -> list[int]:
        """The numbers of one text's words."""
        first = int(self.starts[text])
        found: list[int] = self.ids[first : first + int(self.lengths[text])].tolist()
        return found

    def spelt(self, text: int) -> list[str]:
        """The words of one text, folded."""
        return _WORD.findall(folded(self.written[text]))


class Vocabulary:
    """Numbers for the words of some texts; to be pickled, and the same whatever was read before.

    Args:
        texts: The texts whose words get numbers.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        counts = Counter(word for text in texts for word in _WORD.findall(folded(text)))
        meant = _mended(counts)
        number = {one: n for n, one in enumerate(sorted({_stem(meant[word]) for word in meant}))}
        self._numbers = {word: number[_stem(meant[word])] for word in sorted(meant)}
        self._stems = number
        self._slips: dict[str, list[str]] = {}  # a word without one letter → the words
        for word in self._numbers:
            for shorter in (*_without_one(word), word):
                self._slips.setdefault(shorter, []).append(word)
        self._known: dict[str, int] = {}
        self._meant: dict[str, frozenset[int]] = {}

    def __len__(self) -> int:
        return len(self._stems)

    def meant(self, word: str) -> frozenset[int]:
        """Numbers of the words that one may be a slip of; none for one that some case holds."""
        found = self._meant.get(word)
        if found is None:
            self._meant[word] = found = frozenset(self._numbers[one] for one in self._near(word))
        return found

    def read(self, texts: Sequence[str]) -> Worded:
        """All texts in one pass."""
        known = self._known

        def ids_of(token: str) -> list[int]:
            if token == _BREAK:
                return [END]
            found = _WORD.findall(folded(token))
            for word in found:
                if word not in known:
                    known[word] = self._of(word)
            return [known[word] for word in found]

        marked = [f"{text.replace(_BREAK, ' ')} {_BREAK}" for text in texts]
        ids, bounds = numbered(marked, ids_of, np.int64)
        if len(known) > REMEMBERED:
            self._known, self._meant = {}, {}
        lengths = np.diff(bounds) - 1
        of_text = np.repeat(np.arange(len(texts)), lengths + 1)
        return Worded(texts, ids, of_text, bounds[:-1], lengths)

    def _of(self, word: str) -> int:
        number = self._numbers.get(word, self._stems.get(_stem(word)))
        if number is not None:
            return number
        if len(word) <= LITTLE or word in COMMON or word in POLITE:
            return NOTHING
        return next((self._numbers[one] for one in self._near(word)), UNKNOWN)

    def _near(self, word: str) -> list[str]:
        """The cases' words that one may be a slip of, those of other lengths first."""
        if word in self._numbers:
            return []
        keys = (word, *_without_one(word))
        near = {one for key in keys for one in self._slips.get(key, ()) if one_slip(word, one)}
        return sorted(near, key=lambda one: (len(one) == len(word), one))

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_known": {}, "_meant": {}}


def folded(text: str) -> str:
    """A text in one way of writing: case, accents, look-alikes and hidden signs do not count.

    >>> folded("Ｗіrе\u200b FÉE")  # the i and the e are Cyrillic
    'wire fee'
    """
    if text.isascii():
        plain = text.lower()
    else:
        plain = _HIDDEN.sub("", unicodedata.normalize("NFKD", text))
        plain = plain.replace("’", "'").translate(_LOOKALIKES).casefold()
    return _THOUSANDS.sub("", plain) if "," in plain else plain


def one_slip(word: str, other: str) -> bool:
    """Whether a word of some length has a letter too many, too few or wrong, or two in turn.

    >>> one_slip("chaqge", "charge"), one_slip("wirte", "write"), one_slip("change", "chase")
    (True, True, False)
    """
    if abs(len(word) - len(other)) > 1 or min(len(word), len(other)) < SLIP_FROM:
        return False
    same = next((n for n, (a, b) in enumerate(zip(word, other, strict=False)) if a != b), len(word))
    one, two = word[same:], other[same:]
    return (
        one[1:] == two[1:]
        or one[1:] == two
        or one == two[1:]
        or (one[:2] == two[1::-1] and one[2:] == two[2:])
    )


def _mended(counts: Mapping[str, int]) -> dict[str, str]:
    """The word that is meant by each: a rare one may be a slip of a common one."""
    common: dict[str, str] = {}
    for word in sorted(counts, key=lambda word: (counts[word], word)):  # the commonest last
        if counts[word] >= MEANT_FROM:
            common |= dict.fromkeys((word, *_without_one(word)), word)
    meant = {}
    for word, count in counts.items():
        near = {common[one] for one in (word, *_without_one(word)) if one in common}
        meant[word] = min(near) if count < MEANT_FROM and len(word) >= SLIP_FROM and near else word
    return meant


def _stem(word: str) -> str:
    found = stem(_SPELT.get(word, word))
    return _SAME.get(found, found)


def _without_one(word: str) -> list[str]:
    """A word with any one letter left out, if it is long enough to be known without; no figures."""
    if len(word) < SLIP_FROM or any(letter.isdigit() for letter in word):
        return []
    return [word[:n] + word[n + 1 :] for n in range(len(word))]
