"""Peeking three ways, side by side: false alarms, power and when each would have stopped.

A thumb per person arrives in twenty nightly batches of 200, half of them from each arm, up to
4,000 people. Each night all three look at the same data: Lan-DeMets O'Brien-Fleming bounds at the
declared horizon, AsympCS (the anytime-valid sequence that GrowthBook uses, tuned to half the
horizon) and Welch's test at .05 as if it were the only look. The figures are shares of
replications that ever call a difference.

    python benchmarks/sequential.py [--replications 2000] [--seed 7]
"""

from __future__ import annotations

import argparse
import time
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eval_suites.stats.intervals import t_quantile, wilson
from eval_suites.stats.sequential import asymptotic_cs, obf_bounds

ALPHA, RATE, LIFT = 0.05, 0.30, 0.04
LOOKS, PEOPLE = 20, 4000  # over both arms
METHODS = ("O'Brien-Fleming", "AsympCS", "naive peeking")


class Stream(NamedTuple):
    """What each look of each replication sees, shape (replications, looks)."""

    z_rk: NDArray[np.float64]
    se_rk: NDArray[np.float64]
    people_k: NDArray[np.int64]  # over both arms


class Outcome(NamedTuple):
    """How a method fared."""

    called: float  # share of replications with a difference called at any look
    stop: float  # people at the first call, or at the horizon, mean
    exaggeration: float | None  # mean estimate where the gain was called, over the true gain


def stream(lift: float, replications: int, seed: int) -> Stream:
    """Two arms of thumbs, one a person, seen at each look."""
    random = np.random.default_rng(seed)
    batch = PEOPLE // LOOKS // 2
    hits_ark = np.stack(
        [
            random.binomial(batch, rate, (replications, LOOKS)).cumsum(axis=1)
            for rate in (RATE, RATE + lift)
        ]
    ).astype(float)
    n_k = batch * np.arange(1, LOOKS + 1)
    mean_ark = hits_ark / n_k
    # With one row a person the jackknife error is the usual one, so thumbs need no loop.
    variance_ark = mean_ark * (1 - mean_ark) / (n_k - 1)
    se_rk = np.sqrt(variance_ark.sum(axis=0))
    return Stream((mean_ark[1] - mean_ark[0]) / se_rk, se_rk, 2 * n_k)


def bounds() -> dict[str, NDArray[np.float64]]:
    """|t| at which each method calls a difference, per look."""
    people = PEOPLE // LOOKS * np.arange(1, LOOKS + 1)
    z_k = obf_bounds([float(n / PEOPLE) for n in people], ALPHA)
    normal = [t_quantile(_below(z), int(n) - 2) for z, n in zip(z_k, people, strict=True)]
    anytime = [asymptotic_cs(0.0, 1.0, int(n), n_star=PEOPLE / 2).high for n in people]
    naive = [t_quantile(1 - ALPHA / 2, int(n) - 2) for n in people]
    return dict(zip(METHODS, map(np.array, (normal, anytime, naive)), strict=True))


def _below(z: float) -> float:
    """Chance of a standard normal below z; short of 1 by what a float can tell apart."""
    from statistics import NormalDist

    return min(NormalDist().cdf(z), 1 - 1e-16)


def run(seen: Stream, bound_k: NDArray[np.float64], lift: float) -> Outcome:
    """Stop each replication at the first look that crosses."""
    crossed_rk = np.abs(seen.z_rk) >= bound_k
    called_r = crossed_rk.any(axis=1)
    first_r = np.where(called_r, crossed_rk.argmax(axis=1), LOOKS - 1)
    rows = np.arange(len(first_r))
    estimate_r = (seen.z_rk * seen.se_rk)[rows, first_r]
    exaggeration = float(estimate_r[called_r].mean() / lift) if lift and called_r.any() else None
    return Outcome(float(called_r.mean()), float(seen.people_k[first_r].mean()), exaggeration)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replications", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    if args.replications < 1:
        parser.error(f"--replications is {args.replications}, expected 1 or more")
    began = time.monotonic()
    null = stream(0.0, args.replications, args.seed)
    gain = stream(LIFT, args.replications, args.seed + 1)
    found = {
        name: (run(null, bound_k, 0.0), run(gain, bound_k, LIFT))
        for name, bound_k in bounds().items()
    }
    print(
        f"{args.replications} replications, {LOOKS} looks, at most {PEOPLE} people, "
        f"thumbs {RATE:.2f} against {RATE + LIFT:.2f}, alpha {ALPHA}"
    )
    print(f"{'':16} {'type I':>7} {'95 % of it':>15} {'power':>7} {'people':>7} {'gain shown':>11}")
    for name, (aa, ab) in found.items():
        low, high = wilson(aa.called * args.replications, args.replications)
        shown = f"{ab.exaggeration:.2f} x" if ab.exaggeration is not None else "-"
        print(
            f"{name:16} {aa.called:7.4f} {f'{low:.4f} to {high:.4f}':>15} {ab.called:7.3f} "
            f"{ab.stop:7.0f} {shown:>11}"
        )
    ours, rival, naive = (found[name] for name in METHODS)
    print(
        f"\nO'Brien-Fleming finds {_times(ours[1].called, rival[1].called)} as often as AsympCS "
        f"with {_times(ours[1].stop, rival[1].stop)} the people."
    )
    print(f"Naive peeking cries wolf {_times(naive[0].called, ours[0].called)} as often.")
    print(f"{time.monotonic() - began:.1f} s")


def _times(one: float, other: float) -> str:
    return f"{one / other:.2f} times" if other else "endlessly"


if __name__ == "__main__":
    main()
