"""Phone numbers: by an international prefix, by a country's way of writing, or by a label beside.

`phonenumbers` (Google's libphonenumber) says which numbers exist; it is asked only about what
already looks like one, because asking costs more than reading a page of text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from knowledge.pii_checks import digits, is_phone
from knowledge.pii_digits import Chain, label_after, label_before
from knowledge.pii_view import Found, View

_GAP = r"(?:[ ./_-]| - )?"
_NORTH_AMERICAN = re.compile(
    rf"(?:1{_GAP})?(?:\([2-9]\d\d\){_GAP}|[2-9]\d\d(?:[ ./_-]| - ))[2-9]\d\d{_GAP}\d{{4}}"
    rf"|(?:1(?:[ ./_-]| - ))?[2-9]\d\d{_GAP}[2-9]\d\d(?:[ ./_-]| - )\d{{4}}"
)
_TRUNK = re.compile(r"\(?0[1-9]\d{0,4}\)?(?:(?:[ ./-]| - |\) ?)\d{2,8}){1,4}|0[1-37]\d{9}")
_FRENCH = re.compile(r"0[1-9](?:([ .-])\d\d)(?:\1\d\d){3}")
_BARE = re.compile(r"1?[2-9]\d\d[2-9]\d{6}")
_MIDDLE = re.compile(r"(?:1|0[1-9]|[2-9]\d\d)(?!\d)")  # how one in the midst of figures begins
_LABELLED = re.compile(r"\(?\d{1,5}\)?(?:(?:[ ./-]| - |\) ?| \(|-\(){1,2}\d{1,8}){1,7}|\d{7,13}")
_BREAKS = re.compile(r"\n|[ \t]{3}|_")  # inside no national number
_MONEY_BEFORE = re.compile(r"(?:[$€£¥₹]|\b(?:usd|eur|gbp|chf|rs\.?)) ?$")
_UNITS = re.compile(
    r"%| ?(?:dollars?|euros?|pounds?|cents?|per ?cent|usd|eur|gbp|chf|kg|km|mb|gb|bytes|ms"
    r"|tokens?|rows?|people|times|units?)\b"
)
_FRACTION = re.compile(r"[.,:]\d|-\w|\w")
_DATED = re.compile(r"(?:19|20)\d\d[-/. ]?(?:0[1-9]|1[0-2])[-/. ]?(?:0[1-9]|[12]\d|3[01])\d{0,6}")


def phones_in(view: View, chain: Chain, taken: list[tuple[int, int]]) -> Iterator[Found]:
    """Phone numbers among the groups of a chain that nothing more certain has taken."""
    groups = chain.groups
    at = 0
    while at < len(groups):
        start = groups[at][0]
        if _in(taken, start) or not (found := _phone_at(view, chain, at)):
            at += 1
            continue
        yield found
        while at < len(groups) and groups[at][0] < found.end:
            at += 1


def _phone_at(view: View, chain: Chain, at: int) -> Found | None:
    """The longest phone number that starts with this group."""
    text, start = view.text, chain.groups[at][0]
    sign = _sign(text, start)
    if sign < start or text.startswith("00", start):
        return _international(view, chain, at, sign)
    if not _begins(view, start):
        return None
    inside = at > 0 and not _BREAKS.search(text, chain.groups[at - 1][1], start)
    if inside and not _MIDDLE.match(text, start):
        return None
    ends = _ends(view, chain, at)
    begin = start - (start > 0 and text[start - 1] == "(")
    label = "" if inside else _label(view, begin)
    for end in ends:
        value = text[begin:end]
        size = len(digits(value))
        if not is_phone(value) or (begin < start and ")" not in value):
            value, from_ = text[start:end], start
        else:
            from_ = begin
        if label == "other" or (label == "account" and not _NORTH_AMERICAN.fullmatch(value)):
            continue
        if _shaped(value, size, inside) or _called(view, value, end, label, inside, at, ends):
            return Found(3, "PHONE_NUMBER", from_, end)
    return None


def _shaped(value: str, size: int, inside: bool) -> bool:
    """Whether the writing alone gives a phone number away."""
    if _DATED.fullmatch(value) or not is_phone(value):
        return False
    if _NORTH_AMERICAN.fullmatch(value) or _FRENCH.fullmatch(value):
        return True
    if inside:
        return False
    if _TRUNK.fullmatch(value):
        return 10 <= size <= 12
    return bool(_BARE.fullmatch(value)) and exists("+1" + value[-10:])


def _called(
    view: View, value: str, end: int, label: str, inside: bool, at: int, ends: list[int]
) -> bool:
    """Whether the words beside say that this is a phone number: the whole of it, not a part."""
    if inside or not ends or end != ends[0] or not is_phone(value) or _DATED.fullmatch(value):
        return False
    if not _LABELLED.fullmatch(value) and len(value) > 1.9 * len(digits(value)):
        return False
    return label == "phone" or label_after(view, end) == "phone"


def _international(view: View, chain: Chain, at: int, sign: int) -> Found | None:
    start = chain.groups[at][0]
    if sign == start and not _begins(view, start):
        return None
    for to in range(min(len(chain.groups), at + 15) - 1, at - 1, -1):
        size, end = chain.size(at, to), chain.groups[to][1]
        if not 8 <= size <= 17 or not _finishes(view, end):
            continue
        number = digits(view.text[start:end])
        national = "+" + (number[2:] if sign == start else number)
        if "(0)" in view.text[start:end]:
            national = national.replace("0", "", 1) if national[1] != "0" else national
            national = _without_trunk(view.text[start:end])
        broken = _BREAKS.search(view.text, start, end)
        if exists(national) or (sign < start and not broken and _possible(national)):
            return Found(2, "PHONE_NUMBER", sign, end)
    return None


def _without_trunk(value: str) -> str:
    """+46 (0)8 928 → +468928."""
    return "+" + digits(value.replace("(0)", "", 1)).removeprefix("00")


def _sign(text: str, start: int) -> int:
    """Where a plus before the digits stands, with a bracket around; `start` if there is none."""
    at = start
    while at and start - at < 3 and text[at - 1] in " (":
        at -= 1
    if at and text[at - 1] == "+":
        at -= 1
        return at - (at > 0 and text[at - 1] == "(")
    return start


@lru_cache(maxsize=4096)
def exists(number: str) -> bool:
    """Whether a number in the form +4930901820 is in its country's numbering plan."""
    import phonenumbers

    try:
        return bool(phonenumbers.is_valid_number(phonenumbers.parse(number)))
    except phonenumbers.NumberParseException:
        return False


