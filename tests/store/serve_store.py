"""A process that serves the store at the path given, and says its address: something to kill."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from loop.serve.store_endpoints import store_routes
from loop.store.store import LocalStore


def main(path: Path) -> None:
    """Serve until killed."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=2048)
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    store = LocalStore(path, address=address)
    print(address, flush=True)
    app = Starlette(routes=store_routes(store))
    config = uvicorn.Config(app, log_level="error", access_log=False, backlog=2048)
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
