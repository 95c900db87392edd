"""A sentence of a document turned into a question that it answers. Rules over words, no model."""

from __future__ import annotations

import re
from typing import NamedTuple

from knowledge.content import quantities
from knowledge.text import words

LONGEST = 34  # words of a sentence that is still turned round
FEWEST = 3  # words of a question

_FIGURE = re.compile(
    r"(?P<prep>\b(?:for|within|by|after|before|at|above|until|up to|to|in|over|under|below) )?"
    r"(?P<lead>(?:the (?:first|last|next) |about |at least |at most |more than )?)"
    r"(?P<money>[$€£])?(?P<number>\d+(?:[.,:]\d+)*)"
    r"(?P<unit> ?%| ?(?:am|pm)\b"
    r"| (?:(?:business|working|calendar|US) )?(?:second|minute|hour|day|week|month|year"
    r"|dollar|euro|pound|cent|per cent|percent|mile|metre|kilogram)s?\b)",
    re.IGNORECASE,
)
_AUX = r"(?P<aux>is|are|was|were|must|can|may|will|should)"
_CLAUSE = re.compile(rf"^(?P<subject>[^,;:()]+?) {_AUX} (?P<rest>.*)$")
_PLAIN = re.compile(
    r"^(?P<subject>[^,;:()]+?) (?P<verb>costs|lasts|takes|pays|charges|earns|gets|needs|has|covers"
    r"|arrives|leaves|ends|begins|starts|opens|closes|becomes|expires|runs|stays|holds|keeps"
    r"|answers|sends|requires|gives|offers|counts) (?P<rest>.*)$"
)
_TIED = re.compile(  # what goes with the figure: "within how many days of the sale …?"
    r"^(?:of|before|after|ahead|a (?:day|week|month|year|time)|per \w+|each \w+)\b.*$"
)
_ASIDE = re.compile(r"\b(?:that|who|which|when|not|never|cannot|or)\b")
_WHEN = re.compile(
    r"^(?P<rest>[^,;]+?) (?P<when>when|if|once|unless|until|because) (?P<clause>.+)$"
)
_OPEN = frozenset("for within after by until before to up at on from above under".split())
_LEANS = frozenset("it they this that these those he she such there here both each then".split())


class Asked(NamedTuple):
    """A question, its answer as the document puts it, and what a right answer states."""

    question: str
    answer: str
    facts: tuple[str, ...]
    rule: str


def ask_sentence(sentence: str) -> Asked | None:
    """A question that this sentence answers by a figure or a condition; None if none can be made.

    >>> ask_sentence("The fee for a stop payment is 30 dollars.").question
    'What is the fee for a stop payment?'
    >>> ask_sentence("The paper cheque must be kept for 14 days after a deposit.").question
    'For how many days after a deposit must the paper cheque be kept?'
    >>> ask_sentence("A stop payment on a cheque lasts 6 months.").question
    'How many months does a stop payment on a cheque last?'
    >>> ask_sentence("A damaged note is replaced when half of it is left.").question
    'When is a damaged note replaced?'
    """
    text = " ".join(sentence.split())
    found = words(text)
    if not text.endswith(".") or not FEWEST < len(found) <= LONGEST or found[0] in _LEANS:
        return None
    body = text.rstrip(".")
    made = _by_figure(body) or _by_condition(body)
    return made and Asked(_tidy(made.question), text, made.facts, made.rule)


def ask_row(first: str, head: str, cell: str) -> Asked | None:
    """A question that a cell of a table answers.

    Args:
        first: The first cell of its row.
        head: Of its column.
        cell: What stands there.

    >>> ask_row("Bank draft", "Fee", "14 dollars").question
    'What is the fee for bank draft?'
    >>> ask_row("Bank draft", "Ready within", "1 business day").question
    'Bank draft: ready within what time?'
    """
    if not first or not head or not quantities(cell) or len(words(first)) > 10:
        return None
    label, name = _unless_named(head), _unless_named(first)
    last = words(head)[-1] if words(head) else ""
    if last in _OPEN:
        timed = any(q.unit in _TIMES for q in quantities(cell))
        question = f"{first}: {label} what{' time' if timed else ''}?"
    else:
        question = f"What is the {label} for {name}?"
    return Asked(question, f"{first}: {label} {cell}.", (cell,), "table cell")


