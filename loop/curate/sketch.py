"""Fingerprints of texts, a few bytes each: what copies are found by without the texts.

A text is its words (`knowledge.text.words`), each as a 64-bit hash; its grams are the runs of them.
MinHash bands of the grams tell which texts may be near copies; the grams themselves then tell
whether they are.

Source: Broder 1997, On the resemblance and containment of documents; Leskovec, Rajaraman, Ullman,
Mining of Massive Datasets, ch. 3 (bands); Dietzfelbinger et al. 1997 (multiply-shift hashing).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from knowledge.text import words
from loop.curate.tokens import numbered, ranges

BANDS, ROWS = 40, 3  # texts with Jaccard 0.55 share a band with chance 0.999, with 0.1, 0.04
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
AT_ONCE = 2_000_000  # grams that are sorted together
_PARTS = np.array([1 << 30, 2 << 30, 3 << 30], dtype=np.uint32)  # where the next part begins
Grams = NDArray[np.uint32]  # sorted, each once
Places = NDArray[np.int64]


class Words(dict[str, int]):
    """A word's 64-bit hash, worked out once."""

    def __missing__(self, word: str) -> int:
        digest = hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        self[word] = found = int.from_bytes(digest, "little")
        return found


class Texts:
    """Texts as the hashes of their words; each is known by its place.

    Args:
        texts: All of them; best each once.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        known = Words()
        self._hashes, self._bounds = numbered(
            texts, lambda token: [known[word] for word in words(token)], np.uint64
        )

    def keys(self) -> list[bytes]:
        """16 bytes of each text that are equal for the same words in the same order."""
        content, bounds = memoryview(self._hashes.tobytes()), (self._bounds * 8).tolist()
        return [
            hashlib.blake2b(content[start:end], digest_size=16).digest()
            for start, end in pairwise(bounds)
        ]

    def grams(
        self,
        n: int,
        texts: Places,
        sets: Places | None = None,
        *,
        parts: Places | int = 0,
        salts: Places | int = 0,
    ) -> pa.ListArray:
        """Every run of n words; of a shorter text the whole of it, of an empty one nothing.

        Args:
            n: Words of a gram.
            texts: Places of texts.
            sets: The set that each adds to, ascending from 0; None makes one of each.
            parts: Of what set a text is which part, 0 to 3.
            salts: Grams of other salts are others.

        Returns:
            The sets, each sorted with every gram once.
        """
        owners = np.arange(len(texts)) if sets is None else sets
        count = int(owners[-1]) + 1 if len(owners) else 0
        lengths = np.diff(self._bounds)[texts]
        parts, salts = np.broadcast_to(parts, owners.shape), np.broadcast_to(salts, owners.shape)
        cuts = np.searchsorted(np.cumsum(lengths), np.arange(0, lengths.sum(), AT_ONCE))
        cuts = np.searchsorted(owners, [*owners[cuts], count])  # never within a set
        found, sizes = [np.empty(0, dtype=np.uint32)], np.zeros(count, dtype=np.int64)
        for start, end in pairwise(cuts.tolist()):
            own = slice(start, end)
            keys = self._keyed(n, texts[own], owners[own], parts[own], salts[own])
            found.append(keys.astype(np.uint32))
            sizes += np.bincount((keys >> np.uint64(32)).astype(np.int64), minlength=count)
        bounds = np.concatenate(([0], np.cumsum(sizes)))
        return pa.ListArray.from_arrays(pa.array(bounds, pa.int32()), np.concatenate(found))

    def _keyed(
        self, n: int, texts: Places, sets: Places, parts: Places, salts: Places
    ) -> NDArray[np.uint64]:
        """Set and gram in one number, sorted, each once."""
        starts, lengths = self._bounds[:-1][texts], np.diff(self._bounds)[texts]
        sizes = np.minimum(lengths, n)
        made: list[NDArray[np.uint64]] = [np.empty(0, dtype=np.uint64)]
        runs = np.zeros(len(self._hashes), dtype=np.uint64)
        for size in range(1, n + 1):  # a polynomial of the words' hashes, which are random already
            runs = runs[: len(self._hashes) - size + 1] * GOLDEN + self._hashes[size - 1 :]
            own = np.flatnonzero(sizes == size)
            if not len(own):
                continue
            counts = lengths[own] - size + 1
            of_gram = np.repeat(own, counts)
            salted = (salts[own] * 2 + 1).astype(np.uint64) * GOLDEN**size
            values = runs[ranges(starts[own], counts)] + np.repeat(salted, counts)
            grams = (_mixed(values) >> np.uint64(34)) | (
                parts[of_gram].astype(np.uint64) << np.uint64(30)
            )
            made.append((sets[of_gram].astype(np.uint64) << np.uint64(32)) | grams)
        keys = np.concatenate(made)
        keys.sort()
        return keys[np.flatnonzero(np.diff(keys, prepend=~keys[:1]))]


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


def bands(grams: pa.ListArray) -> NDArray[np.uint32]:
    """MinHash bands of each set of grams, shape (sets, BANDS); sets that share one may be alike.

    An empty set gets bands of its own number's making, so that it is like nothing.
    """
    values, bounds = grams.values.to_numpy(), grams.offsets.to_numpy().astype(np.int64)
    sizes = np.diff(bounds)
    found_nb = np.empty((len(grams), BANDS), dtype=np.uint32)
    for number in np.flatnonzero(sizes == 0):
        found_nb[number] = _multipliers(BANDS, seed=int(number) + 2)
    filled = np.flatnonzero(sizes)
    for start in range(0, len(filled), 1000):  # about what fits into the cache
        part = filled[start : start + 1000]
        low, high = bounds[part[0]], bounds[part[-1] + 1]
        found_nb[part] = _bands(values[low:high], bounds[part] - low)
    return found_nb


def _bands(values: Grams, starts: Places) -> NDArray[np.uint32]:
    found_nb = np.empty((len(starts), BANDS), dtype=np.uint32)
    multipliers = _multipliers(BANDS * ROWS, seed=1)
    for band in range(BANDS):
        joined = np.full(len(starts), np.uint64(band + 1), dtype=np.uint64)
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
