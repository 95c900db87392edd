"""Worker processes for foreign files: each is read within its time and memory, or reported."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from knowledge.formats.problem import FileProblem
from knowledge.formats.records import Content, Limits

_ROOT = Path(__file__).parents[2]
_KEPT = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL")  # no keys of ours among them
_START_SECONDS = 30.0  # until a new worker is ready, perhaps on a busy machine
_READY = b"{}\n"
_FILES_EACH = 1000  # then a fresh one takes over: parsers leak


class Task(NamedTuple):
    """A file for a worker."""

    file: Path
    format: str


class Result(NamedTuple):
    """What became of the task of that number."""

    task: int
    content: Content | FileProblem


def read_in_workers(
    tasks: Sequence[Task], limits: Limits, workers: int, *, command: Sequence[str] | None = None
) -> Iterator[Result]:
    """Read files in up to `workers` processes at once; each task has one result, as it comes.

    Args:
        command: Starts a worker; None takes `knowledge.formats.worker`.
    """
    # -P: the folder that it is started in must not lend it modules. -B: it writes no file.
    command = command or (sys.executable, "-P", "-B", "-m", "knowledge.formats.worker")
    waiting = deque(enumerate(tasks))
    running: set[_Worker] = set()
    try:
        with selectors.DefaultSelector() as ready:
            idle: list[_Worker] = []
            while waiting or len(idle) < len(running):
                while waiting and (idle or len(running) < workers):
                    worker = idle.pop() if idle else _Worker(command, limits)
                    if worker not in running:
                        running.add(worker)
                        ready.register(worker.out, selectors.EVENT_READ, worker)
                    worker.take(*waiting.popleft())
                busy = [worker for worker in running if worker not in idle]
                wait = min(worker.deadline for worker in busy) - time.monotonic()
                heard = {key.data for key, _ in ready.select(max(wait, 0))}
                results = [worker.result(heard=worker in heard) for worker in busy]
                for worker, result in zip(busy, results, strict=True):
                    if result and worker.spent:
                        ready.unregister(worker.out)
                        running.discard(worker)
                        worker.end()
                    elif result:
                        idle.append(worker)
                yield from filter(None, results)
    finally:
        for worker in running:
            worker.end()


class _Worker:
    """One process, with at most one file at a time."""

    def __init__(self, command: Sequence[str], limits: Limits) -> None:
        path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # Parsers import numpy where it is installed; its threads each reserve memory.
            env=kept | {"PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"},
        )
        assert self._process.stdin
        assert self._process.stdout
        self._in, self.out = self._process.stdin, self._process.stdout
        self._limits = limits
        self._heard = bytearray()
        self._number, self._task, self._files = -1, Task(Path(), ""), 0
        self.deadline = 0.0
        self.spent = False
        self._say(asdict(limits))

    def take(self, number: int, task: Task) -> None:
        """Begin with a file."""
        self._number, self._task = number, task
        seconds = self._limits.seconds if self._files else _START_SECONDS
        self.deadline = time.monotonic() + seconds
        self._files += 1
        self._say({"file": os.path.abspath(task.file), "format": task.format})

    def result(self, *, heard: bool) -> Result | None:
        """What became of its file; None as long as it may go on."""
        if heard:
            got = os.read(self.out.fileno(), 1 << 20)
            self._heard += got
            # A character takes at most 12 bytes in JSON.
            if not got or len(self._heard) > 12 * self._limits.text + (1 << 16):
                return self._lost(
                    "its parser crashed: it is damaged, or takes more than "
                    f"{self._limits.memory >> 20} MB of memory. Save it anew, and add it again."
                )
            if self._heard.startswith(_READY):
                del self._heard[: len(_READY)]
                self.deadline = time.monotonic() + self._limits.seconds
            if self._heard.endswith(b"\n"):
                return self._answered()
        if time.monotonic() > self.deadline:
            return self._lost(
                f"reading it takes longer than {self._limits.seconds:g} s. "
                "Split it, or allow more time."
            )
        return None

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self.out.close()
        with contextlib.suppress(OSError):  # what it had not taken from the pipe yet
            self._in.close()

    def _answered(self) -> Result:
        said: dict[str, Any] = json.loads(self._heard)
        self._heard.clear()
        self.spent = "spent" in said or self._files >= _FILES_EACH
        if "reason" in said:
            return Result(self._number, FileProblem(self._task.file, said["reason"]))
        return Result(self._number, Content(said["title"], said["text"]))

    def _lost(self, reason: str) -> Result:
        self.spent = True
        return Result(self._number, FileProblem(self._task.file, reason))

    def _say(self, said: dict[str, Any]) -> None:
        with contextlib.suppress(BrokenPipeError):  # gone; its output ends, and `result` tells
            self._in.write(json.dumps(said).encode() + b"\n")
            self._in.flush()
