"""What a lesson's passages are made of: policy sentences, table rows, rules, and sheer nonsense."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from loop.pocket import facts, words
from loop.pocket.facts import Fact


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence in a passage with the questions that it answers."""

    sentence: str
    questions: tuple[str, ...]
    fact: Fact | None = None


def policy(rng: Random, most: int) -> list[Line]:
    """Sentences a policy page might hold: facts that are easily confused, rules, table rows."""
    count = rng.randint(2, most)
    kinds = rng.sample(list(facts.KINDS), k=min(len(facts.KINDS), rng.randint(1, 4)))
    subjects = [facts.subject(rng)]
    for _ in range(rng.randint(0, 3)):  # siblings: same thing, other quality
        head, _, tail = subjects[0].bare.partition(" ")
        bare = f"{rng.choice(words.QUALITIES)} {tail}" if tail and rng.random() < 0.6 else ""
        subjects.append(
            facts.Subject(bare, words.article(bare)) if bare and head else facts.subject(rng)
        )
    lines: dict[str, Line] = {}
    seen: set[tuple[str, str]] = set()
    while len(lines) < count:
        draw = rng.random()
        if draw < 0.60:
            kind, about = rng.choice(kinds), rng.choice(subjects)
            if (kind, about.bare) in seen:
                kind, about = rng.choice(list(facts.KINDS)), facts.subject(rng)
            seen.add((kind, about.bare))
            fact = facts.state(rng, kind, about)
            line = Line(fact.sentence, (facts.ask(rng, fact), facts.ask(rng, fact)), fact)
        elif draw < 0.78:
            line = _row(
                rng, rng.choice(subjects) if rng.random() < 0.5 else facts.subject(rng), kinds
            )
        else:
            line = rule(rng)
        lines.setdefault(line.sentence, line)
    return list(lines.values())


def _row(rng: Random, about: facts.Subject, kinds: list[str]) -> Line:
    """A table row as the excerpt renders it: first cell, then header and value of each column."""
    columns = [k for k in dict.fromkeys(kinds + rng.sample(list(facts.KINDS), 2)) if k != "opens"]
    columns = columns[: rng.randint(1, 3)]
    stated = [facts.state(rng, kind, about) for kind in columns]
    cells = "; ".join(f"{facts.KINDS[f.kind].header} {f.value}" for f in stated)
    first = about.bare[0].upper() + about.bare[1:]
    return Line(f"{first}: {cells}.", tuple(facts.ask(rng, f) for f in stated))


def rule(rng: Random) -> Line:
    """A rule that is no plain fact: who does what, when, and what happens if."""
    who = words.article(rng.choice(words.ROLES).strip())
    thing = facts.subject(rng)
    verb, other = rng.sample(words.VERBS, 2)
    team = facts.team(rng)
    when = rng.choice(
        (
            f"within {facts.duration(rng)}",
            f"before {facts.clock(rng)}",
            f"after {facts.duration(rng)}",
            f"on {facts.weekday(rng)}",
            f"with {facts.form(rng)}",
            f"at {facts.place(rng)}",
            f"for {rng.choice(words.PURPOSES)}",
            f"up to {facts.money(rng)}",
        )
    )
    also = rng.choice(
        (
            "",
            "",
            f" and {other} it",
            f" and inform {team}",
            f" with {words.article(rng.choice(words.DOCUMENTS).strip())}",
        )
    )
    event = rng.choice(
        (
            f"{who} loses {thing.phrase}",
            f"{thing.phrase} is not {other}ed",
            f"{thing.phrase} is late",
            f"{who} asks for {thing.phrase}",
            f"{thing.phrase} fails",
        )
    )
    forms: tuple[tuple[str, tuple[str, ...]], ...] = (
        (
            f"{who} must {verb} {thing.phrase} {when}{also}.",
            (
                f"What must {who} do with {thing.phrase}?",
                f"Who must {verb} {thing.phrase}?",
                f"When must {who} {verb} {thing.phrase}?",
            ),
        ),
        (
            f"{who} may {verb} {thing.phrase} {when}{also}.",
            (
                f"May {who} {verb} {thing.phrase}?",
                f"Who may {verb} {thing.phrase}?",
                f"Can I {verb} {thing.phrase}?",
            ),
        ),
        (
            f"{who} may not {verb} {thing.phrase} {when}.",
            (
                f"What may {who} not do?",
                f"Is {who} allowed to {verb} {thing.phrase}?",
                f"Can {who} {verb} {thing.phrase}?",
            ),
        ),
        (
            f"If {event}, {team} must {verb} it {when}.",
            (
                f"What happens if {event}?",
                f"What does {team} do if {event}?",
                f"What if {event}?",
                f"Who acts when {event}?",
            ),
        ),
        (
            f"when {event}, the bank will {verb} {words.article(rng.choice(words.THINGS))} {when}.",
            (
                f"What does the bank do when {event}?",
                f"What happens when {event}?",
                f"{event}: what then?",
            ),
        ),
        (
            f"{thing.phrase} is for {rng.choice(words.PURPOSES)} and {rng.choice(words.PURPOSES)}.",
            (
                f"What is {thing.phrase} for?",
                f"When can I use {thing.phrase}?",
                f"Who is {thing.phrase} for?",
            ),
        ),
        (
            f"until {facts.day(rng)}, the fee for {thing.phrase} was {facts.money(rng)}.",
            (f"What was the old fee for {thing.phrase}?", f"What did {thing.phrase} cost before?"),
        ),
        (
            f"{team} will {verb} {thing.phrase} {when}{also}.",
            (
                f"What does {team} do?",
                f"Who will {verb} {thing.phrase}?",
                f"When does {team} {verb} {thing.phrase}?",
            ),
        ),
    )
    sentence, questions = rng.choice(forms)
    return Line(sentence[0].upper() + sentence[1:], tuple(q[0].upper() + q[1:] for q in questions))


def scrambled(rng: Random, most: int) -> list[Line]:
    """Sentences without sense: only shared words tell which one is asked for."""
    pool = words.COMMON + words.THINGS + words.VERBS + words.QUALITIES
    lines = []
    for _ in range(rng.randint(2, most)):
        made = [
            words.made_up(rng) if rng.random() < 0.3 else rng.choice(pool)
            for _ in range(rng.randint(4, 14))
        ]
        sentence = " ".join(made)
        keys = [w for w in made if len(w) > 3] or made
        asked = [rng.sample(keys, k=min(len(keys), rng.randint(2, 4))) for _ in range(3)]
        framed = (
            f"What about {' '.join(asked[0])}?",
            f"{' '.join(asked[1])}?",
            f"Tell me about {' and '.join(asked[2])}.",
        )
        lines.append(Line(sentence[0].upper() + sentence[1:] + ".", framed))
    return lines
