"""Which sentence of an answer is borne out by which span of a document.

A claim (a sentence of the answer) is borne out by evidence (a sentence, up to three in a row, or a
table row with its header) if nothing in the evidence speaks against it and enough speaks for it.
Against it: a number that is not there or counts something else, a name that is not there, a "not"
on one side only, an opposite ("before" for "after"), another column of the table, or another
sentence that is closer in words and has another number. For it: its words; with an embedder, its
meaning. With a cross-encoder for entailment, that decides, and numbers must be there all the same.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from knowledge.content import COMMON, NOT, OPPOSITES, Quantity, quantities, stem, stems
from knowledge.evidence import Evidence, evidence_of
from knowledge.records import Passage
from knowledge.text import sentences, words

if TYPE_CHECKING:
    from knowledge.embed import Embedder
    from knowledge.entail import Nli

BORNE_OUT = 0.7  # share of a claim's own words that must stand in the evidence
MEANT = 0.75  # cosine from which a claim means what the evidence says
SHARED = 0.2  # share of words below which no cosine is believed
ENTAILED = 0.5  # probability of entailment from which the evidence bears the claim out
COMPARED = 8  # sentences and rows whose meaning is compared with a claim's
LOOKED_AT = 4  # pieces of evidence that a cross-encoder reads for each claim
NEGATED = 3  # words behind a "not" that it turns round

Method = Literal["words", "meaning", "entailment"]

_MARK = re.compile(r"\[\d{1,3}\]")
_CLAUSE = re.compile(r"[,;:.!?()|]|\b(?:but|unless|except|although|while|and)\b", re.IGNORECASE)
_NO_NEGATION = frozenset("later more less fewer earlier only".split())  # "no later than"
_NAME = re.compile(r"(?<=[^.!?\s] )[\"'“‘(]*([A-Z][\w’'-]+)")
_PAIRS = tuple(
    (stem(left), stem(right))
    for one, other in (pair.split() for pair in OPPOSITES.split("|"))
    for left, right in ((one, other), (other, one))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """A sentence of an answer and what bears it out, if anything does."""

    sentence: str  # without its citation marks
    start: int  # characters into the answer
    end: int
    passage_number: int | None = None  # from 1; None if nothing bears it out
    span: tuple[int, int] | None = None  # characters into that passage's document
    score: float = 0.0  # in [0, 1], of the best there was, also where it is not enough
    method: Method = "words"


class _Claim(NamedTuple):
    text: str
    own: frozenset[str]
    topic: frozenset[str]  # the same without numbers and units, where anything is left then
    numbers: frozenset[Quantity]
    names: frozenset[str]


def support(
    answer: str,
    passages: Sequence[Passage],
    *,
    embedder: Embedder | None = None,
    nli: Nli | None = None,
) -> list[Support]:
    """What bears out each sentence of an answer; those without a word of their own are left out.

    Args:
        answer: With its citation marks; they count neither for nor against.
        passages: What the answer may rest on, in the order they are numbered.
        embedder: Lets evidence count that says the same in other words.
        nli: A cross-encoder for entailment; it decides instead of words and meaning.

    >>> from knowledge.records import Passage
    >>> text = "Wires leave at noon. A wire abroad costs 35 dollars."
    >>> shown = [Passage(document="d", version="1", start=100, end=152, text=text, score=1.0)]
    >>> [found] = support("A wire abroad costs 35 dollars [1].", shown)
    >>> found.passage_number, found.span, found.method
    (1, (121, 152), 'words')
    """
    evidence = [piece for n, p in enumerate(passages, start=1) for piece in evidence_of(p, n)]
    found = []
    for sentence in sentences(answer):
        said = " ".join(_MARK.sub(" ", sentence.text).split())
        if not (own := stems(said)):
            continue
        numbers = quantities(said)
        counted = stems(" ".join(f"{number.figure} {number.unit}" for number in numbers))
        claim = _Claim(said, own, own - counted or own, numbers, _names(said))
        best = _judge(claim, evidence, embedder, nli)
        found.append(
            Support(
                sentence=said,
                start=sentence.start,
                end=sentence.end,
                passage_number=best.piece.number if best.piece else None,
                span=best.piece.span if best.piece else None,
                score=best.score,
                method=best.method,
            )
        )
    return found


class _Verdict(NamedTuple):
    piece: Evidence | None  # None if nothing bears the claim out
    score: float
    method: Method


def _judge(
    claim: _Claim, evidence: Sequence[Evidence], embedder: Embedder | None, nli: Nli | None
) -> _Verdict:
    shares = [len(claim.topic & piece.stems) / len(claim.topic) for piece in evidence]
    counted = [n for n, piece in enumerate(evidence) if _numbers_agree(claim, piece)]
    if nli is not None:
        return _entailed(claim, evidence, shares, counted, nli)
    open_to = [
        n
        for n in counted
        if not _contradicts(claim, evidence[n]) and not _beside(claim, evidence[n], evidence)
    ]
    by_share = sorted(open_to, key=lambda n: (-shares[n], evidence[n].length, n))
    if by_share and shares[by_share[0]] >= BORNE_OUT:
        return _Verdict(evidence[by_share[0]], shares[by_share[0]], "words")
    if embedder is None:
        return _Verdict(None, max((shares[n] for n in open_to), default=0.0), "words")
    read = [n for n in by_share if shares[n] >= SHARED and evidence[n].alone][:COMPARED]
    if not read:
        return _Verdict(None, 0.0, "meaning")
    vectors = embedder.encode([claim.text, *(evidence[n].text for n in read)])
    cosines = np.clip(np.asarray(vectors[1:] @ vectors[0], dtype=float), 0.0, 1.0).tolist()
    cosine, best = max(zip(cosines, read, strict=True), key=lambda pair: (pair[0], -pair[1]))
    return _Verdict(evidence[best] if cosine >= MEANT else None, cosine, "meaning")


def _entailed(
    claim: _Claim,
    evidence: Sequence[Evidence],
    shares: Sequence[float],
    counted: Sequence[int],
    nli: Nli,
) -> _Verdict:
    read = sorted(counted, key=lambda n: (-shares[n], evidence[n].length, n))[:LOOKED_AT]
    if not read:
        return _Verdict(None, 0.0, "entailment")
    chances = nli.entailment([(evidence[n].told, claim.text) for n in read])
    chance, best = max(zip(chances, read, strict=True), key=lambda pair: (pair[0], -pair[1]))
    return _Verdict(evidence[best] if chance >= ENTAILED else None, chance, "entailment")


def _numbers_agree(claim: _Claim, piece: Evidence) -> bool:
    """Whether every number of the claim is there and counts the same, where both say what."""
    for number in claim.numbers:
        units = {q.unit for q in piece.numbers if q.figure == number.figure}
        if not units or (number.unit and number.unit not in units and "" not in units):
            return False
    return True


def _contradicts(claim: _Claim, piece: Evidence) -> bool:
    own, there = _all_words(claim.text), _all_words(piece.text)
    opposed = any(
        one in own and other in there and one not in there and other not in own
        for one, other in _PAIRS
    )
    unnamed = not claim.names <= piece.stems
    return _turned(claim, piece) or opposed or unnamed or _other_column(claim, piece)


def _turned(claim: _Claim, piece: Evidence) -> bool:
    """Whether a word stands behind a "not" on one side only."""
    plain, negated = _polarity(claim.text)
    plain_there, negated_there = _polarity(piece.text)
    lost = negated & plain_there - negated_there
    gained = plain & negated_there - plain_there
    return bool(lost or gained)


def _other_column(claim: _Claim, piece: Evidence) -> bool:
    """Whether the claim names a column of the table and not the number that stands there."""
    figures = {number.figure for number in claim.numbers}
    heads = [stems(head) for head, _ in piece.cells]
    shared = Counter(word for head in heads for word in head)
    for head, (_, cell) in list(zip(heads, piece.cells, strict=True))[1:]:  # the first is the row's
        theirs = {number.figure for number in quantities(cell)}
        telling = {word for word in head & claim.own if shared[word] == 1}
        if telling and figures and theirs and not theirs & figures:
            return True
    return False


def _beside(claim: _Claim, chosen: Evidence, evidence: Sequence[Evidence]) -> bool:
    """Whether another sentence is closer to the claim in words and speaks against it.

    It has another number of the same kind, or says "not" where the claim does not.
    """
    reached = len(claim.topic & chosen.stems) + chosen.alone  # a sentence of its own wins a tie
    if any(
        piece.alone and len(claim.topic & piece.stems) >= reached and _turned(claim, piece)
        for piece in evidence
    ):
        return True
    for number in claim.numbers:
        topic = claim.own - stems(number.figure)
        same = {other.figure for other in claim.numbers if other.unit == number.unit}
        own = others = 0  # words shared with a sentence that has the number, and that has another
        for piece in evidence:
            theirs = {other.figure for other in piece.numbers if other.unit == number.unit}
            if piece.alone and number.figure in theirs and _within(piece, chosen):
                own = max(own, len(topic & piece.stems))
            elif piece.alone and theirs and not theirs & same:
                others = max(others, len(topic & piece.stems))
        if others > (own or len(topic & chosen.stems)):
            return True
    return False


def _within(piece: Evidence, whole: Evidence) -> bool:
    (start, end), (first, last) = piece.span, whole.span
    return piece.number == whole.number and first <= start and end <= last


def _names(said: str) -> frozenset[str]:
    """Stems of names: what is written with a capital though it begins no sentence."""
    plain = [name for name in _NAME.findall(said) if name.lower() not in COMMON]
    shouting = said.isupper() or len(plain) > len(said.split()) / 2
    return frozenset() if shouting else frozenset(w for name in plain for w in stems(name))


def _polarity(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """Content words as they are said, and those that stand behind a "not"."""
    plain: set[str] = set()
    negated: set[str] = set()
    for clause in _CLAUSE.split(text):
        left = 0  # words that the last "not" still reaches
        spoken = words(clause)
        for word, after in pairwise([*spoken, ""]):
            if (word in NOT or word.endswith("n't")) and after not in _NO_NEGATION:
                left = NEGATED
            elif word not in COMMON:
                (negated if left else plain).add(stem(word))
                left = max(left - 1, 0)
    return frozenset(plain), frozenset(negated)


def _all_words(text: str) -> frozenset[str]:
    return frozenset(stem(word) for word in words(text))
