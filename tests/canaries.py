"""Made-up personal data in varied writing, each in a sentence, to be planted in texts and found."""

from __future__ import annotations

import json
import random
import string
from collections.abc import Callable
from typing import NamedTuple

WORDS = "ana berg maria otto lena tomas yuki amara piet ines noor ravi sofia hugo elif kofi".split()
HOSTS = "example mail posteo webmail firma uni-bonn bigco".split()
TOPS = "com org net de co.uk fr io".split()
LETTERS, FIGURES = string.ascii_letters, string.digits
WIDE = {ord(c): 0xFF10 + n for n, c in enumerate(FIGURES)}


class Canary(NamedTuple):
    """What must not be seen again: `core` is the value without signs between its characters."""

    type: str
    written: str
    core: str
    text: str


def canaries(count: int, seed: int) -> list[Canary]:
    """As many canaries, the kinds in turn, the writing drawn by the seed."""
    draw = random.Random(seed)
    return [_planted(draw, *KINDS[n % len(KINDS)](draw)) for n in range(count)]


def survives(planted: Canary, text: str) -> bool:
    """Whether six letters or digits of a canary in a row can still be read in a text."""
    written = json.dumps(planted.written, ensure_ascii=False)[1:-1]
    beside = core(planted.text.replace(written, "").replace(planted.written, ""))
    left = core(text.replace("\\n", " "))
    runs = (planted.core[at : at + 6] for at in range(max(1, len(planted.core) - 5)))
    return any(run in left and run not in beside for run in runs)


def core(text: str) -> str:
    """Letters and digits alone, plain and in lower case; obfuscated signs of an address too."""
    plain = text.translate({0xFF10 + n: c for n, c in enumerate(FIGURES)}).casefold()
    return "".join(c for c in plain if c.isascii() and c.isalnum())


def _planted(draw: random.Random, type: str, written: str, sentence: str) -> Canary:
    wrap: Callable[[str], str] = draw.choice(WRAPS)
    return Canary(type, written, core(written), wrap(sentence.format(written)))


WRAPS: list[Callable[[str], str]] = [
    lambda s: s,
    lambda s: s,
    lambda s: json.dumps({"role": "user", "content": s}, ensure_ascii=False),
    lambda s: f"- **note**: {s}\n- _end_",
    lambda s: f"<p>{s}</p><br/>",
    lambda s: f"> {s}\n\nThanks for 3 quick answers in 2026!",
    lambda s: f"| who | what |\n| --- | --- |\n| me | {s} |",
]


def _luhn(body: str) -> str:
    for last in FIGURES:
        total = 0
        for place, digit in enumerate(reversed(body + last)):
            doubled = int(digit) * (1 + place % 2)
            total += doubled - 9 * (doubled > 9)
        if total % 10 == 0:
            return body + last
    raise AssertionError


def _figures(draw: random.Random, count: int) -> str:
    return "".join(draw.choice(FIGURES) for _ in range(count))


def _card(draw: random.Random) -> tuple[str, str, str]:
    prefix, size = draw.choice([("4", 16), ("51", 16), ("37", 15), ("6011", 16), ("2221", 16)])
    number = _luhn(prefix + _figures(draw, size - len(prefix) - 1))
    groups = (4, 6, 5) if size == 15 else (4, 4, 4, 4)
    written = _grouped(draw, number, groups)
    return "CREDIT_CARD", written, draw.choice(
        ["My card is {}.", "pay with {} today", "Please charge {}", "{}", "card no:{}, exp 12/28"]
    )  # fmt: skip


def _grouped(draw: random.Random, value: str, groups: tuple[int, ...]) -> str:
    parts, at = [], 0
    for size in groups:
        parts.append(value[at : at + size])
        at += size
    if at < len(value):
        parts.append(value[at:])
    way = draw.randrange(10)
    if way == 0:
        return value
    if way == 1:
        return value.translate(WIDE)
    if way == 2:
        return "\u200b".join(parts)
    if way == 3:
        return " ".join(value)
    if way == 4:
        half = len(parts) // 2
        return f"{' '.join(parts[:half])}\n{' '.join(parts[half:])}"
    return {5: " ", 6: "-", 7: ".", 8: "\u00a0", 9: "\u2013"}[way].join(parts)


