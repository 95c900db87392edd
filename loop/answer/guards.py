"""What the desk will not do: small pure functions over text, each with a plain verdict.

The lists are modest and meant to be read. They stop the open request, not the determined
attacker: what must never leak is kept out by access labels before ranking, not by these.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

REFUSAL = "I cannot help with that request."
LONGEST = 16_000  # characters of a question; the patterns below take time with every one

_THEIRS = (
    r"(?:(?:another|any|every|all|the other|other|some other|a different|a random)\s+(?:\w+\s+)?"
    r"(?:customer|client|member|account holder|cardholder|person|people|user|employee|colleague)s?"
    r"|(?:someone|somebody|anyone|anybody) else"
    r"|my (?:ex|neighbou?r|boss|landlord|tenant|colleague|co-?worker|rival|roommate|flatmate"
    r"|girlfriend|boyfriend|mother-in-law|father-in-law)(?:-\w+)?)"
)
_FAMILY = (
    r"my (?:husband|wife|spouse|partner|mother|mum|mom|father|dad|sister|brother|son|daughter"
    r"|uncle|aunt|cousin|friend|best friend)"
)
_NAMED = r"(?-i:(?:(?:Mr|Mrs|Ms|Dr)\.? [A-Z]\w+|[A-Z][a-z]+ [A-Z][a-z]+))"
_SECRET = (
    r"(?:balances?|account numbers?|pins?|passwords?|passcodes?|transactions?|card numbers?"
    r"|card details|social security numbers?|ssns?|dates? of birth|salary|salaries)"
)
_PRIVATE = (
    rf"(?:{_SECRET}|account details|accounts?|address(?:es)?|phone numbers?|e-?mails?|statements?"
    r"|personal (?:data|details)|contact details|names|records)"
)
_GIVE = (
    r"(?:give|tell|show|send|list|reveal|read|print|export|fetch|find|get|look up|pull up|dump"
    r"|check|what (?:is|are|was|were)|what[’']s|who (?:is|are|has|have)|how much"
    r"|let me (?:see|have))"
)
_HOW = (
    r"(?:how (?:do|can|could|would|should|might|to)(?: (?:i|we|you|one|someone|somebody))?"
    r"|(?:help|teach|show|tell) (?:me|us)(?: (?:how )?to)?|ways? to|steps to|i (?:want|need) to)"
    r"(?: (?:best|easily|quickly|quietly|secretly|safely))?"
)
_CAUGHT = r"(?:knowing|noticing|finding out|being (?:caught|noticed|detected))"

_RULES: tuple[tuple[str, str], ...] = (
    ("other_people", rf"\b{_GIVE}\b.{{0,60}}?\b{_THEIRS}(?:['’]s|s['’])? (?:\w+ )?{_PRIVATE}\b"),
    ("other_people", rf"\b{_GIVE}\b.{{0,40}}?\b{_PRIVATE} (?:of|for|belonging to) {_THEIRS}\b"),
    ("other_people", rf"\b{_GIVE}\b.{{0,40}}?\b(?:{_FAMILY}|{_NAMED})['’]s (?:\w+ )?{_SECRET}\b"),
    ("other_people", rf"\b{_GIVE}\b.{{0,40}}?\b{_SECRET} (?:of|for) (?:{_FAMILY}|{_NAMED})\b"),
    (
        "other_people",
        rf"\b{_GIVE}\b.{{0,40}}?\b{_PRIVATE} (?:of|for|on|in|from|to) (?:the )?"
        r"(?:account|customer|client|card)(?: number| no\.?)? \w*\d{3}",
    ),
    ("other_people", rf"\bwhere (?:does|do|did|is) (?:{_THEIRS}|{_NAMED}) (?:live|living|bank)\b"),
    (
        "fraud",
        rf"\b{_HOW} (?:launder|forge|counterfeit|evade|impersonate|skim|clone|phish|defraud|scam"
        r"|steal|fake|falsif\w+|backdate|embezzle|hack"
        r"|(?:bypass|circumvent|get around|trick) .{0,40}?(?:security|checks?|verification"
        r"|controls?|authentication|passwords?|limits?|staff|bank))\b",
    ),
    (
        "fraud",
        rf"\b{_HOW} (?:avoid|escape|dodge|stay under|stay below|get past|hide .{{1,40}}? from)"
        r".{0,30}?\b(?:report(?:s|ing|ed)?|detection|identity checks?|verification|sanctions"
        r"|screening|tax(?:es| office| authorit\w+)?|regulators?|compliance|police)\b",
    ),
    (
        "fraud",
        rf"(?:\b{_HOW} (?:get|buy|use|cash|make|create|write)"
        r"|(?:\b(?:please|can you|could you|will you)|^) ?(?:make|create|write|draft|generate)"
        r"(?: me)?)\b.{0,40}?"
        r"\b(?:fake|forged|counterfeit|phishing|stolen|cloned|false)\b",
    ),
    (
        "fraud",
        r"\b(?:split|structure|break up)\b.{0,40}?\b(?:deposits?|cash|withdrawals?|payments?"
        r"|transfers?)\b.{0,40}?\b(?:under|below|avoid|so that (?:no|nobody|none))\b",
    ),
    (
        "fraud",
        r"\b(?:withdraw|transfer|move|take|spend|access|open|log ?in\w*|use|drain)\b.{0,80}?"
        rf"\bwithout (?:\w+ ){{0,4}}?{_CAUGHT}\b",
    ),
    (
        "prompt",
        r"\b(?:reveal|show|print|repeat|tell|give|output|quote|what (?:is|are))\b.{0,30}?"
        r"\b(?:your|the) (?:system |hidden |secret |initial |exact )*"
        r"(?:prompt|system message|instructions (?:you|above|verbatim))\b",
    ),
    (
        "prompt",
        r"\b(?:ignore|disregard|forget|override|bypass|drop)\b.{0,30}?"
        r"\b(?:your|previous|prior|above|earlier|all)(?: \w+)? (?:instructions?|rules|prompts?"
        r"|guidelines|guardrails|restrictions|training)\b",
    ),
    (
        "prompt",
        r"\b(?:pretend (?:to be|you are|you're|that you)|act as (?:if|though) you|role-?play as"
        r"|you are now|(?:developer|god|admin|jailbreak|unrestricted) mode"
        r"|(?:without|with no|have no) (?:any )?(?:restrictions|rules|filters|guardrails))\b",
    ),
)
_REFUSED = tuple((rule, re.compile(pattern, re.IGNORECASE)) for rule, pattern in _RULES)


class Verdict(NamedTuple):
    """What a guard says of a text. `rule` names what was broken; empty when allowed."""

    action: Literal["allow", "refuse"]
    rule: str = ""


def check_question(question: str) -> Verdict:
    """Refuse open requests for other people's data, help with fraud, or the hidden prompt.

    >>> check_question("What is the balance of another customer?")
    Verdict(action='refuse', rule='other_people')
    >>> check_question("How do I report a forged cheque?").action
    'allow'
    """
    if len(question) > LONGEST:
        return Verdict("refuse", "too_long")
    folded = " ".join(question.split())
    for rule, pattern in _REFUSED:
        if pattern.search(folded):
            return Verdict("refuse", rule)
    return Verdict("allow")
