"""A first look at many texts: which of them may hold personal data at all.

Reading a text by every rule takes longer than all else that curation does to it, and most texts
hold nothing. What each rule cannot do without stands here as one regular expression in RE2's
language, matched over all texts at once. It may let a text through that holds nothing; a text that
holds something it must let through, so a rule that changes there changes here
(tests/knowledge/test_pii.py holds the two together).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc

from knowledge.pii_view import MAY_BE_SPELT, view

_S = r"[\s\x0b\x1c-\x1f\x{85}\x{2028}\x{2029}]"  # Python's white space
_UP = r"[\p{Lu}\p{Nl}]"  # how a part of a name begins
_HIGH = r"(?:[A-Z]|[^\x00-\x7f])"  # how a street begins
_JOIN = r"[ \-./_\t\r\n]*"  # within an IBAN
_VALUE = "\\s\"'`,;<>\\[\\]{}()"  # ends the value of a secret
_LEAD = (
    r"(?:[Rr]ue|[Aa]venue|[Bb]oulevard|[Vv]iale?|[Pp]iazza|[Cc]alle|[Aa]venida|[Pp]laza|[Pp]aseo"
    r"|[Rr]ua|[Tt]ravessa|[Uu]l\.|[Uu]lica|[Aa]l\.)"
)
_NEEDED = (
    # numbers: six digits with little between; four groups with dots
    r"[0-9](?:[ \t.\-/()_\r\n>]*[0-9]){5}|[0-9]\.[0-9]+\.[0-9]+\.[0-9]",
    # glued: an IBAN's eight digits; an Indian, a Mexican, an Italian code
    rf"(?i:[a-z]{_JOIN}[a-z]{_JOIN}[0-9]{_JOIN}[0-9](?:[0-9a-z \-./_\t\r\n]*[0-9]){{6}})",
    r"[A-Z]{5}[0-9]{4}[A-Z]|[A-Za-z]{4}[0-9]{6}|[A-Za-z]{6}[0-9][0-9LMNP-Vlmnp-v][A-Ta-t]",
    # hexadecimal
    r":[0-9a-fA-F]{0,4}:[0-9a-fA-F]|[:\-][0-9a-fA-F]{2}[:\-][0-9a-fA-F]{2}[:\-][0-9a-fA-F]{2}[:\-]",
    # wallets
    r"[13][1-9A-HJ-NP-Za-km-z]{25}|0x[0-9a-fA-F]{40}|(?i:bc1[02-9ac-hj-np-z]{11})",
    # addresses: from a number on; from a street on; by what stands before
    rf"[0-9][A-Za-z]? (?:{_HIGH}[^ ]* ){{1,4}}(?i:st|road|rd|ave|lane|ln|dr|boulevard|blvd|court|ct"
    r"|pl|sq|terrace|close|crescent|gardens|parkway|pkwy|highway|hwy|circle|way|crossroad|trail"
    r"|mews)",
    rf"[0-9][A-Za-z]? {_HIGH}[^;:!?()]*(?i:apt|apartment|suite|ste|unit|flat|room)",
    rf"[0-9][A-Za-z]?,? {_LEAD} |{_LEAD} (?:[a-z]{{2,5}} ){{0,2}}{_HIGH}",
    rf"[0-9]{{2}} {_HIGH}[^ ]*(?: {_HIGH}[^ ]*)? [0-9]{{1,4}}[A-Za-z]?(?:[,\n]|$)",
    r"(?:stra(?:ß|ss)e|str\.|weg|allee|platz|gasse|damm|ufer|gatan|gata|v[äæe]gen|vegen|vej|gade"
    r"|katu|tie|kuja|straat|laan|plein|gracht|utca) [0-9]",
    rf"(?i:lives? at|address(?: is|:)){_S}{{1,3}}[0-9]|(?i:box [0-9])",
    # emails
    rf"@|(?i:[(\[{{<]{_S}?at{_S}?[)\]}}>])|{_S}(?:at|AT){_S}[^\s]+{_S}?(?:dot|DOT|[(\[{{])",
    rf"[_\-](?:at|AT)[_\-][^\s]*[_\-](?:dot|DOT)|{_S}at{_S}[^\s.]+\.[\pL\pN_]",
    # secrets: how keys begin; what a value is called
    r"(?:^|[^0-9A-Za-z_\-])(?:A(?:KIA|SIA|GPA|IDA|ROA|BIA|CCA)|gh[pousr]_|github_pat_"
    r"|gl(?:pat|dt|rt)-|x(?:ox[bpaerse]|app)-|[srp]k_(?:live|test)_|whsec_|AIza|ya29\.|GOCSPX-"
    r"|sk-|(?:hf|npm|r8|gsk|shpat|shpss|dop_v1|lin_api|figd)_|sq0(?:atp|csp)-|pypi-|SG\.|key-"
    r"|AGE-SECRET-KEY-|eyJ)|-----BEGIN ",
    r"(?i:pass|pwd|secret|key|token|credential|contraseña|signature)[\pL\pN_ \-]*[\"'`*_]*"
    rf"{_S}*(?:=>|:=|=|:|(?i:is|was)|,){_S}*(?i:bearer{_S}|basic{_S})?"
    rf"(?:\\?[\"'`]|[^{_VALUE}]*(?:[^\pL\-_.!?:{_VALUE}]|[!?:][^.!?:{_VALUE}]))",
    r"(?i:bearer|basic) [A-Za-z0-9+/_.=~\-]{16}",
    # named: dates of birth, documents, people
    r"(?i:(?:birth ?da(?:te|y)|birth|d\.?o\.?b\.?|born)(?: ?(?:is|was|:|#|=|at|on)){0,2},? {0,3}"
    r"(?:the )?(?:[0-9]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))",
    r"(?i:passport)[^\n!?]*[0-9]{5}",
    r"(?i:(?:licen[cs]e|dl)(?: (?:number|num|no|id)\.?)?(?: ?(?:is|was|:|#|=)){0,2} {0,3}"
    r"[a-z]{0,5}[0-9])",
    rf"(?i:name(?: is|:|\?),?|call me,?|i am|i['’]m|this is|on behalf of|is called|was called"
    r"|regards,?|my (?:husband|wife|son|daughter|kid|partner|mother|father|brother|sister),?)"
    rf"{_S}{{1,4}}{_UP}|(?i:add|with) {_UP}[^\n]*(?i: as (?:a|an|my|the))",
    rf"[MDPSmdps](?:r|rs|s|x|rof|R|RS|S|X|ROF)\. {_UP}|[MDPS](?:rs?|s|x|rof|iss|adam|ir) {_UP}",
    r" lives (?:at|in|on)",
    # urls
    r"://",
)
TOGETHER = 6  # of these in one expression: with more, its automaton outgrows the cache
_SCREENS = [
    "|".join(f"(?:{needed})" for needed in _NEEDED[start : start + TOGETHER])
    for start in range(0, len(_NEEDED), TOGETHER)
]


def may_hold(texts: Sequence[str]) -> list[bool]:
    """Whether each text may hold what `pii.find_personal_data` finds; web pages do not count.

    >>> may_hold(["A wire costs 25 dollars [1].", "Write to maria@example.org."])
    [False, True]
    """
    plain = [
        text if text.isascii() and not any(sign in text for sign in MAY_BE_SPELT)
        else view(text).text
        for text in texts
    ]  # fmt: skip
    column = pa.array(plain, pa.large_string())
    found = [pc.match_substring_regex(column, screen) for screen in _SCREENS]
    held: list[bool] = reduce(pc.or_, found).to_pylist()
    return held
