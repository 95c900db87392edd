"""The words by which text gives away that it speaks to a model. Meant to be read and added to.

Every gap between two words is bounded, so that no text takes more than linear time.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Rule(NamedTuple):
    """A pattern over text in lower case with single spaces."""

    name: str
    cues: tuple[str, ...]  # without one of these the pattern cannot match: looked for first
    pattern: re.Pattern[str]


_MODEL = (
    r"(?:ai|a\.i\.|(?:ai|virtual|automated|digital) (?:assistant|agent|model|system)s?|(?:large"
    r" )?language models?|llms?|chat ?bots?|chat programs?|chatgpt|gpt-?\d?|copilot|gemini|claude)"
)
_ASSISTANT = (
    rf"(?:{_MODEL}|bots?|assistants?(?! (?:manager|director|branch|cashier|teller|vice|editor"
    r"|professor|secretary|controller|treasurer)))"
)
_REPLY = r"(?:response|reply|replies|answers?|output|completion|summary|elucidation|explanation)s?"
_YOURS = rf"your (?:(?:final|next|whole|entire|main|full|own|every|code) )?{_REPLY}"
_TO_CUSTOMERS = r"(?! to (?:the|a|an|any|every|each|all|our) (?:\w+ )?(?:customer|client|member)s?)"
_ADDS = (
    r"(?:add|include|insert|integrate|incorporate|append|mention|suggest|embed|weave|introduce"
    r"|slip|recommend|promote|advertise|use|employ|apply|display|attach|feature|reveal|highlight"
    r"|state|say|share|announce|plug|blend|merge|work|put|place|note|tell|advise|inform|link to"
    r"|claim)"
)
_CHANGES = (
    r"(?:encode|encrypt|encipher|translate|render|reverse|rewrite|rephrase|modify|enhance|augment"
    r"|alter|adjust|convert|format|preface|supplement|obfuscate|scramble|spell|improve|enrich"
    r"|expand|tweak|revise|amend|begin|start|end|finish|conclude|replace|transform|scatter|season)"
)
_FORMAT = (
    r"(?:base ?\d\d|binary|hex(?:adecimal)?|morse|rot-?\d\d?|pig latin|leet|emojis?|json|xml|yaml"
    r"|(?:all )?(?:caps|uppercase)|reverse|backwards?|cipher|rhymes?|riddles?|haikus?|verse"
    r"|sequence|anagrams?|spanish|french|german|italian|portuguese|dutch|russian|chinese|mandarin"
    r"|japanese|korean|arabic|hindi|turkish|polish|latin|greek|klingon)"
)
_ORDER = (
    r"(?:^|[.:;,!?\"'(–-] ?|\b(?:please|also|and|then|must|should|always|can you|could you|will"
    r" you|you to) )"
)
_PIECE = (
    r"(?:below|following|subsequent|next) (?:\w+ )?(?:code|script|snippet)(?: (?:snippet|section"
    r"|block|excerpt|segment|fragment|sample|passage))?"
)
_WORK = (
    r"(?:your (?:\w+ )?(?:code ?base|code|implementation|solution|algorithm|program logic"
    rf"|functionality|{_REPLY})|the code you (?:develop|write|generate|produce|give))"
)
_ADDRESS = r"(?:https?://|www\.|[\w.+-]{1,64}@[\w-]{1,64}\.\w)"
_TALK = (
    r"(?:conversations?|chat(?: (?:history|logs?))?|(?:user|customer)(?:'s|s)? (?:questions?"
    r"|quer(?:y|ies)|messages?|inputs?|prompts?)|(?:system )?prompts?|your instructions"
    r"|passwords?|passcodes?|credentials|api[ -]?keys?|secrets?|cookies|session|tokens?"
    r"|everything|(?:bank|card|account|personal) (?:details|data|information)|all (?:\w+"
    r" )?(?:e-?mails|messages|files|documents|passages|contents?|data))"
)

# Rule → cues and pattern.
_WORDED: dict[str, tuple[tuple[str, str], ...]] = {
    "override": (
        (
            "ignore disregard forget override discard neglect bypass",
            r"\b(?:ignore|disregard|forget|override|discard|neglect|bypass) (?:(?:all|any|the"
            r"|your|these|those|every|of|previous|prior|above|earlier|preceding|other|foregoing"
            r"|former|initial|original|existing|current|safety|system|my|its)"
            r" ){1,6}(?:instructions?|rules|prompts?|guidelines|guardrails|passages|directions"
            r"|directives|commands|constraints|context|training|programming|handbook)\b",
        ),
        ("ignore disregard forget", r"^(?:please )?(?:ignore|disregard|forget) instructions\b"),
        (
            "ignore disregard forget",
            r"\b(?:ignore|disregard|forget) (?:everything|anything|all|what) (?:(?:that|was|is"
            r"|you|were|have|been|written|said|told|know|stands?) ){0,4}(?:above|before"
            r"|previously|earlier|so far|told|learned|know)\b",
        ),
        (
            "follow obey heed answer",
            r"\b(?:do not|don't|stop|cease|instead of|rather than) (?:follow|obey|heed"
            r"|answer)(?:ing)? (?:(?:the|your|any|all|of|these|those|previous|prior|above"
            r"|earlier|system|original|user's|user) ){1,4}(?:instructions?|rules|prompts?"
            r"|guidelines|directives|questions?)\b(?! (?:of|on|in|from) (?:the|this|your|our|a))",
        ),
        (
            "instruction task prompt directive",
            r"^\W*(?:new|updated|real|actual|revised|additional|important|urgent) (?:system"
            r" )?(?:instructions?|task|prompt|directive)(?: (?:for|to) you)? ?[:–-]",
        ),
        (
            "ignor missacht vergiss vergess oubli olvid dimentica esque",
            r"\b(?:ignorier\w*|missacht\w*|vergiss|vergessen sie) (?:bitte )?(?:alle|die|deine"
            r"|ihre|sämtliche)\b.{0,30}?\b(?:anweisungen|instruktionen|vorgaben|regeln)\b"
            r"|\b(?:ignor(?:a|e|ez|ate|ar)|oubli(?:e|ez)|olvid[ae]|dimentica|esque[çc]a)"
            r" (?:todas|toutes|tutte|tous|las|les|le|as|tus|tes|vos"
            r"|suas)\b.{0,30}?\b(?:instruc\w+|instruct\w+|istruzioni|instruç\w+|consignes|reglas"
            r"|r[èe]gles|regole|regras)\b",
        ),
    ),
    "role": (
        (
            "you are",
            r"\byou are (?:no longer|now) (?!(?:\w+ ){0,3}?(?:members?|customers?|clients?"
            r"|subscribers?|able|ready|registered|enrolled|subscribed|eligible|required to"
            r"|connected|logged|signed|set|done|covered|entitled|receiving)\b)",
        ),
        (
            "from now on",
            r"\bfrom now on,? (?:you (?:are|must|should|act|answer|respond|reply|speak|only|will"
            r" (?:be|act|only|always|answer|respond|reply|speak|obey|say|ignore))|(?:only "
            r"|always )?(?:answer|respond|reply|speak))\b",
        ),
        (
            "pretend",
            r"\bpretend (?:that )?(?:you are|you're|you have|you can|to be an? (?:ai|\w+ ai))\b",
        ),
        ("pretend", rf"{_ORDER}pretend to be\b"),
        (
            "act as",
            rf"{_ORDER}act as (?:if you|though you|my |an? (?:\w+ ){{0,2}}(?:ai|assistant"
            r"|terminal|console|translator|hacker|character|unrestricted|expert|interpreter"
            r"|pirate)\b)",
        ),
        (
            "your",
            r"\byour (?:new|only|real|true|sole) (?:task|role|goal|job|objective|purpose|mission"
            r"|identity) is\b",
        ),
        (
            "mode",
            r"\b(?:you are (?:now )?in|enter|activate|switch (?:in)?to|you have) (?:\w+"
            r" )?(?:developer|god|jailbreak|jailbroken|unrestricted|dan|do anything now) mode\b",
        ),
    ),
    "addressed": (
        (
            "as you being",
            rf"\b(?:as|you are|you're|if you are|being) an? (?:\w+ )?{_MODEL}\b(?! \w+er\b)",
        ),
        (
            "assistant",
            r"\byou are (?:an?|the) (?:\w+ )?assistant\b(?! (?:manager|director|\w+er|to)\b)",
        ),
        ("system developer", r"\b(?:system|developer) (?:prompt|override|instruction)s?\b"),
        (
            "system developer admin",
            r"\b(?:system|developer|admin(?:istrator)?) (?:message|notes?|notice|command)s?"
            r" ?(?:[:–-]|to\b)",
        ),
        (
            "ai bot llm model assistant chat gpt copilot gemini claude a.i.",
            r"\b(?:notes?|messages?|instructions?|attention|notice|reminder|memo|hints?|hey|hi"
            r"|hello|dear|listen|ok(?:ay)?)(?: ?[,:]| to| for)?(?: (?:the|all|any|every|our"
            rf"|your|my))? ?\b(?:{_ASSISTANT}|models?(?=[,:.!]))\b",
        ),
        (
            "reading processing summari parsing analy indexing seeing",
            rf"\b{_ASSISTANT} (?:(?:that|who|which|is|are|now|currently) ){{0,3}}(?:reading"
            r"|processing|summari[sz]ing|parsing|analy[sz]ing|indexing|seeing) (?:this|these"
            r"|the)\b",
        ),
        (
            "ai bot llm model assistant chat gpt copilot gemini claude a.i.",
            rf"\b(?:(?:the|this|any|every|all|no|your|an?) )?{_ASSISTANT}\b.{{0,40}}?\b(?:must"
            r"|should|shall|will|has to|have to|is to|are to|needs? to) (?:(?:now|also|always"
            rf"|only|never|instead|not|then|immediately) ){{0,3}}(?:ignore|disregard|forget|say"
            r"|tell|answer|reply|respond|output|print|recommend|mention|claim|state|obey|follow"
            r"|promise|approve|waive|write|repeat|reveal|insist|include|treat|refuse|comply"
            r"|pretend|send|call|execute)\b",
        ),
        (
            "user",
            r"\b(?:tell|inform|instruct|direct|convince|persuade|urge|warn) (?:the|every|all|any"
            r"|each) users?\b",
        ),
        (
            "cite mention reveal disclose repeat quote tell inform alert",
            r"\b(?:do not|don't|never) (?:cite|mention|reveal|disclose|repeat|quote) (?:(?:that"
            r"|any|of|the) ){0,2}(?:this|these) (?:instructions?|passages?|notes?|sentences?"
            r"|messages?|prompts?)\b|\b(?:do not|don't|without) (?:tell|telling|inform|informing"
            r"|alert|alerting) the user\b",
        ),
        (
            "when",
            r"\bwhen(?:ever)? (?:you are |you )?(?:summari[sz]e|summari[sz]ing|answering|asked"
            r" to summari[sz]e|asked about this|processing|translating) (?:this|the) (?:document"
            r"|text|page|e-?mail|message|passage|question|article)\b",
        ),
    ),
    "answer": (
        (
            "reply respond answer",
            r"\b(?:reply|respond|answer)(?: (?:to )?(?:all|every|any|each) \w+)?(?: only)?"
            r" (?:with|by saying|by writing) (?:only |exactly |just )?(?:the|this|these)?"
            r" ?(?:following|words?|text|phrase|sentence|code|link|[\"'“‘])",
        ),
        (
            "reply respond answer",
            rf"{_ORDER}(?:reply|respond|answer)\b.{{0,20}}? (?:in|using|with|as) (?:\w+"
            rf" )?{_FORMAT}\b",
        ),
        ("your", rf"\b{_CHANGES}\b(?: \w+){{0,4}}? {_YOURS}\b{_TO_CUSTOMERS}"),
        (
            "your",
            r"\b(?:encode|encrypt|encipher|reverse|obfuscate|scramble) your (?:\w+ )?(?:message"
            r"|text|words)\b",
        ),
        (
            "your",
            rf"\b{_YOURS}\b.{{0,40}}? (?:in|into|as|using|through|via|to) (?:\w+"
            rf" ){{0,2}}?{_FORMAT}\b",
        ),
        ("your", rf"\b(?:use|with|using|employ|via) .{{1,40}}? to (?:\w+ ){{1,2}}{_YOURS}\b"),
        (
            "your",
            rf"{_ORDER}(?:\w+ly )?{_ADDS}\b.{{1,150}}?\b(?:in|into|to|within|inside|throughout"
            rf"|at the (?:end|start|beginning|top|bottom) of) {_YOURS}\b{_TO_CUSTOMERS}",
        ),
        ("your", rf"{_ORDER}(?:\w+ly )?{_ADDS} (?:in|into|to|within) {_YOURS}\b{_TO_CUSTOMERS}"),
        (
            "your",
            rf"\b(?:in|within|at the (?:end|start|beginning) of|throughout) {_YOURS},? (?:please"
            rf" |also |always |subtly |you (?:must|should|need to) ){{0,2}}{_ADDS}\b",
        ),
        (
            "your",
            rf"\b{_YOURS} (?:must|should|shall|has to|have to|needs? to) (?:(?:only|also|always"
            r"|not|never) )?(?:include|contain|mention|start|begin|end|say|consist|read"
            r"|recommend|state|be (?:only|in|the|exactly|just|limited))\b",
        ),
        ("code script snippet", rf"\b{_PIECE}\b.{{0,120}}?\b{_WORK}\b"),
        ("code script snippet", rf"\b{_WORK}\b.{{0,120}}?\b{_PIECE}\b"),
        (
            "sentiment mood tone emotion",
            r"\b(?:summari[sz]e|translate|paraphrase|classify|analy[sz]e|determine|identify"
            r"|detect|rate)\b.{0,20}?\b(?:sentiment|mood|tone|emotion) of (?:the|this|these)\b",
        ),
    ),
    "exfiltration": (
        (
            "http www @",
            r"\b(?:send|forward|e-?mail|post|upload|submit|transmit|leak|deliver|share|report"
            rf"|exfiltrate|copy)\b.{{0,60}}?\b{_TALK}\b.{{0,60}}?\b(?:to|at|via|on"
            rf"|through)\b.{{0,20}}?{_ADDRESS}",
        ),
        (
            "ask",
            r"\bask (?:the |every |any |all )?users? (?:for|to (?:enter|give|type|provide"
            r"|confirm|share|send)) (?:their|his|her|the|your)?\b.{0,30}?\b(?:passwords?"
            r"|passcodes?|pins?|credentials|card|account|codes?)\b",
        ),
        (
            "![",
            r"!\[[^\]]{0,200}\] ?\( ?https?://[^)? ]{1,300}\?[^)]{0,300}?(?:=[{<\[%$]|=(?=[)&])"
            r"|\b(?:data|q|query|text|msg|message|content|info|secret|prompt|chat|conversation"
            r"|history|leak|exfil|password|token|user)=)",
        ),
    ),
    "encoded": (
        (
            "decode decrypt decipher unscramble base64 rot",
            r"\b(?:decode|decrypt|decipher|unscramble)\b.{0,60}?\b(?:and"
            r"|then)\b.{0,20}?\b(?:follow|execute|run|obey|do|perform|act|comply|carry)\b"
            r"|\b(?:decode|base64|rot-?13)\b.{0,60}?[:,] ?[\"'`]?[A-Za-z0-9+/]{40}",
        ),
    ),
}

RULES = tuple(
    Rule(name, tuple(cues.split()), re.compile(pattern))
    for name, several in _WORDED.items()
    for cues, pattern in several
)

# What opens a turn in a chat template or a transcript, as it stands: lines matter here.
TURN = re.compile(
    r"<[|｜][\w ▁-]{1,40}[|｜]?>|\[/?inst\]|<</?sys>>|</?(?:start|end)_of_turn>"
    r"|^[ \t>*]*#{2,}[ \t]*(?:system|instructions?|assistant|human)(?: prompt)?[ \t]*:"
    r"|^[ \t>*]*(?:system|assistant|ai)[ \t*]*:[ \t*]*(?:\S+[ \t]+){2}\S",
    re.IGNORECASE | re.MULTILINE,
)
