"""Stand-ins for personal data that say who is who within a conversation, and nothing across two."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from hashlib import sha256

from knowledge.pii_view import view

LETTERS = "bcdfghjklmnpqrst"  # 16: no vowels, so no words; no digits, so nothing a rule could find
LENGTH = 7  # 28 bits: two values of one conversation share a stand-in once in 268 million
_SPELT = re.compile(r"[\s(\[{<_-]+(?:at|dot)[\s)\]}>_-]+")
STAND_IN = re.compile(rf"\[[A-Z_]+(?:_[{LETTERS}]{{{LENGTH}}})?\]")


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """Value → stand-in of the same type, by a keyed hash.

    The same value in one conversation has the same stand-in, however it is spelt; in another
    conversation it has another, so that nobody can be followed from one to the next. Without the
    key a guess at the value cannot be tried.

    Source: HMAC-SHA256 (RFC 2104); keyed hashing as pseudonymisation: ENISA, 2019.

    >>> names = Pseudonyms(b"sixteen bytes or more")
    >>> first = names.stand_in("c1", "IBAN_CODE", "GB82 WEST 1234 5698 7654 32")
    >>> first == names.stand_in("c1", "IBAN_CODE", "gb82west12345698765432")
    True
    >>> first == names.stand_in("c2", "IBAN_CODE", "gb82west12345698765432")
    False
    """

    key: bytes

    def stand_in(self, conversation: str, type: str, value: str) -> str:
        """What to write for a value, such as [PERSON_kdpqbgr]."""
        said = "\x00".join((conversation, type, same(type, value)))
        mark = hmac.new(self.key, said.encode("utf-8", "surrogatepass"), sha256).digest()
        letters = "".join(LETTERS[byte >> 4] + LETTERS[byte & 15] for byte in mark[:LENGTH])
        return f"[{type}_{letters[:LENGTH]}]"


def same(type: str, value: str) -> str:
    """What all spellings of one value share: letters and digits, plain and in lower case.

    Of a phone number the last nine digits, as +44 20 … and 020 … are one.

    >>> same("EMAIL_ADDRESS", "Ana (at) mail (dot) com") == same("EMAIL_ADDRESS", "ana@mail.com")
    True
    """
    low = view(value).low
    if type == "EMAIL_ADDRESS":
        low = _SPELT.sub("", low)
    letters = "".join(c for c in low.casefold() if c.isalnum())
    return letters[-9:] if type == "PHONE_NUMBER" and letters.isdigit() else letters
