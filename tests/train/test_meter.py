from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from loop.train.cost import EnergySource
from loop.train.energy import Energy, NoEnergy, energy_of
from loop.train.meter import COST, Meter, peak_bytes, read_cost

ROOT = Path(__file__).parents[2]


class Watts:
    """Electricity of a device that draws so many watts, by the same clock as the meter."""

    grams_co2e: float | None = None
    source: EnergySource = "measured"
    note = "By a fake."

    def __init__(self) -> None:
        self.kwh: float | None = None
        self.ended = False

    def start(self) -> None:
        self.kwh = 0.0

    def stop(self) -> None:
        self.ended = True


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def meter(folder: Path, clock: Clock, **more: object) -> Meter:
    known = {"run": "run-1", "device": "cpu", "every": 60.0, "energy": NoEnergy()}
    return Meter(folder, clock=clock, **(known | more))  # type: ignore[arg-type]


def test_it_counts_wall_time_devices_and_tokens(tmp_path: Path) -> None:
    clock = Clock()
    with meter(tmp_path, clock, devices=2) as running:
        clock.now += 10
        running.count(500)
        clock.now += 5
        now = running.reading()
    assert (now.seconds, now.device_seconds, now.tokens) == (15, 30, 500)
    assert now.peak_bytes > 1_000_000
    clock.now += 1000  # after its end nothing more counts
    assert running.stop().seconds == 15
    kept = read_cost(tmp_path)
    assert kept is not None
    assert kept.tokens_per_second == 100.0  # since the first step


def test_a_run_that_goes_on_takes_up_what_was_spent_before(tmp_path: Path) -> None:
    clock, energy = Clock(), Watts()
    with meter(tmp_path, clock, energy=energy) as first:
        clock.now += 10
        first.count(100)
        energy.kwh = 0.25
    assert energy.ended
    again = Watts()
    with meter(tmp_path, clock, energy=again) as second:
        clock.now += 20
        second.count(50)
        again.kwh = 0.5
    last = second.reading()
    assert (last.seconds, last.tokens, last.kwh, last.attempts) == (30, 150, 0.75, 2)
    assert last.energy_source == "measured"


def test_what_another_run_left_in_the_folder_is_not_taken_up(tmp_path: Path) -> None:
    clock = Clock()
    with meter(tmp_path, clock):
        clock.now += 10
    with meter(tmp_path, clock, run="run-2") as other:
        clock.now += 1
    assert (other.reading().seconds, other.reading().attempts) == (1, 1)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"run": "run-1"}', '{"run":1,"at":2}'])
def test_a_damaged_reading_counts_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / COST).write_text(text, encoding="utf-8")
    assert read_cost(tmp_path) is None


def test_without_codecarbon_energy_is_unknown_and_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loop.train.energy.known", lambda: False)
    clock = Clock()
    with Meter(tmp_path, run="run-1", device="cpu", clock=clock) as running:
        clock.now += 1
    found = running.reading()
    assert (found.kwh, found.energy_source) == (None, "none")
    assert "ratchet-loop[cost]" in found.note


def test_a_codecarbon_that_breaks_fails_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "codecarbon.py"
    broken.write_text("raise RuntimeError('no sensors here')\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "codecarbon", raising=False)
    energy = energy_of("cpu")
    energy.start()
    energy.stop()
    assert energy.kwh is None
    assert "no sensors here" in energy.note


KILLED = """
import sys, time
from pathlib import Path
from loop.train.energy import NoEnergy
from loop.train.meter import Meter
meter = Meter(Path(sys.argv[1]), run="run-1", device="cpu", every=0.05, energy=NoEnergy())
meter.start()
meter.count(123)
print("started", flush=True)
time.sleep(60)
"""


def test_a_process_that_is_killed_loses_only_what_came_after_its_last_reading(
    tmp_path: Path,
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    with process, process.stdout:
        assert process.stdout.readline() == b"started\n"
        deadline = time.monotonic() + 20
        while (found := read_cost(tmp_path)) is None or found.reading.tokens == 0:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    kept = read_cost(tmp_path)
    assert kept is not None
    assert kept.reading.seconds > 0
    with Meter(tmp_path, run="run-1", device="cpu", energy=NoEnergy()) as again:
        assert again.reading().tokens == 123
        assert again.reading().seconds >= kept.reading.seconds


def test_what_the_memory_peaked_at_is_not_less_than_what_is_held() -> None:
    held = bytearray(50_000_000)
    assert peak_bytes("cpu") >= len(held)


OFFLINE = """
import json, os, signal, socket, sys, time
from pathlib import Path

def refuse(*what, **more):
    raise AssertionError("the network was asked for")

socket.socket.connect = refuse
socket.getaddrinfo = refuse
from loop.train.meter import Meter
heard = []
signal.signal(signal.SIGTERM, lambda *what: heard.append(1))
folder = Path(sys.argv[1])
meter = Meter(folder, run="run-1", device="cpu", country=sys.argv[2], every=0.2)
begun = time.monotonic()
meter.start()
took = time.monotonic() - begun
until = time.monotonic() + 30
while meter.reading().kwh in (None, 0.0) and time.monotonic() < until:
    sum(range(100_000))
os.kill(os.getpid(), signal.SIGTERM)
ended = time.monotonic()
last = meter.stop()
print(json.dumps({"kwh": last.kwh, "grams": last.grams_co2e, "source": last.energy_source,
                  "note": last.note, "heard": heard, "start": took,
                  "stop": time.monotonic() - ended}), flush=True)
os._exit(0)
"""


@pytest.mark.parametrize(("country", "known"), [("DEU", True), ("ZZZ", False)])
def test_codecarbon_works_offline_writes_nothing_and_leaves_signals_alone(
    tmp_path: Path, country: str, known: bool
) -> None:
    pytest.importorskip("codecarbon")
    folder, home = tmp_path / "run", tmp_path / "home"
    folder.mkdir()
    home.mkdir()
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "HOME": str(home),
        "TMPDIR": str(home),
        "CODECARBON_ELECTRICITYMAPS_API_TOKEN": "leaked",
        "CODECARBON_EMISSIONS_ENDPOINT": "http://example.org",
        "CODECARBON_OUTPUT_METHODS": "csv,api",
    }
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE, str(folder), country],
        cwd=home,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    said = json.loads(done.stdout)
    assert said["kwh"] > 0
    assert said["heard"] == [1]
    assert said["source"] in ("measured", "estimated")
    assert "CPU" in said["note"]
    assert (said["grams"] is not None) == known
    assert said["start"] < 2
    assert said["stop"] < 2
    assert [path.name for path in folder.iterdir()] == [COST]
    assert list(home.iterdir()) == []


