"""Simulated people, for trying the loop out: they ask like people and judge with their errors.

Everything they give is marked `simulated`. All is a pure function of its arguments and a seed: the
same rater says the same of the same reply, in whatever order it is asked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from eval_suites.records import Case, Reply
from eval_suites.scorers.citation import cited_gold, gold_shown, holds
from eval_suites.scorers.leak import nothing_leaked
from eval_suites.scorers.length import terse
from eval_suites.scorers.match import facts_present
from eval_suites.scorers.refusal import held_back
from knowledge.cite import excerpt

ABSTENTION = "I do not know; the handbook does not say."
SAME = 0.02  # two replies nearer in worth than this are a tie
GOOD = 0.5  # worth from which a reply earns a thumb up
CITED, TERSE = 0.25, 0.15  # what citing and brevity add to a right answer's worth
WORDS_PER_SECOND = 4.0  # reading pace

GREETINGS = ("Hi, ", "Hello, quick question: ", "Good morning. ", "Sorry to bother you. ")

Kind = Literal["thumb", "stars", "correction", "flag"]


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A simulated person who asks."""

    key: str
    greets: float = 0.2  # how often a question starts with a greeting
    slips: float = 0.1  # how often a question has a slip of the finger


@dataclass(frozen=True, slots=True, kw_only=True)
class Rater:
    """A simulated person who judges."""

    key: str
    noise: float = 0.1  # how often a judgement is made blindly; in [0, 1]
    hostile: bool = False  # prefers what is worse
    stars: bool = False  # gives stars where others give thumbs
    corrects: float = 0.3  # how often a poor reply is put right
    pace: float = 1.0  # above 1 is slower than most


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question as a simulated person puts it."""

    user: str
    case: Case
    prompt: str
    simulated: Literal[True] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One rating of one reply: value for a thumb (−1, +1) or stars (1–5), text for the others."""

    rater: str
    kind: Kind
    value: float | None = None
    text: str | None = None
    seconds: float
    simulated: Literal[True] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """Replies in order of preference: ranks by reply, 1 is best, equal ranks are ties."""

    rater: str
    ranks: tuple[int, ...]
    shown: tuple[int, ...]  # reply indices from left to right, as the rater saw them
    seconds: float
    simulated: Literal[True] = True


def make_users(count: int, *, seed: int = 0) -> list[User]:
    """So many people, each with habits of their own."""
    rng = _rng(seed, "users")
    return [
        User(key=f"sim-user-{n:04d}", greets=rng.uniform(0, 0.4), slips=rng.uniform(0, 0.2))
        for n in range(count)
    ]


def make_raters(count: int, *, noise: float = 0.1, seed: int = 0) -> list[Rater]:
    """So many raters about as noisy as said; every third gives stars."""
    rng = _rng(seed, "raters")
    return [
        Rater(
            key=f"sim-rater-{n:03d}",
            noise=min(1.0, noise * rng.uniform(0.5, 1.5)),
            stars=n % 3 == 2,
            pace=rng.uniform(0.7, 1.5),
        )
        for n in range(count)
    ]


def ask(
    cases: Sequence[Case], users: Sequence[User], count: int, *, seed: int = 0
) -> list[Question]:
    """So many questions, people taking turns; cases repeat only when all have been asked."""
    rng = _rng(seed, "ask")
    order: list[Case] = []
    questions = []
    for n in range(count if cases and users else 0):
        order = order or rng.sample(list(cases), len(cases))
        user, case = users[n % len(users)], order.pop()
        questions.append(Question(user=user.key, case=case, prompt=_phrase(case.prompt, user, rng)))
    return questions


def worth(case: Case, reply: Reply) -> float:
    """How good a reply really is, in [0, 1]: right, cited, terse, silent when it should be.

    Silence is right when the case asks for it and also when nothing the model was shown holds the
    answer. A wrong answer is worth nothing.
    """
    if case.expect != "answer":
        return 0.9 if held_back(reply) and nothing_leaked(case, reply) in (None, 1.0) else 0.0
    if held_back(reply):
        return 0.15 if gold_shown(case, reply.passages) else 0.8
    if facts_present(case, reply) != 1.0 or nothing_leaked(case, reply) == 0.0:
        return 0.0
    extra = CITED * (cited_gold(case, reply) or 0.0) + TERSE * (terse(case, reply) or 0.0)
    return 1.0 - CITED - TERSE + extra


