"""Decisions under peeking, beside GrowthBook's: false alarms, power, and people it takes.

Rows arrive in twenty nightly batches of 200 up to 4,000. Each night `loop.experiments.analyze` and
gbstats' sequential test look at the same data; each stops when it calls a difference. Where people
come back, both count people: ours by the jackknife, gbstats by its ratio metric. The last lines
hold a candidate against a champion on 200 cases, paired as our gate does and unpaired.

    python benchmarks/statistics.py [--replications 5000] [--seed 7] [--jobs 2]
        [--peer PYTHON] [--json FILE] [--svg FILE]

The peer needs an environment of its own, because gbstats wants an older numpy:

    python -m venv peer && peer/bin/pip install "gbstats==0.8.0" "numpy<2" "pandas<2"
    python benchmarks/statistics.py --peer peer/bin/python
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eval_suites.compare import compare
from eval_suites.records import Report, Score
from eval_suites.stats.intervals import wilson
from loop.experiments import analyze

ALPHA, LOOKS, ROWS = 0.05, 20, 4000
COLUMNS = (
    7  # of what the peer gets: people, sum, sum of squares of values; the same of counts; both
)
ITEMS, GAIN, OLD, CORRELATION = 200, 0.073, 0.62, 0.37

PEER = """
import sys, numpy as np
from gbstats.frequentist.tests import SequentialTwoSidedTTest, SequentialConfig
from gbstats.models.statistics import RatioStatistic, SampleMeanStatistic
given, out = np.load(sys.argv[1]), sys.argv[2]          # (replications, looks, arms, columns)
def statistic(row):
    n, s, ss, c, cc, sc, ratio = row
    values = SampleMeanStatistic(n=int(n), sum=s, sum_squares=ss)
    if not ratio:
        return values
    rows = SampleMeanStatistic(n=int(n), sum=c, sum_squares=cc)
    return RatioStatistic(n=int(n), m_statistic=values, d_statistic=rows, m_d_sum_of_products=sc)
config = SequentialConfig(alpha=0.05, difference_type="absolute")
p = np.ones(given.shape[:2])
for r in range(given.shape[0]):
    for k in range(given.shape[1]):
        test = SequentialTwoSidedTTest(statistic(given[r, k, 0]), statistic(given[r, k, 1]), config)
        p[r, k] = test.compute_result().p_value
        if p[r, k] < 0.05:
            break
np.save(out, p)
"""


class Rows(NamedTuple):
    """A test as it comes in, in order."""

    unit: NDArray[np.int64]
    variant: NDArray[np.int64]
    value: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What comes in, and how many people are planned."""

    name: str
    draw: Callable[[np.random.Generator, float], Rows]
    lift: float = 0.0  # 0: nothing to be found
    rows: int = ROWS
    planned: int = ROWS
    people: bool = False  # people come back


@dataclass(frozen=True, slots=True, kw_only=True)
class Fared:
    """How often a difference was called, and after how many rows."""

    called: float
    low: float
    high: float
    stop: float


def alone(values: Callable[[np.random.Generator, NDArray[np.int64], float], NDArray[np.float64]]):
    """Rows of as many people, dealt by a coin."""

    def draw(random: np.random.Generator, lift: float) -> Rows:
        variant = random.integers(0, 2, ROWS)
        return Rows(np.arange(ROWS), variant, values(random, variant, lift))

    return draw


def thumbs(rate: float):
    return alone(
        lambda random, variant, lift: (random.random(ROWS) < rate + lift * variant).astype(float)
    )


def stars(random: np.random.Generator, variant: NDArray[np.int64], lift: float):
    given = random.choice([1.0, 2.0, 3.0, 4.0, 5.0], ROWS, p=[0.1, 0.1, 0.2, 0.3, 0.3])
    return np.minimum(5.0, given + (random.random(ROWS) < lift * variant))


