"""What leaves the desk: personal data that the model was not shown is masked, streamed or not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from knowledge.pii import Span, find_personal_data

_SIGN = re.compile(r"[\d@]")
NAMES = frozenset({"PERSON"})  # words like any other: a stream could not hold back half of one


def mask_new(text: str, sources: Iterable[str]) -> str:
    """Mask personal data that stands in none of the sources: the model made it up or leaked it.

    Args:
        text: What the model wrote.
        sources: What it was shown: the question, earlier turns, the passages.
    """
    known = _folded(sources)
    for found in reversed(_numbers_and_addresses(text)):
        if _fold(found.value) not in known:
            text = f"{text[: found.start]}[{found.type}]{text[found.end :]}"
    return text


class Outflow:
    """The same masking for a stream: text leaves as soon as no personal data can begin in it.

    Everything that personal data is recognised by holds a digit or an @. So words flow at once,
    and so do figures the sources hold. From the first other word with one of these, text waits
    until `window` characters stand behind it or the stream ends.
    """

    def __init__(self, sources: Sequence[str], *, window: int = 48) -> None:
        self._known = _folded(sources)
        self._known_words = {_bare(word) for source in sources for word in source.split()}
        self._window = window
        self._text = ""
        self._sent = 0  # characters of the raw text that have left

    def push(self, piece: str) -> str:
        """Take what the model wrote; give what may leave."""
        self._text += piece
        return self._release(self._settled())

    def finish(self) -> str:
        """All that still waits, masked."""
        return self._release(len(self._text))

    def _settled(self) -> int:
        """Where what may leave ends: at the end of a word, before any risky one in the window."""
        end = max(self._text.rfind(" "), self._text.rfind("\n")) + 1
        for word in re.finditer(r"\S+", self._text[self._sent : end]):
            at = self._sent + word.start()
            if at > len(self._text) - self._window and self._risky(word.group()):
                return at
        return max(self._sent, end)

    def _risky(self, word: str) -> bool:
        return bool(_SIGN.search(word)) and not (
            re.fullmatch(r"\[\d+\]\W?", word) or _bare(word) in self._known_words
        )

    def _release(self, end: int) -> str:
        out, at = [], self._sent
        for found in _numbers_and_addresses(self._text):
            if found.end <= at or _fold(found.value) in self._known:
                continue
            if found.end > end:  # not yet whole: it waits
                end = min(end, max(at, found.start))
                break
            out.append(f"{self._text[at : max(at, found.start)]}[{found.type}]")
            at = found.end
        out.append(self._text[at:end])
        self._sent = max(at, end)
        return "".join(out)


def _numbers_and_addresses(text: str) -> list[Span]:
    """Personal data but for names and what else is mere words; all of it holds a digit or an @."""
    return [
        found
        for found in find_personal_data(text)
        if found.type not in NAMES and _SIGN.search(found.value)
    ]


def _bare(word: str) -> str:
    return word.casefold().strip(".,;:!?()[]'\"")


def _fold(text: str) -> str:
    return "".join(text.casefold().split())


def _folded(sources: Iterable[str]) -> str:
    return "\n".join(_fold(source) for source in sources)
