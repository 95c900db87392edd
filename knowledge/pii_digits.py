"""Figures in a text: runs of digits that may be one number, and what the words around call them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

from knowledge.pii_view import View

_GAP = r"(?:[ \t.\-/()_]{0,3}|[ \t]{0,3}\r?\n[ \t>]{0,8})"  # between digits of one number
_CHAIN = re.compile(rf"[0-9](?:{_GAP}[0-9]){{3,}}")
_DIGITS = re.compile("[0-9]+")
_SENTENCE_ENDS = re.compile(r"[!?;]|\.(?=\s)|\n\s*\n")
_WORD = re.compile(r"[^\W\d_]+(?:[/-][^\W\d_]+)?")
WINDOW = 56  # characters before a number in which it may be named
AFTER = 36  # and behind it

# What numbers are called: words, and phrases of two words. The label nearest to a number counts.
LABELS: dict[str, tuple[str, tuple[str, ...]]] = {
    "phone": (
        "phone phones telephone tel mobile mob cell cellphone handy fax whatsapp signal sms "
        "hotline landline contact call calling called ring text reach dial registered téléphone "
        "telephone telefon telefono telefone portable móvil movil celular rufnummer",
        ("my number", "his number", "her number", "their number"),
    ),
    "account": (
        "account acct a/c routing customer client member membership policy",
        ("sort code",),
    ),
    "card": (
        "card cards credit debit visa mastercard amex maestro cc pan discover diners jcb",
        (),
    ),
    "US_SSN": ("ssn social", ("social security",)),
    "US_ITIN": ("itin", ()),
    "UK_NHS": ("nhs", ()),
    "DE_TAX_ID": (
        "steuer-id steuernummer steueridentifikationsnummer idnr",
        ("german tax",),
    ),
    "IN_AADHAAR": ("aadhaar aadhar uidai", ()),
    "AU_TFN": ("tfn", ("tax file",)),
    "AU_ABN": ("abn", ("australian business",)),
    "CA_SIN": ("sin", ("social insurance",)),
    "NL_BSN": ("bsn burgerservicenummer", ()),
    "PL_PESEL": ("pesel", ()),
    "BR_CPF": ("cpf", ()),
    "NO_FNR": ("fødselsnummer fodselsnummer personnummer fnr", ()),
    "DK_CPR": ("cpr", ()),
    "PT_NIF": ("nif contribuinte", ()),
    "TR_TCKN": ("kimlik tckn", ()),
    "ZA_ID": ("", ("african id", "rsa id")),
    "IL_ID": ("", ("teudat zehut", "israeli id")),
    "RO_CNP": ("cnp", ()),
    "BG_EGN": ("egn", ()),
    "FR_NIR": ("nir insee", ("sécurité sociale", "securite sociale")),
    "NATIONAL_ID": (
        "tin",
        (
            "national id", "national identity", "national insurance", "national identification",
            "identity card", "identity number", "identification number", "personal id",
            "citizen id", "taxpayer id", "taxpayer identification", "tax id", "id card",
            "id number", "insurance number",
        ),
    ),
    "other": (
        "order invoice ticket case ref reference transaction tracking parcel sku isbn issn part "
        "item article product serial model version build bug issue commit timestamp epoch doi pmid "
        "page line row amount total balance population code pin otp",
        (),
    ),
}  # fmt: skip
_KINDS = {word: kind for kind, (words, _) in LABELS.items() for word in words.split()} | {
    phrase: kind for kind, (_, phrases) in LABELS.items() for phrase in phrases
}


@dataclass(frozen=True, slots=True)
class Chain:
    """Groups of digits with nothing but spaces and signs between them."""

    groups: list[tuple[int, int]]  # where each run of digits starts and ends
    before: list[int]  # digits before each group, and in all of them

    def size(self, first: int, last: int) -> int:
        """Digits in these groups, both ends counted."""
        return self.before[last + 1] - self.before[first]


def chains(view: View) -> Iterator[Chain]:
    """Stretches of at least four digits that could be one number or several, in order."""
    for match in _CHAIN.finditer(view.text):
        start, end = match.span()
        if end - start > 4:  # no lone year
            groups = [group.span() for group in _DIGITS.finditer(view.text, start, end)]
            yield Chain(groups, [0, *accumulate(end - start for start, end in groups)])


def label_before(view: View, at: int) -> tuple[str, str]:
    """The kind that the words before this place name, and what stands between; two empty if none.

    >>> from knowledge.pii_view import view
    >>> label_before(view("her phone number is 4155550132"), 20)
    ('phone', ' number is ')
    """
    if at not in view.labels:
        view.labels[at] = _label_before(view, at)
    return view.labels[at]


def _label_before(view: View, at: int) -> tuple[str, str]:
    begin = max(0, at - WINDOW)
    words = list(_WORD.finditer(view.low, begin, at))
    for n in range(len(words) - 1, -1, -1):
        word = words[n].group()
        kind = _KINDS.get(f"{words[n - 1].group()} {word}") if n else None
        kind = kind or _KINDS.get(word)
        if kind:
            between = view.low[words[n].end() : at]
            clear = not _SENTENCE_ENDS.search(between, 1) and not _DIGITS.search(between)
            return (kind, between) if clear else ("", "")
    return "", ""


_SAYS = re.compile(
    r"\W{0,3}(?:(?:is|was|as|are|it's) )?(?:(?:my|his|her|our|their|the|a|an|your) )?"
    r"(?:(?:us|u\.s\.|uk|new|old|own|current) )?"
)
_WHERE = frozenset("office fax mobile cell home work".split())  # a phone number's, behind it
_LABEL = re.compile(r"([^\W\d_]+(?:[/-][^\W\d_]+)?)(?:['’]s)?( [^\W\d_]+)?")


def label_after(view: View, at: int) -> str:
    """The kind that the words right behind this place name: "… is my SSN"; empty if none."""
    says = _SAYS.match(view.low, at)
    found = _LABEL.match(view.low, says.end() if says else at, at + AFTER)
    if found is None or "\n\n" in view.low[at : found.start()]:
        return ""
    if found[1] in _WHERE:
        return "phone"
    return _KINDS.get(found[1] + (found[2] or "")) or _KINDS.get(found[1], "")
