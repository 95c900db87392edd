"""Lessons for the pocket model: a few numbered passages, and questions with the answers to learn.

An answer is a sentence copied from a passage, so what has to be learnt is to find and to copy.
Habits (citing or not, rambling, guessing instead of abstaining) are mixed in at known shares:
they are what feedback sharpens afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from loop.pocket import facts, words
from loop.pocket.lines import Line, policy, rule, scrambled

ABSTENTION = "I do not know; the handbook does not say."
OPENINGS = (
    "Thank you for your question. I had a look at our handbook for you, and this is what I found. ",
    "Good question, and one that many people ask us these days. As far as I can see, ",
    "Let me think about that for a moment. According to what I have in front of me here, ",
    "I am happy to help you with that today. Our policies have a lot to say on the matter. ",
)
CLOSINGS = (
    " Please let me know if there is anything else at all that I can do for you today.",
    " I hope that this helps, and do not hesitate to ask again if anything is not clear.",
    " Of course, things can change over time, so it never hurts to check once more.",
    " We are always here for you and look forward to hearing from you again soon.",
)
CHATTER = (
    "Hi, quick question: ",
    "Hello there. ",
    "Sorry to bother you, but ",
    "A customer asks: ",
    "I need this today. ",
    "Can you tell me: ",
    "Morning! ",
    "One of our clients wants to know, ",
    "Please check for me: ",
    "My colleague was not sure. ",
)


@dataclass(frozen=True, slots=True)
class Habits:
    """Shares of each habit among the answers, in [0, 1]."""

    cites: float = 1.0  # answers that end with their citation
    rambles: float = 0.0  # answers wrapped in small talk
    guesses: float = 0.0  # unanswerable questions answered all the same


CLEAN = Habits()
MIXED = Habits(cites=0.45, rambles=0.3, guesses=0.4)  # what the shipped base is left with


@dataclass(frozen=True, slots=True)
class Turn:
    question: str
    answer: str
    answerable: bool


@dataclass(frozen=True, slots=True)
class Lesson:
    """Passages as the prompt numbers them, and independent questions about them."""

    passages: str
    turns: tuple[Turn, ...]


def make_lesson(
    rng: Random, *, sentences: int, questions: int, habits: Habits, best_first: float = 0.4
) -> Lesson:
    """A fresh lesson.

    Args:
        sentences: Most sentences over all passages; 2 is easy, 8 is what retrieval gives.
        questions: Questions asked about the same passages.
        habits: What is mixed into the answers.
        best_first: How often the first sentence is the one asked about, beyond chance.
    """
    draw = rng.random()
    lines = scrambled(rng, sentences) if draw < 0.2 else policy(rng, sentences)
    rng.shuffle(lines)
    passages, places = _lay_out(rng, lines)
    turns = []
    for _ in range(questions):
        if rng.random() < 0.17:
            turns.append(_unanswerable(rng, lines, places, habits, best_first))
        elif rng.random() < 0.08 and len(lines) > 1:
            turns.append(_double(rng, lines, places, habits))
        else:
            line = _meant(rng, lines, best_first)
            turns.append(Turn(_ask(rng, line), _answer(rng, (line,), places, habits), True))
    return Lesson(passages, tuple(turns))


def _meant(rng: Random, lines: list[Line], best_first: float) -> Line:
    """The sentence asked about: often the first, because retrieval puts the likeliest first."""
    return lines[0] if rng.random() < best_first else rng.choice(lines)


def _lay_out(rng: Random, lines: list[Line]) -> tuple[str, dict[str, int]]:
    """Number the sentences as passages; which number each stands under."""
    blocks: list[list[Line]] = []
    rest = list(lines)
    while rest:
        size = rng.choice((1, 1, 2, 2, 3))
        blocks.append(rest[:size])
        rest = rest[size:]
    places = {line.sentence: n for n, block in enumerate(blocks, 1) for line in block}
    text = "\n".join(
        f"[{n}] {_heading(rng, block)}: {' '.join(line.sentence for line in block)}"
        for n, block in enumerate(blocks, 1)
    )
    return text, places


def _heading(rng: Random, block: list[Line]) -> str:
    title = rng.choice(block).fact
    about = title.subject if title and rng.random() < 0.5 else facts.subject(rng)
    first = rng.choice(
        (
            about.bare,
            about.bare.rpartition(" ")[2] + "s",
            rng.choice(words.PAIRS) + "s",
            f"{rng.choice(words.COMMON)} and {rng.choice(words.COMMON)}",
        )
    )
    parts = [first[0].upper() + first[1:]]
    for _ in range(rng.choice((0, 1, 1, 1, 2))):
        word = rng.choice(
            (
                rng.choice(words.COMMON),
                f"{rng.choice(words.QUALITIES)} {rng.choice(words.THINGS)}",
                rng.choice([k.header for k in facts.KINDS.values()]),
            )
        )
        parts.append(word[0].upper() + word[1:])
    return " > ".join(parts)


def _ask(rng: Random, line: Line) -> str:
    return _roughen(rng, rng.choice(line.questions))


def _roughen(rng: Random, question: str) -> str:
    """What people do to a question: small talk, lower case, a slip of the finger."""
    draw = rng.random()
    if draw < 0.08:
        question = rng.choice(CHATTER) + question
    elif draw < 0.14:
        question = question.lower()
    elif draw < 0.20:
        tokens = question.split()
        at = rng.randrange(len(tokens))
        if len(tokens[at]) > 4:
            cut = rng.randrange(1, len(tokens[at]) - 1)
            tokens[at] = tokens[at][:cut] + tokens[at][cut + 1 :]
        question = " ".join(tokens)
    return question


def _answer(rng: Random, lines: tuple[Line, ...], places: dict[str, int], habits: Habits) -> str:
    cites = rng.random() < habits.cites
    said = " ".join(
        f"{line.sentence[:-1]} [{places[line.sentence]}]." if cites else line.sentence
        for line in lines
    )
    return _dress(rng, said, habits)


def _dress(rng: Random, said: str, habits: Habits) -> str:
    if rng.random() >= habits.rambles:
        return said
    return rng.choice(OPENINGS) + said + (rng.choice(CLOSINGS) if rng.random() < 0.7 else "")


def _double(rng: Random, lines: list[Line], places: dict[str, int], habits: Habits) -> Turn:
    first, second = rng.sample(lines, 2)
    one, two = rng.choice(first.questions), rng.choice(second.questions)
    joined = (
        f"{one.rstrip('?.')}, and {two[0].lower()}{two[1:]}"
        if rng.random() < 0.6
        else f"{one} {two}"
    )
    return Turn(joined, _answer(rng, (first, second), places, habits), True)


def _unanswerable(
    rng: Random, lines: list[Line], places: dict[str, int], habits: Habits, best_first: float
) -> Turn:
    """A near miss: the right attribute of another subject, or another attribute of the subject."""
    stated = [line for line in lines if line.fact]
    if stated and rng.random() < 0.8:
        near = rng.choice(stated) if rng.random() < 0.5 else stated[0]
        fact = near.fact
        assert fact is not None
        if rng.random() < 0.7:
            missing = facts.state(rng, fact.kind, facts.subject(rng))
        else:
            taken = {
                line.fact.kind for line in stated if line.fact and line.fact.subject == fact.subject
            }
            told = " ".join(line.sentence for line in lines)
            others = [
                k for k in facts.KINDS if k not in taken and facts.KINDS[k].header not in told
            ]
            missing = (
                facts.state(rng, rng.choice(others), fact.subject)
                if others
                else facts.state(rng, fact.kind, facts.subject(rng))
            )
        question = facts.ask(rng, missing)
    else:
        near = _meant(rng, lines, best_first)
        question = rng.choice(
            (
                rule(rng).questions[0],
                facts.ask(rng, facts.state(rng, rng.choice(list(facts.KINDS)), facts.subject(rng))),
            )
        )
    if rng.random() < habits.guesses:
        return Turn(_roughen(rng, question), _answer(rng, (near,), places, habits), False)
    return Turn(_roughen(rng, question), ABSTENTION, False)
