"""Keys, tokens and passwords: by a maker's well-known form, or by what a value is called.

A value that a name introduces ("password: …") counts only if it looks like one: placeholders,
plain words and variables are left alone.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from knowledge.pii_view import Found, View


class _Maker(NamedTuple):
    """Keys of one maker: how they begin, what letters follow, how many at least and at most."""

    begins: re.Pattern[str]
    alphabet: frozenset[str]
    least: int
    most: int


_UPPER = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_LETTERS = _UPPER | frozenset("abcdefghijklmnopqrstuvwxyz")
_DASHED = _LETTERS | frozenset("_-")
_DOTTED = _DASHED | frozenset(".=")
_MAKERS = tuple(
    _Maker(re.compile(begins), alphabet, least, most)
    for begins, alphabet, least, most in (
        (r"A(?:KIA|SIA|GPA|IDA|ROA|BIA|CCA)", _UPPER, 16, 16),  # Amazon
        (r"gh[pousr]_", _LETTERS, 36, 251),  # GitHub
        (r"github_pat_", _DASHED, 40, 255),
        (r"gl(?:pat|dt|rt)-", _DASHED, 20, 64),  # GitLab
        (r"x(?:ox[bpaerse]|app)-", _DASHED, 12, 255),  # Slack
        (r"[srp]k_(?:live|test)_|whsec_", _LETTERS, 16, 247),  # Stripe
        (r"AIza", _DASHED, 35, 35),  # Google
        (r"ya29\.", _DASHED, 20, 255),
        (r"GOCSPX-", _DASHED, 20, 255),
        (r"sk-", _DASHED, 20, 255),  # OpenAI, Anthropic and the like
        (r"(?:hf|npm|r8|gsk|shpat|shpss|dop_v1|lin_api|figd)_", _DASHED, 22, 128),
        (r"sq0(?:atp|csp)-", _DASHED, 22, 128),  # Square
        (r"pypi-", _DASHED, 40, 255),
        (r"SG\.", _DOTTED, 40, 90),  # SendGrid
        (r"key-", _LETTERS, 32, 32),  # Mailgun
        (r"AGE-SECRET-KEY-", _UPPER, 50, 60),
        (r"eyJ", _DOTTED, 40, 4096),  # a JSON Web Token
    )
)
_UNDERSCORED = ("gh", "github", "[srp]k", "(?:hf")  # not worth a search where no _ stands
_JOIN = re.compile(r"[\"'`]\s{0,3}[+.,\\&]?\s{0,12}[\"'`]|\\?\s{0,3}\r?\n[ \t>]{0,8}|[ \t]{1,2}")
_PEM = re.compile(
    r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:(?!-----BEGIN)[\s\S]){0,8192}?-----END (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
)
_PEM_CUT = re.compile(
    r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:\s{0,2}[A-Za-z0-9+/=]{16,})*"
)
_NAMES = ("pass", "pwd", "secret", "key", "token", "credential", "contraseña", "signature")
_NAME = re.compile(
    r"(?:pass(?:word|wd|phrase|code|wort|e)|pwd|secret|key|token|credential|contraseña|signature)s?",
    re.IGNORECASE,
)
_VALUE = re.compile(
    r"[\w -]{0,16}?[\"'`*_]{0,3}\s{0,3}(?:=>|:=|=|:|\bis\b|\bwas\b|,)\s{0,3}(?:bearer\s|basic\s)?"
    r"(?P<quote>\\?[\"'`]?)(?P<it>(?:[^\s\"'`,;<>&\[\]{}()]|&(?!\w{1,20}=)){6,512})",
    re.IGNORECASE,
)
_CARRIED = re.compile(r"(?P<quote>)(?P<it>[A-Za-z0-9+/_.=~-]{16,2048})")  # after Bearer, Basic
_HOLDS_NOTHING = re.compile(
    r"\$|%|\*{3}|x{4}|\.{3}|_{4}|your|example_|changeme|placeholder|redacted|none|null|undefined|true$"
    r"|false$|string|env\b|os\.|getenv|process\.|config|self\.|args\.|https?:|settings|secrets?\.",
    re.IGNORECASE,
)


def secrets(view: View) -> Iterator[Found]:
    """Keys, tokens, private keys and passwords."""
    text = view.text
    scored = "_" in text
    for maker in _MAKERS:
        if not scored and maker.begins.pattern.startswith(_UNDERSCORED):
            continue
        read = 0
        for match in maker.begins.finditer(text):
            at = match.start()
            if at < read or (at and (text[at - 1].isalnum() or text[at - 1] in "_-")):
                continue
            key = _key(text, match.end(), maker)
            read = key.end
            if key.holds:
                yield Found(0, "SECRET", at, key.end)
    if "-----BEGIN " in text:
        for match in _PEM.finditer(text):
            yield Found(0, "SECRET", *match.span())
        for match in _PEM_CUT.finditer(text):
            yield Found(1, "SECRET", *match.span())
    yield from _named(view)


class _Key(NamedTuple):
    end: int  # of what was read
    holds: bool  # it is a key


def _key(text: str, at: int, maker: _Maker) -> _Key:
    """The key whose prefix ends here.

    It may be cut by quotes, and by white space as long as letters are missing.
    """
    count, begin = 0, at
    pieces, spaced = [], False
    while count < maker.most:
        while at < len(text) and count < maker.most and text[at] in maker.alphabet:
            count, at = count + 1, at + 1
        pieces.append(text[begin:at])
        join = _JOIN.match(text, at)
        if not join or text[join.end() : join.end() + 1] not in maker.alphabet:
            break
        if text[at] not in "\"'`":
            if count >= maker.least or not (count or "\n" in join.group()):
                break
            spaced = True
        at = begin = join.end()
    whole = count >= maker.least and _drawn("".join(pieces), maker)
    return _Key(at, whole and (not spaced or all(map(_no_word, filter(None, pieces)))))


def _drawn(key: str, maker: _Maker) -> bool:
    """Whether it looks random; a key of fixed length need not."""
    return maker.least == maker.most or any(map(str.isdigit, key)) or entropy(key) > 3.5


def _no_word(piece: str) -> bool:
    return any(map(str.isdigit, piece)) or not (piece.islower() or piece.istitle())


def entropy(value: str) -> float:
    """Bits a character carries in this value (Shannon).

    >>> entropy("aabb")
    1.0
    """
    counts = Counter(value)
    return -sum(n / len(value) * math.log2(n / len(value)) for n in counts.values())


def _named(view: View) -> Iterator[Found]:
    for name in _NAMES:
        at = view.low.find(name)
        while at >= 0:
            said = _NAME.match(view.text, at)
            if said and (match := _VALUE.match(view.text, said.end())):
                yield from _value(view, match)
            at = view.low.find(name, at + len(name))
    for name in ("bearer ", "basic "):
        at = view.low.find(name)
        while at >= 0:
            if match := _CARRIED.match(view.text, at + len(name)):
                yield from _value(view, match)
            at = view.low.find(name, at + len(name))


def _value(view: View, match: re.Match[str]) -> Iterator[Found]:
    start, end = match.span("it")
    if _secretive(match["it"], bool(match["quote"])):
        while view.text[end - 1] in ".!?:" and end > start + 6:
            end -= 1  # the sentence's own
        yield Found(2, "SECRET", start, end)


def _secretive(value: str, quoted: bool) -> bool:
    """Whether a value looks chosen or drawn rather than said."""
    value = value.rstrip(".!?:")
    if len(value) < 6 or _HOLDS_NOTHING.search(value[:64]):
        return False
    letters = any(c.isalpha() for c in value)
    figures = any(c.isdigit() for c in value)
    signs = any(not c.isalnum() and c not in "-_." for c in value)
    if letters and (figures or signs):
        return len(set(value)) > 4
    return quoted and value.isalpha() and not value.islower() and not value.istitle()
