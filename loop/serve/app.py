"""One process, one port: API, store endpoints and dashboard over one store and one desk."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import resource
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from fastapi import Depends, FastAPI
from fastapi.security import HTTPBearer

from knowledge.errors import RatchetError
from loop.answer.assistant import Desk
from loop.serve import api, chat, dashboard, errors, review
from loop.serve.auth import Gate, api_key, check_bind
from loop.serve.batcher import Batcher
from loop.serve.metrics import Measured, Metrics
from loop.serve.state import Running, use
from loop.settings import Settings

if TYPE_CHECKING:
    from knowledge.collection import Collection
    from loop.models.engine import Engine
    from loop.store.store import LocalStore

BACKLOG = 4096  # connections that may wait to be accepted
DRAIN = 10  # seconds that requests under way get at shutdown
FOLLOW = 0.5  # seconds between looks for a promoted adapter when nobody asks
ENDPOINT_BATCHES = 4  # batches at once when generation happens on another server

log = logging.getLogger(__name__)


def serve(settings: Settings, *, announce: Callable[[str], None] = print) -> None:
    """Serve until interrupted or terminated; then finish what is under way and close the store.

    Args:
        settings: The project.
        announce: Told the address once requests are answered.

    Raises:
        RatchetError: The port is taken, the address is public and no key is set, another server
            holds the store, or the model cannot be loaded.
    """
    key = api_key(settings)
    check_bind(settings, key)
    _allow_many_connections()
    with contextlib.closing(bind(settings)) as listening:
        address = address_of(listening)
        running = start(settings, address)
        try:
            app = build(running, key=key, script=dashboard.find_script())
            if running.collection.is_empty:
                announce("The collection is empty: add documents with `ratchet knowledge add`.")
            _run(app, listening, lambda: announce(f"Ratchet is at {address}"))
        finally:
            running.close()


def bind(settings: Settings) -> socket.socket:
    """Take the port before anything else is opened.

    Raises:
        RatchetError: It is taken, or the host is not one of this machine's.
    """
    host, port = settings.serve.host.strip("[]"), settings.serve.port
    if not 0 <= port <= 65535:
        raise RatchetError(f"serve.port is {port}, expected 0 to 65535. Mend it.")
    try:
        family, kind, proto, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, proto)
    except OSError as problem:
        raise RatchetError(f"serve.host is {host!r}: {problem.strerror}. Mend it.") from problem
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(where)
        listening.listen(BACKLOG)
    except OSError as problem:
        listening.close()
        if problem.errno == errno.EADDRINUSE:
            raise RatchetError(
                f"Port {port} on {host} is in use. Stop what holds it, or set serve.port "
                "in ratchet.toml to another."
            ) from problem
        raise RatchetError(
            f"Cannot serve on {host}:{port}: {problem.strerror}. "
            "Set serve.host and serve.port in ratchet.toml."
        ) from problem
    return listening


def address_of(listening: socket.socket) -> str:
    """How a command on this machine reaches the server."""
    host, port = listening.getsockname()[:2]
    local = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{local}]:{port}" if ":" in local else f"http://{local}:{port}"


def start(settings: Settings, address: str) -> Running:
    """Open the store, the collection and the model, and put the desk over them.

    Args:
        settings: The project.
        address: Written into the store's lock file for commands to find.
    """
    from loop.models.engine import load_engine
    from loop.project import open_collection
    from loop.store.store import LocalStore, open_store

    store = open_store(settings, serving_address=address)
    try:
        if not isinstance(store, LocalStore):
            raise RatchetError(
                f"{settings.store_path}: another server already serves this project. Stop it first."
            )
        collection = open_collection(settings)
        return assemble(settings, address, store, collection, load_engine(settings))
    except BaseException:
        store.close()
        raise


def assemble(
    settings: Settings, address: str, store: LocalStore, collection: Collection, engine: Engine
) -> Running:
    """What runs, from its parts."""
    metrics = Metrics()
    desk = Desk(settings, collection, engine, store)
    threads = ENDPOINT_BATCHES if settings.assistant.endpoint else 1
    return Running(
        settings=settings,
        address=address,
        store=store,
        collection=collection,
        desk=desk,
        batcher=Batcher(desk.answer, threads=threads, observe=metrics.batch_size.observe),
        metrics=metrics,
    )


def build(running: Running, *, key: str | None, script: Path | None) -> FastAPI:
    """The ASGI app: every path goes through the gate, then to the API or, last, the dashboard.

    Args:
        running: What it serves; closed when the app shuts down.
        key: What requests must carry; None on a loopback address only.
        script: The dashboard's script; None serves the API alone.
    """
    from loop.serve.store_endpoints import store_routes

    pages = dashboard.mount(script) if script is not None else None

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        use(running)
        follower = asyncio.create_task(_follow(running))
        try:
            async with contextlib.AsyncExitStack() as stack:
                if pages is not None:
                    await stack.enter_async_context(pages.lifespan()(app))
                yield
        finally:
            follower.cancel()
            await asyncio.to_thread(running.close)

    app = FastAPI(title="Ratchet", summary="Ask, rate, log and look up.", lifespan=lifespan)
    app.state.running = running
    errors.install(app)
    bearer = [Depends(HTTPBearer(auto_error=False, description="The API key, if one is set."))]
    app.include_router(chat.router, dependencies=bearer)
    app.router.routes.extend(store_routes(running.store))
    app.include_router(review.router, dependencies=bearer)
    app.include_router(api.router, dependencies=bearer)
    if pages is not None:
        app.mount("/", pages)
    app.add_middleware(errors.Caught)
    app.add_middleware(Gate, key=key, host=running.settings.serve.host)
    app.add_middleware(Measured, metrics=running.metrics)  # outermost: it counts refusals too
    return app


async def _follow(running: Running) -> None:
    """Have a promoted adapter loaded before the first request needs it."""
    while True:
        try:
            await asyncio.to_thread(running.desk.follow_champion)
        except Exception:  # the next look may succeed; answers go on meanwhile
            log.exception("could not look for a promoted adapter")
        await asyncio.sleep(FOLLOW)


class _Server(uvicorn.Server):
    """Uvicorn, saying when it answers."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


def _run(app: FastAPI, listening: socket.socket, ready: Callable[[], None]) -> None:
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=DRAIN,
        server_header=False,
        ws_max_size=64 * 1024 * 1024,
    )
    with _signals_end_quietly():
        _Server(config, ready).run(sockets=[listening])


@contextlib.contextmanager
def _signals_end_quietly() -> Iterator[None]:
    """Uvicorn raises the signal that stopped it once more; by then all is closed and well."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {s: signal.signal(s, lambda *_: None) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _allow_many_connections() -> None:
    """Every connection is a file; take as many as the system lets this process have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        limit = min(hard, 65536) if sys.platform == "darwin" or hard < 0 else hard
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, limit), hard))