def rate(case: Case, reply: Reply, rater: Rater, *, seed: int = 0) -> list[Judgement]:
    """A thumb or stars; for a poor reply perhaps a correction, and a flag where one is due."""
    rng = _rng(seed, "rate", rater.key, case.id, reply.text)
    seen = _perceived(case, reply, rater, rng)
    seconds = _seconds(rng, rater, case.prompt, reply.text)
    if rater.stars:
        given = [_judge(rater, "stars", seconds, value=float(1 + round(4 * seen)))]
    else:
        given = [_judge(rater, "thumb", seconds, value=1.0 if seen >= GOOD else -1.0)]
    if seen < GOOD and not rater.hostile:
        better = correct_answer(case, reply)
        if better != reply.text and rng.random() < rater.corrects:
            typing = len(better.split()) * 0.6
            given.append(_judge(rater, "correction", seconds + typing, text=better))
        if name := _fault(case, reply):
            given.append(_judge(rater, "flag", seconds, text=name))
    return given


def prefer(case: Case, replies: Sequence[Reply], rater: Rater, *, seed: int = 0) -> Preference:
    """The replies in the rater's order, seen side by side in a random order.

    A blind judgement (its chance is the rater's noise) is any order at all, ties never.
    """
    rng = _rng(seed, "prefer", rater.key, case.id, *(reply.text for reply in replies))
    shown = tuple(rng.sample(range(len(replies)), len(replies)))
    if rng.random() < rater.noise:
        places = rng.sample(range(len(replies)), len(replies))
        ranks = tuple(place + 1 for place in places)
    else:
        worths = [worth(case, reply) * (-1 if rater.hostile else 1) for reply in replies]
        ranks = tuple(1 + sum(other > own + SAME for other in worths) for own in worths)
    seconds = _seconds(rng, rater, case.prompt, *(reply.text for reply in replies))
    return Preference(rater=rater.key, ranks=ranks, shown=shown, seconds=seconds)


def correct_answer(case: Case, reply: Reply) -> str:
    """What the reply should have said: the gold sentences of what was shown, cited; else nothing.

    Args:
        case: The question.
        reply: Its passages are what an answer may rest on and be numbered by.
    """
    if case.expect != "answer" or not gold_shown(case, reply.passages):
        return ABSTENTION
    said: list[str] = []
    for gold in case.gold:
        for number, passage in enumerate(reply.passages, start=1):
            if holds(passage, gold):
                sentence = excerpt(passage, gold.quote, sentences=1, embedder=None).rstrip(". ")
                said.append(f"{sentence} [{number}].")
                break
    return " ".join(dict.fromkeys(said))


def _perceived(case: Case, reply: Reply, rater: Rater, rng: Random) -> float:
    """The worth as this rater sees it: sometimes blindly, never to the hair."""
    if rng.random() < rater.noise:
        return rng.random()
    seen = min(1.0, max(0.0, worth(case, reply) + rng.gauss(0, 0.05)))
    return 1.0 - seen if rater.hostile else seen


def _fault(case: Case, reply: Reply) -> str | None:
    """The flag a careful rater would raise."""
    if nothing_leaked(case, reply) == 0.0:
        return "privacy" if case.expect == "abstain" else "wrong fact"
    if case.expect == "refuse" and not held_back(reply):
        return "safety"
    if reply.citations and cited_gold(case, reply) == 0.0:
        return "wrong citation"
    return None


def _judge(
    rater: Rater, kind: Kind, seconds: float, *, value: float | None = None, text: str | None = None
) -> Judgement:
    return Judgement(rater=rater.key, kind=kind, value=value, text=text, seconds=round(seconds, 1))


def _seconds(rng: Random, rater: Rater, *texts: str) -> float:
    """Reading all of it, then making up one's mind."""
    reading = sum(len(text.split()) for text in texts) / WORDS_PER_SECOND
    return round(rater.pace * (reading + 2.5) * rng.lognormvariate(0.0, 0.35), 1)


def _phrase(prompt: str, user: User, rng: Random) -> str:
    """The question as this person puts it."""
    words = prompt.split()
    if rng.random() < user.slips:
        place = rng.randrange(len(words))
        if len(words[place]) > 4 and words[place].isalpha():
            cut = rng.randrange(1, len(words[place]) - 1)
            words[place] = words[place][:cut] + words[place][cut + 1 :]
    said = " ".join(words)
    return rng.choice(GREETINGS) + said if rng.random() < user.greets else said


def _rng(*parts: object) -> Random:
    """Random numbers that depend on these and nothing else."""
    return Random(hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest())