def returning(people: int, rows: int):
    """People who come back: thumbs that hang together (ICC .2), some ask far more than others."""

    def draw(random: np.random.Generator, lift: float) -> Rows:
        activity = random.lognormal(0.0, 1.0, people)
        unit = random.choice(people, rows, p=activity / activity.sum())
        arm = random.integers(0, 2, people)
        rate = random.beta(0.3 * 4, 0.7 * 4, people)
        more = 1 - (1 - rate) * (1 - lift / 0.7 * arm)  # so that the mean rises by the lift
        return Rows(unit, arm[unit], (random.random(rows) < more[unit]).astype(float))

    return draw


def scenarios() -> list[Scenario]:
    """Nothing to be found first, then something."""
    many, few = returning(770, ROWS), returning(77, 400)
    planned = {name: _people(draw) for name, draw in (("many", many), ("few", few))}
    heavy = alone(lambda random, variant, lift: random.lognormal(0, 1.5, ROWS) + lift * variant)
    pareto = alone(lambda random, variant, lift: random.pareto(2.2, ROWS) + 1 + lift * variant)
    crowd = {"draw": many, "planned": planned["many"], "people": True}
    return [
        Scenario(name="thumbs .30", draw=thumbs(0.3)),
        Scenario(name="heavy-tailed (lognormal)", draw=heavy),
        Scenario(name="Pareto 2.2", draw=pareto),
        Scenario(name="stars 1 to 5", draw=alone(stars)),
        Scenario(name="rare .01", draw=thumbs(0.01)),
        Scenario(name=f"{planned['many']} people who return", **crowd),
        Scenario(
            name=f"{planned['few']} people who return",
            draw=few,
            rows=400,
            planned=planned["few"],
            people=True,
        ),
        Scenario(name="thumbs .30, +.04", draw=thumbs(0.3), lift=0.04),
        Scenario(name="thumbs .30, +.08", draw=thumbs(0.3), lift=0.08),
        Scenario(name=f"{planned['many']} people who return, +.05", lift=0.05, **crowd),
        Scenario(name=f"{planned['many']} people who return, +.10", lift=0.10, **crowd),
    ]


def _people(draw: Callable[[np.random.Generator, float], Rows]) -> int:
    """How many people come by the horizon, as somebody who plans would know from last month."""
    random = np.random.default_rng(0)
    return round(float(np.mean([len(np.unique(draw(random, 0.0).unit)) for _ in range(50)])))


def replicate(
    scenario: Scenario, seed: int, first: int, count: int
) -> tuple[list[int], np.ndarray]:
    """Per replication the row at which ours stops, 0 for never, and what the peer is given."""
    stops, given = [], np.zeros((count, LOOKS, 2, COLUMNS))
    step = scenario.rows // LOOKS
    for place in range(count):
        rows = scenario.draw(np.random.default_rng([seed, first + place]), scenario.lift)
        stop = 0
        for look in range(1, LOOKS + 1):
            n = look * step
            seen = Rows(rows.unit[:n], rows.variant[:n], rows.value[:n])
            given[place, look - 1] = sufficient(seen, ratio=scenario.people)
            if not stop:
                found = analyze(
                    *seen, planned=scenario.planned, look=look, looks=LOOKS, alpha=ALPHA
                )
                stop = n if found.significant else 0
        stops.append(stop)
    return stops, given


def sufficient(rows: Rows, *, ratio: bool) -> NDArray[np.float64]:
    """Per arm what GrowthBook's SQL would hand its statistics."""
    sums = np.bincount(rows.unit, weights=rows.value)
    counts = np.bincount(rows.unit).astype(float)
    arm = np.zeros(len(sums), dtype=int)
    arm[rows.unit] = rows.variant
    out = np.zeros((2, COLUMNS))
    for side in (0, 1):
        mine = (counts > 0) & (arm == side)
        s, c = sums[mine], counts[mine]
        out[side] = (mine.sum(), s.sum(), s @ s, c.sum(), c @ c, s @ c, float(ratio))
    return out


def fared(stops: NDArray[np.float64], rows: int) -> Fared:
    """Shares and means over replications; 0 is never."""
    called = int((stops > 0).sum())
    low, high = wilson(called, len(stops))
    return Fared(
        called=called / len(stops),
        low=low,
        high=high,
        stop=float(np.where(stops > 0, stops, rows).mean()),
    )


