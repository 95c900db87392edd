"""Fingerprints of texts, a few bytes each: what copies are found by without the texts.

A text is its words (`knowledge.text.words`), each as a 64-bit hash; its grams are the runs of them.
MinHash bands of the grams tell which texts may be near copies; the grams themselves then tell
whether they are.

Source: Broder 1997, On the resemblance and containment of documents; Leskovec, Rajaraman, Ullman,
Mining of Massive Datasets, ch. 3 (bands); Dietzfelbinger et al. 1997 (multiply-shift hashing).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from knowledge.text import words

BANDS, ROWS = 40, 3  # texts with Jaccard 0.55 share a band with chance 0.999, with 0.1, 0.04
REMEMBERED = 20_000  # texts of one batch: prompts share passages, rows of one answer all
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_PARTS = np.array([1 << 30, 2 << 30, 3 << 30], dtype=np.uint32)  # where the next part begins
Grams = NDArray[np.uint32]  # sorted, each once


class Words(dict[str, int]):
    """A word's 64-bit hash, worked out once."""

    def __missing__(self, word: str) -> int:
        digest = hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        self[word] = found = int.from_bytes(digest, "little")
        return found


class Texts:
    """The words of texts as hashes; the same text is read once."""

    def __init__(self) -> None:
        self._words = Words()
        self._known: dict[str, NDArray[np.uint64]] = {}

    def hashes(self, text: str) -> NDArray[np.uint64]:
        """A hash per word, in order, shape (words,)."""
        found = self._known.get(text)
        if found is None:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            ids = [self._words[word] for word in words(text)]
            self._known[text] = found = np.array(ids, dtype=np.uint64)
        return found

    def key(self, texts: Iterable[str], *, size: int = 16, salt: str = "") -> bytes:
        """So many bytes that are equal for the same words in the same texts in this order."""
        digest = hashlib.blake2b(salt.encode(), digest_size=size)
        for text in texts:
            found = self.hashes(text)
            digest.update(len(found).to_bytes(8, "little"))
            digest.update(found.tobytes())
        return digest.digest()

    def grams(self, text: str, n: int, *, part: int = 0, salt: int = 0) -> Grams:
        """Every run of n words; of a shorter text the whole of it, of an empty one nothing.

        Args:
            text: Any.
            n: Words of a gram.
            part: Of what this text is a part, 0 to 3; grams of several can stand in one set.
            salt: Grams of other salts are others.
        """
        found = self.hashes(text)
        if not len(found):
            return np.empty(0, dtype=np.uint32)
        size = min(n, len(found))  # a polynomial of the words' hashes, which are random already
        runs = np.full(len(found) - size + 1, np.uint64(salt * 2 + 1), dtype=np.uint64)
        for offset in range(size):
            runs = runs * GOLDEN + found[offset : offset + len(runs)]
        hashes = (_mixed(runs) >> np.uint64(34)).astype(np.uint32)
        return np.unique(hashes | np.uint32(part << 30))


def jaccard(one: Grams, other: Grams) -> float:
    """Share that two sets have in common, of the part in which it is least, in [0, 1].

    A part that neither has does not count; without any part it is 0.
    """
    both = _sizes(np.intersect1d(one, other, assume_unique=True))
    union = _sizes(one) + _sizes(other) - both
    there = union > 0
    return float((both[there] / union[there]).min()) if there.any() else 0.0


def _sizes(grams: Grams) -> NDArray[np.int64]:
    """How many grams each part has, shape (4,)."""
    return np.diff(np.searchsorted(grams, _PARTS), prepend=0, append=len(grams))


def bands(grams: Sequence[Grams]) -> NDArray[np.uint32]:
    """MinHash bands of each set of grams, shape (sets, BANDS); sets that share one may be alike.

    An empty set gets bands of its own number's making, so that it is like nothing.
    """
    sizes = np.array([len(one) for one in grams], dtype=np.int64)
    filled = np.flatnonzero(sizes)
    found_nb = np.empty((len(grams), BANDS), dtype=np.uint32)
    for number in np.flatnonzero(sizes == 0):
        found_nb[number] = _multipliers(BANDS, seed=int(number) + 2)
    for start in range(0, len(filled), 1000):  # about what fits into the cache
        part = filled[start : start + 1000]
        found_nb[part] = _bands([grams[number] for number in part])
    return found_nb


def _bands(grams: Sequence[Grams]) -> NDArray[np.uint32]:
    values = np.concatenate(grams)
    starts = np.concatenate(([0], np.cumsum([len(one) for one in grams])[:-1]))
    found_nb = np.empty((len(grams), BANDS), dtype=np.uint32)
    multipliers = _multipliers(BANDS * ROWS, seed=1)
    for band in range(BANDS):
        joined = np.full(len(grams), np.uint64(band + 1), dtype=np.uint64)
        for multiplier in multipliers[band * ROWS : (band + 1) * ROWS]:
            least = np.minimum.reduceat(values * multiplier, starts)
            joined = _mixed(joined + least.astype(np.uint64))
        found_nb[:, band] = (joined >> np.uint64(32)).astype(np.uint32)
    return found_nb


def _multipliers(count: int, *, seed: int) -> NDArray[np.uint32]:
    """Odd numbers, always the same."""
    return np.random.default_rng(seed).integers(0, 2**31, count, dtype=np.uint32) * 2 + 1


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Every bit of the result depends on every bit that was given (splitmix64)."""
    values = values + GOLDEN
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
