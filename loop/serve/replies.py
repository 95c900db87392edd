"""Answers in the shapes OpenAI's clients read, with ours in the field `ratchet`."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from typing import Any

from loop.answer.records import Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a reply repeats of its request."""

    model: str  # as the client wrote it
    limit: int  # most tokens the answer could have
    notes: tuple[str, ...] = ()  # what of the request was left aside
    usage: bool = False  # end a stream with token counts


def completion(answer: Answer, shape: Shape) -> dict[str, Any]:
    """The whole answer as a chat.completion."""
    message = {"role": "assistant", "content": answer.text, "refusal": None}
    choice = {"index": 0, "message": message, "finish_reason": _finish(answer, shape)}
    return {
        "id": f"chatcmpl-{answer.interaction.id}",
        "object": "chat.completion",
        "created": int(answer.interaction.at.timestamp()),
        "model": shape.model,
        "choices": [{**choice, "logprobs": None}],
        "usage": _usage(answer),
        "ratchet": extra(answer, shape),
    }


class Chunks:
    """The server-sent events of one streamed answer."""

    def __init__(self, interaction: str, shape: Shape) -> None:
        self._shape = shape
        self._head = {
            "id": f"chatcmpl-{interaction}",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": shape.model,
        }

    def begin(self) -> str:
        """Opens the assistant's message."""
        return self._chunk({"role": "assistant", "content": ""})

    def piece(self, text: str) -> str:
        """Adds to it."""
        return self._chunk({"content": text})

    def end(self, answer: Answer) -> str:
        """Closes it: the reason, the field `ratchet`, token counts if asked for, [DONE]."""
        shape = self._shape
        last = self._chunk({}, finish=_finish(answer, shape), ratchet=extra(answer, shape))
        usage = event({**self._head, "choices": [], "usage": _usage(answer)})
        return f"{last}{usage if shape.usage else ''}data: [DONE]\n\n"

    def _chunk(self, delta: dict[str, str], *, finish: str | None = None, **more: Any) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return event({**self._head, "choices": [choice], **more})


def event(body: dict[str, Any]) -> str:
    """A server-sent event."""
    return f"data: {json.dumps(body, ensure_ascii=False)}\n\n"


def extra(answer: Answer, shape: Shape) -> dict[str, Any]:
    """The field `ratchet`: where the answer comes from and what to name when rating it."""
    row = answer.interaction
    return {
        "interaction": row.id,
        "conversation": row.conversation,
        "adapter": row.adapter,
        "confidence": answer.confidence,
        "abstained": answer.abstained,
        "citations": [asdict(citation) for citation in answer.citations],
        "notes": list(shape.notes),
    }


def _usage(answer: Answer) -> dict[str, int]:
    row = answer.interaction
    return {
        "prompt_tokens": row.prompt_tokens,
        "completion_tokens": row.completion_tokens,
        "total_tokens": row.prompt_tokens + row.completion_tokens,
    }


def _finish(answer: Answer, shape: Shape) -> str:
    return "length" if answer.interaction.completion_tokens >= shape.limit else "stop"
