"""What a pattern alone cannot tell: checksums, valid ranges, dates, and where a name ends."""

from __future__ import annotations

import ipaddress
import re

_CARD = re.compile(  # issuers' first digits and lengths
    r"4(?:\d{12}|\d{15}|\d{18})|(?:5[1-5]|2[2-7])\d{14}|3[47]\d{13}|3(?:0[0-5]|[689]\d)\d{11}"
    r"|35\d{14}|(?:2131|1800)\d{11}|(?:5[06-9]|6\d)\d{10,17}"
)
_DATE = re.compile(
    r"(?:19|20)\d{2}[-/. ](?:0?[1-9]|1[0-2])[-/. ](?:0?[1-9]|[12]\d|3[01])(?: .*)?"
    r"|\d{1,2}[-/. ]\d{1,2}[-/. ](?:19|20)\d{2}(?: .*)?|(?:19|20)\d{2} ?- ?(?:19|20)\d{2}"
)
_COUNTRIES = (  # ISO 13616: the length of an IBAN, and who has it
    "15:NO 16:BE 18:DK,FI,FO,GL,NL,SD 19:MK,SI 20:AT,BA,EE,KZ,LT,LU,XK,MN 21:CH,HR,LI,LV "
    "22:BG,BH,CR,DE,GB,GE,IE,ME,RS,VA 23:AE,GI,IL,IQ,OM,SO,TL 24:AD,CZ,ES,MD,PK,RO,SA,SE,SK,TN,VG "
    "25:LY,PT,ST 26:IS,TR 27:BI,DJ,FR,GR,IT,MC,MR,SM 28:AL,AZ,BY,CY,DO,GT,HU,LB,NI,PL,SV "
    "29:BR,EG,PS,QA,UA 30:JO,KW,MU,YE 31:MT,SC 32:LC 33:RU"
)
_IBAN_LENGTHS = {
    country: int(entry[:2]) for entry in _COUNTRIES.split() for country in entry[3:].split(",")
}
_NO_DIGIT = re.compile("[^0-9]+")
_ALNUM = re.compile(r"[A-Za-z0-9]")
_PARTICLES = "van von der den de del della di da dos du la le bin ibn al el"
_OTHER_WORDS = (
    "i i'm i'd i've a an the my your our we you he she it they this that these those and or but so "
    "not no yes on in at for from to with by of as is are was please thanks thank hello hi dear "
    "can could how what when where why which who will would do does did if because since phone "
    "bank account card customer branch desk team department support service sorry afraid email "
    "january february march april june july august september october november december "
    "monday tuesday wednesday thursday friday saturday sunday address date"
)
_JOINS_NAMES = frozenset(_PARTICLES.split())
_NO_NAMES = frozenset(_OTHER_WORDS.split())


def digits(value: str) -> str:
    """The digits of the value alone."""
    return _NO_DIGIT.sub("", value)


def luhn(number: str) -> bool:
    """Whether the last digit is the right check digit by Luhn's rule (ISO/IEC 7812-1)."""
    total = 0
    for place, digit in enumerate(reversed(number)):
        doubled = int(digit) * (1 + place % 2)
        total += doubled - 9 * (doubled > 9)
    return total % 10 == 0


def is_card(value: str) -> bool:
    """An issuer's prefix and length, and a right check digit."""
    number = digits(value)
    return bool(_CARD.fullmatch(number)) and luhn(number)


def is_ssn(value: str) -> bool:
    """Nine digits in a range that the Social Security Administration gives out."""
    number = digits(value)
    area, group, serial = number[:3], number[3:5], number[5:]
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


def is_machine(value: str) -> bool:
    """An IPv4 or IPv6 address that could be somebody's."""
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified)


def is_phone(value: str) -> bool:
    """A phone number's count of digits (E.164: up to 15, `00` before them), and not a date."""
    return 7 <= len(digits(value)) <= 17 and not _DATE.fullmatch(value)


def is_account(value: str) -> bool:
    """An account number's count of digits, and not a date."""
    return 6 <= len(digits(value)) <= 20 and not _DATE.fullmatch(value)


def iban_end(text: str, start: int) -> int:
    """Where the IBAN that starts here ends; `start` if none does (ISO 13616, mod 97).

    Spaces, line breaks, dashes, dots and slashes may stand between its characters.
    """
    wanted, letters, at, gap = 2, "", start, 0
    while len(letters) < wanted and at < len(text):
        if _ALNUM.match(text[at]):
            letters, gap = letters + text[at], 0
            if len(letters) == 2:
                wanted = _IBAN_LENGTHS.get(letters.upper(), 0)
        elif text[at] not in " -./_\t\r\n" or gap == 4:
            break
        else:
            gap += 1
        at += 1
    if len(letters) < 15 or len(letters) != wanted or _ALNUM.match(text[at : at + 1]):
        return start
    if not letters[2:4].isdigit() or sum(c.isdigit() for c in letters) < 8:
        return start
    moved = letters[4:] + letters[:4]
    return at if int("".join(str(int(c, 36)) for c in moved)) % 97 == 1 else start


def name_length(words: str) -> int:
    """Characters up to the end of the leading words that look like parts of a name.

    >>> name_length("Ana de Sousa and")
    12
    >>> name_length("not on the card")
    0
    """
    end = 0
    for word in re.finditer(r"[^\W\d_][\w'’-]*\.?", words):
        part = word.group().rstrip(".")
        if end and part.casefold() in _JOINS_NAMES:
            continue
        if not part[0].isupper() or part.casefold() in _NO_NAMES:
            break
        initial = len(part) == 1
        end = word.end() if initial else word.start() + len(part)
        if word.group().endswith(".") and not initial:
            break  # the sentence ended
    return len(re.sub(r"['’]s?$", "", words[:end]))
