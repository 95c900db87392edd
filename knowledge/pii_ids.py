"""Numbers that states give to people, by form, checksum and the words around them.

Checksums come from python-stdnum. A number whose writing gives it away needs no words beside it; a
mere row of digits does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from typing import NamedTuple

from knowledge.pii_checks import digits, iban_end, is_ssn
from knowledge.pii_digits import Chain, label_after, label_before
from knowledge.pii_view import Found, View


@cache
def checked(module: str) -> Callable[[str], bool]:
    """The check of a python-stdnum module, such as "es.dni"; imported when first needed."""
    check: Callable[[str], bool] = import_module(f"stdnum.{module}").is_valid
    return check


class _Form(NamedTuple):
    type: str
    pattern: re.Pattern[str]
    module: str  # of python-stdnum; empty: the form alone


def _forms(*forms: tuple[str, str, str]) -> tuple[_Form, ...]:
    return tuple(_Form(type, re.compile(pattern), module) for type, pattern, module in forms)


# All digits: the whole of a chain, or of some of its groups.
_WRITTEN = _forms(
    ("US_ITIN", r"9\d\d[- ]\d\d[- ]\d{4}", "us.itin"),
    ("FR_NIR", r"[12][ .]?\d\d[ .]?\d\d[ .]?\d\d[ .]?\d{3}[ .]?\d{3}[ .-]?\d\d", "fr.nir"),
    ("BE_NN", r"\d\d\.\d\d\.\d\d-\d{3}\.\d\d", "be.nn"),
    ("CH_AHV", r"756[. ]?\d{4}[. ]?\d{4}[. ]?\d\d", "ch.ssn"),
    ("BR_CPF", r"\d{3}\.\d{3}\.\d{3}-\d\d", "br.cpf"),
    ("SE_PERSONNUMMER", r"(?:19|20)?\d{6}-\d{4}", "se.personnummer"),
    ("DK_CPR", r"\d{6}-\d{4}", "dk.cpr"),
    ("KR_RRN", r"\d{6}-[1-8]\d{6}", "kr.rrn"),
    ("IN_AADHAAR", r"[2-9]\d{3}[ -]\d{4}[ -]\d{4}", "in_.aadhaar"),
    ("CN_RIC", r"[1-8]\d{17}", "cn.ric"),
)
# Digits with letters beside them. The first letter may stand up to three characters before.
_LETTERED = _forms(
    ("ES_NIF", r"(?<![A-Za-z0-9])\d\d\.?\d{3}\.?\d{3}-?[A-Za-z](?![A-Za-z0-9])", "es.dni"),
    ("ES_NIE", r"(?<![A-Za-z0-9])[XYZxyz]-?\d{7}-?[A-Za-z](?![A-Za-z0-9])", "es.nie"),
    ("SG_NRIC", r"(?<![A-Za-z0-9])[STFGMstfgm]\d{7}[A-Za-z](?![A-Za-z0-9])", "nric"),
    ("FI_HETU", r"(?<![A-Za-z0-9])\d{6}[-+A-FYXWVU]\d{3}[0-9A-Za-z](?![A-Za-z0-9])", "fi.hetu"),
    ("CN_RIC", r"(?<![A-Za-z0-9])[1-8]\d{16}[Xx](?![A-Za-z0-9])", "cn.ric"),
    (
        "UK_NINO",
        r"(?<![A-Za-z0-9])(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][ -]?"
        r"\d\d[ -]?\d\d[ -]?\d\d[ -]?[A-D](?![A-Za-z0-9])",
        "",
    ),
    (
        "UK_NINO",
        r"(?<![A-Za-z0-9])(?!bg|gb|kn|nk|nt|tn|zz)[a-ceghj-pr-tw-z][a-ceghj-npr-tw-z]"
        r"\d{6}[a-d](?![A-Za-z0-9])",
        "",
    ),
)
# Label → what a number by that name must be: a module's checksum, or a count of digits.
_NAMED: dict[str, tuple[str, tuple[int, ...]]] = {
    "UK_NHS": ("gb.nhs", (10,)),
    "DE_TAX_ID": ("de.idnr", (11,)),
    "IN_AADHAAR": ("in_.aadhaar", (12,)),
    "AU_TFN": ("au.tfn", (8, 9)),
    "AU_ABN": ("au.abn", (11,)),
    "CA_SIN": ("ca.sin", (9,)),
    "NL_BSN": ("nl.bsn", (9,)),
    "PL_PESEL": ("pl.pesel", (11,)),
    "BR_CPF": ("br.cpf", (11,)),
    "NO_FNR": ("", (10, 11, 12)),  # also the Swedish one
    "DK_CPR": ("", (10,)),
    "PT_NIF": ("pt.nif", (9,)),
    "TR_TCKN": ("tr.tckimlik", (11,)),
    "ZA_ID": ("za.idnr", (13,)),
    "IL_ID": ("il.idnr", (9,)),
    "RO_CNP": ("ro.cnp", (13,)),
    "BG_EGN": ("bg.egn", (10,)),
    "FR_NIR": ("fr.nir", (15,)),
    "US_ITIN": ("us.itin", (9,)),
    "NATIONAL_ID": ("", (7, 8, 9, 10, 11, 12, 13, 14, 15)),
}
_SSN = re.compile(r"\d{3}([-. ])\d\d\1\d{4}")


def ids_in(view: View, chain: Chain) -> Iterator[Found]:
    """National ids in a chain of digits, letters beside it counted in."""
    first, last = chain.groups[0][0], chain.groups[-1][1]
    edges = view.text[max(0, first - 2) : first] + view.text[last : last + 2]
    if len(chain.groups) > 3 or any(map(str.isalpha, edges)) or "+" in edges:
        yield from _lettered(view, first, last)
    for at, (start, _) in enumerate(chain.groups):
        if at and len(chain.groups) > 12:
            break  # a table of figures: look at its beginning only
        for to in range(at, min(at + 7, len(chain.groups))):
            end = chain.groups[to][1]
            size = chain.size(at, to)
            if size > 18:
                break
            if size >= 9 and _alone(view, start, end):
                yield from _written(view, start, end)
    start, size = first, 0
    for to, (_, end) in enumerate(chain.groups[:8]):
        size = chain.size(0, to)
        if (
            7 <= size <= 15
            and _alone(view, start, end)
            and (kind := _named(view, start, end, size))
        ):
            yield Found(1, kind, start, end)


def _lettered(view: View, first: int, last: int) -> Iterator[Found]:
    for form in _LETTERED:
        for match in form.pattern.finditer(view.text, max(0, first - 3), last + 4):
            value = match.group()
            if not form.module or _holds(form.module, value):
                yield Found(0, form.type, match.start(), match.end())


def _written(view: View, start: int, end: int) -> Iterator[Found]:
    value = view.text[start:end]
    if _SSN.fullmatch(value) and is_ssn(value):
        yield Found(1, "US_SSN", start, end)
    for form in _WRITTEN:
        if form.pattern.fullmatch(value) and checked(form.module)(value):
            yield Found(0, form.type, start, end)


def _named(view: View, start: int, end: int, size: int) -> str:
    """The id that the words beside these digits say they are; empty if they say nothing."""
    kind = label_before(view, start)[0]
    if kind not in _NAMED and kind != "US_SSN":
        kind = label_after(view, end)
    value = view.text[start:end]
    if kind == "US_SSN":
        return kind if size == 9 and is_ssn(value) else ""
    if kind not in _NAMED:
        return ""
    module, sizes = _NAMED[kind]
    return kind if size in sizes and (not module or checked(module)(digits(value))) else ""


def _alone(view: View, start: int, end: int) -> bool:
    """Whether no letter, digit or code runs on at either side."""
    before, after = view.text[max(0, start - 2) : start], view.text[end : end + 2]
    return not (
        before[-1:].isalnum()
        or after[:1].isalnum()
        or (before[-1:] in ("-", ".", ",") and before[:1].isalnum() and len(before) == 2)
        or (after[:1] == "-" and after[1:].isalnum())
    )


def _holds(module: str, value: str) -> bool:
    if module == "nric":
        return _nric(value.upper())
    return checked(module)(value.replace(".", ""))


def _nric(value: str) -> bool:
    """Singapore's check letter: weights 2 7 6 5 4 3 2, an offset by century, a table by kind."""
    weights = sum(int(d) * w for d, w in zip(value[1:8], (2, 7, 6, 5, 4, 3, 2), strict=True))
    offset = {"T": 4, "G": 4, "M": 3}.get(value[0], 0)
    place = (weights + offset) % 11
    if value[0] == "M":
        return "KLJNPQRTUWX"[10 - place] == value[8]
    return ("JZIHGFEDCBA" if value[0] in "ST" else "XWUTRQPNMLK")[place] == value[8]


