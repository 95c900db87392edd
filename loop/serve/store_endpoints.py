"""The store over HTTP, for commands that run beside this server: see loop/store/remote.py."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from knowledge.errors import RatchetError
from loop.serve.errors import error_response

if TYPE_CHECKING:
    from loop.store.store import LocalStore

Endpoint = Callable[[Request], Awaitable[Response]]


def store_routes(store: LocalStore) -> list[Route]:
    """Routes that append to, query and command the store; whoever serves them checks the key.

    POST /store/append takes the tables of `loop.store.wire` and answers once they are durable;
    POST /store/query takes {"name", "parameters"} and answers with an Arrow stream;
    POST /store/scan does the same for more than fits in memory;
    POST /store/command takes {"name", "arguments"} and answers with the result as JSON.
    What the caller can mend is answered with 400 and {"error": {"message": …}}.
    """
    from loop.store.wire import ARROW, read_batch, read_parameters, write_table, write_tables

    async def append(request: Request) -> Response:
        batch = await asyncio.to_thread(read_batch, await request.body())
        await asyncio.wrap_future(store.submit_batch(batch))
        return JSONResponse({"rows": sum(rows.num_rows for rows in batch.values())})

    async def query(request: Request) -> Response:
        name, given = await _call(request, "parameters")

        def answer() -> bytes:
            return write_table(store.query_table(name, read_parameters(given)))

        return Response(await asyncio.to_thread(answer), media_type=ARROW)

    async def scan(request: Request) -> Response:
        name, given = await _call(request, "parameters")

        def begin() -> Iterator[bytes]:
            return write_tables(store.scan(name, **read_parameters(given)))

        return StreamingResponse(await asyncio.to_thread(begin), media_type=ARROW)

    async def command(request: Request) -> Response:
        name, arguments = await _call(request, "arguments")
        return JSONResponse(await asyncio.wrap_future(store.submit_command(name, arguments)))

    return [
        Route(f"/store/{endpoint.__name__}", _told(endpoint), methods=["POST"])
        for endpoint in (append, query, scan, command)
    ]


def _told(endpoint: Endpoint) -> Endpoint:
    """The endpoint, telling the caller what they can mend."""

    async def told(request: Request) -> Response:
        try:
            return await endpoint(request)
        except RatchetError as problem:
            return error_response(400, str(problem))

    return told


async def _call(request: Request, key: str) -> tuple[str, dict[str, Any]]:
    """What is called and with what.

    Raises:
        RatchetError: The body is not {"name": text, key: object}.
    """
    try:
        body = json.loads(await request.body())
    except ValueError as problem:
        raise RatchetError(f"The body is not JSON: {problem}.") from problem
    name, given = (body.get("name"), body.get(key, {})) if isinstance(body, dict) else (None, None)
    if not isinstance(name, str) or not isinstance(given, dict):
        raise RatchetError(f'The body must be {{"name": text, "{key}": object}}.')
    return name, given
