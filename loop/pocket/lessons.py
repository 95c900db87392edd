"""Lessons for the pocket model: a few numbered passages, and questions with the answers to learn.

An answer is a sentence copied from a passage, so what has to be learnt is to find and to copy.
Habits (citing or not, rambling, guessing instead of abstaining) are mixed in at known shares:
they are what feedback sharpens afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from loop.pocket import facts, words
from loop.pocket.facts import Fact

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
    "Hi, quick question: ", "Hello there. ", "Sorry to bother you, but ", "A customer asks: ",
    "I need this today. ", "Can you tell me: ", "Morning! ", "One of our clients wants to know, ",
    "Please check for me: ", "My colleague was not sure. ",
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


@dataclass(frozen=True, slots=True)
class _Line:
    """A sentence in a passage with the questions that it answers."""

    sentence: str
    questions: tuple[str, ...]
    fact: Fact | None = None


def make_lesson(rng: Random, *, sentences: int, questions: int, habits: Habits) -> Lesson:
    """A fresh lesson.

    Args:
        sentences: Most sentences over all passages; 2 is easy, 8 is what retrieval gives.
        questions: Questions asked about the same passages.
    """
    draw = rng.random()
    lines = _scrambled(rng, sentences) if draw < 0.2 else _policy(rng, sentences)
    rng.shuffle(lines)
    passages, places = _lay_out(rng, lines)
    turns = []
    for _ in range(questions):
        if rng.random() < 0.17:
            turns.append(_unanswerable(rng, lines, places, habits))
        elif rng.random() < 0.08 and len(lines) > 1:
            turns.append(_double(rng, lines, places, habits))
        else:
            line = rng.choice(lines)
            turns.append(Turn(_ask(rng, line), _answer(rng, (line,), places, habits), True))
    return Lesson(passages, tuple(turns))


def _policy(rng: Random, most: int) -> list[_Line]:
    """Sentences a policy page might hold: facts that are easily confused, rules, table rows."""
    count = rng.randint(2, most)
    kinds = rng.sample(list(facts.KINDS), k=min(len(facts.KINDS), rng.randint(1, 4)))
    subjects = [facts.subject(rng)]
    for _ in range(rng.randint(0, 3)):  # siblings: same thing, other quality
        head, _, tail = subjects[0].bare.partition(" ")
        bare = f"{rng.choice(words.QUALITIES)} {tail}" if tail and rng.random() < 0.6 else ""
        subjects.append(facts.Subject(bare, words.article(bare)) if bare and head else facts.subject(rng))
    lines: dict[str, _Line] = {}
    seen: set[tuple[str, str]] = set()
    while len(lines) < count:
        draw = rng.random()
        if draw < 0.60:
            kind, about = rng.choice(kinds), rng.choice(subjects)
            if (kind, about.bare) in seen:
                kind, about = rng.choice(list(facts.KINDS)), facts.subject(rng)
            seen.add((kind, about.bare))
            fact = facts.state(rng, kind, about)
            line = _Line(fact.sentence, (facts.ask(rng, fact), facts.ask(rng, fact)), fact)
        elif draw < 0.78:
            line = _row(rng, rng.choice(subjects) if rng.random() < 0.5 else facts.subject(rng), kinds)
        else:
            line = _rule(rng)
        lines.setdefault(line.sentence, line)
    return list(lines.values())


def _row(rng: Random, about: facts.Subject, kinds: list[str]) -> _Line:
    """A table row as the excerpt renders it: first cell, then header and value of each column."""
    columns = [k for k in dict.fromkeys(kinds + rng.sample(list(facts.KINDS), 2)) if k != "opens"]
    columns = columns[: rng.randint(1, 3)]
    stated = [facts.state(rng, kind, about) for kind in columns]
    cells = "; ".join(f"{facts.KINDS[f.kind].header} {f.value}" for f in stated)
    first = about.bare[0].upper() + about.bare[1:]
    return _Line(f"{first}: {cells}.", tuple(facts.ask(rng, f) for f in stated))


def _rule(rng: Random) -> _Line:
    """A rule that is no plain fact: who does what, when, and what happens if."""
    who = words.article(rng.choice(words.ROLES).strip())
    thing = facts.subject(rng)
    verb, other = rng.sample(words.VERBS, 2)
    team = facts.team(rng)
    when = rng.choice((f"within {facts.duration(rng)}", f"before {facts.clock(rng)}", f"after {facts.duration(rng)}",
                       f"on {facts.weekday(rng)}", f"with {facts.form(rng)}", f"at {facts.place(rng)}",
                       f"for {rng.choice(words.PURPOSES)}", f"up to {facts.money(rng)}"))
    also = rng.choice(("", "", f" and {other} it", f" and inform {team}", f" with {words.article(rng.choice(words.DOCUMENTS).strip())}"))
    event = rng.choice((f"{who} loses {thing.phrase}", f"{thing.phrase} is not {other}ed", f"{thing.phrase} is late",
                        f"{who} asks for {thing.phrase}", f"{thing.phrase} fails"))
    forms: tuple[tuple[str, tuple[str, ...]], ...] = (
        (f"{who} must {verb} {thing.phrase} {when}{also}.",
         (f"What must {who} do with {thing.phrase}?", f"Who must {verb} {thing.phrase}?", f"When must {who} {verb} {thing.phrase}?")),
        (f"{who} may {verb} {thing.phrase} {when}{also}.",
         (f"May {who} {verb} {thing.phrase}?", f"Who may {verb} {thing.phrase}?", f"Can I {verb} {thing.phrase}?")),
        (f"{who} may not {verb} {thing.phrase} {when}.",
         (f"What may {who} not do?", f"Is {who} allowed to {verb} {thing.phrase}?", f"Can {who} {verb} {thing.phrase}?")),
        (f"If {event}, {team} must {verb} it {when}.",
         (f"What happens if {event}?", f"What does {team} do if {event}?", f"What if {event}?", f"Who acts when {event}?")),
        (f"when {event}, the bank will {verb} {words.article(rng.choice(words.THINGS))} {when}.",
         (f"What does the bank do when {event}?", f"What happens when {event}?", f"{event}: what then?")),
        (f"{thing.phrase} is for {rng.choice(words.PURPOSES)} and {rng.choice(words.PURPOSES)}.",
         (f"What is {thing.phrase} for?", f"When can I use {thing.phrase}?", f"Who is {thing.phrase} for?")),
        (f"until {facts.day(rng)}, the fee for {thing.phrase} was {facts.money(rng)}.",
         (f"What was the old fee for {thing.phrase}?", f"What did {thing.phrase} cost before?")),
        (f"{team} will {verb} {thing.phrase} {when}{also}.",
         (f"What does {team} do?", f"Who will {verb} {thing.phrase}?", f"When does {team} {verb} {thing.phrase}?")),
    )
    sentence, questions = rng.choice(forms)
    return _Line(sentence[0].upper() + sentence[1:], tuple(q[0].upper() + q[1:] for q in questions))


def _scrambled(rng: Random, most: int) -> list[_Line]:
    """Sentences without sense: only shared words tell which one is asked for."""
    pool = words.COMMON + words.THINGS + words.VERBS + words.QUALITIES
    lines = []
    for _ in range(rng.randint(2, most)):
        made = [words.made_up(rng) if rng.random() < 0.3 else rng.choice(pool) for _ in range(rng.randint(4, 14))]
        sentence = " ".join(made)
        keys = [w for w in made if len(w) > 3] or made
        asked = [rng.sample(keys, k=min(len(keys), rng.randint(2, 4))) for _ in range(3)]
        framed = (f"What about {' '.join(asked[0])}?", f"{' '.join(asked[1])}?", f"Tell me about {' and '.join(asked[2])}.")
        lines.append(_Line(sentence[0].upper() + sentence[1:] + ".", framed))
    return lines


def _lay_out(rng: Random, lines: list[_Line]) -> tuple[str, dict[str, int]]:
    """Number the sentences as passages; which number each stands under."""
    blocks: list[list[_Line]] = []
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


def _heading(rng: Random, block: list[_Line]) -> str:
    title = rng.choice(block).fact
    about = title.subject if title and rng.random() < 0.5 else facts.subject(rng)
    first = rng.choice((about.bare, about.bare.rpartition(" ")[2] + "s", rng.choice(words.PAIRS) + "s",
                        f"{rng.choice(words.COMMON)} and {rng.choice(words.COMMON)}"))
    parts = [first[0].upper() + first[1:]]
    for _ in range(rng.choice((0, 1, 1, 1, 2))):
        word = rng.choice((rng.choice(words.COMMON), f"{rng.choice(words.QUALITIES)} {rng.choice(words.THINGS)}",
                           rng.choice([k.header for k in facts.KINDS.values()])))
        parts.append(word[0].upper() + word[1:])
    return " > ".join(parts)


def _ask(rng: Random, line: _Line) -> str:
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


def _answer(rng: Random, lines: tuple[_Line, ...], places: dict[str, int], habits: Habits) -> str:
    cites = rng.random() < habits.cites
    said = " ".join(
        f"{line.sentence[:-1]} [{places[line.sentence]}]." if cites else line.sentence for line in lines
    )
    return _dress(rng, said, habits)


def _dress(rng: Random, said: str, habits: Habits) -> str:
    if rng.random() >= habits.rambles:
        return said
    return rng.choice(OPENINGS) + said + (rng.choice(CLOSINGS) if rng.random() < 0.7 else "")


def _double(rng: Random, lines: list[_Line], places: dict[str, int], habits: Habits) -> Turn:
    first, second = rng.sample(lines, 2)
    one, two = rng.choice(first.questions), rng.choice(second.questions)
    joined = f"{one.rstrip('?.')}, and {two[0].lower()}{two[1:]}" if rng.random() < 0.6 else f"{one} {two}"
    return Turn(joined, _answer(rng, (first, second), places, habits), True)


def _unanswerable(rng: Random, lines: list[_Line], places: dict[str, int], habits: Habits) -> Turn:
    """A near miss: the right attribute of another subject, or another attribute of the subject."""
    stated = [line for line in lines if line.fact]
    if stated and rng.random() < 0.8:
        near = rng.choice(stated)
        fact = near.fact
        assert fact is not None
        if rng.random() < 0.7:
            missing = facts.state(rng, fact.kind, facts.subject(rng))
        else:
            taken = {line.fact.kind for line in stated if line.fact and line.fact.subject == fact.subject}
            told = " ".join(line.sentence for line in lines)
            others = [k for k in facts.KINDS if k not in taken and facts.KINDS[k].header not in told]
            missing = facts.state(rng, rng.choice(others), fact.subject) if others else facts.state(rng, fact.kind, facts.subject(rng))
        question = facts.ask(rng, missing)
    else:
        near = rng.choice(lines)
        question = rng.choice((_rule(rng).questions[0], facts.ask(rng, facts.state(rng, rng.choice(list(facts.KINDS)), facts.subject(rng)))))
    if rng.random() < habits.guesses:
        return Turn(_roughen(rng, question), _answer(rng, (near,), places, habits), False)
    return Turn(_roughen(rng, question), ABSTENTION, False)
