"""Programs a second in the sandbox, beside the same programs run without one.

    python benchmarks/code.py HUMANEVAL.jsonl [--workers 1 2] [--rounds 3]

The file is HumanEval's own, with canonical solutions: all of them must pass. Beside it stands a
plain `subprocess` of the same interpreter with the same program, which confines nothing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

from eval_suites.code import program, run_many
from eval_suites.importers.programs import read_humaneval


def plain(source: str) -> bool:
    """Run a program in a process of its own, and nothing more."""
    command = [sys.executable, "-I", "-S", "-B", "-c", source]
    return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    lines = args.file.read_text(encoding="utf-8").splitlines()
    solutions = [str(json.loads(line)["canonical_solution"]) for line in lines if line.strip()]
    cases = read_humaneval(args.file)
    programs = [program(case, said) for case, said in zip(cases, solutions, strict=True)]
    print(f"{'workers':>8} {'passed':>12} {'sandbox /s':>11} {'plain /s':>9} {'ratio':>6}")
    for workers in args.workers:
        rates: dict[str, list[float]] = {"sandbox": [], "plain": []}
        for _ in range(args.rounds):
            began = time.perf_counter()
            passed = sum(outcome.passed for outcome in run_many(programs, workers=workers))
            rates["sandbox"].append(len(programs) / (time.perf_counter() - began))
            began = time.perf_counter()
            with ThreadPoolExecutor(workers) as pool:
                list(pool.map(plain, programs))
            rates["plain"].append(len(programs) / (time.perf_counter() - began))
        ours, theirs = median(rates["sandbox"]), median(rates["plain"])
        print(
            f"{workers:>8} {f'{passed}/{len(programs)}':>12} {ours:>11.1f} {theirs:>9.1f} "
            f"{ours / theirs:>6.2f}"
        )


if __name__ == "__main__":
    main()
