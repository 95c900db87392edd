"""Personal data in a text, found by pattern, checksum and the words around it; and its masking.

Careful rather than complete: a figure counts as a phone or account number only by its form or by
the words beside it, a name only after "my name is", an honorific or the like. A name in running
text is not found; a model finds those (`recognise`). Every rule takes time linear in the text, and
most are tried only where a sign or word that they need stands.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from knowledge.pii_ids import glued
from knowledge.pii_numbers import hexadecimal, numbers
from knowledge.pii_online import emails, urls, wallets
from knowledge.pii_places import addresses
from knowledge.pii_screen import may_hold
from knowledge.pii_secrets import secrets
from knowledge.pii_view import Found, View, view
from knowledge.pii_words import named


@dataclass(frozen=True, slots=True)
class Span:
    """One finding: value == text[start:end]."""

    type: str
    start: int
    end: int
    value: str = ""


Recogniser = Callable[[Sequence[str]], list[list[Span]]]
"""Texts → the findings in each. What another library or a model adds to the rules here."""


def find_personal_data(text: str, *, links: bool = False) -> list[Span]:
    """Personal data in the text, in order; no two findings overlap.

    Types: EMAIL_ADDRESS, PHONE_NUMBER, CREDIT_CARD, IBAN_CODE, ACCOUNT_NUMBER, SECRET, CRYPTO,
    IP_ADDRESS, MAC_ADDRESS, URL, DATE_OF_BIRTH, PERSON, STREET_ADDRESS, PASSPORT, DRIVER_LICENSE,
    and national ids: US_SSN, UK_NINO, ES_NIF … (knowledge/pii_ids.py). Where two findings overlap
    the more certain one stays: a checksum before a form, a form before a context.

    Args:
        text: Any text. Values may be written with spaces, dashes, line breaks, wide or invisible
            characters, inside JSON, Markdown or HTML.
        links: Also web addresses that lead to no person; a public page is not personal data.

    >>> [(found.type, found.value) for found in find_personal_data("Call +1 415 555 0132 at 9.")]
    [('PHONE_NUMBER', '+1 415 555 0132')]
    >>> find_personal_data("A wire over 1,500 dollars costs 25 dollars; ask extension 2115.")
    []
    """
    seen = view(text)
    spans = []
    for found in apart(_candidates(seen, links)):
        start, end = seen.original(found.start, found.end)
        spans.append(Span(found.type, start, end, text[start:end]))
    return spans


def found_in(texts: Sequence[str], *, links: bool = False) -> list[list[Span]]:
    """The same for many texts at once; far quicker where most hold nothing.

    >>> [len(found) for found in found_in(["Call me.", "Write to ann@example.org."])]
    [0, 1]
    """
    if links:
        return [find_personal_data(text, links=True) for text in texts]
    return [
        find_personal_data(text) if may else []
        for text, may in zip(texts, may_hold(texts), strict=True)
    ]


def mask(
    text: str,
    spans: Sequence[Span] | None = None,
    stand_in: Callable[[Span], str] = lambda span: f"[{span.type}]",
) -> str:
    """The text with each span replaced by its type in brackets.

    Args:
        text: Any text.
        spans: What to replace; None replaces all that `find_personal_data` finds, and what it
            then finds in the result, so that masked text has no findings.
        stand_in: What to write for a span.

    >>> mask("Write to maria@example.org.")
    'Write to [EMAIL_ADDRESS].'
    """
    if spans is not None:
        pieces, at = [], 0
        for span in sorted(spans, key=lambda span: span.start):
            pieces += [text[at : span.start], stand_in(span)]
            at = span.end
        return "".join([*pieces, text[at:]])
    while found := find_personal_data(text):
        text = mask(text, found, stand_in)
    return text


def united(text: str, ours: Iterable[Span], theirs: Iterable[Span]) -> list[Span]:
    """Findings of the rules and of a recogniser in one text; the rules' stay where both see one."""
    ranked = [Found(0, s.type, s.start, s.end) for s in ours]
    ranked += [Found(1, s.type, s.start, s.end) for s in theirs if s.start < s.end]
    return [Span(f.type, f.start, f.end, text[f.start : f.end]) for f in apart(ranked)]


def apart(candidates: Iterable[Found]) -> list[Found]:
    """Findings in order of place that do not overlap; the more certain, then the longer, stays."""
    starts: list[int] = []
    kept: list[Found] = []
    for found in sorted(candidates, key=lambda one: (one.rank, one.start - one.end, one.start)):
        at = bisect_left(starts, found.start)
        if at and kept[at - 1].end > found.start:
            continue
        if at < len(kept) and kept[at].start < found.end:
            continue
        starts.insert(at, found.start)
        kept.insert(at, found)
    return kept


_ALWAYS = (emails, secrets, named)
_NUMERIC = (numbers, glued, hexadecimal, wallets, addresses)  # nothing of theirs lacks a digit


def _candidates(seen: View, links: bool) -> Iterable[Found]:
    for rules in (*_NUMERIC, *_ALWAYS) if seen.numeric else _ALWAYS:
        yield from rules(seen)
    yield from urls(seen, links)
