"""POST /v1/chat/completions: OpenAI's shape in, a cited answer out."""

from __future__ import annotations

import asyncio
from datetime import UTC

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from knowledge.errors import RatchetError
from loop.answer.guards import LONGEST
from loop.answer.records import ANONYMOUS, Ask
from loop.answer.variants import BASE
from loop.serve import sse
from loop.serve.errors import ApiError
from loop.serve.replies import Shape, completion
from loop.serve.schemas import ChatRequest, Message
from loop.serve.state import Running

router = APIRouter()

_UNSUPPORTED = ("tools", "functions", "logprobs", "response_format", "audio", "modalities")


@router.post("/v1/chat/completions")
async def complete(body: ChatRequest, request: Request) -> Response:
    """Answer the last message of a conversation from the collection."""
    running: Running = request.app.state.running
    ask, notes = read(body, running)
    if ask.adapter is not None:
        await _ready(running, ask.adapter)
    most = running.settings.assistant.max_tokens
    shape = Shape(
        model=body.model,
        limit=min(ask.max_tokens or most, most),
        notes=tuple(notes),
        usage=body.stream_options is not None and body.stream_options.include_usage,
    )
    if body.stream:
        return await sse.respond(running, ask, shape)
    answer = await asyncio.wrap_future(running.batcher.submit(ask))
    running.metrics.answered(answer)
    return JSONResponse(completion(answer, shape))


def read(body: ChatRequest, running: Running) -> tuple[Ask, list[str]]:
    """The ask in a request, and notes on what of the request was left aside.

    Raises:
        ApiError: The model is unknown, or something is asked that is not offered.
    """
    assistant = running.settings.assistant.name
    name, _, adapter = body.model.partition("@")
    if name != assistant:
        raise ApiError(
            404,
            f"The model {body.model!r} does not exist here. Ask {assistant!r}; "
            "GET /v1/models lists all.",
            code="model_not_found",
            param="model",
        )
    _refuse_unsupported(body)
    *before, last = body.messages
    if last.role != "user":
        raise ApiError(
            400, f"The last message is from {last.role!r}, expected 'user'.", param="messages"
        )
    question = _text(last, len(before)).strip()
    if not question:
        raise ApiError(400, "The last message is empty.", param="messages")
    if len(question) > LONGEST:
        raise ApiError(
            400,
            f"The last message has {len(question)} characters; the most is {LONGEST}.",
            code="context_length_exceeded",
            param="messages",
        )
    history, notes = [], []
    for place, message in enumerate(before):
        if message.role in ("user", "assistant"):
            history.append({"role": message.role, "content": _text(message, place)})
        else:
            notes.append(f"messages[{place}] ({message.role}) was left aside")
    if body.model_extra and body.model_extra.get("top_p") not in (None, 1):
        notes.append("top_p was left aside")
    options = body.ratchet
    return (
        Ask(
            question=question,
            user=body.user or ANONYMOUS,
            labels=frozenset(options.labels),
            conversation=options.conversation,
            history=history,
            on=options.on,
            adapter=adapter or None,
            seed=body.seed,
            temperature=body.temperature,
            max_tokens=body.max_completion_tokens or body.max_tokens,
            stop=(body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ()),
            consent=options.consent,
            purpose=options.purpose or "",
            retain_until=options.retain_until and options.retain_until.astimezone(UTC),
            licence=options.licence,
            simulated=options.simulated,
        ),
        notes,
    )


def _refuse_unsupported(body: ChatRequest) -> None:
    if body.n not in (None, 1):
        raise ApiError(400, f"n is {body.n}; this server gives one answer.", param="n")
    asked = body.model_extra or {}
    for name in _UNSUPPORTED:
        value = asked.get(name)
        plain = name == "response_format" and value == {"type": "text"}
        plain |= name == "modalities" and value == ["text"]
        if value and not plain:
            raise ApiError(
                400, f"{name} is not offered here.", code="unsupported_parameter", param=name
            )


def _text(message: Message, place: int) -> str:
    if message.content is None or isinstance(message.content, str):
        return message.content or ""
    texts = []
    for part in message.content:
        if part.get("type") != "text" or not isinstance(part.get("text"), str):
            raise ApiError(
                400,
                f"messages[{place}] has a part of type {part.get('type')!r}; only text is read.",
                param="messages",
            )
        texts.append(part["text"])
    return "\n".join(texts)


async def _ready(running: Running, adapter: str) -> None:
    """Have the adapter that was asked for loaded before the ask joins a batch."""
    variants, loop = running.desk.variants, asyncio.get_running_loop()
    if (
        adapter != BASE
        and await loop.run_in_executor(running.threads, variants.registered, adapter) is None
    ):
        raise ApiError(
            404,
            f"The adapter {adapter!r} does not exist here; GET /v1/models lists all.",
            code="model_not_found",
            param="model",
        )
    try:
        await loop.run_in_executor(running.threads, variants.load, adapter)
    except RatchetError as problem:
        raise ApiError(503, str(problem), code="adapter_unavailable") from problem
