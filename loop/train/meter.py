"""What the training process uses, written down every few seconds: a kill loses no more than that.

with Meter(folder, run=job.id, device=job.device) as meter:
    … meter.count(tokens) at each step; Budget(settings).spent(meter.reading()) …
reading = meter.reading()
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Any

from loop.train.cost import Reading, add
from loop.train.energy import Energy, energy_of
from loop.train.job import read_json, write_json

COST = "cost.json"  # in the run's folder
EVERY = 5.0  # seconds between readings on disk


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A reading as it lies in the run's folder."""

    run: str
    at: float  # seconds since 1970: the sign of life of a running process
    tokens_per_second: float | None  # of the present attempt; None before the first step
    reading: Reading


class Meter:
    """Starts and stops with the process; goes on from what earlier attempts at the run left.

    Args:
        folder: The run's; cost.json is kept in it.
        run: The run's id. What another run left there is not taken up.
        device: As torch names it: "cpu", "cuda", "cuda:0".
        devices: How many of them the run holds.
        country: For emissions; see `energy_of`.
        every: Seconds between readings on disk.
        clock: Seconds that only go forward.
        energy: Tells the electricity; None takes codecarbon if it is there.
        writes: Whether this process keeps the run's reading; of several, one does.
    """

    def __init__(
        self,
        folder: Path,
        *,
        run: str,
        device: str,
        devices: int = 1,
        country: str = "",
        every: float = EVERY,
        clock: Callable[[], float] = time.monotonic,
        energy: Energy | None = None,
        writes: bool = True,
    ) -> None:
        self._path = folder / COST
        self._writes = writes
        self._run = run
        self._kind = device.partition(":")[0]
        self._devices = devices
        self._every = every
        self._clock = clock
        self._energy = energy or energy_of(self._kind, country=country, every=every)
        found = read_cost(folder)
        self._before = found.reading if found is not None and found.run == run else None
        self._name = self._kind
        self._tokens = self._peak = 0
        self._started = self._first = self._ended = -1.0  # not yet
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write_on, name="meter", daemon=True)

    def start(self) -> None:
        """Begin to count."""
        self._started = self._clock()
        self._name = device_name(self._kind)
        if self._writes:
            self._energy.start()
        self._write()
        self._thread.start()

    def count(self, tokens: int) -> None:
        """So many more tokens were trained on."""
        if self._first < 0:
            self._first = self._clock()
        self._tokens += tokens

    def reading(self) -> Reading:
        """What the run used so far; cheap enough to be asked for at each step."""
        return add(self._before, self._now())

    def stop(self) -> Reading:
        """End, write the last reading down and return it; safe to call twice."""
        if self._started >= 0 and self._ended < 0:
            self._stop.set()
            self._thread.join()
            if self._writes:
                self._energy.stop()
            self._ended = self._clock()
            self._write()
        return self.reading()

    def __enter__(self) -> Meter:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _now(self) -> Reading:
        """The present attempt."""
        until = self._ended if self._ended >= 0 else self._clock()
        seconds = until - self._started if self._started >= 0 else 0.0
        return Reading(
            kind=self._kind,
            device=self._name,
            devices=self._devices,
            seconds=seconds,
            device_seconds=seconds * self._devices,
            tokens=self._tokens,
            peak_bytes=self._peak,
            kwh=self._energy.kwh,
            energy_source=self._energy.source if self._energy.kwh is not None else "none",
            grams_co2e=self._energy.grams_co2e,
            note=self._energy.note,
        )

    def _rate(self) -> float | None:
        until = self._ended if self._ended >= 0 else self._clock()
        spent = until - self._first
        return None if self._first < 0 or spent <= 0 else round(self._tokens / spent, 1)

    def _write_on(self) -> None:
        while not self._stop.wait(self._every):
            self._write()

    def _write(self) -> None:
        self._peak = peak_bytes(self._kind)  # only here: it takes longer than all the rest
        if not self._writes:
            return
        kept = Kept(
            run=self._run, at=time.time(), tokens_per_second=self._rate(), reading=self.reading()
        )
        try:
            write_json(self._path, asdict(kept))
        except OSError:  # a full disk ends the run where it matters: at a checkpoint
            return


def read_cost(folder: Path) -> Kept | None:
    """The newest reading in a run's folder; None if there is none, or of another make."""
    data = read_json(folder / COST)
    if data is None or set(data) != {f.name for f in fields(Kept)}:
        return None
    reading: Any = data["reading"]
    if not isinstance(reading, dict) or set(reading) != {f.name for f in fields(Reading)}:
        return None
    return Kept(**(data | {"reading": Reading(**reading)}))


def device_name(kind: str) -> str:
    """What a device of this machine calls itself; its kind where it has no name or is not here."""
    if kind == "cuda":
        import torch

        if torch.cuda.is_available():
            return str(torch.cuda.get_device_name())
    return kind


def peak_bytes(kind: str) -> int:
    """The most memory held at once: what torch allocated on the GPUs, else by this process."""
    if kind == "cuda":
        import torch

        return sum(torch.cuda.max_memory_allocated(n) for n in range(torch.cuda.device_count()))
    try:
        with open("/proc/self/status", encoding="ascii") as file:
            line = next(line for line in file if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    except (OSError, StopIteration):  # no Linux
        import resource
        import sys

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
