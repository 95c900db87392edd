"""The process that holds the store is killed in a burst of appends; nothing acknowledged is lost.

By hand, for ten rounds of 2,000: RATCHET_KILL_ROUNDS=10 RATCHET_KILL_POSTS=2000.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from loop.store.store import LocalStore
from loop.store.tables import encode
from loop.store.wire import ARROW, write_batch
from tests.factories import make_interaction, make_rating

ROUNDS = int(os.environ.get("RATCHET_KILL_ROUNDS", "2"))
POSTS = int(os.environ.get("RATCHET_KILL_POSTS", "400"))
AT_ONCE = 64
SERVE = str(Path(__file__).parent / "serve_store.py")


def test_what_was_acknowledged_before_a_kill_is_there_once_and_whole(
    path: Path, beside: Callable[..., Any]
):
    acknowledged: set[str] = set()
    for number in range(ROUNDS):
        with beside(SERVE, str(path)) as (process, address):
            kill_after = POSTS * (number + 1) // (ROUNDS + 1)  # early once, late once
            names = [f"r{number}-{n}" for n in range(POSTS)]
            delay = number % 5 * 0.003  # seconds: now between commits, now within one
            died = burst(address, names, process, kill_after=kill_after, delay=delay)
            acknowledged |= asyncio.run(died)
        store = LocalStore(path)
        turns = [row["id"] for row in store.query("interactions", assistant="desk", limit=None)]
        ratings = [row["interaction"] for row in store.query("ratings_of", assistant="desk")]
        store.close()
        print(f"round {number + 1}: {len(acknowledged)} acknowledged, {len(turns)} kept so far")
        assert len(turns) == len(set(turns))
        assert acknowledged <= set(turns)
        assert sorted(ratings) == sorted(turns)  # each append whole: a rating with every answer


async def burst(
    address: str,
    names: list[str],
    process: subprocess.Popen[str],
    *,
    kill_after: int,
    delay: float,
) -> set[str]:
    """Append an answer and its rating per name; who was acknowledged before the process died."""
    acknowledged: set[str] = set()
    left = iter(names)

    async def post(http: httpx.AsyncClient) -> None:
        for name in left:
            rows = [make_interaction(id=name), make_rating(id=f"of-{name}", interaction=name)]
            body = write_batch(encode(rows))
            try:
                reply = await http.post(
                    f"{address}/store/append", content=body, headers={"Content-Type": ARROW}
                )
            except httpx.TransportError:
                return  # it is dead
            assert reply.status_code == 200, reply.text
            acknowledged.add(name)
            if len(acknowledged) == kill_after:
                asyncio.get_running_loop().call_later(delay, process.kill)

    async with httpx.AsyncClient(timeout=30, trust_env=False) as http:
        await asyncio.gather(*(post(http) for _ in range(AT_ONCE)))
    assert kill_after <= len(acknowledged) < len(names), "it was not killed in the burst"
    return acknowledged