def _iban(draw: random.Random) -> tuple[str, str, str]:
    country, letters, size = draw.choice(
        [("DE", 0, 18), ("GB", 4, 14), ("FR", 0, 23), ("NL", 4, 10), ("ES", 0, 20), ("NO", 0, 11)]
    )
    body = "".join(draw.choice(string.ascii_uppercase) for _ in range(letters))
    body += _figures(draw, size)
    check = 98 - int("".join(str(int(c, 36)) for c in f"{body}{country}00")) % 97
    number = f"{country}{check:02}{body}"
    written = _grouped(draw, number, (4,) * (len(number) // 4))
    written = written if draw.random() < 0.7 else written.lower()
    return "IBAN_CODE", written, draw.choice(
        ["IBAN: {}", "wire it to {} please", "{}", "My iban is {}.", "({})"]
    )  # fmt: skip


def _email(draw: random.Random) -> tuple[str, str, str]:
    first, last = draw.choice(WORDS), draw.choice(WORDS)
    local = draw.choice([f"{first}.{last}", f"{first}{draw.randrange(99)}", f"{first}_{last}"])
    host, top = draw.choice(HOSTS), draw.choice(TOPS)
    written = draw.choice(
        [
            f"{local}@{host}.{top}", f"{local.upper()}@{host}.{top}", f"{local}+x@{host}.{top}",
            f"{local} (at) {host} (dot) {top.replace('.', ' (dot) ')}",
            f"{local}[at]{host}[dot]{top.replace('.', '[dot]')}",
            f"{local} at {host} dot {top.replace('.', ' dot ')}",
            f"{local}\uff20{host}.{top}", f"{local} @ {host}.{top}", f"{local}\u200b@{host}.{top}",
            f"{local}&#64;{host}.{top}", f"{local}%40{host}.{top}",
            f"{local} (at) {host}.{top}",
        ]
    )  # fmt: skip
    return "EMAIL_ADDRESS", written, draw.choice(
        ["Write to {} soon", "{}", "My e-mail: {}.", "<a href='mailto:{}'>me</a>", "Cc {}, thanks"]
    )  # fmt: skip


def _phone(draw: random.Random) -> tuple[str, str, str]:
    area, line = f"{draw.randrange(212, 989)}", f"{draw.randrange(2000000, 9999999)}"
    if area[1:] == "11":
        area = "415"
    a, b = line[:3], line[3:]
    uk = f"{_figures(draw, 3)} {_figures(draw, 4)}"
    written = draw.choice(
        [
            f"+1 {area} {a} {b}", f"({area}) {a}-{b}", f"{area}.{a}.{b}", f"{area}-{a}-{b}",
            f"+1{area}{line}", f"tel:+1-{area}-{a}-{b}", f"1 ({area}) {a} {b}", f"{area}/{a}-{b}",
            f"+44 7700 {_figures(draw, 6)}", f"020 7{uk}", f"0044 20 7{uk}", f"+44 (0)20 7{uk}",
            f"+49 30 {_figures(draw, 6)}1", f"({area}){a}-{b}", f"+1\u00a0{area}\u00a0{a}\u00a0{b}",
            f"+1 {area} {a} {b}".translate(WIDE), f"{area}\u2011{a}\u2011{b}",
            f"+33 6 12 34 56 {b[:2]}",
            f"+1 ({area}) {a}\u200b-{b}", f"(+44) 20 7{uk}",
        ]
    )  # fmt: skip
    return "PHONE_NUMBER", written, draw.choice(
        ["Call me on {}.", "my number is {}", "Phone: {}", "{} is my mobile", "reach us at {}, ok?"]
    )  # fmt: skip


def _key(draw: random.Random) -> tuple[str, str, str]:
    def drawn(alphabet: str, count: int) -> str:
        return "".join(draw.choice(alphabet) for _ in range(count - 2)) + "a7"

    capitals = string.ascii_uppercase + FIGURES
    both = LETTERS + FIGURES
    key = draw.choice(
        [
            "AKIA" + drawn(capitals, 16).upper(), "ghp_" + drawn(both, 36),
            "sk_live_" + drawn(both, 24),
            "AIza" + drawn(both, 35), "sk-" + drawn(both, 48), "sk-proj-" + drawn(both, 40),
            f"xoxb-{_figures(draw, 12)}-{_figures(draw, 12)}-{drawn(both, 24)}",
            f"eyJ{drawn(both, 30)}.eyJ{drawn(both, 40)}.{drawn(both, 43)}",
            "github_pat_" + drawn(both, 60), "hf_" + drawn(both, 34), "glpat-" + drawn(both, 20),
        ]
    )  # fmt: skip
    half = len(key) // 2
    written = draw.choice(
        [key, key, f'{key[:half]}" + "{key[half:]}', f"{key[:half]}\u200b{key[half:]}", f"'{key}'"]
    )
    return "SECRET", written, draw.choice(
        ["key: {}", "export TOKEN={}", "{}", "I use {} for it", "Authorization: Bearer {}"]
    )  # fmt: skip


KINDS = (_card, _iban, _email, _phone, _key)
