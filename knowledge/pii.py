"""Personal data in a text, found by pattern, checksum and the words around it; and its masking.

Careful rather than complete: a figure counts as a phone or account number only by its form or by
the words beside it, a name only after "my name is", an honorific or the like. A name in running
text is not found. Every pattern takes time linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from knowledge.pii_checks import (
    iban_end,
    is_account,
    is_card,
    is_machine,
    is_phone,
    is_ssn,
    name_length,
)


@dataclass(frozen=True, slots=True)
class Span:
    """One finding: value == text[start:end]."""

    type: str
    start: int
    end: int
    value: str = ""


def find_personal_data(text: str) -> list[Span]:
    """Personal data in the text, in order; no two findings overlap.

    Types: EMAIL_ADDRESS, PHONE_NUMBER, CREDIT_CARD, IBAN_CODE, US_SSN, IP_ADDRESS, URL (only with
    a user in it), DATE_OF_BIRTH, ACCOUNT_NUMBER, PERSON, STREET_ADDRESS. Where two findings
    overlap the more certain one stays: a checksum before a form, a form before a context.

    >>> [(found.type, found.value) for found in find_personal_data("Call +1 415 555 0132 at 9.")]
    [('PHONE_NUMBER', '+1 415 555 0132')]
    >>> find_personal_data("A wire over 1,500 dollars costs 25 dollars; ask extension 2115.")
    []
    """
    taken: list[Span] = []
    for rule in _RULES:
        for match in rule.pattern.finditer(text):
            start, end = match.span("it")
            if rule.type == "IBAN_CODE":
                end = iban_end(text, start)
            elif rule.type == "PERSON":
                end = start + name_length(match["it"])
            value = text[start:end]
            if not value or not rule.holds(value):
                continue
            if all(span.end <= start or end <= span.start for span in taken):
                taken.append(Span(rule.type, start, end, value))
    return sorted(taken, key=lambda span: span.start)


def mask(text: str, spans: Sequence[Span] | None = None) -> str:
    """The text with each span replaced by its type in brackets.

    Args:
        text: Any text.
        spans: What to replace; None replaces all that `find_personal_data` finds, and what it
            then finds in the result, so that masked text has no findings.

    >>> mask("Write to maria@example.org.")
    'Write to [EMAIL_ADDRESS].'
    """
    if spans is not None:
        for span in sorted(spans, key=lambda span: span.start, reverse=True):
            text = f"{text[: span.start]}[{span.type}]{text[span.end :]}"
        return text
    while found := find_personal_data(text):
        text = mask(text, found)
    return text


class _Rule(NamedTuple):
    """The pattern's group `it` is the finding, if the check holds."""

    type: str
    pattern: re.Pattern[str]
    holds: Callable[[str], bool]


def _rule(type: str, pattern: str, holds: Callable[[str], bool] = bool) -> _Rule:
    return _Rule(type, re.compile(pattern, re.IGNORECASE), holds)


_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?"
_DATE = (
    r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](?:19|20)?\d{2}"
    rf"|\d{{1,2}}(?:st|nd|rd|th)?(?: of)? {_MONTH},? \d{{4}}"
    rf"|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}})"
)
_START = r"(?<![\w$€£/+%-])(?<!\d[.,:])(?<![$€£] )"  # a figure begins here, and it is no money
_END = r"(?![\w%]|[.,:/-]\d| ?(?:dollars?|euros?|pounds?|cents?|per ?cent|usd|eur|gbp)\b)"
_SAY = r"(?: ?(?:is|was|:|#|=|at|on)){0,2}"  # between a label and what it labels
_WORD = r"[^\W\d_][\w'’-]{0,30}"
_NAME = rf"(?P<it>{_WORD}\.?(?: {{1,2}}{_WORD}\.?){{0,3}})"
_WAY = (
    r"(?:street|st|road|rd|avenue|ave|lane|ln|drive|dr|boulevard|blvd|court|ct|place|pl|square|sq"
    r"|terrace|close|crescent|gardens|parkway|pkwy|highway|hwy|circle|way|crossroad)\b\.?"
)
_ROOM = r"(?:,?\s{1,3}(?:apt|apartment|suite|ste|unit|flat|room)\b\.? ?#?\w{1,6})"
_TOWN = r"(?:,\s{1,3}(?:(?-i:[A-Z])[\w-]{1,20} ?){1,3},? (?-i:[A-Z]{2}) \d{5}(?:-\d{4})?)"
_PHONE_LABEL = (
    r"(?:phone|telephone|tel|mobile|cell(?:phone)?|fax|whatsapp|(?:call|ring|text|reach)"
    r"(?: (?:me|us|him|her|them))?(?: back)?)"
)

