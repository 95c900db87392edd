"""Where people are found online: e-mail addresses however written, web addresses, wallets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import sha256

from knowledge.pii_view import Found, View

_DOT = r"(?:\.|\s?[(\[{<]\s?(?:dot|\.)\s?[)\]}>]\s?|\s(?:dot|\.)\s|[_-]dot[_-])"
_TOP = (
    r"com|org|net|edu|gov|mil|int|info|biz|io|co|ai|app|dev|me|tv|xyz|online|site|example|test"
    r"|uk|de|fr|es|it|nl|be|at|ch|se|no|dk|fi|pl|cz|pt|ie|eu|us|ca|au|nz|in|jp|cn|kr|br|mx|ru|ua|za"
)
_LOCAL = re.compile(r"(?:\"[^\"\n]{1,64}\"|[^\W_][\w.%+'-]*|[\w.%+-]+)$")
_LOCAL_SPELT = re.compile(rf"(?:\w[\w+-]{{0,40}}{_DOT}){{0,4}}[\w.%+-]{{1,64}}$", re.IGNORECASE)
_HOST = re.compile(r"(?:[\w-]{1,63}\.)+[^\W\d_](?:[^\W\d_]{1,23}|[\w-]{2,23}(?<!-))(?!\w)")
_HOST_SPELT = re.compile(
    rf"[\w-]{{1,63}}(?:{_DOT}[\w-]{{1,63}}){{0,3}}{_DOT}(?:{_TOP})(?![\w])", re.IGNORECASE
)
_AT = re.compile(
    r"\s?[(\[{<]\s?(?:at|@)\s?[)\]}>]\s?|\s?@\s{0,3}|\s(?:at|AT)\s(?=[\w-]{1,63}"
    r"(?:\s(?:dot|DOT)\s|\s?[(\[{]))|[_-](?:at|AT)[_-](?=[\w-]{1,63}[_-](?:dot|DOT))"
)
_AT_NAMED = re.compile(r"\sat\s(?=[\w-]{1,63}\.\w)")
_MAIL = re.compile(r"(?:e-?mails?|mail|write|contact|reach|address)\b[^@\n]{0,40}$")
_SPELT_SIGNS = ("dot", "at)", "at]", "at}", "at>", "at )", "at ]", "(@", "[@")
LONGEST = 96  # characters of an address before the sign


def emails(view: View) -> Iterator[Found]:
    """E-mail addresses: plain, with spaces, or spelt "name (at) host (dot) com"."""
    spelt = any(sign in view.low for sign in _SPELT_SIGNS)
    if spelt or "@" in view.text:
        for sign in (_AT if spelt else _PLAIN_AT).finditer(view.text):
            yield from _email(view, sign.start(), sign.end(), spelt)
    if " at " in view.low and "mail" in view.low:
        for sign in _AT_NAMED.finditer(view.text):
            before = view.low[max(0, sign.start() - 60) : sign.start()]
            if _MAIL.search(before):
                yield from _email(view, sign.start(), sign.end(), False)


_PLAIN_AT = re.compile(r"\s?@\s{0,3}")


def _email(view: View, before: int, after: int, spelt: bool) -> Iterator[Found]:
    """The address around a sign that stands from `before` to `after`."""
    text = view.text
    host = _HOST.match(text, after) or (_HOST_SPELT.match(text, after) if spelt else None)
    if host is None:
        return
    window = text[max(0, before - LONGEST) : before]
    local = (_LOCAL_SPELT if spelt and "@" not in text[before:after] else _LOCAL).search(window)
    if local is None:
        return
    spaced = text[before:after] != "@" and "@" in text[before:after].strip("()[]{}<>")
    if spaced and not re.search(rf"\.(?:{_TOP})$", host.group(), re.IGNORECASE):
        return
    start = before - len(window) + local.start()
    yield Found(0 if not spaced else 1, "EMAIL_ADDRESS", start, host.end())


_URL = re.compile(r"[^\s<>\"'`\\|{}^]+")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,14}$")
_PROFILE = re.compile(
    r"(?:(?:www|m|[a-z]{2})\.)?(?:linkedin\.com/in|facebook\.com|fb\.com|instagram\.com|twitter\.com"
    r"|x\.com|tiktok\.com/@|t\.me|vk\.com|mastodon\.social/@|snapchat\.com/add|youtube\.com/@"
    r"|github\.com|gitlab\.com|wa\.me)/?[\w.@+-]{2,}/?$",
    re.IGNORECASE,
)
_OWN = re.compile(
    r"(?:\b(?:my|his|her|their|personal) (?:own )?(?:web ?site|web ?page|home ?page|blog|site"
    r"|profile|url)|(?:^|\n)\s*(?:web ?site|home ?page|blog|url))(?: is| at|:)?\s{0,3}$"
)
_CARRIES = re.compile(
    r"[?&;](?:email|e-mail|user(?:name|_?id)?|name|phone|tel|token|access_token|key|api_?key|secret"
    r"|password|passwd|pwd|session(?:_?id)?|sid|sig(?:nature)?|code|auth)=[^&\s]{3,}",
    re.IGNORECASE,
)
_BARE = re.compile(
    r"(?<![\w@.-])(?:www\.[\w-]+(?:\.[\w-]+)*|(?:[a-z0-9][\w-]*\.){1,4}"
    r"(?:com|org|net|edu|gov|info|biz|io|co|me|eu|co\.uk|com\.au|de|fr|es|it|nl|se|dk|pl|ch))"
    r"(?![\w@-]|\.\w)(?:/[^\s<>\"'`\\|{}^]*)?",
    re.IGNORECASE,
)


def urls(view: View, links: bool) -> Iterator[Found]:
    """Web addresses that lead to a person or carry a secret; with `links` every web address.

    Personal are: a user or password in it, a profile in a social network, what is called
    somebody's own, and queries with a name, a key or a session. A page of a public site is not.
    """
    at = view.text.find("://")
    while at >= 0:
        scheme = _SCHEME.search(view.text[max(0, at - 15) : at])
        rest = _URL.match(view.text, at + 3)
        if scheme and rest:
            start = at - len(scheme.group())
            end = _trimmed(view.text, at + 3, rest.end())
            if end > at + 5 and (links or _personal(view, start, at + 3, end)):
                yield Found(0 if "@" in view.text[start:end] else 4, "URL", start, end)
        at = view.text.find("://", at + 3)
    if links:
        for match in _BARE.finditer(view.text):
            end = _trimmed(view.text, match.start(), match.end())
            yield Found(5, "URL", match.start(), end)


def _personal(view: View, start: int, after: int, end: int) -> bool:
    rest = view.text[after:end]
    user, sign, _ = rest.partition("@")
    return bool(
        (sign and user and not re.search(r"[/?#]", user))
        or _PROFILE.match(rest)
        or _CARRIES.search(rest)
        or _OWN.search(view.low[max(0, start - 40) : start])
    )


def _trimmed(text: str, start: int, end: int) -> int:
    """Without the sentence's own signs at the end."""
    while end > start and text[end - 1] in ".,;:!?)]*_":
        if text[end - 1] == ")" and text.count("(", start, end) >= text.count(")", start, end):
            break
        end -= 1
    return end