@lru_cache(maxsize=4096)
def _possible(number: str) -> bool:
    import phonenumbers

    try:
        return bool(phonenumbers.is_possible_number(phonenumbers.parse(number)))
    except phonenumbers.NumberParseException:
        return False


def _label(view: View, at: int) -> str:
    kind, between = label_before(view, at)
    return "" if len(between) > 30 or between.count("\n") > 1 else kind


def _begins(view: View, start: int) -> bool:
    """Whether a figure begins here, and it is neither money, nor a fraction, nor part of a code."""
    before = view.text[max(0, start - 8) : start]
    last, second = before[-1:], before[-2:-1]
    if last.isalnum() or last in ("$", "€", "£", "%", "#", "@", "="):
        return last == "=" or (last.isalpha() and bool(re.search(r"\b(?:tel|ph|fax)$", before)))
    if last in (".", ",", ":", "-", "/", "_") and second.isalnum():
        return last == ":" and not second.isdigit()
    return not _MONEY_BEFORE.search(before.lower())


def _finishes(view: View, end: int) -> bool:
    return not (_FRACTION.match(view.text, end) or _UNITS.match(view.low, end))


def _ends(view: View, chain: Chain, at: int) -> list[int]:
    """Where a number that starts with this group may end, the longest first."""
    ends = []
    for to in range(at, min(len(chain.groups), at + 15)):
        if to > at and _BREAKS.search(view.text, chain.groups[to - 1][1], chain.groups[to][0]):
            break
        size = chain.size(at, to)
        if size > 15:
            break
        if size >= 7 and _finishes(view, chain.groups[to][1]):
            ends.append(chain.groups[to][1])
    return ends[::-1]


def _in(taken: list[tuple[int, int]], at: int) -> bool:
    return any(start <= at < end for start, end in taken)
