"""Which texts may repeat an eval case: all are looked up at once, few are looked at."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from loop.curate.wording import Worded

GRAM = 8  # words in a row that count as one run; texts with fewer are compared whole
SHORTEST = 4  # words of a prompt that counts as repeated when a text holds it
SHORTEST_GOLD = 6  # the same of an expected answer
INDEXED = 0.9  # share of a case's weight, in its rarest words, by which texts are looked up
AT_ONCE = 4_000_000  # figures held while texts are looked up
ROUNDING = 1e-9
BITS = 20  # of the table that rules runs of words out
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


class CaseText(NamedTuple):
    """A case's prompt or expected answer, as numbers."""

    suite: str
    ids: tuple[int, ...]
    different: frozenset[int]
    gold: bool
    weight: float  # of its different words


class Runs:
    """Which runs of words the cases hold; a table rules most others out at once."""

    def __init__(self, cases: Sequence[CaseText]) -> None:
        self._holders: defaultdict[tuple[int, int], set[int]] = defaultdict(set)
        self.sizes: list[int] = []  # runs of each case
        for number, case in enumerate(cases):
            least = SHORTEST_GOLD if case.gold else SHORTEST
            size = min(len(case.ids), GRAM)
            if size < least:
                self.sizes.append(0)
                continue
            runs = {_hash(case.ids[n : n + size]) for n in range(len(case.ids) - size + 1)}
            self.sizes.append(len(runs) if size == GRAM else 0)
            for run in runs:
                self._holders[size, run].add(number)
        self._tables = {size: np.zeros(1 << BITS, dtype=bool) for size, _ in self._holders}
        for size, run in self._holders:
            self._tables[size][run >> (64 - BITS)] = True

    def shared(self, read: Worded) -> dict[int, Counter[int]]:
        """Text → case → different runs in common, all of a shorter case's words being one run."""
        found: defaultdict[int, Counter[int]] = defaultdict(Counter)
        seen: set[tuple[int, int, int]] = set()
        values = (read.ids + 4).astype(np.uint64)
        hashes = values * _FACTOR
        for size in range(1, GRAM + 1):
            if size > 1:
                if len(hashes) < 2:
                    break
                hashes = (hashes[:-1] + values[size - 1 :]) * _FACTOR
            if size not in self._tables:
                continue
            places = np.flatnonzero(self._tables[size][hashes >> np.uint64(64 - BITS)])
            runs, texts = hashes[places].tolist(), read.texts[places].tolist()
            for run, text in zip(runs, texts, strict=True):
                holders = self._holders.get((size, run))
                if holders and (size, run, text) not in seen:
                    seen.add((size, run, text))
                    for number in holders:
                        found[text][number] += 1
        return dict(sorted(found.items()))


class Words:
    """Which cases hold a word, for the rarer words of each.

    Args:
        cases: Prompts.
        weights: Of each word, by its number, for each suite.
        cut_short: Share of a case's weight that a text needs which is about as short.
        same_words: The same of a longer text.
    """

    def __init__(
        self,
        cases: Sequence[CaseText],
        weights: Mapping[str, NDArray[np.float64]],
        *,
        cut_short: float,
        same_words: float,
    ) -> None:
        words: list[tuple[int, int, float]] = []
        self._lengths = np.array([len(case.ids) for case in cases], dtype=np.int64)
        self._least = np.full(len(cases), np.inf)  # weight in common of a text cut short
        self._more = np.full(len(cases), np.inf)  # and of a longer one
        for number, case in enumerate(cases):
            heavy, taken = weights[case.suite], 0.0
            for one in sorted(set(case.ids), key=lambda one: (-heavy[one], one)):
                if taken >= INDEXED * case.weight:
                    break
                taken += float(heavy[one])
                words.append((one, number, float(heavy[one])))
            # What is not looked up may all be there.
            if taken:
                self._least[number] = (cut_short - 1) * case.weight + taken - ROUNDING
                self._more[number] = (same_words - 1) * case.weight + taken - ROUNDING
        words.sort()
        self._size = max((len(heavy) for heavy in weights.values()), default=1)
        self._holders = np.array([number for _, number, _ in words], dtype=np.int64)
        self._heavy = np.array([heavy for _, _, heavy in words], dtype=np.float64)
        counts = np.bincount(
            np.array([one for one, _, _ in words], dtype=np.int64), minlength=self._size
        )
        self._from = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)

    def candidates(self, read: Worded) -> Iterable[tuple[int, int]]:
        """Texts and cases that may have enough words in common, in order."""
        if not (cases := len(self._lengths)):
            return
        known = read.ids >= 0
        keys = np.sort(read.texts[known] * self._size + read.ids[known])
        keys = keys[np.diff(keys, prepend=-1) != 0]
        of_text, ids = np.divmod(keys, self._size)
        step = max(1, AT_ONCE // cases)
        for first in range(0, len(read.lengths), step):
            part = slice(*np.searchsorted(of_text, [first, first + step]))
            lengths = read.lengths[first : first + step]
            held_tc = self._held(of_text[part] - first, ids[part], len(lengths))
            for text, case in np.argwhere(held_tc >= self._least).tolist():
                short = lengths[text] <= 2 * self._lengths[case]
                if short or held_tc[text, case] >= self._more[case]:
                    yield first + text, case

    def _held(
        self, texts: NDArray[np.int64], ids: NDArray[np.int64], count: int
    ) -> NDArray[np.float64]:
        """Weight of the looked-up words that each text has of each case, shape (count, cases)."""
        many = self._from[ids + 1] - self._from[ids]
        at = np.repeat(self._from[ids] - np.cumsum(many) + many, many) + np.arange(many.sum())
        keys = np.repeat(texts, many) * len(self._lengths) + self._holders[at]
        size = count * len(self._lengths)
        held = np.bincount(keys, weights=self._heavy[at], minlength=size).astype(np.float64)
        return held.reshape(count, len(self._lengths))


def _hash(ids: Sequence[int]) -> int:
    value = 0
    for one in ids:
        value = (value + one + 4) * int(_FACTOR) & (2**64 - 1)
    return value
