"""The electricity of the process: read or estimated by codecarbon, offline. It never fails a run.

codecarbon takes the GPU's own counter (NVML) and the processor's (RAPL) where it can read them,
and else estimates from load and model; memory is always estimated. Left to itself it would write
a CSV and a lock file, take over SIGTERM, log to stderr and ask web services; none of that is
allowed here.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, Protocol

from loop.train.cost import EnergySource

MISSING = "Energy is not known: install it with `pip install 'ratchet-loop[cost]'`."
ESTIMATED = "estimated"
_EARLY = "Energy is not known: the run ended before the meter had begun."
_PATIENCE = 1.0  # seconds that a run waits at its end for the meter to have begun
_COUNTERS = {"intel_rapl": "RAPL", "intel_power_gadget": "Power Gadget", "windows_emi": "EMI"}


class Energy(Protocol):
    """What a meter asks about electricity. None is not known."""

    kwh: float | None
    grams_co2e: float | None
    source: EnergySource
    note: str

    def start(self) -> None:
        """Begin; returns at once."""

    def stop(self) -> None:
        """Take a last reading and end; waits a second at most."""


class NoEnergy:
    """Nothing here can tell."""

    kwh: float | None = None
    grams_co2e: float | None = None
    source: EnergySource = "none"

    def __init__(self, note: str = MISSING) -> None:
        self.note = note

    def start(self) -> None:
        """Nothing to begin."""

    def stop(self) -> None:
        """Nothing to end."""


def known() -> bool:
    """Is codecarbon installed?"""
    return find_spec("codecarbon") is not None


def energy_of(kind: str, *, country: str = "", every: float = 5.0) -> Energy:
    """What tells the electricity of this process on a device of this kind.

    Args:
        kind: "cpu" or "cuda"; for a CPU the GPUs of the machine are not counted.
        country: ISO 3166 code of three letters; empty reckons no emissions.
        every: Seconds between readings.
    """
    return CodeCarbon(kind, country, every) if known() else NoEnergy()


class CodeCarbon:
    """codecarbon's offline tracker, begun in a thread: to find out the hardware takes seconds.

    Its process mode estimates a processor by the time this process takes on it, so that others
    on the machine do not count; RAPL and NVML count the whole processor and the whole GPU.
    """

    def __init__(self, kind: str, country: str, every: float) -> None:
        self.kwh: float | None = None
        self.grams_co2e: float | None = None
        self.source: EnergySource = "none"
        self.note = _EARLY
        self._kind, self._country, self._every = kind, country, every
        self._hardware: Any = None  # the tracker before it has started
        self._tracker: Any = None  # and after
        self._mixed = False  # is the country's electricity mix known?
        self._ended = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._begin, name="energy-start", daemon=True)

    def start(self) -> None:
        try:
            import codecarbon  # noqa: F401  # here and not in the thread: torch is imported meanwhile
        except Exception as problem:  # whatever is wrong with it is no reason not to train
            self.note = f"Energy is not known: codecarbon cannot be imported: {problem}"
            return
        self._thread.start()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._thread.join(_PATIENCE)  # it may be about to begin
        with self._lock:
            self._ended = True
            tracker = self._tracker
        if tracker is not None:
            tracker.stop()  # it swallows what goes wrong, and logs it

    def _begin(self) -> None:
        try:
            tracker, mixed = _tracker(self._kind, self._country, self._every, self._take)
            self._mixed = mixed
            self._hardware = tracker
            tracker.start()
            with self._lock:
                self._tracker, ended = tracker, self._ended
            if ended:
                tracker.stop()
            elif self.kwh is None:
                self.note = "Energy is not known: codecarbon found nothing that it can read."
        except Exception as problem:
            self.note = f"Energy is not known: codecarbon: {problem}"

    def _take(self, total: Any) -> None:
        if self.source == "none":
            self._describe(_parts(self._hardware))
        if self._mixed:
            self.grams_co2e = 1000.0 * float(total.emissions)
        self.kwh = float(total.energy_consumed)

    def _describe(self, parts: Mapping[str, str]) -> None:
        device = parts.get("GPU" if self._kind == "cuda" else "CPU", ESTIMATED)
        self.source = "estimated" if device == ESTIMATED else "measured"
        says = ", ".join(f"{name} {how}" for name, how in parts.items())
        self.note = f"Energy by codecarbon: {says}."
        if self._country and not self._mixed:
            self.note += f" It knows no electricity mix of {self._country}."


class _Handler:
    """What codecarbon gives its readings to; it asks for these four methods."""

    def __init__(self, take: Any) -> None:
        self._take = take

    def out(self, total: Any, delta: Any) -> None:
        self._take(total)

    def live_out(self, total: Any, delta: Any) -> None:
        self._take(total)

    def task_out(self, *more: Any) -> None:
        """We have no tasks."""

    def exit(self) -> None:
        """Nothing to close."""


def _tracker(kind: str, country: str, every: float, take: Any) -> tuple[Any, bool]:
    """A tracker that keeps to itself, and whether it knows the country's electricity mix."""
    from codecarbon import OfflineEmissionsTracker
    from codecarbon.input import DataSource

    logging.getLogger("codecarbon").disabled = True
    mixes = DataSource().get_global_energy_mix_data() if country else {}
    more: dict[str, Any] = {"country_iso_code": country} if country in mixes else {}
    if kind == "cpu":
        more["gpu_ids"] = []
    tracker = OfflineEmissionsTracker(
        measure_power_secs=every,
        api_call_interval=1,  # hand every reading to the handler
        output_methods=[],
        output_handlers=[_Handler(take)],
        tracking_mode="process",
        allow_multiple_runs=True,  # else a lock file, and SIGTERM is taken over
        emissions_endpoint=False,  # the empty values beat a configuration file
        electricitymaps_api_token="",
        log_level="critical",
        **more,
    )
    if (monitor := getattr(tracker, "_scheduler_monitor_power", None)) is not None:
        monitor.interval = every  # its second looks at every process of the machine, under the GIL
    return tracker, country in mixes


def _parts(tracker: Any) -> dict[str, str]:
    """Of CPU, GPU and memory: by what counter each is read, or that it is estimated."""
    names = {"RAM": "memory", "CPU": "CPU", "GPU": "GPU", "AppleSiliconChip": "CPU"}
    parts = {}
    for hardware in getattr(tracker, "_hardware", []):
        name = names.get(type(hardware).__name__, type(hardware).__name__)
        mode = str(getattr(hardware, "_mode", ""))
        parts[name] = "by NVML" if name == "GPU" else _by(_COUNTERS.get(mode))
    return dict(sorted(parts.items()))


def _by(counter: str | None) -> str:
    return ESTIMATED if counter is None else f"by {counter}"
