from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from loop.train.cost import EnergySource
from loop.train.energy import NoEnergy, energy_of
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


@pytest.mark.parametrize(("country", "known"), [("DEU", True), ("XXX", False), ("", False)])
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
