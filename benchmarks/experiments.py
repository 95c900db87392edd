"""How long a look at an A/B test takes, by how much is in the store.

    python benchmarks/experiments.py [--exposures 1000000 3000000 10000000] [--rounds 3]

Each store holds so many exposures, a tenth as many people, and a thumb on a quarter of the answers.
A look reads it all: people, both arms, the last thumb of each rater, health, difference, verdict.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import duckdb
import pyarrow as pa

from loop.experiments.analysis import analyze_people
from loop.experiments.people import Arms, people_of_table
from loop.store.store import LocalStore

ARMS = Arms("champion", "candidate")
ID = "lpad(({n})::varchar, 12, '0') || '-0000-7000-8000-000000000000'"


def fill(file: Path, exposures: int) -> None:
    """A store with a test of so many exposures."""
    LocalStore(file).close()
    people = exposures // 10
    user = f"(hash({{n}}) % {people})"
    with duckdb.connect(str(file)) as store:
        store.execute(f"""
            insert into exposures
            select {ID.format(n="i")}, timestamptz '2026-11-01 00:00:00+00' + to_seconds(i // 10),
                'test', 'user-' || {user.format(n="i")},
                case when hash({user.format(n="i")} || 'salt') % 2 = 0
                    then 'champion' else 'candidate' end,
                {ID.format(n="i")}
            from range({exposures}) as numbers(i)
        """)
        store.execute(f"""
            insert into ratings
            select 'rating-' || i,
                timestamptz '2026-11-01 00:01:00+00' + to_seconds(i * 4 // 10),
                {ID.format(n="i * 4")}, 'user-' || {user.format(n="i * 4")}, 'guide@1', 'thumb',
                case when hash(i) % 10 < 3 then 1 else -1 end, null, '{{}}', null, true
            from range({exposures // 4}) as numbers(i)
        """)


def look(store: LocalStore, planned: int) -> str:
    rows = store.scan("metric_thumb_up", experiment="test", other=ARMS.other)
    people = people_of_table(pa.concat_tables(rows), ARMS)
    return analyze_people(people, ARMS, horizon=planned).verdict


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--exposures", type=int, nargs="+", default=[1_000_000, 3_000_000, 10_000_000]
    )
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    print(f"{'exposures':>12} {'people':>10} {'thumbs':>10} {'first s':>8} {'best s':>8} verdict")
    for exposures in args.exposures:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "store.duckdb"
            fill(file, exposures)
            store = LocalStore(file)
            seconds, verdict = [], ""
            for _ in range(args.rounds):
                began = time.perf_counter()
                verdict = look(store, exposures // 10)
                seconds.append(time.perf_counter() - began)
            store.close()
        print(
            f"{exposures:>12,} {exposures // 10:>10,} {exposures // 4:>10,} {seconds[0]:>8.2f} "
            f"{min(seconds):>8.2f} {verdict}"
        )


if __name__ == "__main__":
    main()
