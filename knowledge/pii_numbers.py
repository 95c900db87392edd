"""Numbers in a text: cards, accounts, national ids, phones and machine addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator

from knowledge.pii_checks import is_account, is_card, is_machine
from knowledge.pii_digits import Chain, chains, label_after, label_before
from knowledge.pii_ids import ids_in
from knowledge.pii_phones import phones_in
from knowledge.pii_view import Found, View

_CARD_GROUPS = frozenset(
    tuple(int(size) for size in sizes.split("-"))
    for sizes in "4-4-4-4 4-6-5 4-6-4 4-4-4-1 4-4-5 4-4-4 4-4-4-3 4-4-4-4-3 4-12 8-8 6-10 6-13 "
    "6-6-4 4-8-4 4-4-8 8-4-4".split()
)
_LABEL_GLUED = re.compile(
    r"(?:^|[^a-z])(?:card|cc|visa|mastercard|amex|no|nr|num|number|pan)[-_]?$"
)
_ACCOUNT = re.compile(
    r"\b(?:(?:account|acct|a/c|routing|customer|client|member|membership|policy)\.?"
    r"(?: (?:number|num|no|id)\b\.?)?|sort code)(?: ?(?:is|was|:|#|=|at|on)){0,2} {0,3}$"
)
_UNITS = re.compile(r"[\w%]|[.,:/-]\d| ?(?:dollars?|euros?|pounds?|cents?|per ?cent|usd|eur|gbp)\b")
_BROKEN = re.compile(r"[^ -]|[ -]{2}")  # within no account number
_VERSION = re.compile(r"(?:version|release|v\.?|rev\.?|build)\s?$")


def numbers(view: View) -> Iterator[Found]:
    """Findings in the view that are digits, or digits with a letter or sign beside them."""
    for chain in chains(view):
        if len(chain.groups) > 3:
            yield from _machines(view, chain)
        if chain.before[-1] < 6:
            continue
        yield from _accounts(view, chain)
        found = [*_cards(view, chain), *ids_in(view, chain)]
        yield from found
        taken = [(one.start, one.end) for one in found if one.rank == 0]
        yield from phones_in(view, chain, taken)


def _cards(view: View, chain: Chain) -> Iterator[Found]:
    groups = chain.groups
    at = 0
    while at < len(groups):
        found = _card_at(view, chain, at)
        if found is None:
            at += 1
            continue
        yield found
        while at < len(groups) and groups[at][0] < found.end:
            at += 1


def _card_at(view: View, chain: Chain, at: int) -> Found | None:
    """The longest card number that starts with this group."""
    start = chain.groups[at][0]
    best = None
    for to in range(at, min(at + 19, len(chain.groups))):
        size, end = chain.size(at, to), chain.groups[to][1]
        if size > 19:
            break
        if size >= 12 and is_card(view.text[start:end]) and _card_written(view, chain, at, to):
            best = Found(0, "CREDIT_CARD", start, end)
    return best


def _card_written(view: View, chain: Chain, at: int, to: int) -> bool:
    """Whether digits are grouped, and stand, as a card number's are."""
    start, end = chain.groups[at][0], chain.groups[to][1]
    text = view.text
    if _joined_before(view, start) or text[end : end + 1].isalnum():
        return False
    if text[end : end + 1] in ("-", "_") and text[end + 1 : end + 2].isalpha():
        return False
    sizes = tuple(high - low for low, high in chain.groups[at : to + 1])
    if len(sizes) == 1 or sizes in _CARD_GROUPS:
        return True
    alike = len(set(sizes[:-1])) == 1 and sizes[-1] <= sizes[0]
    if alike and sizes[0] in (1, 2, 3, 4, 5) and at == 0 and to == len(chain.groups) - 1:
        return True
    return label_before(view, start)[0] == "card" or label_after(view, end) == "card"


def _joined_before(view: View, start: int) -> bool:
    """Whether the digits are the tail of something longer: a word, a fraction, a code."""
    before = view.low[max(0, start - 16) : start]
    last, second = before[-1:], before[-2:-1]
    if last.isalpha() or (last in ("-", "_") and second.isalpha()):
        return not _LABEL_GLUED.search(before)
    if last == "-" and second.isdigit():  # the last part of a code such as a UUID
        word = re.search(r"[a-z0-9-]+$", before)
        return word is not None and any(c.isalpha() for c in word.group())
    return last == "+" or (last in (".", ",") and second.isdigit())


def _accounts(view: View, chain: Chain) -> Iterator[Found]:
    start = chain.groups[0][0]
    if label_before(view, start)[0] != "account":
        return
    if not _ACCOUNT.search(view.low[max(0, start - 40) : start]):
        return
    best = None
    for to in range(min(len(chain.groups), 20)):
        if to and _BROKEN.search(view.text, chain.groups[to - 1][1], chain.groups[to][0]):
            break
        end = chain.groups[to][1]
        if is_account(view.text[start:end]) and not _UNITS.match(view.low, end):
            best = Found(2, "ACCOUNT_NUMBER", start, end)
    if best is not None:
        yield best


def _machines(view: View, chain: Chain) -> Iterator[Found]:
    """IPv4: four groups with dots between, and not a version."""
    groups, text = chain.groups, view.text
    for at in range(len(groups) - 3):
        start, end = groups[at][0], groups[at + 3][1]
        if end - start > 15 or text[start:end].count(".") != 3:
            continue
        if text[max(0, start - 1) : start] in (".", "_") or view.text[start - 1 : start].isalnum():
            continue
        if text[end : end + 1].isalnum() or re.match(r"\.\d", text[end : end + 2]):
            continue
        version = _VERSION.search(view.low, max(0, start - 12), start)
        if not version and is_machine(text[start:end]):
            yield Found(1, "IP_ADDRESS", start, end)


_HEX = re.compile(
    r"(?<![\w:.])(?:[0-9a-f]{1,4}(?::[0-9a-f]{0,4}){2,7}|::[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){1,6})"
    r"(?![\w:])",
    re.IGNORECASE,
)
_WIDE = re.compile(r"[0-9a-f]{3}|(?:[0-9a-f]+:+){4}", re.IGNORECASE)  # no slice such as 1::2
_HEXISH = re.compile(r":[0-9a-fA-F]{0,4}:[0-9a-fA-F]")
_MACISH = re.compile(r"[:-][0-9a-fA-F]{2}[:-][0-9a-fA-F]{2}[:-][0-9a-fA-F]{2}[:-]")
_MAC = re.compile(r"(?<![\w:-])[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}(?![\w:-])", re.I)


def hexadecimal(view: View) -> Iterator[Found]:
    """IPv6 and network hardware addresses."""
    if _HEXISH.search(view.text):
        for match in _HEX.finditer(view.text):
            if _WIDE.search(match.group()) and is_machine(match.group()):
                yield Found(1, "IP_ADDRESS", *match.span())
    if _MACISH.search(view.text):
        for match in _MAC.finditer(view.text):
            yield Found(1, "MAC_ADDRESS", *match.span())
