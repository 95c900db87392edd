"""Facts in many wordings: each is a sentence that stands alone, and questions it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from loop.pocket import words


@dataclass(frozen=True, slots=True)
class Subject:
    """What a fact is about: "outgoing share transfer", and how it stands in a sentence."""

    bare: str
    phrase: str


@dataclass(frozen=True, slots=True)
class Kind:
    """One sort of fact: how to write it, how to ask for it, which values it takes."""

    header: str  # what a table column of it is called
    value: Callable[[Random], str]
    statements: tuple[str, ...]
    questions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fact:
    subject: Subject
    kind: str
    value: str
    sentence: str  # ends with a full stop


def subject(rng: Random) -> Subject:
    """A subject from a pool of millions: qualities, things and made-up names."""
    draw = rng.random()
    if draw < 0.35:
        bare = f"{rng.choice(words.QUALITIES)} {rng.choice(words.PAIRS)}"
    elif draw < 0.55:
        bare = f"{rng.choice(words.QUALITIES)} {rng.choice(words.THINGS)}"
    elif draw < 0.68:
        bare = rng.choice(words.PAIRS)
    elif draw < 0.76:
        bare = f"{rng.choice(words.THINGS)} {rng.choice(words.THINGS)}"
    elif draw < 0.93:
        bare = f"{words.name(rng)} {rng.choice(words.THINGS)}"
        if rng.random() < 0.4:
            bare = f"{words.name(rng)} {rng.choice(words.QUALITIES)} {rng.choice(words.THINGS)}"
    else:
        return Subject(bare := f"{words.name(rng)} {rng.choice(words.THINGS)}", f"the {bare}")
    if rng.random() < 0.18:
        tail = rng.choice(("for {p}", "to {n}", "in {n}", "at the {l}", "over {m}", "by {v}"))
        bare += " " + tail.format(
            p=rng.choice(words.PURPOSES), n=words.name(rng), l=rng.choice(words.PLACES),
            m=money(rng), v=rng.choice(("phone", "post", "courier", "app", "e-mail")),
        )
    return Subject(bare, f"the {bare}" if rng.random() < 0.12 else words.article(bare))


def money(rng: Random) -> str:
    whole = rng.choice((rng.randint(1, 99), rng.randint(1, 40) * 5, rng.randint(1, 90) * 100,
                        rng.randint(1, 99) * 1000))
    text = f"{whole:,}" + (f".{rng.choice(('50', '25', '75', '95'))}" if whole < 60 and rng.random() < 0.15 else "")
    return f"{text} {'euros' if rng.random() < 0.05 else 'dollars'}"


def percent(rng: Random) -> str:
    return rng.choice((f"{rng.randint(0, 24)}.{rng.randint(0, 99):02d} percent",
                       f"{rng.randint(1, 90)} percent", f"{rng.randint(0, 9)}.{rng.randint(1, 9)} percent"))


def duration(rng: Random) -> str:
    unit = rng.choice(("business days", "days", "calendar days", "working days", "hours",
                       "weeks", "months", "minutes", "years"))
    number = rng.choice((rng.randint(1, 14), rng.randint(2, 60), rng.choice((30, 45, 60, 90, 120, 180))))
    return f"{number} {unit[:-1] if number == 1 else unit}"


def clock(rng: Random) -> str:
    return f"{rng.randint(1, 12)}{rng.choice(('', ':30', ':15', ':45', ':00'))} {rng.choice(('am', 'pm', 'a.m.', 'p.m.'))}".replace("a.m.", "am").replace("p.m.", "pm")


def day(rng: Random) -> str:
    return f"{rng.randint(1, 28)} {rng.choice(words.MONTHS)}" + (f" {rng.randint(2019, 2031)}" if rng.random() < 0.6 else "")


def weekday(rng: Random) -> str:
    return rng.choice((rng.choice(words.DAYS), f"{rng.choice(words.DAYS)} at {clock(rng)}"))


def form(rng: Random) -> str:
    letters = "".join(rng.choice("ABCDEFGHJKLMNPRSTUVWXYZ") for _ in range(rng.choice((1, 2, 2, 3))))
    return f"form {letters}-{rng.randint(1, 999)}"


def extension(rng: Random) -> str:
    return f"extension {rng.randint(100, 9999)}"


def count(rng: Random) -> str:
    return str(rng.choice((rng.randint(2, 12), rng.randint(2, 60))))


def team(rng: Random) -> str:
    base = rng.choice(words.TEAMS).strip() if rng.random() < 0.75 else words.name(rng)
    return f"the {base} {rng.choice(('team', 'team', 'team', 'desk', 'unit', 'department'))}"


def role(rng: Random) -> str:
    title = rng.choice(words.ROLES).strip()
    return f"the {rng.choice(words.QUALITIES) + ' ' if rng.random() < 0.3 else ''}{title}"


def paper(rng: Random) -> str:
    one = words.article(rng.choice(words.DOCUMENTS).strip())
    return f"{one} and {words.article(rng.choice(words.DOCUMENTS).strip())}" if rng.random() < 0.3 else one


def place(rng: Random) -> str:
    return f"the {rng.choice(words.PLACES).strip()}"


KINDS: dict[str, Kind] = {
    "fee": Kind("Fee", money, (
        "The fee for {s} is {v}.", "The charge for {s} is {v}.", "{S} costs {v}.",
        "The bank charges {v} for {s}.", "Customers pay {v} for {s}.", "A fee of {v} applies to {s}.",
        "{S} carries a fee of {v}.", "The price of {s} is {v}.", "{S} has a fee of {v}.",
        "The {b} fee is {v}.", "We charge {v} for {s}.", "The cost of {s} is {v} each time.",
    ), (
        "What is the fee for {s}?", "How much does {s} cost?", "What do you charge for {s}?",
        "How much is {s}?", "What is the {b} fee?", "What do I pay for {s}?", "{b} fee?",
        "What will {s} cost me?", "Is there a fee for {s}, and how much is it?", "cost of {s}",
        "What is the price of {s}?", "How much do I have to pay for {s}?",
    )),
    "rate": Kind("Rate", percent, (
        "{S} pays {v} interest a year.", "The interest rate on {s} is {v}.", "{S} earns {v} a year.",
        "The rate for {s} is {v}.", "Interest on {s} is charged at {v}.", "{S} has a rate of {v}.",
        "The {b} rate is {v} a year.", "The bank pays {v} on {s}.",
    ), (
        "What interest rate does {s} pay?", "What is the interest rate on {s}?", "What is the rate for {s}?",
        "How much interest does {s} earn?", "{b} rate?", "What rate applies to {s}?",
        "How much interest do I get on {s}?", "What percent interest is charged on {s}?",
    )),
    "time": Kind("Processing time", duration, (
        "{S} takes {v}.", "{S} is completed within {v}.", "The bank processes {s} within {v}.",
        "The processing time for {s} is {v}.", "It takes {v} to process {s}.", "{S} arrives within {v}.",
        "{S} is ready after {v}.", "Allow {v} for {s}.", "{S} is usually handled in {v}.",
    ), (
        "How long does {s} take?", "How long do I wait for {s}?", "What is the processing time for {s}?",
        "When will {s} be ready?", "How fast is {s} processed?", "{b} how long?", "How many days does {s} take?",
        "How quickly will {s} arrive?", "When is {s} completed?",
    )),
    "deadline": Kind("Deadline", duration, (
        "A customer must report {s} within {v}.", "{S} must be requested within {v}.",
        "Customers have {v} to dispute {s}.", "The deadline for {s} is {v}.", "{S} must be returned within {v}.",
        "A claim about {s} must be made within {v}.", "The customer has {v} to cancel {s}.",
        "Notice of {s} must be given {v} in advance.",
    ), (
        "How long do I have to report {s}?", "What is the deadline for {s}?", "By when must I request {s}?",
        "How soon must {s} be reported?", "How much time do I have for {s}?", "{b} deadline?",
        "Within how many days must {s} be returned?", "How long can I wait before I cancel {s}?",
        "How far in advance must I give notice of {s}?",
    )),
    "maximum": Kind("Daily limit", money, (
        "The daily limit for {s} is {v}.", "The maximum for {s} is {v}.", "{S} is limited to {v}.",
        "{S} may not exceed {v}.", "The limit on {s} is {v} per day.", "The highest amount for {s} is {v}.",
        "The {b} limit is {v}.", "Customers may send up to {v} by {s}.",
    ), (
        "What is the limit for {s}?", "What is the maximum for {s}?", "How much can I send by {s}?",
        "What is the daily limit on {s}?", "What is the {b} limit?", "{b} limit?", "How high can {s} be?",
        "What is the most I can take with {s}?", "Up to what amount can I use {s}?",
    )),
    "minimum": Kind("Minimum", money, (
        "The minimum balance for {s} is {v}.", "{S} needs a minimum of {v}.", "The minimum for {s} is {v}.",
        "{S} requires an opening deposit of {v}.", "The smallest amount for {s} is {v}.", "{S} starts at {v}.",
        "At least {v} is needed to open {s}.",
    ), (
        "What is the minimum for {s}?", "What is the minimum balance for {s}?", "How much do I need to open {s}?",
        "What opening deposit does {s} need?", "{b} minimum?", "What is the smallest amount for {s}?",
        "What do I need at least for {s}?",
    )),
    "opens": Kind("Opens", clock, (
        "{L} opens at {v}.", "The opening time of {l} is {v}.", "{L} is open from {v}.",
        "On {d}, {l} opens at {v}.",
    ), ("When does {l} open?", "What time does {l} open?", "From what time is {l} open?", "{l} opening time?")),
    "cutoff": Kind("Cut-off", clock, (
        "The cut-off time for {s} is {v}.", "{S} must be sent before {v}.", "{L} closes at {v}.",
        "Requests for {s} close at {v}.", "{S} received after {v} is handled the next day.",
    ), (
        "What is the cut-off time for {s}?", "Until what time can I send {s}?", "When does {l} close?",
        "By what time must {s} be sent?", "{b} cut-off?", "What time does {l} close?",
    )),
    "validity": Kind("Valid for", duration, (
        "{S} is valid for {v}.", "{S} expires after {v}.", "The term of {s} is {v}.", "The bank keeps {s} for {v}.",
        "{S} lasts {v}.", "{S} remains open for {v}.", "Records of {s} are kept for {v}.",
    ), (
        "How long is {s} valid?", "When does {s} expire?", "How long does {s} last?", "For how long is {s} kept?",
        "What is the term of {s}?", "How long do you keep {s}?", "How long are records of {s} kept?",
    )),
    "times": Kind("Uses", lambda rng: f"{count(rng)} {rng.choice(('times a month', 'times a year', 'attempts', 'free uses', 'copies', 'requests a day'))}", (
        "{S} may be used {v}.", "{S} allows {v}.", "The bank allows {v} for {s}.", "{S} comes with {v}.",
        "Each customer has {v} of {s}.", "{S} is blocked after {v}.",
    ), (
        "How many times can I use {s}?", "How often may {s} be used?", "How many are allowed with {s}?",
        "How many does {s} come with?", "How many uses of {s} do I have?", "After how many is {s} blocked?",
    )),
    "date": Kind("From", day, (
        "{S} is available from {v}.", "The rule on {s} took effect on {v}.", "{S} changes on {v}.",
        "{S} ends on {v}.", "The next review of {s} is on {v}.", "{S} starts on {v}.",
    ), (
        "From when is {s} available?", "When did the rule on {s} take effect?", "When does {s} change?",
        "When does {s} end?", "When is the next review of {s}?", "On what date does {s} start?",
    )),
    "form": Kind("Form", form, (
        "{S} is requested with {v}.", "Customers use {v} for {s}.", "{S} needs {v}.", "Staff record {s} on {v}.",
        "The form for {s} is {v}.", "{V} is used for {s}.", "Complete {v} to ask for {s}.",
    ), (
        "Which form is used for {s}?", "What form do I need for {s}?", "{b} form?", "Which form do I fill in for {s}?",
        "What is the form for {s}?", "On which form do staff record {s}?",
    )),
    "phone": Kind("Extension", extension, (
        "Questions about {s} go to {v}.", "Call {v} about {s}.", "{T} can be reached on {v}.", "The number for {s} is {v}.",
        "{T} answers calls on {v}.",
    ), (
        "Which extension do I call about {s}?", "What is the number for {s}?", "How can I reach {t}?",
        "What is the extension of {t}?", "Who do I call about {s}?",
    )),
    "team": Kind("Team", team, (
        "{V} handles {s}.", "{S} is handled by {v}.", "{V} is responsible for {s}.", "{S} is sent to {v}.",
        "Escalate {s} to {v}.", "{V} reviews {s}.", "Requests for {s} go to {v}.", "{V} looks after {s}.",
    ), (
        "Which team handles {s}?", "Who handles {s}?", "Who is responsible for {s}?", "Where is {s} sent?",
        "To whom do I escalate {s}?", "Who reviews {s}?", "Who looks after {s}?", "Which team deals with {s}?",
    )),
    "approver": Kind("Approved by", role, (
        "{V} approves {s}.", "{S} must be approved by {v}.", "{V} signs {s}.", "{S} needs the approval of {v}.",
        "Only {v} may authorise {s}.", "{V} decides on {s}.",
    ), (
        "Who approves {s}?", "Who must approve {s}?", "Who signs {s}?", "Whose approval does {s} need?",
        "Who may authorise {s}?", "Who decides on {s}?",
    )),
    "evidence": Kind("Document", paper, (
        "{S} requires {v}.", "The customer must bring {v} for {s}.", "{V} is needed for {s}.", "To get {s}, show {v}.",
        "An applicant for {s} must provide {v}.",
    ), (
        "What do I need to bring for {s}?", "Which document does {s} require?", "What must I show to get {s}?",
        "What documents are needed for {s}?", "What must an applicant for {s} provide?", "{b} documents?",
    )),
    "place": Kind("Where", place, (
        "{S} is available at {v}.", "Customers collect {s} at {v}.", "{S} is kept in {v}.", "Requests for {s} are made at {v}.",
        "{S} can be ordered through {v}.",
    ), (
        "Where can I get {s}?", "Where do I collect {s}?", "Where is {s} kept?", "Where can {s} be ordered?",
        "Where do I request {s}?",
    )),
}


def state(rng: Random, kind: str, about: Subject) -> Fact:
    """One fact of this kind about this subject, its value drawn afresh."""
    value = KINDS[kind].value(rng)
    template = rng.choice(KINDS[kind].statements)
    return Fact(about, kind, value, _fill(rng, template, about, value))


def ask(rng: Random, fact: Fact) -> str:
    """A question that the fact answers."""
    kind = KINDS[fact.kind]
    # A place or a team stands in the sentence itself; ask for the one that is there.
    keyed = [q for q in kind.questions if ("{l}" in q) == (_where(fact.subject) in fact.sentence.lower())
             and ("{t}" in q) == (_who(fact.subject) in fact.sentence)]
    return _fill(rng, rng.choice(keyed or kind.questions), fact.subject, fact.value)


def _where(about: Subject) -> str:
    return f"the {about.bare} desk".lower()


def _who(about: Subject) -> str:
    return f"{about.bare} team"


def _fill(rng: Random, template: str, about: Subject, value: str) -> str:
    text = template.format(
        s=about.phrase, S=_upper(about.phrase), b=about.bare, v=value, V=_upper(value),
        l=f"the {about.bare} desk", L=f"The {about.bare} desk",
        t=f"the {about.bare} team", T=f"The {about.bare} team", d=rng.choice(words.DAYS),
    )
    return _upper(text)


def _upper(text: str) -> str:
    return text[0].upper() + text[1:]
