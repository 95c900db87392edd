"""A server killed in the middle of a burst: what it acknowledged is there afterwards, once.

Ten rounds of 2,000 posts: set RATCHET_KILL_ROUNDS=10 and RATCHET_KILL_POSTS=2000.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import httpx

from loop.store.store import LocalStore

ROOT = Path(__file__).parents[2]
ROUNDS = int(os.environ.get("RATCHET_KILL_ROUNDS", "2"))
POSTS = int(os.environ.get("RATCHET_KILL_POSTS", "400"))
CONNECTIONS = 100  # so that answers come while others are still under way
SERVER = """
import sys, time
from pathlib import Path
from tests.serve.conftest import project, serving
with serving(Path(sys.argv[1])) as server:
    print(server.url, flush=True)
    time.sleep(600)
"""


async def burst(url: str, round_: int, server: subprocess.Popen[str]) -> list[str]:
    """Post all at once, over CONNECTIONS; the server is killed on the way, later in each round.

    Returns:
        The ids that were acknowledged.
    """
    acknowledged: list[str] = []
    enough = POSTS * (round_ + 1) // (ROUNDS + 1)

    taking_turns = asyncio.Semaphore(CONNECTIONS)  # httpx's own queue is slow when it is long

    async def post(http: httpx.AsyncClient, n: int) -> None:
        async with taking_turns:
            await send(http, n)

    async def send(http: httpx.AsyncClient, n: int) -> None:
        row = {"id": f"r{round_}-{n}", "question": f"Question {n}?", "answer": "Yes.", "user": "a"}
        with contextlib.suppress(httpx.HTTPError):
            reply = await http.post(f"{url}/v1/interactions", json=row)
            if reply.status_code == 200:
                acknowledged.extend(reply.json()["ids"])
            if len(acknowledged) >= enough:
                server.kill()

    limits = httpx.Limits(max_connections=CONNECTIONS)
    async with httpx.AsyncClient(timeout=60, limits=limits) as http:
        await asyncio.gather(*(post(http, n) for n in range(POSTS)))
    return acknowledged


def test_every_acknowledged_row_is_there_once_after_a_kill(tmp_path: Path) -> None:
    acknowledged: list[str] = []
    for round_ in range(ROUNDS):
        server = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(tmp_path)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert server.stdout is not None
        try:
            url = server.stdout.readline().strip()
            assert url.startswith("http"), "the server did not start"
            acknowledged += asyncio.run(burst(url, round_, server))
        finally:
            server.kill()
            server.wait()
            server.stdout.close()
        assert server.returncode == -signal.SIGKILL
    store = LocalStore(tmp_path / ".ratchet" / "store.duckdb")
    rows = store.query("interactions", assistant="desk", limit=ROUNDS * POSTS + 1)
    store.close()
    there = Counter(row["id"] for row in rows)
    print(f"{len(acknowledged)} acknowledged, {len(rows)} there, {ROUNDS * POSTS} sent")
    assert len(acknowledged) >= ROUNDS  # something was at stake
    assert set(there.values()) == {1}
    assert set(acknowledged) <= there.keys()
