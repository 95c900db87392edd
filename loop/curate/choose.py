"""Which rows stay when all are held against each other: duplicates, balance, sides."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loop.curate.balance import capped
from loop.curate.clusters import Cluster, Tasks
from loop.curate.duplicates import OUT, Numbers, exact_copies, near_copies
from loop.curate.funnel import Drop, Funnel
from loop.curate.keys import Keyed
from loop.curate.meaning import SAME, Alike, Meaning, Said, look, texts_of
from loop.curate.rows import EPOCH
from loop.curate.split import BOTH, Place, Side, divide
from loop.curate.spool import Spool
from loop.curate.synthetic import sides as synthetic_sides
from loop.curate.work import ROWS
from loop.settings import CurateSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What became of each row, in the order of the spool's buckets."""

    sides: Sequence[Side | None]  # None: it fell
    weights: NDArray[np.float64]  # rows it stands for
    drops: Sequence[Drop]
    tasks: Sequence[str | None]  # what it is about; None: that was not looked at
    clusters: Sequence[Cluster] = ()  # those tasks


def choose(
    spool: Spool,
    rules: CurateSettings,
    *,
    seed: int,
    funnel: Funnel,
    share: float = 1.0,
    meaning: Meaning | None = None,
) -> Chosen:
    """Decide about every row of a spool by its keys alone.

    Args:
        spool: With keys and grams of all rows, by `work`.
        rules: What may enter.
        seed: Decides who is held out.
        funnel: Counts what falls.
        share: Largest share of the rows that nobody asked.
        meaning: What rows are compared by beside words; None, or more rows than
            `rules.meaning_rows`, leaves that out.
    """
    rows = Keyed(spool)
    if not len(rows):
        return Chosen(sides=[], weights=np.empty(0), drops=[], tasks=[])
    reasons: dict[int, str] = {}
    leader = _copies(rows, rules.near_duplicate, reasons)
    made_up = rows.keys.synthetic
    counted = (leader != OUT) & (~made_up | made_up[leader])  # none adds to what a person did
    weights = np.bincount(leader[counted], minlength=len(leader)).astype(np.float64)
    drops = [
        Drop(rows.row(n), rows.kind(n), "duplicates", why,
             None if leader[n] == OUT else rows.row(leader[n]))
        for n, why in sorted(reasons.items())
    ]  # fmt: skip
    left = [n for n in range(len(leader)) if n not in reasons]
    funnel.note("duplicates", len(left), reasons.values())
    tasks = None
    if left and meaning is not None and len(left) <= rules.meaning_rows:
        told = texts_of(spool, ROWS, rows.buckets, rows.starts, left)
        alike = look(told, meaning)
        tasks = _tasks(left, told, alike, seed)
        heads = [left[head] for head in alike.leaders.tolist()]
        for n, head in zip(left, heads, strict=True):
            if head != n:
                leader[leader == n] = head
                weights[head] += 0 if made_up[n] > made_up[head] else weights[n]
        instead = [rows.row(head) for head in heads]
        left = _sieve("meaning", left, alike.reasons, rows, drops, funnel, instead)
    else:
        funnel.note("meaning", len(left), ())
    left = _pairs_first(rows, left)
    full = capped(
        [rows.users[n] for n in left],
        None if tasks is None else tasks.of(left),
        None,
        rules.most_per_user,
        rules.most_per_cluster,
    )
    left = sorted(_sieve("balance", left, full, rows, drops, funnel))
    fate = _divided(rows, left, leader, rules, seed=seed, share=share)
    lost = [None if fate[n] in BOTH else fate[n] for n in left]
    stay = _sieve("split", left, lost, rows, drops, funnel)
    found = [] if tasks is None else tasks.clusters(stay)
    names: list[str | None] = [None] * len(rows)
    if tasks is not None:
        for n, number in zip(stay, tasks.of(stay).tolist(), strict=True):
            names[n] = found[number].name
    return Chosen(
        sides=[side if side in BOTH else None for side in fate],
        weights=weights,
        drops=drops,
        tasks=names,
        clusters=[one for one in found if one.rows],
    )


def _tasks(left: Sequence[int], told: Sequence[Said], alike: Alike, seed: int) -> Tasks:
    """What the rows are about that meaning lets through."""
    stay = [place for place, reason in enumerate(alike.reasons) if reason is None]
    return Tasks(
        [left[place] for place in stay],
        [told[place].question for place in stay],
        [told[place].row for place in stay],
        alike.questions_nd[stay],
        seed=seed,
    )


