"""One definition of 'same text': search, duplicates, contamination and scoring all go by it."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import NamedTuple

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
# A line that is no running text stands for itself: heading, list item, table row, quote, rule.
_OWN_LINE = re.compile(r"\s*(?:#{1,6}\s|[-*+•]\s|\d{1,3}[.)]\s|\||>|={3,}|-{3,})")
# From the first of a run of marks on, and without going back: else a wall of dots takes hours.
_BREAK = re.compile(
    r"(?<![.!?…])[.!?…]++[\"'”’)\]]*+(?:\s*\[\d+\][.,;]?)*(?=\s+[\"'“‘(\[]*[^\W_a-z]|\s*$)"
)
_ABBREVIATION = re.compile(
    r"(?:\b(?:mr|mrs|ms|dr|prof|st|no|nos|vs|etc|approx|dept|fig|sec|art|inc|ltd|co|jr|sr"
    r"|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)|\be\.g|\bi\.e|\b[A-Z])\.$",
    re.IGNORECASE,
)


class Sentence(NamedTuple):
    """A sentence where it stands: text == whole[start:end]."""

    start: int
    end: int
    text: str


def normalise(text: str) -> str:
    """Words and numbers in one way of writing, joined by single spaces.

    Unicode NFKC, case folded, punctuation dropped; an apostrophe inside a word stays.

    >>> normalise("The  Customer’s FEE: 1,500 dollars.")
    "the customer's fee 1 500 dollars"
    """
    return " ".join(words(text))


def words(text: str) -> list[str]:
    """The words and numbers of a text, normalised, in order.

    >>> words("Form HQ-301, by noon!")
    ['form', 'hq', '301', 'by', 'noon']
    """
    folded = unicodedata.normalize("NFKC", text).replace("’", "'").casefold()
    return _WORD.findall(folded)


def has_words(text: str) -> bool:
    """Whether `words` would find any.

    >>> has_words("…?"), has_words("½ …")
    (False, True)
    """
    return _WORD.search(text) is not None or bool(words(text))


def sentences(text: str) -> list[Sentence]:
    """The sentences of running text, and lists, headings and table rows line by line.

    A citation mark behind a full stop belongs to the sentence before it.

    >>> [s.text for s in sentences("It costs 3.50 dollars. [1] Ask Mr. Hale.\\n- By mail")]
    ['It costs 3.50 dollars. [1]', 'Ask Mr. Hale.', '- By mail']
    """
    found: list[Sentence] = []
    for start, end in _blocks(text):
        at = start
        for match in _BREAK.finditer(text, start, end):
            if match.end() < end and _ABBREVIATION.search(
                text, max(start, match.end() - 12), match.end()
            ):
                continue
            found.append(_trimmed(text, at, match.end()))
            at = match.end()
        found.append(_trimmed(text, at, end))
    return [sentence for sentence in found if sentence.text]


def ngrams(text: str, n: int) -> frozenset[str]:
    """Every run of n normalised words; of a shorter text the whole of it.

    >>> sorted(ngrams("The wire fee is 35.", 3))
    ['fee is 35', 'the wire fee', 'wire fee is']
    """
    found = words(text)
    if len(found) <= n:
        return frozenset([" ".join(found)] if found else [])
    return frozenset(" ".join(found[i : i + n]) for i in range(len(found) - n + 1))


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    """Share that two sets have in common, in [0, 1]; 0 if both are empty."""
    union = len(one | other)
    return len(one & other) / union if union else 0.0


def containment(part: frozenset[str], whole: frozenset[str]) -> float:
    """Share of `part` that is also in `whole`, in [0, 1]; 0 if there is no part."""
    return len(part & whole) / len(part) if part else 0.0


def fingerprint(text: str) -> str:
    """16 hex digits that are equal for texts that are the same after normalising."""
    return hashlib.sha256(normalise(text).encode()).hexdigest()[:16]


def _blocks(text: str) -> list[tuple[int, int]]:
    """Stretches that no sentence crosses: paragraphs, and lines that stand for themselves."""
    blocks: list[tuple[int, int]] = []
    at, joins = 0, False  # joins: the next line may go on with the block before
    for line in text.splitlines(keepends=True):
        end = at + len(line)
        own = _OWN_LINE.match(line) is not None
        if not line.strip():
            joins = False
        elif joins and not own:
            blocks[-1] = (blocks[-1][0], end)
        else:
            blocks.append((at, end))
            joins = not re.match(r"\s*(?:#|\||={3,}|-{3,})", line)
        at = end
    return blocks


def _trimmed(text: str, start: int, end: int) -> Sentence:
    piece = text[start:end]
    start += len(piece) - len(piece.lstrip())
    return Sentence(start, start + len(piece.strip()), piece.strip())
