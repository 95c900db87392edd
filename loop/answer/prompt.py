"""The one definition of the prompt. The pocket model was trained on exactly this shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from knowledge.cite import number_passages
from knowledge.errors import RatchetError
from knowledge.quote import TAGS_ARE_DATA, Style
from knowledge.records import Passage
from knowledge.text import words
from loop.settings import AssistantSettings

SHORT = 6  # a question of at most so many words may lean on the one before it
HISTORY_TURNS = 8  # earlier messages kept, newest last


def build_messages(
    system: str,
    passages: Sequence[Passage],
    excerpts: Sequence[str],
    question: str,
    history: Sequence[Mapping[str, str]] = (),
    *,
    style: Style = "lines",
) -> list[dict[str, str]]:
    """The messages the model sees: system, earlier turns as they were, passages and question.

    Args:
        system: The assistant's standing instruction.
        passages: What was found, in the order it is numbered.
        excerpts: What is shown of each passage; same length.
        question: What the person asks now.
        history: Earlier turns, oldest first; only the last HISTORY_TURNS are kept.
        style: How passages are quoted; in tags, the system message says what the tags mean.

    >>> build_messages("Be brief.", [], [], "What is the fee?")[-1]
    {'role': 'user', 'content': '\\n\\nQuestion: What is the fee?'}
    """
    final = f"{number_passages(passages, excerpts, style)}\n\nQuestion: {question}"
    told = f"{system} {TAGS_ARE_DATA}" if style == "tags" else system
    return [
        {"role": "system", "content": told},
        *({"role": t["role"], "content": t["content"]} for t in recent(history)),
        {"role": "user", "content": final},
    ]


def quoting_style(assistant: AssistantSettings) -> Style:
    """How this assistant's model is shown passages.

    Raises:
        RatchetError: `assistant.quoting` is none of its three values.

    >>> quoting_style(AssistantSettings(base="pocket")), quoting_style(AssistantSettings(base="x"))
    ('lines', 'tags')
    """
    match assistant.quoting:
        case "auto":
            return "lines" if assistant.base == "pocket" else "tags"
        case "lines" | "tags" as style:
            return style
        case other:
            raise RatchetError(
                f"ratchet.toml: assistant.quoting is {other!r}, expected auto, lines or tags. "
                "Mend that line."
            )


def retrieval_query(question: str, history: Sequence[Mapping[str, str]]) -> str:
    """What to search for: a short follow-up is searched together with the question before it.

    "And for a business account?" names no subject of its own. The rule is length alone: up to
    SHORT words count as short. A longer question stands by itself.

    >>> before = [{"role": "user", "content": "What is the wire fee?"}]
    >>> retrieval_query("And abroad?", before)
    'What is the wire fee? And abroad?'
    >>> retrieval_query("How long does an international wire take to arrive?", before)
    'How long does an international wire take to arrive?'
    """
    if len(words(question)) > SHORT:
        return question
    earlier = [turn["content"] for turn in history if turn["role"] == "user"]
    return f"{earlier[-1]} {question}" if earlier else question


def recent(history: Sequence[Mapping[str, str]]) -> Sequence[Mapping[str, str]]:
    """The last turns of a conversation, beginning with a person's, as chat templates expect.

    >>> recent([{"role": "assistant", "content": "Hello."}, {"role": "user", "content": "Hi."}])
    [{'role': 'user', 'content': 'Hi.'}]
    """
    kept = list(history[-HISTORY_TURNS:])
    while kept and kept[0]["role"] != "user":
        kept.pop(0)
    return kept