def _divided(
    rows: Keyed, left: Sequence[int], leader: Numbers, rules: CurateSettings, *, seed: int,
    share: float,
) -> list[Side | str | None]:  # fmt: skip
    """The side of each row that is left, or why it can stand on neither; None for all others."""
    question = _questions(rows, left, rules.near_duplicate)
    real = [n for n in left if not rows.keys.synthetic[n]]
    made_up = [n for n in left if rows.keys.synthetic[n]]
    sides = divide(
        [
            Place(
                users=rows.users[n],
                conversations=rows.conversations[n],
                question=question[n],
                at=rows.at(n) if rules.split == "time" else EPOCH,
            )
            for n in real
        ],
        held_out=rules.held_out,
        seed=seed,
        order=rules.split,
        kin=_kin(rows, leader),
    )
    held = {question[n] for n, side in zip(real, sides, strict=True) if side == "held_out"}
    others = synthetic_sides(
        [rows.row(n) for n in made_up],
        [question[n] in held for n in made_up],
        sum(side in BOTH for side in sides),
        share,
        seed,
    )
    fate: list[Side | str | None] = [None] * len(rows)
    for n, side in zip((*real, *made_up), (*sides, *others), strict=True):
        fate[n] = side
    return fate


def _copies(rows: Keyed, threshold: float, reasons: dict[int, str]) -> Numbers:
    """The row that stands for each; notes why the others go."""
    exact = exact_copies(rows.keys)
    leader = exact.leader
    numbers = np.arange(len(leader))
    for n in np.flatnonzero(leader != numbers).tolist():
        reasons[n] = "contradicted" if exact.contradicted[n] else "duplicate"
    alone = numbers[leader == numbers]
    keys = rows.keys
    order = alone[np.lexsort((keys.row[alone, 1], keys.row[alone, 0], keys.synthetic[alone]))]
    near = near_copies(rows.bands("bands"), order, rows.grams("grams"), threshold)
    reasons.update(dict.fromkeys(near, "near_duplicate"))
    moved = numbers.copy()
    moved[list(near)] = list(near.values())
    return np.where(leader == OUT, OUT, moved[leader])


def _pairs_first(rows: Keyed, left: Sequence[int]) -> list[int]:
    """Rows by kind, then by content hash."""
    own = np.array(left, dtype=np.int64)
    hashes = rows.keys.row[own]
    ordered = np.lexsort((hashes[:, 1], hashes[:, 0], rows.kinds[own]))
    found: list[int] = own[ordered].tolist()
    return found


def _questions(rows: Keyed, left: Sequence[int], threshold: float) -> list[int]:
    """A number per row that rows share which ask the same, or nearly."""
    own = np.array(left, dtype=np.int64)
    asked = rows.asked[own]
    ordered = np.lexsort((own, asked[:, 1], asked[:, 0]))
    own, asked = own[ordered], asked[ordered]
    new = np.ones(len(own), dtype=bool)
    new[1:] = (asked[1:] != asked[:-1]).any(axis=1)
    first = own[new]  # of each question the row with the lowest number
    head = np.arange(len(rows))
    head[own] = first[np.cumsum(new) - 1]
    near = near_copies(rows.bands("asked_bands"), first, rows.grams("asked_grams"), threshold)
    moved = np.arange(len(rows))
    moved[list(near)] = list(near.values())
    found: list[int] = moved[head].tolist()
    return found


def _kin(rows: Keyed, leader: Numbers) -> list[list[str]]:
    """People whose rows said the same."""
    groups: defaultdict[int, set[str]] = defaultdict(set)
    for n in np.flatnonzero((leader != np.arange(len(leader))) & (leader != OUT)).tolist():
        groups[int(leader[n])].update(rows.users[n])
    together = ({*users, *rows.users[n]} for n, users in groups.items())
    return [sorted(users) for users in together if len(users) > 1]


def _sieve(
    step: str,
    numbers: Sequence[int],
    reasons: Sequence[str | None],
    rows: Keyed,
    drops: list[Drop],
    funnel: Funnel,
    instead: Sequence[str] = (),
) -> list[int]:
    """Rows without a reason to fall; the others are noted."""
    kept = []
    for place, (n, reason) in enumerate(zip(numbers, reasons, strict=True)):
        if reason is None:
            kept.append(n)
        else:
            other = instead[place] if reason == SAME else None
            drops.append(Drop(rows.row(n), rows.kind(n), step, reason, other))
    funnel.note(step, len(kept), [reason for reason in reasons if reason is not None])
    return kept
