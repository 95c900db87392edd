"""How far poisoned judgements get into training data: attacks against defences, simulated.

Every world is simulated: items with a planted truth, raters who are right on 70 to 95 % of them,
and 30 % of the team replaced by adversaries. Each item gets three judgements, or 1.5 on average
with more than one on 30 % of the items; they are comparisons (whose sides are shown at random) or
thumbs. Gold questions are 5 % of the items. What counts is how many of the labels that come out
(a pair's preferred side, an answer's verdict) are true, next to the same defence on a clean team.

    python benchmarks/poisoning.py [--worlds 40] [--seed 7] [--items 2000] [--bad 0.3] [--no-gold]
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from loop.feedback.judgements import Judgements, from_columns
from loop.feedback.standing import Standing, weigh
from loop.feedback.vote import weighted_votes
from loop.settings import RatersSettings

RATERS, ITEMS, BAD, GOLD = 30, 2000, 0.3, 0.05
DEFENCES = ("majority", "held back", "weights", "both")
Array = NDArray[np.float64]
Codes = NDArray[np.intp]


class World(NamedTuple):
    """Simulated judgements and the truth behind them."""

    judgements: Judgements
    truth_i: Codes
    gold: dict[str, int]
    bad: frozenset[str]  # adversaries


class Outcome(NamedTuple):
    """What one defence makes of one world."""

    accuracy: float  # of the labels that come out
    kept: float  # share of judged items with a label
    caught: float  # share of adversaries held back
    wronged: float  # share of sound raters held back


class Board(NamedTuple):
    """What an adversary sees of each judgement, shape (judgements,)."""

    truth_n: Codes
    honest_n: Codes  # what the person would have said in earnest
    left_n: Codes  # the label that stands left; of a thumb, good
    item_n: Codes
    gold_n: NDArray[np.bool_]
    rater_n: Codes
    random: np.random.Generator


def _random(board: Board) -> Codes:
    return board.random.integers(0, 2, len(board.truth_n))


def _always_left(board: Board) -> Codes:
    return board.left_n


def _inverted(board: Board) -> Codes:
    return 1 - board.honest_n


def _colluding(board: Board) -> Codes:
    """All of them wrong, on everything."""
    return 1 - board.truth_n


def _targeted(board: Board) -> Codes:
    """All of them wrong together on two items in five, in earnest elsewhere."""
    return np.where(board.item_n % 5 < 2, 1 - board.truth_n, board.honest_n)


def _sleeper(board: Board) -> Codes:
    """Right on gold questions, all of them wrong together on half of the others."""
    wrong_n = np.where(board.item_n % 2 == 0, 1 - board.truth_n, board.honest_n)
    return np.where(board.gold_n, board.truth_n, wrong_n)


def _mixed(board: Board) -> Codes:
    """A little of everything: each adversary has a way of his own."""
    ways = [way(board) for way in (_random, _always_left, _inverted, _colluding, _sleeper)]
    return np.choose(board.rater_n % len(ways), ways)


ATTACKS: dict[str, Callable[[Board], Codes]] = {
    "random": _random,
    "always left (or good)": _always_left,
    "inverted": _inverted,
    "colluding": _colluding,
    "colluding on 40 %": _targeted,
    "sleeper (knows the gold)": _sleeper,
    "mixed": _mixed,
}


def make_world(
    attack: str | None,
    *,
    seed: int,
    comparisons: bool = True,
    votes: float = 3.0,
    raters: int = RATERS,
    items: int = ITEMS,
    bad: float = BAD,
) -> World:
    """A simulated team at work; the same seed has the same items, truth and sound raters.

    Args:
        attack: A name in ATTACKS, or None for a clean team.
        seed: Of everything.
        comparisons: Comparisons, whose truth is even; else thumbs, of which 65 % deserve good.
        votes: Judgements of an item on average; below 2 only 30 % of the items get more than one.
        raters: In the team.
        items: To judge.
        bad: Share of the team that attacks.
    """
    random = np.random.default_rng(seed)
    truth_i = (random.random(items) < (0.5 if comparisons else 0.65)).astype(np.intp)
    times_i = _times(random, items, votes)
    item_n = np.repeat(np.arange(items), times_i)
    order_ir = random.random((items, raters)).argsort(axis=1)
    rater_n = np.concatenate([order_ir[i, : times_i[i]] for i in range(items)])
    skill_r = random.uniform(0.7, 0.95, raters)
    right_n = random.random(len(item_n)) < skill_r[rater_n]
    honest_n = np.where(right_n, truth_i[item_n], 1 - truth_i[item_n])
    left_n = random.integers(0, 2, len(item_n)) if comparisons else np.ones(len(item_n), np.intp)
    gold_i = random.random(items) < GOLD
    bad_r = np.arange(raters) < (round(bad * raters) if attack else 0)
    label_n = honest_n
    if attack:
        board = Board(truth_i[item_n], honest_n, left_n, item_n, gold_i[item_n], rater_n, random)
        label_n = np.where(bad_r[rater_n], ATTACKS[attack](board), honest_n)
    names = [f"rater {r:02d}" for r in range(raters)]
    judgements = from_columns(
        rater=[names[r] for r in rater_n],
        item=[f"item {i:05d}" for i in item_n],
        label=label_n,
        kind=["comparison" if comparisons else "thumb"] * len(item_n),
        side=left_n - 0.5 if comparisons else None,
        seconds=np.exp(random.normal(3.0, 0.6, len(item_n))),
    )
    gold = {f"item {i:05d}": int(truth_i[i]) for i in np.flatnonzero(gold_i)}
    return World(judgements, truth_i, gold, frozenset(np.array(names)[bad_r].tolist()))


def _times(random: np.random.Generator, items: int, votes: float) -> Codes:
    """How many judge each item."""
    if votes >= 2:
        return np.full(items, round(votes))
    more_i = random.random(items) < 0.3
    several_i = 2 + (random.random(items) < (votes - 0.7) / 0.3 - 2)
    return np.where(more_i, several_i, 1)


def defend(world: World, *, gold: bool = True) -> dict[str, Outcome]:
    """What each defence makes of a world; labels of gold items are not counted."""
    settings = RatersSettings()
    known = world.gold if gold else {}
    standings = weigh(world.judgements, gold=known, settings=settings)
    nobody = RatersSettings(minimum=10**9)  # has enough judgements to be held back
    unheld = weigh(world.judgements, gold=known, settings=nobody)
    usual = math.log(3)
    weights = {
        "majority": dict.fromkeys(standings, usual),
        "held back": {n: 0.0 if one.held_back else usual for n, one in standings.items()},
        "weights": {name: one.weight for name, one in unheld.items()},
        "both": {name: one.weight for name, one in standings.items()},
    }
    return {
        defence: _outcome(world, weights[defence], standings, settings.margin)
        for defence in DEFENCES
    }


def _outcome(
    world: World, weights: dict[str, float], standings: dict[str, Standing], margin: float
) -> Outcome:
    said = world.judgements
    weight_r = np.array([weights[name] for name in said.raters])
    found = weighted_votes(
        said.item_n, said.label_n, weight_r[said.rater_n], items=len(said.items), threshold=margin
    )
    counted_i = np.array([item not in world.gold for item in said.items])
    made_i = counted_i & (found.side_i >= 0)
    held = {name for name, one in standings.items() if one.held_back}
    sound = set(standings) - world.bad
    return Outcome(
        accuracy=float((found.side_i == world.truth_i)[made_i].mean()) if made_i.any() else 0.0,
        kept=float(made_i.sum() / counted_i.sum()),
        caught=len(held & world.bad) / max(len(world.bad), 1),
        wronged=len(held & sound) / len(sound),
    )


class Cell(NamedTuple):
    """Means over worlds; the interval is for the ratio to the clean run."""

    accuracy: float
    ratio: float
    low: float
    high: float
    kept: float
    caught: float
    wronged: float


def measure(
    attack: str | None,
    seeds: Sequence[int],
    *,
    comparisons: bool,
    votes: float,
    gold: bool = True,
    items: int = ITEMS,
    bad: float = BAD,
) -> dict[str, Cell]:
    """Each defence against one attack, next to the same defence on the same team when clean."""
    pairs = []
    for seed in seeds:
        made = [
            make_world(one, seed=seed, comparisons=comparisons, votes=votes, items=items, bad=bad)
            for one in (attack, None)
        ]
        pairs.append([defend(world, gold=gold) for world in made])
    cells = {}
    for defence in DEFENCES:
        hurt, clean = ([pair[n][defence] for pair in pairs] for n in (0, 1))
        ratio_s = np.array([a.accuracy / b.accuracy for a, b in zip(hurt, clean, strict=True)])
        reach = 1.96 * ratio_s.std(ddof=1) / math.sqrt(len(seeds)) if len(seeds) > 1 else math.inf
        mean = [float(np.mean([one[k] for one in hurt])) for k in range(4)]
        ratio = float(ratio_s.mean())
        cells[defence] = Cell(mean[0], ratio, ratio - reach, ratio + reach, *mean[1:])
    return cells


def main() -> None:
    """Print the table of attacks and defences."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument("--worlds", type=int, default=40)
    asked.add_argument("--seed", type=int, default=7)
    asked.add_argument("--items", type=int, default=ITEMS)
    asked.add_argument("--bad", type=float, default=BAD, help="share of the team that attacks")
    asked.add_argument("--no-gold", action="store_true", help="the defence knows no gold")
    args = asked.parse_args()
    seeds = range(args.seed, args.seed + args.worlds)
    started = time.monotonic()
    for comparisons in (True, False):
        for votes in (3.0, 1.5):
            kind = "comparisons" if comparisons else "thumbs"
            print(f"\n{kind}, {votes:g} judgements an item (simulated, {args.worlds} worlds)\n")
            print("| attack | " + " | ".join(DEFENCES) + " | held back: bad, sound |")
            print("| --- |" + " --- |" * (len(DEFENCES) + 1))
            for attack in (None, *ATTACKS):
                cells = measure(
                    attack,
                    seeds,
                    comparisons=comparisons,
                    votes=votes,
                    gold=not args.no_gold,
                    items=args.items,
                    bad=args.bad,
                )
                last = cells["both"]
                told = [_told(cells[one], attack is None) for one in DEFENCES]
                print(
                    f"| {attack or 'none (accuracy, share kept)'} | {' | '.join(told)} "
                    f"| {last.caught:.0%}, {last.wronged:.1%} |",
                    flush=True,
                )
    print(f"\n{time.monotonic() - started:.0f} s")


def _told(cell: Cell, clean: bool) -> str:
    if clean:
        return f"{cell.accuracy:.3f}, {cell.kept:.0%}"
    return f"{cell.ratio:.3f} [{cell.low:.3f}, {cell.high:.3f}], {cell.kept:.0%}"


if __name__ == "__main__":
    main()
