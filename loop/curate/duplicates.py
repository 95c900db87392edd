"""The same thing once: rows that say the same, to the letter or nearly, are one with a weight."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loop.curate.sketch import Grams, jaccard

OUT = -1  # stands for no row
Numbers = NDArray[np.int64]
Bands = NDArray[np.uint32]
GramsOf = Callable[[Numbers], Mapping[int, Grams]]  # numbers of rows → their grams


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What duplicates are found by, an entry per row."""

    row: NDArray[np.uint64]  # content hash, shape (rows, 2)
    exact: NDArray[np.uint64]  # hash of kind, prompt and answers as words, shape (rows, 2)
    direction: NDArray[np.uint64]  # hash of what contradicting rows differ in, shape (rows,)
    votes: NDArray[np.float64]  # shape (rows,)
    origin: Sequence[str]  # decides between rows of the same content hash
    synthetic: NDArray[np.bool_]  # nobody asked it: stands for nothing that a person did


@dataclass(frozen=True, slots=True, kw_only=True)
class Exact:
    """Rows that say the same to the letter."""

    leader: Numbers  # the row that stands for each; OUT if none does; shape (rows,)
    contradicted: NDArray[np.bool_]  # left out for what others say, shape (rows,)


def exact_copies(keys: Keys) -> Exact:
    """Find rows with the same prompt and answers after normalising.

    Where such rows contradict each other (the other answer preferred, the other label) the side
    with more votes stays; split evenly, none does. Of rows that say the same the one with the
    lowest content hash leads; one that a person is behind before one that was made up.
    """
    count = len(keys.votes)
    leader = np.arange(count, dtype=np.int64)
    contradicted = np.zeros(count, dtype=bool)
    for group in _groups(keys.exact):
        members = sorted(
            group.tolist(),
            key=lambda n: (bool(keys.synthetic[n]), *keys.row[n].tolist(), keys.origin[n]),
        )
        votes: defaultdict[int, float] = defaultdict(float)
        for number in members:
            votes[int(keys.direction[number])] += float(keys.votes[number])
        side = _majority(votes)
        agreed = [number for number in members if keys.direction[number] == side]
        for number in members:
            contradicted[number] = keys.direction[number] != side
            leader[number] = OUT if contradicted[number] else agreed[0]
    return Exact(leader=leader, contradicted=contradicted)


def near_copies(
    bands_nb: Bands, order_n: Sequence[int] | Numbers, grams_of: GramsOf, threshold: float
) -> dict[int, int]:
    """Find texts that share at least `threshold` (Jaccard) of their grams with an earlier one,
    in each of their parts.

    Args:
        bands_nb: MinHash bands of all texts (`sketch.bands`), shape (texts, bands); texts of
            different kinds must not share any.
        order_n: Numbers of the texts to look at, the one to stay first.
        grams_of: Fetches grams of texts by number; asked once, for those that may be copies.
        threshold: In (0, 1]; 1 finds nothing.

    Returns:
        Number of each copy → number of the text that stands for it.
    """
    order = np.asarray(order_n, dtype=np.int64)
    if threshold >= 1 or not len(order):
        return {}
    shared_nb = _shared(bands_nb, order)
    some = np.flatnonzero(shared_nb.any(axis=1))
    if not len(some):
        return {}
    suspects, shared_sb = order[some], shared_nb[some]
    del shared_nb
    grams = grams_of(suspects)
    leaders: defaultdict[int, list[int]] = defaultdict(list)  # a band and its value → texts
    found: dict[int, int] = {}
    for number, shared_b in zip(suspects.tolist(), shared_sb, strict=True):
        at_b = np.flatnonzero(shared_b)
        places = ((at_b << 32) | bands_nb[number, at_b].astype(np.int64)).tolist()
        alike = sorted({other for place in places for other in leaders.get(place, ())})
        twin = next((o for o in alike if jaccard(grams[number], grams[o]) >= threshold), None)
        if twin is None:
            for place in places:
                leaders[place].append(number)
        else:
            found[number] = twin
    return found


def _shared(bands_nb: Bands, order: Numbers) -> NDArray[np.bool_]:
    """Which bands of each text another has too, shape (order, bands)."""
    shared_nb = np.zeros((len(order), bands_nb.shape[1]), dtype=bool)
    for band in range(bands_nb.shape[1]):
        values = bands_nb[order, band]
        by_value = np.argsort(values, kind="stable")
        same = np.flatnonzero(np.diff(values[by_value].astype(np.int64)) == 0)
        shared_nb[by_value[same], band] = True
        shared_nb[by_value[same + 1], band] = True
    return shared_nb


def _groups(key_n2: NDArray[np.uint64]) -> Iterator[Numbers]:
    """Numbers of the rows that share a key, for every key that several have."""
    order = np.lexsort((key_n2[:, 1], key_n2[:, 0]))
    ordered = key_n2[order]
    changes = np.flatnonzero((ordered[1:] != ordered[:-1]).any(axis=1)) + 1
    bounds = np.concatenate(([0], changes, [len(order)]))
    for place in np.flatnonzero(np.diff(bounds) > 1):
        yield order[bounds[place] : bounds[place + 1]]


def _majority(votes: Mapping[int, float]) -> int | None:
    """The direction with most votes; None if two have as many."""
    (first, most), *others = sorted(votes.items(), key=lambda item: (-item[1], item[0]))
    return None if others and others[0][1] >= most - 1e-9 else first
