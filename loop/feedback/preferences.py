"""Preference data from elsewhere: a line that brings its prompt and answers along."""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime
from typing import Any

from loop.feedback import fields
from loop.feedback.checks import SHARED, make_comparison, ranks_of
from loop.feedback.fields import LineError, Row
from loop.feedback.lines import Entry, canonical
from loop.feedback.log import CONSENT, parse_messages
from loop.store.ids import id_of
from loop.store.records import Interaction

RATER = "import"  # who judged, when a line does not say
_KNOWN = SHARED | {
    "prompt", "answers", "ranks", "chosen", "rejected",
    "user", "assistant", "base", "consent", "purpose", "retain_until", "licence",
}  # fmt: skip
_TURN = re.compile(r"(?:\A\s*|\n\n)(Human|Assistant):")

Messages = list[dict[str, str]]


def is_preference(row: Row) -> bool:
    """Does the line bring answers along, rather than name interactions?"""
    return bool({"prompt", "answers", "chosen", "rejected"} & row.keys())


def parse_preference(row: Row, line: int, *, assistant: str, guideline: str, at: datetime) -> Entry:
    """The interactions and the comparison in a line.

    Answers stand in `answers` with `ranks`, or in `chosen` and `rejected`: texts, lists of
    messages, or transcripts like "\\n\\nHuman: …\\n\\nAssistant: …". Ids come from the content, so
    the same answers judged by several raters are the same interactions.

    Args:
        row: The line.
        line: Its number.
        assistant: Whose interactions they become if the line does not say.
        guideline: The guideline of the comparison.
        at: If the line does not say.

    Raises:
        LineError: A field is missing, unknown or wrong.
    """
    fields.only(row, _KNOWN)
    prompt, answers = _answers(row)
    ranks = [1, 2] if "chosen" in row else ranks_of(row, len(answers))
    at = fields.time(row, "at", at)
    made = _interactions(row, prompt, answers, assistant, at)
    given = {name: row[name] for name in ("seconds", "simulated") if name in row}
    compared = make_comparison(
        given
        | {
            "rater": fields.text(row, "rater", RATER, most=200),
            "interactions": [one.id for one in made],
            "ranks": ranks,
        },
        id=fields.identifier(row, "id") or id_of("comparison", assistant, canonical(row)),
        at=at,
        guideline=guideline,
    )
    return Entry(line=line, id=compared.id, given=row, records=[*made, compared])


def transcript(text: str) -> Messages | None:
    """The messages of a "Human: … Assistant: …" transcript; None if it is none.

    An open turn of the assistant at the end is left out: that is what is to be answered.

    >>> [m["role"] for m in transcript("\\n\\nHuman: Hi\\n\\nAssistant: Hello\\n\\nHuman: Bye")]
    ['user', 'assistant', 'user']
    >>> transcript("What is the fee?") is None
    True
    """
    written_so = text.lstrip().startswith("Human:") and "\n\nAssistant:" in text
    if not written_so and not text.startswith("\n\nHuman:"):
        return None
    _, *pieces = _TURN.split(text)
    roles = {"Human": "user", "Assistant": "assistant"}
    found = [
        {"role": roles[who], "content": said.strip()}
        for who, said in zip(pieces[::2], pieces[1::2], strict=True)
    ]
    if found[-1] == {"role": "assistant", "content": ""}:
        found.pop()
    return found


def _answers(row: Row) -> tuple[Messages, list[str]]:
    """The prompt, and what was answered to it."""
    if "answers" in row:
        if "chosen" in row or "rejected" in row:
            raise LineError("answers and chosen stand together, expected one of the two ways")
        answers = fields.texts(row, "answers")
        if len(answers) < 2:
            raise fields.wrong(row, "answers", "two or more texts")
        return _ends_with_user(_dialogue(row, "prompt"), "prompt"), answers
    if "ranks" in row:
        raise LineError("ranks stand beside chosen and rejected, which are ranks already")
    good, bad = _answered(row, "chosen"), _answered(row, "rejected")
    prompts = [prompt for prompt, _ in (good, bad) if prompt]
    if row.get("prompt") is not None:
        prompts.append(_dialogue(row, "prompt"))
    if not prompts:
        raise fields.wrong(row, "prompt", "a text or a list of messages")
    if any(prompt != prompts[0] for prompt in prompts):
        raise LineError("chosen and rejected answer different prompts, expected the same")
    return _ends_with_user(prompts[0], "prompt"), [good[1], bad[1]]


def _answered(row: Row, name: str) -> tuple[Messages, str]:
    """The dialogue before the last message, if there is one, and that message."""
    value = row.get(name)
    if isinstance(value, str) and transcript(value) is None:
        return [], fields.checked(value, name)
    found = _dialogue(row, name)
    if len(found) < 2 or found[-1]["role"] != "assistant":
        raise LineError(f"{name} does not end with the assistant's answer")
    return found[:-1], found[-1]["content"]


def _dialogue(row: Row, name: str) -> Messages:
    """Messages of a text, a transcript or a list of messages."""
    value: Any = row.get(name)
    if isinstance(value, list):
        return parse_messages(row, name)
    if not isinstance(value, str) or not value.strip():
        raise fields.wrong(row, name, "a text or a list of messages")
    text = fields.checked(value, name)
    return transcript(text) or [{"role": "user", "content": text}]


def _ends_with_user(prompt: Messages, name: str) -> Messages:
    if not prompt or prompt[-1]["role"] != "user" or not prompt[-1]["content"].strip():
        raise LineError(f"{name} does not end with a question of the user")
    return prompt


def _interactions(
    row: Row, prompt: Messages, answers: list[str], assistant: str, at: datetime
) -> list[Interaction]:
    whose = fields.text(row, "assistant", assistant, most=200)
    asked = canonical({"messages": prompt})
    # Nobody is named: each prompt is somebody of its own.
    user = fields.text(row, "user", f"import-{id_of('prompt', asked)[:13]}", most=200)
    base = fields.text(row, "base", "unknown", most=200)
    consent = fields.one_of(row, "consent", CONSENT, "none")
    licence = fields.text(row, "licence", "unknown", most=200)
    simulated = fields.boolean(row, "simulated")
    seen: Counter[str] = Counter()
    made = []
    for answer in answers:
        seen[answer] += 1  # the same words twice are two answers
        content = (whose, user, base, consent, licence, str(simulated), asked, answer)
        id = id_of("answer", *content, str(seen[answer]))
        made.append(
            Interaction(
                id=id,
                at=at,
                assistant=whose,
                user=user,
                conversation=id_of("prompt", whose, user, asked),
                question=prompt[-1]["content"],
                answer=answer,
                messages=prompt,
                adapter="base",
                base=base,
                consent=consent,
                purpose=fields.text(row, "purpose", "", most=200),
                retain_until=fields.maybe_time(row, "retain_until"),
                licence=licence,
                simulated=simulated,
            )
        )
    return made
