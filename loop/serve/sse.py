"""A streamed answer: generation in a thread, chunks to the client, stopped when it goes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import AsyncIterator

from starlette.background import BackgroundTask
from starlette.responses import StreamingResponse

from loop.answer.records import Answer, Ask
from loop.serve.errors import error_body, problem_of
from loop.serve.replies import Chunks, Shape, event
from loop.serve.state import Running

log = logging.getLogger(__name__)


async def respond(running: Running, ask: Ask, shape: Shape) -> StreamingResponse:
    """Stream one answer in OpenAI's chunks.

    Waits for the first piece, so that what fails before it is an ordinary error response. The
    last chunk with a choice carries `ratchet`; by then the interaction is durable. A client that
    goes away stops the model at its next piece.
    """
    began = time.perf_counter()
    feed = Feed(running, ask)
    try:
        first = await feed.next()
    except BaseException:
        feed.cancel()
        raise
    running.metrics.first_piece_seconds.observe(time.perf_counter() - began)
    return StreamingResponse(
        _chunks(feed, first, shape),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
        background=BackgroundTask(feed.cancel),
    )


class Feed:
    """Carries the pieces of one answer from the thread that makes them to the event loop."""

    def __init__(self, running: Running, ask: Ask) -> None:
        self.interaction = ""  # known once the first piece is here
        self._running = running
        self._ask = ask
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[str | Answer | Exception] = asyncio.Queue()
        self._cancelled = threading.Event()
        running.streams.submit(self._make)

    async def next(self) -> str | Answer:
        """The next piece, or the answer at the end; raises what went wrong."""
        item = await self._queue.get()
        if isinstance(item, Exception):
            raise item
        return item

    def cancel(self) -> None:
        """Stop the model at its next piece."""
        self._cancelled.set()

    def _make(self) -> None:
        if self._cancelled.is_set():
            return
        try:
            stream = self._running.desk.stream(self._ask)
            self.interaction = stream.turn.id
            try:
                for piece in stream:
                    if self._cancelled.is_set():
                        break
                    self._put(piece)
            finally:
                stream.close()
        except Exception as problem:
            self._put(problem)
            return
        if stream.answer is not None:
            self._running.metrics.answered(stream.answer)
            self._put(stream.answer)

    def _put(self, item: str | Answer | Exception) -> None:
        with contextlib.suppress(RuntimeError):  # the server has stopped: nobody listens
            self._loop.call_soon_threadsafe(self._queue.put_nowait, item)


async def _chunks(feed: Feed, item: str | Answer, shape: Shape) -> AsyncIterator[str]:
    chunks = Chunks(feed.interaction, shape)
    try:
        yield chunks.begin()
        while isinstance(item, str):
            yield chunks.piece(item)
            item = await feed.next()
        yield chunks.end(item)
    except Exception as problem:
        log.exception("a streamed answer broke off")
        told = problem_of(problem)
        yield event({**error_body(told.status, str(told), code=told.code, param=told.param)})
    finally:
        feed.cancel()
