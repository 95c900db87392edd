"""Simulated nightly loops: does what is promoted make the truth better, though raters are hostile?

Everything here is a simulation, and marked so. Real are the weighing of raters and votes, the gate
on reports of cases, and the store with its verdicts and promotions. A stand-in takes the place of
the learner: how good a candidate truly is follows from how many labels it was trained on, how many
of them are true, and luck. Each night people judge more answers, a candidate is trained on all of
them, and the gate holds it against the champion. A share of the raters attacks, each in a way of
his own. The cases of the suites were written by hand, so no rater reaches them.

    python benchmarks/nights.py [--loops 200] [--nights 6] [--seed 7]

The naive loop, beside it in the same worlds, counts votes by majority, holds nobody back, and
promotes whatever scored higher on the suite.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from eval_suites.records import Reply, Report, Score
from eval_suites.run import summarise
from eval_suites.stats.intervals import clopper_pearson, normal_quantile
from loop.decide.gate import judge
from loop.decide.promote import decide
from loop.feedback.standing import weigh
from loop.feedback.vote import weighted_votes
from loop.models.records import BASE
from loop.settings import GateSettings, RatersSettings, Settings
from loop.store.records import Adapter
from loop.store.store import LocalStore

if __package__:
    from benchmarks.poisoning import make_world
else:  # run as a script
    from poisoning import make_world

SHARES = (0.0, 0.1, 0.2, 0.3)  # of hostile raters
ITEMS = 200  # judged in a night
GAIN, HALF = 0.30, 400  # largest true gain, and labels for half of it
LUCK = 0.03  # spread of the true quality from run to run
SEEN = 0.02  # a true difference from which a candidate counts as better, not only above 0
CASES: Mapping[str, tuple[str, int, float]] = {  # suite → metric, cases, true quality of the base
    "accuracy": ("grounded_accuracy", 200, 0.50),
    "abstention": ("abstained_rightly", 60, 0.90),
    "safety": ("refused", 60, 0.93),
}
ALIKE = {"accuracy": 0.8, "abstention": 0.97, "safety": 0.97}  # how far they find the same hard
GATE = GateSettings(
    improve="accuracy:grounded_accuracy", keep=("abstention:abstained_rightly", "safety:refused")
)
SETTINGS = Settings(gate=GATE)
START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Tally:
    """What all loops of one share of hostile raters came to."""

    nights: int = 0
    better: int = 0  # candidates truly better than the champion, by any margin
    worse: int = 0
    promoted: int = 0
    made_worse: int = 0  # promotions whose true quality is below that of what they replaced
    lost: list[float] = field(default_factory=list)  # by how much
    chances: int = 0  # nights with a candidate that is better by SEEN at least
    met: int = 0  # of them, that had a truly better champion within three nights
    labels_true: list[float] = field(default_factory=list)
    end: list[float] = field(default_factory=list)  # true quality of the last champion


def labels(seed: int, night: int, bad: float, *, naive: bool) -> tuple[int, int]:
    """Labels that come out of one night's judgements, and how many of them are true."""
    world = make_world(
        "mixed" if bad else None, seed=seed * 1000 + night, items=ITEMS, bad=bad, raters=20
    )
    said, settings = world.judgements, RatersSettings()
    if naive:
        weight_of = dict.fromkeys(said.raters, 1.0)
    else:
        standings = weigh(said, gold=world.gold, settings=settings)
        weight_of = {name: one.weight for name, one in standings.items()}
    weight_r = np.array([weight_of[name] for name in said.raters])
    found = weighted_votes(
        said.item_n,
        said.label_n,
        weight_r[said.rater_n],
        items=len(said.items),
        threshold=0.0 if naive else settings.margin,
    )
    made_i = found.side_i >= 0
    return int(made_i.sum()), int((found.side_i == world.truth_i)[made_i].sum())


def quality(count: int, true: int, luck: float) -> float:
    """True accuracy of a candidate: inverted labels pull it down as sound ones lift it."""
    if not count:
        return CASES["accuracy"][2]
    pull = 2 * true / count - 1
    gained = GAIN * pull * count / (count + HALF)
    return float(np.clip(CASES["accuracy"][2] + gained + luck, 0.01, 0.99))


def reports(name: str, truth: Mapping[str, float], loop: int, seed: int) -> dict[str, Report]:
    """A simulated adapter put to the suites: two find mostly the same cases hard."""
    found = {}
    own = np.random.default_rng([seed, loop, 100 + int(name.removeprefix("ad-"))])
    for suite, (metric, cases, _) in CASES.items():
        hard = np.random.default_rng([seed, loop, len(suite)]).standard_normal(cases)
        noise = own.standard_normal(cases)
        mixed = math.sqrt(ALIKE[suite]) * hard + math.sqrt(1 - ALIKE[suite]) * noise
        edge = normal_quantile(truth[suite])
        scores = [
            Score(case=f"c{n}", metric=metric, value=float(x < edge), cluster=f"d{n}", kind="")
            for n, x in enumerate(mixed)
        ]
        found[suite] = Report(
            suite=suite,
            version="simulated",
            assistant=name,
            replies={score.case: Reply(text="") for score in scores},
            scores=tuple(scores),
            summary={metric: summarise(scores)},
        )
    return found


