"""An evaluation that is killed goes on: only what is missing is asked, and scores are the same."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path

from eval_suites.records import Case, Reply
from eval_suites.run import run
from eval_suites.suites import Suite, load_suite
from loop.evaluate.cache import CachedAssistant

ROOT = Path(__file__).parents[2]
BATCH = 4


class Slow:
    """Takes its time, and notes on disk whom it has answered."""

    name = "ad-slow"

    def __init__(self, log: Path, seconds: float) -> None:
        self._log = log
        self._seconds = seconds

    def __call__(self, cases: Sequence[Case]) -> list[Reply]:
        time.sleep(self._seconds)
        with self._log.open("a") as log:
            log.writelines(f"{case.id}\n" for case in cases)
        return [
            Reply(text=f"It is {len(case.prompt) % 40} dollars.", seconds=0.1) for case in cases
        ]


def suite_at(folder: Path) -> Suite:
    folder.mkdir(exist_ok=True)
    (folder / "suite.toml").write_text(
        'name = "many"\nprimary = "facts_present"\nmetrics = ["facts_present", "terse"]\n'
    )
    rows = [
        {"id": f"c{n}", "prompt": f"What does it cost{'?' * n}", "facts": [[f"{n % 40} dollars"]]}
        for n in range(80)
    ]
    (folder / "cases.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return load_suite(folder)


def test_killed_again_and_again_it_asks_what_is_missing_and_ends_the_same(tmp_path: Path) -> None:
    suite = suite_at(tmp_path / "suite")
    log, kept = tmp_path / "log.txt", tmp_path / "kept.jsonl"
    script = f"""
        from pathlib import Path
        from eval_suites.run import run
        from loop.evaluate.cache import CachedAssistant
        from tests.evaluate.test_killed_run import BATCH, Slow, suite_at
        slow = Slow(Path({str(log)!r}), 0.02)
        suite = suite_at(Path({str(tmp_path / "suite")!r}))
        run(suite, CachedAssistant(slow, Path({str(kept)!r})), batch=BATCH)
    """
    rng = random.Random(5)
    kills = 3
    for _ in range(kills):
        before = kept.stat().st_size if kept.exists() else 0
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(script)],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        deadline = time.monotonic() + 60
        while (kept.stat().st_size if kept.exists() else 0) <= before:
            assert time.monotonic() < deadline
            time.sleep(0.002)
        time.sleep(rng.uniform(0.0, 0.05))
        process.send_signal(signal.SIGKILL)
        process.wait()
    with kept.open("ab") as file:
        file.write(b'{"key": "torn by a kill')
    again = Slow(log, 0.0)
    report = run(suite, CachedAssistant(again, kept), batch=BATCH)
    asked = log.read_text().splitlines()
    assert set(asked) == {case.id for case in suite.cases}
    assert len(asked) <= len(suite.cases) + kills * BATCH  # a batch that was not yet on disk
    whole = run(suite, Slow(tmp_path / "other.txt", 0.0), batch=7)
    assert report.scores == whole.scores
    assert report.summary == whole.summary
    asked_before = len(asked)
    run(suite, CachedAssistant(again, kept), batch=BATCH)
    assert len(log.read_text().splitlines()) == asked_before
