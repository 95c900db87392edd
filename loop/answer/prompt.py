"""The one definition of the prompt. The pocket model was trained on exactly this shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from knowledge.cite import number_passages
from knowledge.records import Passage
from knowledge.text import words

SHORT = 6  # a question of at most so many words may lean on the one before it
HISTORY_TURNS = 8  # earlier messages kept, newest last


def build_messages(
    system: str,
    passages: Sequence[Passage],
    excerpts: Sequence[str],
    question: str,
    history: Sequence[Mapping[str, str]] = (),
) -> list[dict[str, str]]:
    """The messages the model sees: system, earlier turns as they were, passages and question.

    Args:
        system: The assistant's standing instruction.
        passages: What was found, in the order it is numbered.
        excerpts: What is shown of each passage; same length.
        question: What the person asks now.
        history: Earlier turns, oldest first; only the last HISTORY_TURNS are kept.

    >>> build_messages("Be brief.", [], [], "What is the fee?")[-1]
    {'role': 'user', 'content': '\\n\\nQuestion: What is the fee?'}
    """
    final = f"{number_passages(passages, excerpts)}\n\nQuestion: {question}"
    return [
        {"role": "system", "content": system},
        *({"role": t["role"], "content": t["content"]} for t in recent(history)),
        {"role": "user", "content": final},
    ]


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
