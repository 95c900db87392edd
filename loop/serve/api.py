"""The API: models, feedback, interactions, knowledge, health and metrics (chat is in chat.py)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from fastapi import APIRouter, Request
from starlette.responses import Response

from loop.answer.handover import is_abstention
from loop.answer.variants import BASE
from loop.forget.marks import refuse_forgotten
from loop.serve.errors import ApiError
from loop.serve.schemas import (
    ComparisonIn,
    DocumentIn,
    DocumentsIn,
    FeedbackIn,
    InteractionIn,
    InteractionsIn,
    SearchIn,
)
from loop.serve.state import Running
from loop.settings import Settings
from loop.store.ids import new_id
from loop.store.records import Interaction

if TYPE_CHECKING:
    from knowledge.records import Document

T = TypeVar("T")

router = APIRouter()


def running_of(request: Request) -> Running:
    """The server that a request came to."""
    running: Running = request.app.state.running
    return running


async def in_thread(running: Running, call: Callable[[], T]) -> T:
    """Run a blocking call without holding up the event loop."""
    return await asyncio.get_running_loop().run_in_executor(running.threads, call)


@router.get("/v1/models")
async def models(request: Request) -> dict[str, Any]:
    """The assistant as it answers now, and with each adapter by name."""
    running = running_of(request)
    return {"object": "list", "data": await in_thread(running, lambda: _models(running))}


@router.get("/v1/models/{model}")
async def model(model: str, request: Request) -> dict[str, Any]:
    """One of them."""
    running = running_of(request)
    for entry in await in_thread(running, lambda: _models(running)):
        if entry["id"] == model:
            return entry
    raise ApiError(404, f"The model {model!r} does not exist here.", code="model_not_found")


@router.post("/v1/feedback")
async def feedback(body: FeedbackIn, request: Request) -> dict[str, Any]:
    """Record a rating or a comparison; durable when it is answered."""
    from loop.feedback.rate import compare, rate

    running = running_of(request)
    record = compare if isinstance(body, ComparisonIn) else rate
    given = {name: value for name, value in body if value is not None}
    row = await in_thread(running, lambda: record(running.store, **given))
    kind = "comparison" if isinstance(body, ComparisonIn) else body.kind
    running.metrics.feedback.labels(kind).inc()
    return {"object": "feedback", "id": row.id, "kind": kind, "guideline": row.guideline}


@router.post("/v1/interactions")
async def interactions(body: InteractionsIn, request: Request) -> dict[str, Any]:
    """Log what any model answered, one or many; the ids come back once all are durable."""
    running = running_of(request)
    given = body if isinstance(body, list) else [body]
    rows = [_interaction(one, running.settings) for one in given]
    refuse_forgotten(running.store, rows)  # looked up in memory
    await asyncio.wrap_future(running.store.submit(rows))
    running.metrics.logged.inc(len(rows))
    return {"object": "list", "ids": [row.id for row in rows]}


@router.post("/v1/knowledge/documents")
async def documents(body: DocumentsIn, request: Request) -> dict[str, Any]:
    """Add documents, or new versions of them, to the collection; searchable when answered."""
    running = running_of(request)
    given = [_document(one) for one in body.documents]
    changes = await in_thread(running, lambda: running.collection.add(given))
    return {
        "object": "list",
        "documents": [{"id": one.id, "version": one.version} for one in given],
        "changes": asdict(changes),
    }


@router.post("/v1/knowledge/search")
async def search(body: SearchIn, request: Request) -> dict[str, Any]:
    """Passages for a query, as far as the labels allow, best first."""
    running = running_of(request)
    found = await in_thread(
        running,
        lambda: running.collection.search(
            body.query,
            labels=frozenset(body.labels),
            on=body.on,
            limit=body.limit,
            settings=running.settings.knowledge,
        ),
    )
    return {"object": "list", "passages": [asdict(passage) for passage in found]}


@router.get("/healthz")
async def health(request: Request) -> dict[str, Any]:
    """ok, or degraded while it serves something else than was decided. Needs no key."""
    running = running_of(request)
    return {
        "status": "degraded" if running.desk.problem else "ok",
        "assistant": running.settings.assistant.name,
        "adapter": running.desk.champion,
        "uptime_seconds": round(time.monotonic() - running.started, 3),
    }


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request) -> Response:
    """Prometheus's page."""
    running = running_of(request)
    text = running.metrics.text(
        champion=running.desk.champion, degraded=running.desk.problem is not None
    )
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


@router.api_route(
    "/v1/{rest:path}",
    methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
    include_in_schema=False,
)
async def unknown(rest: str) -> None:
    """Every other path below /v1; without this the dashboard would answer it with a page."""
    raise ApiError(404, f"There is no such call: /v1/{rest}. /docs lists all.", code="unknown_url")


def _models(running: Running) -> list[dict[str, Any]]:
    name = running.settings.assistant.name
    rows = running.store.query("adapters", assistant=name)
    made = {f"{name}@{row['id']}": int(row["at"].timestamp()) for row in rows}
    every = {name: 0, f"{name}@{BASE}": 0, **made}
    return [
        {"id": model, "object": "model", "created": created, "owned_by": "ratchet"}
        for model, created in every.items()
    ]


def _interaction(given: InteractionIn, settings: Settings) -> Interaction:
    new = given.id or new_id()
    values = given.model_dump(exclude={"id", "at", "assistant", "conversation", "messages"})
    if given.retain_until:
        values["retain_until"] = given.retain_until.astimezone(UTC)
    values["consent"] = given.consent or settings.assistant.consent
    if given.abstained is None:
        values["abstained"] = is_abstention(given.answer)
    return Interaction(
        id=new,
        at=given.at.astimezone(UTC) if given.at else datetime.now(UTC),
        assistant=given.assistant or settings.assistant.name,
        conversation=given.conversation or new,
        messages=given.messages or [{"role": "user", "content": given.question}],
        **values,
    )


def _document(given: DocumentIn) -> Document:
    """The document, versioned by what it holds as a file would be."""
    from knowledge.documents import make_document

    return make_document(**given.model_dump())