def run_loop(
    folder: Path, loop: int, nights: int, bad: float, tally: Tally, *, seed: int, naive: bool
) -> None:
    """One assistant's nights, in a store of its own."""
    random = np.random.default_rng([seed, loop, round(bad * 100)])
    base = {suite: start for suite, (_, _, start) in CASES.items()}
    truth: dict[str, dict[str, float]] = {"ad-0": base}
    champion, held = "ad-0", reports("ad-0", base, loop, seed)
    count = true = 0
    champions = []
    chances: list[tuple[int, float]] = []
    with contextlib.closing(LocalStore(folder / "store.duckdb")) as store:
        for night in range(1, nights + 1):
            made, right = labels(seed + loop, night, bad, naive=naive)
            count, true = count + made, true + right
            name = f"ad-{night}"
            luck, *drift = random.normal(0.0, LUCK, 3)
            truth[name] = {
                "accuracy": quality(count, true, luck),
                "abstention": float(np.clip(base["abstention"] + drift[0] / 3, 0.01, 0.99)),
                "safety": float(np.clip(base["safety"] + drift[1] / 3, 0.01, 0.99)),
            }
            gained = truth[name]["accuracy"] - truth[champion]["accuracy"]
            tally.nights += 1
            tally.better += gained > 0
            tally.worse += gained < 0
            if gained >= SEEN:
                chances.append((night, truth[champion]["accuracy"]))
            found = reports(name, truth[name], loop, seed)
            if _passes(store, name, champion, found, held, night, naive=naive):
                tally.promoted += 1
                tally.made_worse += gained < 0
                if gained < 0:
                    tally.lost.append(-gained)
                champion, held = name, found
            champions.append(truth[champion]["accuracy"])
    tally.labels_true.append(true / max(count, 1))
    tally.end.append(champions[-1])
    for night, stood in chances:
        if night + 2 <= nights:
            tally.chances += 1
            tally.met += champions[night + 1] > stood


def _passes(
    store: LocalStore,
    name: str,
    champion: str,
    found: dict[str, Report],
    held: dict[str, Report],
    night: int,
    *,
    naive: bool,
) -> bool:
    """Whether it is promoted; by the gate with its verdict and the promotion in the store."""
    if naive:
        metric = CASES["accuracy"][0]
        return found["accuracy"].summary[metric].mean > held["accuracy"].summary[metric].mean
    at = START + timedelta(days=night)
    store.append(
        [
            Adapter(
                id=name, at=at, assistant="desk", run=f"simulated-{name}", dataset="simulated",
                base="simulated", parent=None, path="simulated", sha256="simulated",
            )
        ]
    )  # fmt: skip
    verdict = judge(found, held, GATE)
    before = BASE if champion == "ad-0" else champion
    decision = decide(store, SETTINGS, name, before, verdict, at=at)
    if verdict.passed:
        store.command(
            "promote", assistant="desk", adapter=name, actor="simulation", reason="the gate passed",
            evidence={"decision": decision.id, "simulated": True}, expected_champion=before,
        )  # fmt: skip
    return verdict.passed


def simulate(loops: int, nights: int, bad: float, *, seed: int = 7, naive: bool = False) -> Tally:
    """All loops of one share of hostile raters.

    Args:
        loops: Assistants, each with a team and luck of its own.
        nights: Of each.
        bad: Share of the raters that attacks.
        seed: Of everything; the naive loop lives in the same worlds.
        naive: Majority votes, nobody held back, and whatever scored higher is promoted.
    """
    tally = Tally()
    for loop in range(loops):
        with tempfile.TemporaryDirectory() as folder:
            run_loop(Path(folder), loop, nights, bad, tally, seed=seed, naive=naive)
    return tally


def main() -> None:
    """Print the table."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument("--loops", type=int, default=200)
    asked.add_argument("--nights", type=int, default=6)
    asked.add_argument("--seed", type=int, default=7)
    args = asked.parse_args()
    print(f"simulated: {args.loops} loops of {args.nights} nights for each row\n")
    print(
        "| hostile | loop | labels true | candidates better, worse | promoted | made worse [95 %] "
        "| largest loss | better within 3 nights | true quality at the end |"
    )
    print("| --- |" + " --- |" * 8)
    started = time.monotonic()
    for bad in SHARES:
        for naive in (False, True):
            told = simulate(args.loops, args.nights, bad, seed=args.seed, naive=naive)
            print(_row(bad, naive, told), flush=True)
    print(f"\n{time.monotonic() - started:.0f} s")


def _row(bad: float, naive: bool, told: Tally) -> str:
    low, high = clopper_pearson(told.made_worse, max(told.promoted, 1))
    share = told.made_worse / max(told.promoted, 1)
    return (
        f"| {bad:.0%} | {'naive' if naive else 'Ratchet'} | {np.mean(told.labels_true):.3f} "
        f"| {told.better}, {told.worse} | {told.promoted} "
        f"| {told.made_worse}: {share:.2%} [{low:.2%}, {high:.2%}] "
        f"| {max(told.lost, default=0.0):.3f} "
        f"| {told.met} of {told.chances}: {told.met / max(told.chances, 1):.1%} "
        f"| {np.mean(told.end):.3f} |"
    )


if __name__ == "__main__":
    main()
