"""A million logged interactions into a dataset: rows a second, memory, growth, and a peer's way.

Interactions of about 1 KB are made up (and marked simulated): a tenth are near copies of others, a
twentieth hold personal data, some have no consent, some ask what a suite asks. Each has a thumb.
They go into a store, and a dataset version is curated of them by a process of its own, whose
memory is watched together with its children's. The peer does the same steps with datasketch,
presidio-analyzer's pattern recognisers and pandas, on a sample that both curate on one core:
consent and licence, the latest word of each rater, rows, personal data, exact and near copies,
n-grams of eval cases, a cap per person, sides by person, conversation and near-copied question,
Parquet, and lineage of each row in DuckDB. It does not: weigh raters, find cases reworded, sort
copies into weights, give the reason for what falls. Imports are not counted on either side.

    python benchmarks/curation.py [--rows 10000 100000 1000000] [--peer 10000] [--plot FILE.svg]

The peer needs `pip install datasketch presidio-analyzer pandas`; --peer 0 leaves it out.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import multiprocessing
import os
import random
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from eval_suites.suites import load_suite
from loop.settings import Settings
from loop.store.records import Interaction, Rating

START = datetime(2026, 1, 1, tzinfo=UTC)
CHUNK = 10_000  # interactions kept at once
VOCABULARY = 20_000
NEAR, PERSONAL, REFUSED, COPIED = 0.10, 0.05, 0.05, 0.002  # shares of interactions
SUITES = ("accuracy", "abstention", "robustness", "injection", "safety")
STEADY = 0.2  # seconds between two looks at memory


class Curation(NamedTuple):
    """One run of `curate`."""

    interactions: int
    rows: int
    seconds: float
    gigabytes: float  # most that the process and its children held together


def made_up(count: int, seed: int) -> Iterator[tuple[Interaction, Rating]]:
    """Interactions with a thumb each; the same for the same seed."""
    world = random.Random(seed)
    words = ["".join(world.choices("abcdefghijklmnopqrstuvwxyz", k=world.randint(2, 9)))
             for _ in range(VOCABULARY)]  # fmt: skip
    cases = [case.prompt for name in SUITES for case in load_suite(name).cases]

    def text(size: int) -> list[str]:
        return world.choices(words, k=size)

    earlier: list[tuple[list[str], list[str], list[str]]] = []
    for n in range(count):
        passage, question, answer = text(70), text(18), text(55)
        draw = world.random()
        if draw < NEAR and earlier:
            passage, question, answer = (list(part) for part in world.choice(earlier))
            answer[world.randrange(len(answer))] = world.choice(words)
        elif draw < NEAR + PERSONAL:
            answer[3:3] = ["write", "to", f"{world.choice(words)}{n}@example.org"]
        elif draw < NEAR + PERSONAL + COPIED:
            question = world.choice(cases).split()
        if len(earlier) < 5000:
            earlier.append((passage, question, answer))
        asked = " ".join(question).capitalize() + "?"
        at = START + timedelta(seconds=n)
        consent = "none" if world.random() < REFUSED else "consent"
        content = f"[1] Notes: {' '.join(passage)}.\n\nQuestion: {asked}"
        id = hashlib.sha256(f"{seed}-{n}".encode()).hexdigest()[:32]
        yield (
            Interaction(
                id=id, at=at, assistant="desk", user=f"user-{n // 5}",
                conversation=f"talk-{n // 3}", question=asked,
                answer=" ".join(answer).capitalize() + " [1].",
                messages=[{"role": "user", "content": content}], adapter="base", base="pocket",
                consent=consent, licence="internal", simulated=True,
            ),
            Rating(
                id=f"r{id}", at=at, interaction=id, rater=f"rater-{n % 50}", guideline="helpful@1",
                kind="thumb", value=1.0 if world.random() < 0.7 else -1.0, simulated=True,
            ),
        )  # fmt: skip


def fill(folder: Path, count: int, seed: int) -> None:
    """A project whose store holds so many interactions."""
    from loop.store.store import LocalStore

    store = LocalStore(Settings(root=folder).store_path)
    waiting: list[Any] = []
    for pair in made_up(count, seed):
        waiting += pair
        if len(waiting) >= 2 * CHUNK:
            store.append(waiting)
            waiting = []
    store.append(waiting)
    store.close()


def curate_there(folder: Path, workers: int, report: Any) -> None:
    """In a process of its own: curate the project in a folder."""
    from loop.curate.pipeline import curate
    from loop.store.store import LocalStore

    settings = Settings(root=folder)
    store = LocalStore(settings.store_path)
    suites = [load_suite(name) for name in SUITES]
    pa.array(["pyarrow imports pandas when it first makes an array"])
    started = time.perf_counter()
    done = curate(store, settings, suites=suites, workers=workers)
    report.put((done.dataset.rows, time.perf_counter() - started, done.funnel))
    store.close()


def measured(folder: Path, count: int, workers: int) -> Curation:
    """Curate in a fresh process and watch its memory."""
    context = multiprocessing.get_context("spawn")
    report = context.SimpleQueue()
    process = context.Process(target=curate_there, args=(folder, workers, report))
    process.start()
    most, ended = [0.0], threading.Event()
    watcher = threading.Thread(target=_watch, args=(process.pid, most, ended))
    watcher.start()
    process.join()
    ended.set()
    watcher.join()
    if process.exitcode:
        raise SystemExit(f"curation of {count} interactions ended with {process.exitcode}")
    rows, seconds, funnel = report.get()
    print(f"  funnel of {count:,}: {json.dumps(funnel)}")
    return Curation(count, rows, seconds, most[0] / 1e9)


def _watch(pid: int, most: list[float], ended: threading.Event) -> None:
    import psutil

    while not ended.wait(STEADY):
        held = 0
        try:
            family = psutil.Process(pid)
            for one in (family, *family.children(recursive=True)):
                held += one.memory_info().rss
        except psutil.NoSuchProcess:
            continue
        most[0] = max(most[0], held)


def growth(runs: Sequence[Curation]) -> float:
    """Exponent of seconds over interactions from the smallest to the largest run; 1 is linear."""
    first, last = runs[0], runs[-1]
    return math.log(last.seconds / first.seconds) / math.log(last.interactions / first.interactions)


def plot(runs: Sequence[Curation], path: Path) -> None:
    """Seconds over interactions, both as powers of ten, with the straight line of the last run."""
    xs = [math.log10(run.interactions) for run in runs]
    ys = [math.log10(run.seconds) for run in runs]
    left, right, low, high = min(xs), max(xs), math.floor(min(ys)), math.ceil(max(ys))

    def at(x: float, y: float) -> tuple[float, float]:
        return 70 + 400 * (x - left) / (right - left or 1), 250 - 220 * (y - low) / (high - low)

    rate = ys[-1] - xs[-1]
    line = " ".join(
        f"{a:.0f},{b:.0f}" for a, b in (at(x, max(low, x + rate)) for x in (left, right))
    )
    dots = "".join(
        '<circle cx="{:.0f}" cy="{:.0f}" r="5" fill="#1f77b4"/>'.format(*at(x, y))
        for x, y in zip(xs, ys, strict=True)
    )
    names = "".join(
        f'<text x="{at(x, low)[0]:.0f}" y="272" text-anchor="middle">{run.interactions:,}</text>'
        f'<text x="{at(x, y)[0] - 10:.0f}" y="{at(x, y)[1] - 10:.0f}" text-anchor="end">'
        f"{run.seconds:.0f} s</text>"
        for x, y, run in zip(xs, ys, runs, strict=True)
    )
    path.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="520" height="300" font-family="sans-serif" '
        'font-size="12"><rect width="520" height="300" fill="white"/>'
        '<path d="M70 30V250H470" fill="none" stroke="black"/>'
        f'<polyline points="{line}" fill="none" stroke="#aaa" stroke-dasharray="4"/>{dots}{names}'
        '<text x="270" y="292" text-anchor="middle">interactions (dashed: linear)</text></svg>\n'
    )


def peer(count: int, seed: int) -> float:
    """Seconds that the same steps take with datasketch, presidio and pandas, on one core."""
    import duckdb
    import pandas as pd
    from datasketch import MinHash, MinHashLSH
    from presidio_analyzer import RecognizerRegistry

    said = list(made_up(count, seed))
    turns = pd.DataFrame([{"id": t.id, "user": t.user, "conversation": t.conversation,
                           "question": t.question, "answer": t.answer,
                           "prompt": t.messages[0]["content"], "consent": t.consent,
                           "licence": t.licence} for t, _ in said])  # fmt: skip
    ratings = pd.DataFrame([{"rating": r.id, "interaction": r.interaction, "rater": r.rater,
                             "at": r.at, "value": r.value} for _, r in said])  # fmt: skip
    registry = RecognizerRegistry()
    registry.load_predefined_recognizers(languages=["en"])
    patterned = [one for one in registry.recognizers if hasattr(one, "patterns")]
    cases = {gram for name in SUITES for case in load_suite(name).cases
             for gram in _grams(case.prompt, 8)}  # fmt: skip
    started = time.perf_counter()
    turns = turns[turns.consent.isin(["consent", "contract"]) & turns.licence.isin(["internal"])]
    latest = ratings.sort_values("at").groupby(["interaction", "rater"]).last().reset_index()
    thumbs = latest.groupby("interaction").agg({"value": "sum", "rating": "first"})
    rows = turns.merge(thumbs, left_on="id", right_index=True)
    rows = pd.concat([rows[rows.value > 0].assign(kind="sft"), rows.assign(kind="kto")])

    def masked(text: str) -> str:
        found = [
            hit for one in patterned for hit in one.analyze(text, one.supported_entities, None)
        ]
        for hit in sorted(found, key=lambda hit: -hit.start):
            text = f"{text[: hit.start]}[{hit.entity_type}]{text[hit.end :]}"
        return text

    known: dict[str, str] = {}
    for column in ("prompt", "question", "answer"):
        rows[column] = [known.get(t) or known.setdefault(t, masked(t)) for t in rows[column]]
    rows = rows.drop_duplicates(["kind", "prompt", "answer"])

    def firsts(texts: Sequence[str]) -> list[int]:
        """For each text the place of the first that is nearly the same."""
        index = MinHashLSH(threshold=0.8, num_perm=128)
        grams_of: dict[int, frozenset[str]] = {}
        found = []
        for number, text in enumerate(texts):
            grams = _grams(text, 5)
            sketch = MinHash(num_perm=128)
            sketch.update_batch([gram.encode() for gram in grams])
            twins = (twin for twin in index.query(sketch) if _alike(grams, grams_of[twin]))
            found.append(min(twins, default=number))
            if found[-1] == number:
                index.insert(number, sketch)
                grams_of[number] = grams
        return found

    parts = []
    for _, part in rows.groupby("kind"):
        leader = firsts([f"{q} {a}" for q, a in zip(part.question, part.answer, strict=True)])
        parts.append(part[[n == first for n, first in enumerate(leader)]])
    rows = pd.concat(parts)
    seen = [
        any(g in cases for text in texts for g in _grams(text, 8))
        for texts in zip(rows.question, rows.answer, strict=True)
    ]
    rows = rows[[not one for one in seen]]
    rows = rows[rows.groupby("user").cumcount() < 200]
    side = [int(hashlib.sha256(user.encode()).hexdigest(), 16) % 5 == 0 for user in rows.user]
    rows = rows.assign(split=["held_out" if one else "train" for one in side])
    rows = rows.assign(asked=firsts(list(rows.question)))
    for label in ("asked", "conversation"):
        sides = rows.groupby(label).split.transform("nunique")
        rows = rows[(sides == 1) | (rows.split == "train")]
    with tempfile.TemporaryDirectory() as folder:
        rows.to_parquet(Path(folder) / "rows.parquet")
        lineage = rows[["id", "rating", "kind", "split", "user", "consent", "licence"]]
        with duckdb.connect(str(Path(folder) / "lineage.duckdb")) as database:
            database.register("rows", lineage)
            database.execute("CREATE TABLE lineage AS SELECT * FROM rows")
    return time.perf_counter() - started


def _grams(text: str, n: int) -> frozenset[str]:
    found = text.lower().split()
    return frozenset(" ".join(found[i : i + n]) for i in range(max(1, len(found) - n + 1)))


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    return len(one & other) / len(one | other) >= 0.85


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument(
        "--peer", type=int, default=10_000, help="interactions of the sample; 0: none"
    )
    parser.add_argument("--plot", type=Path, help="where to draw the growth, as SVG")
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    runs = []
    for count in args.rows:
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            fill(Path(folder), count, args.seed)
            print(f"{count:,} interactions logged in {time.perf_counter() - started:.0f} s")
            runs.append(measured(Path(folder), count, workers=0))
    cores = os.cpu_count()
    print(
        f"\non {cores} cores: interactions, rows in the dataset, seconds, interactions/s, peak GB"
    )
    for run in runs:
        rate = run.interactions / run.seconds
        print(f"{run.interactions:>11,}{run.rows:>11,}{run.seconds:>10.1f}{rate:>10,.0f}"
              f"{run.gigabytes:>8.2f}")  # fmt: skip
    if len(runs) > 1:
        print(f"growth: seconds ~ interactions ^ {growth(runs):.2f}")
    if args.plot:
        plot(runs, args.plot)
    if args.peer:
        with tempfile.TemporaryDirectory() as folder:
            fill(Path(folder), args.peer, args.seed)
            ours = measured(Path(folder), args.peer, workers=1).seconds
        theirs = peer(args.peer, args.seed)
        print(f"{args.peer:,} interactions on one core: ours {ours:.1f} s, datasketch + presidio + "
              f"pandas {theirs:.1f} s, ratio {theirs / ours:.1f}")  # fmt: skip


if __name__ == "__main__":
    main()
