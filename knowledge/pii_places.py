"""Street addresses: a house number and a street by its form, in several languages."""

from __future__ import annotations

import re
from collections.abc import Iterator

from knowledge.pii_view import Found, View

_UP = r"(?:[^\W\d_a-z][\w'’.-]{0,30})"  # a capitalised word; letters without case count
_WAY = (
    r"(?i:street|st|road|rd|avenue|ave|lane|ln|drive|dr|boulevard|blvd|court|ct|place|pl|square|sq"
    r"|terrace|close|crescent|gardens|parkway|pkwy|highway|hwy|circle|way|crossroad|trail|mews)"
    r"\b\.?"
)
_ROOM = r"(?i:,?\s{1,3}(?:apt|apartment|suite|ste|unit|flat|room)\b\.? ?#?\w{1,6})"
_TOWN = r"(?:,\s{1,3}(?:[A-Z][\w-]{1,20} ?){1,3},? [A-Z]{2} \d{5}(?:-\d{4})?)"
_SUFFIX = (
    r"(?:stra(?:ß|ss)e|str\.|weg|allee|platz|gasse|damm|ufer|gatan|gata|v[äæe]gen|vegen|vej|gade"
    r"|katu|tie|kuja|straat|laan|plein|gracht|utca)"
)
_LEAD = (
    r"(?:[Rr]ue|[Aa]venue|[Bb]oulevard|[Vv]ia|[Vv]iale|[Pp]iazza|[Cc]alle|[Aa]venida|[Pp]laza"
    r"|[Pp]aseo|[Rr]ua|[Tt]ravessa|[Uu]l\.|[Uu]lica|[Aa]l\.)"
)
_OF = r"(?:(?:de|del|della|di|da|do|du|des|la|le|les|los|las) ){0,2}"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_HOUSE = r"\d{1,5}[A-Za-z]?"
_FROM_NUMBER = tuple(
    re.compile(pattern)
    for pattern in (
        # 12 Elm Road, Apt 4, Springfield, IL 62701
        rf"{_HOUSE} (?:{_UP} ){{1,4}}{_WAY}{_ROOM}?{_TOWN}?",
        # a street in any language, told by the flat: 41086 Kiannonkatu 98, Suite 464
        rf"{_HOUSE} (?:{_UP} ?){{1,4}}(?:\d{{1,5}}\.?)?(?<! ){_ROOM}{_TOWN}?",
        # 28 rue Victor Hugo, 4 Calle de la Luna
        rf"{_HOUSE},? {_LEAD} {_OF}{_UP}(?: {_UP}){{0,2}}{_ROOM}?",
        # a number before the street and one behind: 450 Præstevænget 15
        rf"\d{{2,5}} (?!{_MONTH}){_UP}(?: {_UP})? \d{{1,4}}[A-Za-z]?(?=[,\n]|$){_ROOM}?",
    )
)
_NUMBER = re.compile(  # with a capital or a foreign word for "street" behind it
    r"[0-9](?<![\w.,-].)[0-9]{0,4}(?=[A-Za-z]?,? "
    r"(?:[^\W\d_a-z]|rue|via|calle|av|p[ils]|rua|boul|trav|ul|al))"
)
_BEHIND_WORD = re.compile(r"[0-9](?<=[^\W\d_.] .)[0-9]{0,3}(?![0-9])")
_STREET = re.compile(
    rf"(?:(?:{_UP}[ -]){{0,2}}[^\W\d_a-z][\w'’-]{{1,30}}?{_SUFFIX}"
    rf"|{_LEAD} {_OF}{_UP}(?: {_UP}){{0,2}},?(?: n[.°º])?) $"
)
_HOUSE_AND_TOWN = re.compile(r"\d{1,4} ?[a-zA-Z]?\b(?:,?\s{1,3}\d{4,5} [^\W\d_a-z][\w-]{1,30})?")
_LIVES = re.compile(r"(?:lives? at|address(?: is|:))\s{1,3}(?P<it>\d{1,5}\b[^\n.?!]{4,60})", re.I)
_BOX = re.compile(
    r"\b(?:P\.? ?O\.? ?Box|(?:PSC|Unit) \d+,? Box) \d{1,6}(?:\s[DAF]PO A[AEP] \d{5})?\b", re.I
)


def addresses(view: View) -> Iterator[Found]:
    """Street addresses and post boxes; none is without a number."""
    for number in _NUMBER.finditer(view.text):
        for pattern in _FROM_NUMBER:
            if match := pattern.match(view.text, number.start()):
                yield Found(5, "STREET_ADDRESS", *match.span())
    for number in _BEHIND_WORD.finditer(view.text):
        word = view.text.rfind(" ", 0, number.start() - 1) + 1
        if view.text[word].islower():
            continue
        begin = max(0, view.text.rfind("\n", 0, number.start()) + 1, number.start() - 64)
        street = _STREET.search(view.text, begin, number.start())
        house = _HOUSE_AND_TOWN.match(view.text, number.start()) if street else None
        if street and house:
            yield Found(5, "STREET_ADDRESS", street.start(), house.end())
    for sign in ("live", "address"):
        at = view.low.find(sign)
        while at >= 0:
            if view.starts_word(at) and (match := _LIVES.match(view.text, at)):
                yield Found(5, "STREET_ADDRESS", *match.span("it"))
            at = view.low.find(sign, at + len(sign))
    if "box " in view.low:
        for match in _BOX.finditer(view.text):
            yield Found(5, "STREET_ADDRESS", *match.span())