def peer_stops(python: str, given: NDArray[np.float64], rows: int) -> NDArray[np.float64]:
    """The row at which gbstats calls a difference, per replication."""
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "given.npy", given)
        files = [str(Path(folder) / name) for name in ("given.npy", "p.npy")]
        subprocess.run([python, "-W", "ignore", "-c", PEER, *files], check=True)
        crossed = np.load(files[1]) < ALPHA
    first = crossed.argmax(axis=1) + 1
    return np.where(crossed.any(axis=1), first * (rows // LOOKS), 0).astype(float)


def gate(seed: int, first: int, count: int, lift: float) -> tuple[int, int]:
    """How often a candidate's gain on 200 cases is called: paired as the gate, and unpaired."""
    paired = unpaired = 0
    shape = 1 / CORRELATION - 1  # of how hard cases are: right together more often than by chance
    for place in range(count):
        random = np.random.default_rng([seed, 1_000_000 + first + place])
        chance = random.beta(OLD * shape, (1 - OLD) * shape, ITEMS)
        old = (random.random(ITEMS) < chance).astype(float)
        better = 1 - (1 - chance) * (1 - lift / (1 - OLD))
        new = (random.random(ITEMS) < better).astype(float)
        paired += compare(_report("new", new), _report("old", old), "right").p_value < ALPHA
        spread = math.sqrt((new.var(ddof=1) + old.var(ddof=1)) / ITEMS)
        unpaired += abs(new.mean() - old.mean()) > 1.959964 * spread
    return paired, unpaired


def _report(who: str, values: NDArray[np.float64]) -> Report:
    scores = tuple(
        Score(case=str(n), metric="right", value=float(v), cluster=str(n))
        for n, v in enumerate(values)
    )
    return Report(suite="s", version="v", assistant=who, replies={}, scores=scores, summary={})


def chunks(total: int, jobs: int) -> list[tuple[int, int]]:
    size = max(1, math.ceil(total / (4 * jobs)))
    return [(first, min(size, total - first)) for first in range(0, total, size)]


def _one(task: tuple[Callable[..., object], int, int]) -> object:
    function, first, count = task
    return function(first, count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replications", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--peer", help="a Python that has gbstats 0.8.0")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    parser.add_argument("--svg", type=Path, help="draw them there")
    args = parser.parse_args()
    if args.replications < 2 or args.jobs < 1:
        parser.error("expected 2 replications and 1 job, at least")
    began = time.monotonic()
    table: list[dict[str, object]] = []
    print(f"{args.replications} replications, {LOOKS} looks, alpha {ALPHA}, seed {args.seed}")
    print(f"{'':36} {'ours':>7} {'95 %':>14} {'rows':>6}   {'gbstats':>7} {'rows':>6}")
    with get_context("spawn").Pool(args.jobs) as pool:
        for number, scenario in enumerate(scenarios()):
            work = partial(_numbered, number, args.seed + number)
            tasks = [(work, first, count) for first, count in chunks(args.replications, args.jobs)]
            done = pool.map(_one, tasks, chunksize=1)
            stops = np.array([stop for some, _ in done for stop in some], dtype=float)
            ours = fared(stops, scenario.rows)
            peer = None
            if args.peer:
                given = np.concatenate([given for _, given in done])
                peer = fared(peer_stops(args.peer, given, scenario.rows), scenario.rows)
            table.append(
                {
                    "scenario": scenario.name,
                    "lift": scenario.lift,
                    "planned": scenario.planned,
                    "ours": asdict(ours),
                    "gbstats": asdict(peer) if peer else None,
                }
            )
            print(line(scenario.name, ours, peer), flush=True)
        for lift in (0.0, GAIN):
            work = partial(_gated, args.seed, lift)
            tasks = [(work, first, count) for first, count in chunks(args.replications, args.jobs)]
            counts = np.array(pool.map(_one, tasks, chunksize=1)).sum(axis=0)
            mine, theirs = (
                Fared(
                    called=count / args.replications,
                    low=wilson(int(count), args.replications)[0],
                    high=wilson(int(count), args.replications)[1],
                    stop=ITEMS,
                )
                for count in counts
            )
            name = f"{ITEMS} cases, paired{f', +{lift:.3f}' if lift else ''}"
            table.append(
                {
                    "scenario": name,
                    "lift": lift,
                    "planned": ITEMS,
                    "ours": asdict(mine),
                    "unpaired": asdict(theirs),
                }
            )
            print(line(name, mine, None) + f"   unpaired {theirs.called:.4f}", flush=True)
    print(f"{time.monotonic() - began:.0f} s")
    if args.json:
        args.json.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    if args.svg:
        args.svg.write_text(drawing(table), encoding="utf-8")


def _numbered(number: int, seed: int, first: int, count: int) -> object:
    return replicate(scenarios()[number], seed, first, count)


def _gated(seed: int, lift: float, first: int, count: int) -> object:
    return gate(seed, first, count, lift)


def line(name: str, ours: Fared, peer: Fared | None) -> str:
    text = f"{name:36} {ours.called:7.4f} {f'{ours.low:.4f}-{ours.high:.4f}':>14} {ours.stop:6.0f}"
    return text + (f"   {peer.called:7.4f} {peer.stop:6.0f}" if peer else "")


def drawing(table: list[dict[str, object]]) -> str:
    """Two rows of dots: false alarms where there is nothing to find, and finds where there is."""
    width, left, row, top = 760, 260, 24, 54
    parts: list[str] = []
    at = top
    for title, some, most in (
        ("share of tests that call a difference where there is none", False, 0.1),
        ("share of tests that find the difference there is", True, 1.0),
    ):
        parts.append(f'<text x="{left}" y="{at - 26}" fill="#111827">{title}</text>')
        shown = [one for one in table if bool(one["lift"]) == some]

        def x(share: float, most: float = most) -> float:
            return left + (width - left - 30) * min(share, most) / most

        for tick in range(6):
            share = most * tick / 5
            bottom = at + row * len(shown) - 8
            parts.append(
                f'<path d="M{x(share):.1f} {at - 12}V{bottom}" stroke="#e5e7eb"/>'
                f'<text x="{x(share):.1f}" y="{bottom + 14}" text-anchor="middle" '
                f'fill="#374151">{share:.2g}</text>'
            )
        if not some:
            parts.append(
                f'<path d="M{x(0.05):.1f} {at - 12}V{at + row * len(shown) - 8}" '
                'stroke="#b91c1c" stroke-dasharray="4 3"/>'
            )
        for number, one in enumerate(shown):
            y = at + row * number
            parts.append(
                f'<text x="{left - 10}" y="{y + 4}" text-anchor="end" fill="#374151">'
                f"{one['scenario']}</text>"
            )
            other = one.get("gbstats") or one.get("unpaired")
            for figures, colour in ((other, "#9ca3af"), (one["ours"], "#1d4ed8")):
                if isinstance(figures, dict):
                    low, high = x(figures["low"]), x(figures["high"])
                    parts.append(
                        f'<path d="M{low:.1f} {y}H{high:.1f}" stroke="{colour}" stroke-width="2"/>'
                        f'<circle cx="{x(figures["called"]):.1f}" cy="{y}" r="4.5" '
                        f'fill="{colour}"/>'
                    )
        at += row * len(shown) + 64
    parts.append(
        f'<text x="{left}" y="{at - 34}" fill="#374151"><tspan fill="#1d4ed8">●</tspan> Ratchet '
        '<tspan fill="#9ca3af">●</tspan> gbstats sequential; on cases, the unpaired test</text>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {at}" width="{width}" '
        f'height="{at}" font-family="sans-serif" font-size="12" role="img" '
        'aria-label="False alarms and power under peeking, beside gbstats">\n'
        f'<rect width="{width}" height="{at}" fill="#ffffff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


if __name__ == "__main__":
    sys.exit(main())
