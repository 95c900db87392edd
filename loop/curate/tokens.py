"""Many texts at once as numbers: cut at white space, so that each different token is read once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

N = TypeVar("N", bound=np.integer)


class Numbered(NamedTuple, Generic[N]):
    """Texts as numbers, one behind another."""

    numbers: NDArray[N]
    bounds: NDArray[np.int64]  # text n is numbers[bounds[n]:bounds[n + 1]], shape (texts + 1,)


def numbered(
    texts: Sequence[str], read: Callable[[str], Sequence[int]], dtype: type[N]
) -> Numbered[N]:
    """What `read` makes of each token, for all tokens of all texts in order.

    Args:
        texts: Any.
        read: A token without white space → its numbers, none or several; of an empty one none.
            It is called once for each different token, so it must not depend on what stands
            around one.
        dtype: Of the numbers.

    >>> found = numbered(["a bb a", "", "bb"], lambda token: [len(token)] * bool(token), np.int64)
    >>> found.numbers.tolist(), found.bounds.tolist()
    ([1, 2, 1, 2], [0, 3, 3, 4])
    """
    cut = pc.utf8_split_whitespace(pa.array(texts, pa.large_string()))
    tokens = cut.flatten().dictionary_encode()
    found = [read(token) for token in tokens.dictionary.to_pylist()]
    which = tokens.indices.to_numpy()
    bounds = np.asarray(cut.offsets.to_numpy(), dtype=np.int64)
    sizes = np.fromiter(map(len, found), dtype=np.int64, count=len(found))
    known = np.fromiter(chain.from_iterable(found), dtype=dtype, count=int(sizes.sum()))
    if (sizes == 1).all():
        return Numbered(known[which], bounds)
    first = np.concatenate(([0], np.cumsum(sizes)))
    of_token = sizes[which]
    ends = np.concatenate(([0], np.cumsum(of_token)))
    return Numbered(known[ranges(first[which], of_token)], ends[bounds])


def ranges(starts: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """start, start + 1, … of each range, `size` numbers of it, one range behind another.

    >>> ranges(np.array([5, 0, 9]), np.array([2, 0, 3])).tolist()
    [5, 6, 9, 10, 11]
    """
    ends = np.cumsum(sizes)
    return np.repeat(starts - (ends - sizes), sizes) + np.arange(ends[-1] if len(ends) else 0)