FAKE = """
class GPU: pass

class CPU:
    _mode = "cpu_load"

class OfflineEmissionsTracker:
    given = None

    def __init__(self, **options):
        type(self).given = options
        self._handler = options["output_handlers"][0]
        self._hardware = []

    def start(self):
        self._hardware = [GPU(), CPU()] if "gpu_ids" not in self.given else [CPU()]
        self._handler.live_out(Total(0.0, 0.0), None)

    def stop(self):
        self._handler.out(Total(0.5, 0.2), None)

class Total:
    def __init__(self, kwh, kilograms):
        self.energy_consumed, self.emissions = kwh, kilograms
"""
MIXES = """
class DataSource:
    def get_global_energy_mix_data(self):
        return {"DEU": {}}
"""


@pytest.fixture
def fake_codecarbon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    package = tmp_path / "site" / "codecarbon"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(FAKE, encoding="utf-8")
    (package / "input.py").write_text(MIXES, encoding="utf-8")
    monkeypatch.syspath_prepend(package.parent)
    for name in [n for n in sys.modules if n.partition(".")[0] == "codecarbon"]:
        monkeypatch.delitem(sys.modules, name)
    yield
    for name in [n for n in sys.modules if n.partition(".")[0] == "codecarbon"]:
        del sys.modules[name]


@pytest.mark.usefixtures("fake_codecarbon")
@pytest.mark.parametrize(
    ("kind", "source", "says"),
    [
        ("cuda", "measured", "CPU estimated, GPU by NVML"),
        ("cpu", "estimated", "CPU estimated"),
    ],
)
def test_energy_is_measured_where_the_device_has_a_counter(
    kind: str, source: str, says: str
) -> None:
    energy = energy_of(kind, country="DEU")
    begun(energy)
    energy.stop()
    assert (energy.kwh, energy.source, energy.grams_co2e) == (0.5, source, 200.0)
    assert energy.note == f"Energy by codecarbon: {says}."


@pytest.mark.usefixtures("fake_codecarbon")
@pytest.mark.parametrize("country", ["", "ZZZ"])
def test_no_emissions_are_made_up_for_an_unknown_country(country: str) -> None:
    energy = energy_of("cpu", country=country)
    begun(energy)
    energy.stop()
    assert (energy.kwh, energy.grams_co2e) == (0.5, None)
    assert ("no electricity mix of ZZZ" in energy.note) == bool(country)


@pytest.mark.usefixtures("fake_codecarbon")
def test_codecarbon_is_told_to_write_ask_and_lock_nothing() -> None:
    import codecarbon

    energy = energy_of("cpu")
    begun(energy)
    energy.stop()
    given = codecarbon.OfflineEmissionsTracker.given
    assert given["output_methods"] == []
    assert given["allow_multiple_runs"] is True
    assert (given["emissions_endpoint"], given["electricitymaps_api_token"]) == (False, "")
    assert "country_iso_code" not in given


def begun(energy: Energy) -> None:
    """Started, and the first reading taken."""
    energy.start()
    deadline = time.monotonic() + 10
    while energy.kwh is None:
        assert time.monotonic() < deadline, energy.note
        time.sleep(0.01)
