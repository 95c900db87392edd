"""A text as the rules read it: disguises taken off, with the way back to the text as written.

Digits of every script become ASCII ones, dashes, spaces and signs their plain forms, and what
cannot be seen is left out: zero-width characters, soft hyphens, a Markdown backslash, a tag inside
a number. Findings are places in the view; `original` says where that stands in the text.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import NamedTuple


class Found(NamedTuple):
    """A finding in a view. The lower the rank the more certain: 0 stands for a checksum."""

    rank: int
    type: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class View:
    """What the rules read. `low` is `text` in lower case, place by place."""

    text: str
    low: str
    starts: list[int] | None = field(default=None, repr=False)  # None: places are the same
    ends: list[int] | None = field(default=None, repr=False)
    numeric: bool = False  # it holds a digit
    labels: dict[int, tuple[str, str]] = field(default_factory=dict, repr=False)  # read so far

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Where a stretch of the view, at least one character, stands in the text as written."""
        if self.starts is None or self.ends is None:
            return start, end
        return self.starts[start], self.ends[end - 1]

    def starts_word(self, at: int) -> bool:
        """Whether no letter or digit stands right before this place."""
        return at == 0 or not self.text[at - 1].isalnum()


_HIDDEN = "\u00ad\u034f\u061c\u115f\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff"
_WRITTEN = {  # characters spelt out in HTML, JSON and web addresses
    "&nbsp;": " ", "&#160;": " ", "&#xa0;": " ", "&thinsp;": " ", "&ensp;": " ",
    "&#64;": "@", "&#x40;": "@", "&commat;": "@", "%40": "@", "&#46;": ".", "&period;": ".",
    "&#45;": "-", "&hyphen;": "-", "&ndash;": "-", "&shy;": "", "&zwnj;": "", "&#8203;": "",
    "&#43;": "+", "&plus;": "+", "&quot;": '"', "&#34;": '"',
    r"\u0040": "@", r"\u002e": ".", r"\u00a0": " ", r"\u200b": "", r"\u002b": "+",
    r"\"": '"', r"\n": "\n", r"\t": " ",
}  # fmt: skip
_INLINE = r"/?(?:b|i|u|em|strong|span|wbr|mark|font|code)\b[^<>]{0,60}>"


def _after(sign: str) -> str:
    return "|".join(re.escape(written[1:]) for written in _WRITTEN if written[0] == sign)


_ODD = re.compile(f"[{_HIDDEN}]+")
_SPELT = re.compile(  # begins with one class of signs, so that a search skips all other text
    rf"[&%\\<](?:(?<=&)(?:{_after('&')})|(?<=%)40|(?<=\\)(?:{_after(chr(92))}"
    r"|(?<=\w.)(?=[-_.@+#()])|(?<=[-_.@+].)(?=[-_.@+#()\w]))"
    rf"|(?<=[0-9@.\s-]<){_INLINE}(?=[0-9@.\s-])|(?<=\w<){_INLINE}(?=@|\.\w)|(?<=@<){_INLINE}(?=\w))",
    re.IGNORECASE,
)
_DIGIT = re.compile("[0-9]")
MAY_BE_SPELT = ("&", "\\", "%40", "<")


def _plain() -> dict[str, str]:
    """One character for one: digits of all scripts, wide letters and signs, dashes and spaces."""
    table = {"İ": "I"}  # the only letter whose lower case is two characters
    for code in range(0x80, 0xFF00):
        character = chr(code)
        kind = unicodedata.category(character)
        if kind == "Nd":
            table[character] = str(unicodedata.digit(character))
        elif kind in ("Zs", "Pd"):
            table[character] = " " if kind == "Zs" else "-"
    table |= {chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
    table |= {chr(0x1D7CE + n): str(n % 10) for n in range(50)}  # mathematical digits
    return table | {"\u2212": "-", "\ufe52": ".", "\u3002": ".", "\u00b7": ".", "\ufe6b": "@"}


_PLAIN = _plain()
_UNPLAIN = re.compile("[" + "".join(map(re.escape, filter(lambda c: c < "\uffff", _PLAIN))) + "]")
_ASTRAL = re.compile("[\U0001d7ce-\U0001d7ff]")


def view(text: str) -> View:
    """The text without its disguises.

    >>> seen = view("４１\\u200b１１ — ok")
    >>> seen.text, seen.original(0, 4)
    ('4111 - ok', (0, 5))
    """
    odd = not text.isascii() and _ODD.search(text) is not None
    spelt = any(sign in text for sign in MAY_BE_SPELT) and _SPELT.search(text) is not None
    if not odd and not spelt:
        return _made(text, None, None)
    places = list(range(len(text)))
    starts, ends = places, [at + 1 for at in places]
    for pattern in (_ODD,) * odd + (_SPELT,) * (spelt or odd):
        text, starts, ends = _replaced(text, starts, ends, pattern)
    return _made(text, starts, ends)


def _made(text: str, starts: list[int] | None, ends: list[int] | None) -> View:
    if not text.isascii():
        for pattern in (_UNPLAIN, _ASTRAL):
            text = pattern.sub(lambda match: _PLAIN[match[0]], text)
    return View(text, text.lower(), starts, ends, _DIGIT.search(text) is not None)


def _replaced(
    text: str, starts: list[int], ends: list[int], pattern: re.Pattern[str]
) -> tuple[str, list[int], list[int]]:
    """The text with every match replaced, and where each character came from."""
    pieces: list[str] = []
    new_starts: list[int] = []
    new_ends: list[int] = []
    at = 0
    for match in pattern.finditer(text):
        start, end = match.span()
        stands_for = _WRITTEN.get(match.group().lower(), "")
        pieces += [text[at:start], stands_for]
        new_starts += starts[at:start] + [starts[start]] * len(stands_for)
        new_ends += ends[at:start] + [ends[end - 1]] * len(stands_for)
        at = end
    pieces.append(text[at:])
    return "".join(pieces), new_starts + starts[at:], new_ends + ends[at:]
