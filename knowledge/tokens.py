"""How many tokens a stretch of a text is, and where one that is too long is cut."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Offsets of the characters at which a text's tokens begin, ascending, shape (tokens,).
TokenStarts = Callable[[str], NDArray[np.int32]]

_LATIN = "A-Za-z\u00c0-\u024f"
# A short word is one token; the rest of a longer one and of a number comes in pieces. Whatever
# else there is (punctuation, Han, Cyrillic) counts character by character, as with WordPiece,
# and a Korean syllable twice: an empty match comes before it.
_TOKEN = re.compile(
    rf"(?<![{_LATIN}])[{_LATIN}]{{1,6}}|[{_LATIN}]{{1,3}}|[0-9]{{1,3}}|(?=[\uac00-\ud7a3])|\S"
)
_ENDS = ";}\n。！？；"  # where there is no space behind it
_WALL = 64  # characters without a space; WordPiece takes more than 100 for one unknown word
_LONG = re.compile(rf"\S{{{_WALL + 1},}}")


class Span(NamedTuple):
    """Characters of a text."""

    start: int
    end: int


class Cut(NamedTuple):
    """A stretch of text that fits."""

    start: int
    end: int
    tokens: int


def word_starts(text: str) -> NDArray[np.int32]:
    """Where tokens begin, without a tokenizer: rather too many than too few of them.

    Returns:
        Offsets in characters, ascending, shape (tokens,).

    >>> word_starts("A transfer of 1,500.").tolist()
    [0, 2, 8, 11, 14, 15, 16, 19]
    """
    return np.fromiter((match.start() for match in _TOKEN.finditer(text)), dtype=np.int32)


def trimmed(text: str, start: int, end: int) -> Span:
    """The stretch text[start:end] without the white space around it.

    >>> trimmed("A  wire ", 1, 8)
    Span(start=3, end=7)
    """
    piece = text[start:end]
    inner = start + len(piece) - len(piece.lstrip())
    return Span(inner, inner + len(piece.strip()))


class Tokens:
    """A text with its tokens, found once.

    Args:
        text: The whole document.
        token_starts: Where the tokens of any text begin.
    """

    def __init__(self, text: str, token_starts: TokenStarts) -> None:
        self.text = text
        self._token_starts = token_starts
        starts = np.asarray(token_starts(text), dtype=np.int64)
        # A tokenizer may see one token in a wall of letters; it is to be cut all the same.
        walls = [n for wall in _LONG.finditer(text) for n in range(*wall.span(), _WALL)]
        if walls:
            starts = np.sort(np.concatenate([starts, np.setdiff1d(walls, starts)]))
        self._starts: list[int] = starts.tolist()

    def count(self, start: int, end: int) -> int:
        """Tokens that begin in text[start:end]."""
        return bisect_left(self._starts, end) - bisect_left(self._starts, start)

    def of(self, other: str) -> int:
        """Tokens of a text that does not stand in this one as it is."""
        return len(self._token_starts(other))

    def cut(self, start: int, end: int, room: int) -> Iterator[Cut]:
        """A stretch whole, or cut into about equal parts of at most `room` tokens.

        A cut falls behind what ends a statement or a Chinese sentence, else between words, else
        behind punctuation, else between tokens.
        """
        at = start
        while at < end:
            stop, size = end, self.count(at, end)
            if size > room:
                stop = self._stop(at, end, room)
                size = self.count(at, stop)
            if self._torn(at) or self._torn(stop):
                # Half a word may be more tokens than its share of the whole.
                while (size := self.of(self.text[at:stop])) > room and stop - at > 1:
                    stop = (at + stop + 1) // 2
            if self.text[at:stop].strip():
                yield Cut(*trimmed(self.text, at, stop), size)
            at = stop

    def beginning(self, other: str, most: int) -> str:
        """As much of another text as has no more tokens than that."""
        start, end, _ = next(Tokens(other, self._token_starts).cut(0, len(other), most))
        return other[start:end]

    def _stop(self, at: int, end: int, room: int) -> int:
        """Where to end the first of the parts into which text[at:end] is cut."""
        first, last = bisect_left(self._starts, at), bisect_left(self._starts, end)
        fair = -(-(last - first) // -(-(last - first) // room))
        most = first + min(room, fair + fair // 8)
        least = first + fair - fair // 4
        for good in (_ENDS.__contains__, str.isspace, _is_mark):
            for n in range(most, max(least, first), -1):
                if good(self.text[self._starts[n] - 1]):
                    return self._starts[n]
        return min(max(self._starts[first + fair], at + 1), end)

    def _torn(self, at: int) -> bool:
        """Whether a word goes on there."""
        inside = 0 < at < len(self.text)
        return inside and not (self.text[at - 1].isspace() or self.text[at].isspace())


def _is_mark(character: str) -> bool:
    return not character.isalnum() and character not in "_([{<\"'"
