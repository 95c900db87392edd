"""See a process through: take what it says, and kill it when it takes too much."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from pathlib import Path
from typing import IO, Literal, NamedTuple

Broke = Literal["time", "memory", "output"]

TICK = 0.05  # seconds between looks at the memory
LINGER = 0.2  # seconds to drain pipes that a process left behind holds open
PAGE = os.sysconf("SC_PAGE_SIZE")


class Seen(NamedTuple):
    """What a process said and how it ended. `broke` names the limit it was killed for."""

    stdout: str
    stderr: str
    returncode: int
    seconds: float
    broke: Broke | None


def watch(
    process: subprocess.Popen[bytes], *, seconds: float, memory_bytes: int, output_bytes: int
) -> Seen:
    """Wait for a process that leads its own process group; kill the group when it breaks a limit.

    Args:
        process: Started with pipes for both outputs and `start_new_session=True`.
        seconds: On the clock, from now.
        memory_bytes: Resident memory of the process and all it started.
        output_bytes: Of each output; what is beyond is thrown away.
    """
    start = time.monotonic()
    try:
        said, broke = _listen(process, start + seconds, memory_bytes, output_bytes)
        while broke is None and not _ended(process.pid):  # it closed its outputs and goes on
            time.sleep(TICK)
            broke = "time" if time.monotonic() - start > seconds else None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # not yet reaped: the group is still its own
        returncode = process.wait()
    stdout, stderr = (bytes(text[:output_bytes]).decode("utf-8", "replace") for text in said)
    return Seen(stdout, stderr, returncode, time.monotonic() - start, broke)


def _listen(
    process: subprocess.Popen[bytes], deadline: float, memory_bytes: int, output_bytes: int
) -> tuple[list[bytearray], Broke | None]:
    """Both outputs until they close, the process has ended, or a limit is broken."""
    assert process.stdout is not None
    assert process.stderr is not None
    said: dict[IO[bytes], bytearray] = {process.stdout: bytearray(), process.stderr: bytearray()}
    broke: Broke | None = None
    ended: float | None = None
    next_look = 0.0
    with process.stdout, process.stderr, selectors.DefaultSelector() as selector:
        for pipe in said:
            selector.register(pipe, selectors.EVENT_READ, pipe)
        while selector.get_map() and broke is None:
            for key, _ in selector.select(TICK):
                piece = os.read(key.fd, 65_536)
                if not piece:
                    selector.unregister(key.data)
                said[key.data] += piece
            now = time.monotonic()
            if any(len(text) > output_bytes for text in said.values()):
                broke = "output"
            elif now > deadline:
                broke = "time"
            elif now >= next_look:
                next_look = now + TICK
                broke = "memory" if _resident(process.pid) > memory_bytes else None
            if ended is None and _ended(process.pid):
                ended = now
            if ended is not None and now - ended > LINGER:
                break
    return list(said.values()), broke


def _ended(pid: int) -> bool:
    """Whether a child has ended, without reaping it."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _resident(root: int) -> int:
    """Resident bytes of a process and everything below it; 0 where that cannot be seen."""
    total, waiting = 0, [root]
    while waiting:
        process = Path("/proc") / str(waiting.pop())
        with contextlib.suppress(OSError, ValueError, IndexError):
            total += int((process / "statm").read_text().split()[1]) * PAGE
            for thread in (process / "task").iterdir():
                waiting += [int(child) for child in (thread / "children").read_text().split()]
    return total