_WALLET = re.compile(r"(?<!\w)(?:[13][1-9A-HJ-NP-Za-km-z]{25,34}|0x[0-9a-fA-F]{40})(?!\w)")
_BECH32 = re.compile(r"(?<!\w)bc1[02-9ac-hj-np-z]{11,71}(?!\w)", re.IGNORECASE)
_BASE58 = {c: n for n, c in enumerate("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")}
_WALLET_START = re.compile(r"[130](?=[1-9A-HJ-NP-Za-km-zx][0-9A-Za-z]{24})")


def wallets(view: View) -> Iterator[Found]:
    """Bitcoin and Ethereum addresses."""
    for match in _WALLET_START.finditer(view.text):
        found = _WALLET.match(view.text, match.start())
        if found and (found.group().startswith("0x") or _base58_holds(found.group())):
            yield Found(0, "CRYPTO", *found.span())
    if "bc1" in view.low:
        for bech in _BECH32.finditer(view.text):
            yield Found(1, "CRYPTO", *bech.span())


def _base58_holds(value: str) -> bool:
    """Base58Check: the last four bytes are those of a double SHA-256."""
    number = 0
    for character in value:
        number = number * 58 + _BASE58[character]
    if number.bit_length() > 200:
        return False
    raw = number.to_bytes(25, "big")
    return sha256(sha256(raw[:-4]).digest()).digest()[:4] == raw[-4:]