_GLUED = re.compile(
    r"[0-9](?:(?<=[^\W\d_].)|(?<=[A-Z]{2}[ -].)|(?<=[A-Za-z] [A-Za-z] .))"
)  # a digit behind a letter
_TOKENS = (  # letters right before the first digits → what it may be
    (6, "IT_FISCAL_CODE", re.compile(
        r"[A-Za-z]{6}[0-9LMNP-Vlmnp-v]{2}[A-Ea-eHLMPRSThlmprst][0-9LMNP-Vlmnp-v]{2}"
        r"[A-Za-z][0-9LMNP-Vlmnp-v]{3}[A-Za-z](?![A-Za-z0-9])"), "it.codicefiscale"),
    (5, "IN_PAN", re.compile(r"[A-Z]{3}[ABCFGHLJPT][A-Z]\d{4}[A-Z](?![A-Za-z0-9])"), "in_.pan"),
    (4, "MX_CURP", re.compile(r"[A-Za-z]{4}\d{6}[HMXhmx][A-Za-z]{5}\w\d(?!\w)"), "mx.curp"),
)  # fmt: skip


def glued(view: View) -> Iterator[Found]:
    """What begins with letters and runs on in digits: IBANs and some national ids."""
    text = view.text
    for match in _GLUED.finditer(text):
        at = match.start()
        if at < 2:
            continue
        if text[at - 1].isalpha():
            begin = at - 1
            while begin and at - begin < 7 and text[begin - 1].isalpha():
                begin -= 1
            letters = at - begin
            if letters == 2 and view.starts_word(begin):
                yield from _iban(view, begin)
            for count, type, pattern, module in _TOKENS:
                found = pattern.match(text, begin) if letters == count else None
                if found and checked(module)(found.group()):
                    yield Found(0, type, begin, found.end())
        elif at > 3 and text[at - 3] == " " and view.starts_word(at - 4):
            yield from _iban(view, at - 4)
        elif at > 2 and view.starts_word(at - 3):
            yield from _iban(view, at - 3)


def _iban(view: View, start: int) -> Iterator[Found]:
    end = iban_end(view.text, start)
    if end > start:
        yield Found(0, "IBAN_CODE", start, end)