_RULES: tuple[_Rule, ...] = (  # most certain first
    _rule("URL", r"\b(?P<it>[a-z][a-z0-9+.-]{1,9}://[^\s/@]{1,200}@[^\s<>\"]+)"),
    _rule("EMAIL_ADDRESS", r"(?<![\w.%+-])(?P<it>[\w.%+-]+@(?:[\w-]+\.)+[^\W\d_]{2,})"),
    _rule("IBAN_CODE", r"(?<!\w)(?P<it>[a-z]{2}\d{2})[ -]?[a-z0-9]"),
    _rule("CREDIT_CARD", r"(?<![\w+-])(?<!\d[.,])(?P<it>\d(?:[ -]?\d){11,18})(?![\w-])", is_card),
    _rule("US_SSN", r"(?<![\w-])(?P<it>\d{3}-\d{2}-\d{4})(?![\w-])", is_ssn),
    _rule(
        "US_SSN",
        r"\b(?:ssn|social security)\b\D{0,25}?(?P<it>\d{3}[ -]?\d{2}[ -]?\d{4})(?![\w-])",
        is_ssn,
    ),
    _rule(
        "IP_ADDRESS",
        r"(?<![\w.])(?<!version )(?<!release )(?P<it>(?:\d{1,3}\.){3}\d{1,3})(?!\w|\.\d)",
        is_machine,
    ),
    _rule(
        "IP_ADDRESS",
        r"(?<![\w:.])(?=[a-f:]*\d)(?P<it>[0-9a-f]{1,4}(?::[0-9a-f]{0,4}){2,7})(?![\w:])",
        is_machine,
    ),
    _rule(
        "DATE_OF_BIRTH",
        r"\b(?:date of birth|birth ?date|birthday|d\.?o\.?b\b\.?|born)"
        rf"{_SAY},? {{0,3}}(?:the )?(?P<it>{_DATE})(?!\d)",
    ),
    _rule(
        "ACCOUNT_NUMBER",
        r"\b(?:(?:account|acct|a/c|routing|customer|client|member|membership|policy)\.?"
        rf"(?: (?:number|num|no|id)\b\.?)?|sort code){_SAY} {{0,3}}"
        rf"(?P<it>\d(?:[ -]?\d){{5,19}}){_END}",
        is_account,
    ),
    _rule(  # international: +44 20 7946 0958, 001-518-640-0101, +46 (0)8 928 571 38
        "PHONE_NUMBER",
        r"(?<![\w+-])(?<!\d[.,])(?P<it>(?:\+|00)[1-9]\d{0,2}[ .-]?(?:\(\d{1,4}\)[ .-]?)?"
        rf"\d{{1,5}}(?:[ .-]?\d{{2,5}}){{1,5}}){_END}",
        lambda value: is_phone(value) and len(value) > 9,
    ),
    _rule(  # North American: 415 555 0132, (415) 555-0132, 1-415-555-0132
        "PHONE_NUMBER",
        rf"{_START}(?P<it>(?:1[ .-])?(?:\([2-9]\d{{2}}\) ?|[2-9]\d{{2}}[ .-])[2-9]\d{{2}}"
        rf"[ .-]\d{{4}}){_END}",
    ),
    _rule(  # with the trunk's 0: 020 7946 0958, (0117) 496 0123, 07700 900123
        "PHONE_NUMBER",
        rf"{_START}(?P<it>\(?0[1-9]\d{{0,3}}\)?[ -]\d{{2,4}}(?:[ -]?\d{{2,4}}){{1,3}}"
        rf"|0[1-37]\d{{9}}){_END}",
        lambda value: is_phone(value) and 9 <= sum(c.isdigit() for c in value) <= 11,
    ),
    _rule(  # anything the words call a phone number
        "PHONE_NUMBER",
        rf"\b{_PHONE_LABEL}\b\.?(?: (?:number|no|num)\b\.?)?{_SAY}\s{{0,3}}"
        rf"(?P<it>(?:\(\d{{1,5}}\)|\d{{1,5}})(?:[ .-]\d{{2,8}}){{1,5}}|\d{{8,13}}){_END}",
        is_phone,
    ),
    _rule(
        "PHONE_NUMBER",
        rf"{_START}(?P<it>(?:\(\d{{1,5}}\)|\d{{1,5}})(?:[ .-]\d{{2,8}}){{1,5}})"
        r"(?= {1,2}\(?(?:office|fax|mobile|cell|home|work)\b)",
        is_phone,
    ),
    _rule(
        "STREET_ADDRESS",
        rf"(?<![\w.,-])(?P<it>\d{{1,5}}[a-z]? (?:(?-i:[^\W\d_a-z])[\w'’.-]{{0,20}} ){{1,4}}{_WAY}"
        rf"{_ROOM}?{_TOWN}?)",
    ),
    _rule(
        "STREET_ADDRESS",
        r"\b(?:lives? at|address(?: is|:))\s{1,3}(?P<it>\d{1,5}\b[^\n.?!]{4,60})",
    ),
    _rule(  # a street in any language, told by the flat: 41086 Kiannonkatu 98, Suite 464
        "STREET_ADDRESS",
        rf"(?<![\w.,-])(?P<it>\d{{1,5}}[a-z]? (?:(?-i:[^\W\d_a-z])[\w'’.-]{{0,30}} ?){{1,4}}"
        rf"(?:\d{{1,5}}\.?)?(?<! ){_ROOM}{_TOWN}?)",
    ),
    _rule(
        "STREET_ADDRESS",
        r"\b(?P<it>(?:P\.? ?O\.? ?Box|(?:PSC|Unit) \d+,? Box) \d{1,6}"
        r"(?:\s[DAF]PO A[AEP] \d{5})?)\b",
    ),
    _rule(
        "PERSON",
        r"\b(?:my name is|name(?: is|:)|(?:first|last|maiden) name\?|call me|my (?:husband|wife"
        rf"|son|daughter|kid|partner|mother|father|brother|sister)),?\s{{1,4}}{_NAME}",
    ),
    _rule(  # these lead to much else, so one capitalised word is too little
        "PERSON",
        rf"\b(?:i am|i[’']m|this is|on behalf of|(?:was|is) called|regards,?)\s{{1,4}}{_NAME}",
        lambda name: " " in name,
    ),
    _rule("PERSON", rf"\b(?:add|with) {_NAME}(?= as (?:a|an|my|the)\b)", lambda name: " " in name),
    _rule("PERSON", rf"(?<![\w'’.-]){_NAME}(?= lives (?:at|in|on)\b)"),
    _rule(
        "PERSON",
        rf"\b(?:(?:mr|mrs|ms|mx|dr|prof)\.|(?-i:Mr|Mrs|Ms|Mx|Dr|Prof|Miss|Madam|Sir)) {_NAME}",
    ),
)