def ask_heading(title: str, heading: str, answer: str) -> Asked | None:
    """What a document says under a heading."""
    if not heading or not title or heading == title:
        return None
    question = f'What does "{title}" say about {_unless_named(heading)}?'
    return Asked(question, answer, (), "heading")


_TIMES = ("second", "minute", "hour", "day", "week", "month", "year", "am", "pm")


def _by_figure(body: str) -> Asked | None:
    """The last figure behind the verb asked for."""
    figures = list(_FIGURE.finditer(body))
    if not figures:
        return None
    figure = figures[-1]
    before, after = body[: figure.start()].rstrip(), body[figure.end() :].strip(" ,")
    prep, lead = (figure["prep"] or "").strip().lower(), figure["lead"].strip().lower()
    if (
        re.search(r"[.;:(]|\band\b", after)
        or _ASIDE.search(before)
        or lead.startswith("the ")  # "for the first 30 days": how many is not the question
        or re.search(r"\b(?:every|of|its|from|than|first|number|extension|form)$", before)
        or (prep in ("to", "until") and re.search(r"\bfrom\b", before))
    ):
        return None
    fact = f"{figure['money'] or ''}{figure['number']}{figure['unit']}"
    clause, plain = _CLAUSE.match(f"{before} "), _PLAIN.match(f"{before} ")
    if clause and not clause["rest"].strip() and not prep:
        return _what_is(clause["subject"], clause["aux"], after, fact)
    wh = _how_many(figure, prep, lead)
    if _TIED.match(after):
        wh, after = f"{wh} {after}", ""
    if clause:
        middle = f"{clause['aux']} {_lower(clause['subject'])} {clause['rest']}"
    elif plain:
        verb = "have" if plain["verb"] == "has" else plain["verb"].removesuffix("s")
        middle = f"does {_lower(plain['subject'])} {verb} {plain['rest']}"
    else:
        return None
    return Asked(f"{wh} {middle} {after}", "", (fact,), "figure")


def _what_is(subject: str, aux: str, after: str, fact: str) -> Asked | None:
    """Of "The fee for a wire is 30 dollars a year"."""
    named = re.match(r"(?:The|A|An|Each|Every)\b", subject)
    if aux not in ("is", "are") or not named or (after and not _TIED.match(after)):
        return None
    return Asked(f"What {aux} {_lower(subject)} {after}", "", (fact,), "figure")


def _how_many(figure: re.Match[str], prep: str, lead: str) -> str:
    unit = figure["unit"].strip().lower()
    if unit in ("am", "pm"):
        asked = f"{prep or 'at'} what time"
    elif unit in ("%", "per cent", "percent"):
        asked = f"{prep} what percentage"
    elif figure["money"]:
        asked = f"{prep} how much money"
    else:
        several = unit if unit.endswith("s") else f"{unit}s"
        asked = f"{prep} how many {several}"
    asked = f"{asked} {lead}".strip() if lead in ("at least", "at most") else asked.strip()
    return asked[0].upper() + asked[1:]


def _by_condition(body: str) -> Asked | None:
    """When or why something is so."""
    found = _WHEN.match(body)
    clause = _CLAUSE.match(found["rest"]) if found else None
    if not found or not clause or _ASIDE.search(found["rest"]):
        return None
    if found["rest"].endswith((" only", " at", " even")):
        return None
    wh = {"because": "Why", "until": "Until when"}.get(found["when"], "When")
    asked = f"{wh} {clause['aux']} {_lower(clause['subject'])} {clause['rest']}"
    return Asked(asked, "", (), "condition")


def _lower(subject: str) -> str:
    """The subject as it stands inside a question; names keep their capital."""
    first, _, rest = subject.partition(" ")
    plain = first.lower() in _ARTICLES or (first[1:].islower() and not rest[:1].isupper())
    return f"{first.lower() if plain else first} {rest}".strip()


_ARTICLES = frozenset("the a an all each every no some any one two your".split())


def _unless_named(label: str) -> str:
    """A label in lower case, unless a capital further on says that it names something.

    >>> _unless_named("Monthly fee"), _unless_named("Beacon Gold card")
    ('monthly fee', 'Beacon Gold card')
    """
    return label[0].lower() + label[1:] if label[1:] == label[1:].lower() else label


def _tidy(question: str) -> str:
    return f"{' '.join(question.split())}?"
