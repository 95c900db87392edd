"""What only words tell: names of people, dates of birth, documents. Each rule waits for a word."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from knowledge.pii_checks import name_length
from knowledge.pii_view import Found, View

_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?"
_DATE = (
    r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](?:19|20)?\d{2}"
    rf"|\d{{1,2}}(?:st|nd|rd|th)?(?: of)? {_MONTH},? \d{{4}}"
    rf"|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}})"
)
_SAY = r"(?: ?(?:is|was|:|#|=|at|on)){0,2}"  # between a label and what it labels
_WORD = r"[^\W\d_][\w'’-]{0,30}"
_NAME = rf"(?P<it>{_WORD}\.?(?: {{1,2}}{_WORD}\.?){{0,3}})"


class _Rule(NamedTuple):
    """The pattern is tried where one of the words stands; its group `it` is the finding."""

    type: str
    words: tuple[str, ...]
    pattern: re.Pattern[str]
    holds: Callable[[str], bool]


def _rule(
    type: str, words: str, pattern: str, holds: Callable[[str], bool] = lambda value: True
) -> _Rule:
    return _Rule(type, tuple(words.split("|")), re.compile(pattern, re.IGNORECASE), holds)


def _several(name: str) -> bool:
    return " " in name


def _numbered(value: str) -> bool:
    return sum(c.isdigit() for c in value) >= 5


_RULES = (
    _rule(
        "DATE_OF_BIRTH",
        "birth|dob|d.o.b|born",
        rf"(?:birth ?da(?:te|y)|birth|d\.?o\.?b\b\.?|born){_SAY},? {{0,3}}(?:the )?"
        rf"(?P<it>{_DATE})(?!\d)",
    ),
    _rule(
        "PASSPORT",
        "passport",
        r"passport\b(?: (?:number|num|no|id)\b\.?)?[^\d\n.!?]{0,16}?"
        r"(?<![A-Za-z0-9])(?P<it>[a-z]{0,3}\d{5,9}[a-z]?)(?![\w-])",
        _numbered,
    ),
    _rule(
        "DRIVER_LICENSE",
        "licen|dl ",
        r"(?:licen[cs]e|dl)\b(?: (?:number|num|no|id)\b\.?)?(?: ?(?:is|was|:|#|=)){0,2} {0,3}"
        r"(?P<it>[a-z]{0,5}\d[\da-z]{0,11}(?:[- ]\d[\da-z]{0,8}){0,5})(?![\w-])",
        _numbered,
    ),
    _rule(
        "PERSON",
        "name",
        rf"name(?: is|:|\?),?\s{{1,4}}{_NAME}",
    ),
    _rule("PERSON", "call me", rf"call me,?\s{{1,4}}{_NAME}"),
    _rule(
        "PERSON",
        "my ",
        r"my (?:husband|wife|son|daughter|kid|partner|mother|father|brother|sister),?\s{1,4}"
        + _NAME,
    ),
    _rule(  # these lead to much else, so one capitalised word is too little
        "PERSON",
        "i am|i'm|i’m|this is|on behalf of|is called|was called|regards",
        r"(?:i am|i[’']m|this is|on behalf of|(?:was|is) called|regards,?)\s{1,4}" + _NAME,
        _several,
    ),
    _rule("PERSON", "add |with ", rf"(?:add|with) {_NAME}(?= as (?:a|an|my|the)\b)", _several),
)
_HONORIFIC = re.compile(
    r"[MDPSmdps](?<![\w].)(?:(?:r|rs|s|x|rof|R|RS|S|X|ROF)\.|(?<=[MDPS])(?:rs?|s|x|rof|iss|adam|ir)\b)"
    rf"(?= {_NAME})"
)
_LIVES_AT = re.compile(r" lives (?:at|in|on)\b")
_BEFORE = re.compile(rf"(?<![\w'’.-]){_NAME}$", re.IGNORECASE)
_WORDLESS = tuple(rule for rule in _RULES if rule.type == "PERSON")  # for texts without a digit


def named(view: View) -> Iterator[Found]:
    """Names, dates of birth, passports and licences: what a word before announces."""
    low = view.low
    for rule in _RULES if view.numeric else _WORDLESS:
        for word in rule.words:
            if word not in low:
                continue
            at = low.find(word)
            while at >= 0:
                if view.starts_word(at) and (match := rule.pattern.match(view.text, at)):
                    yield from _found(rule, match)
                at = low.find(word, at + len(word))
    for match in _HONORIFIC.finditer(view.text):
        yield from _person(match.start("it"), match["it"])
    if " lives " in low:
        for lives in _LIVES_AT.finditer(low):
            begin = max(0, lives.start() - 90)
            if before := _BEFORE.search(view.text, begin, lives.start()):
                yield from _person(before.start("it"), before["it"])


def _found(rule: _Rule, match: re.Match[str]) -> Iterator[Found]:
    if rule.type == "PERSON":
        for person in _person(match.start("it"), match["it"]):
            if rule.holds(match["it"][: person.end - person.start]):
                yield person
    elif rule.holds(match["it"]):
        rank = 1 if rule.type == "DATE_OF_BIRTH" else 2
        yield Found(rank, rule.type, *match.span("it"))


def _person(start: int, words: str) -> Iterator[Found]:
    if length := name_length(words):
        yield Found(6, "PERSON", start, start + length)
