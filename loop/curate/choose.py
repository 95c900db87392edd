"""Which rows stay when all are held against each other: duplicates, balance, sides."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from loop.curate.balance import capped
from loop.curate.clusters import Cluster, Tasks
from loop.curate.duplicates import OUT, Keys, Numbers, exact_copies, near_copies
from loop.curate.funnel import Drop, Funnel
from loop.curate.meaning import SAME, Meaning, look, texts_of
from loop.curate.rows import KINDS
from loop.curate.sketch import Grams
from loop.curate.split import BOTH, Place, Side, divide
from loop.curate.spool import Spool
from loop.curate.synthetic import sides as synthetic_sides
from loop.curate.work import GRAMS, KEYS, ROWS
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
    parts = list(spool.all(KEYS))
    if not parts:
        return Chosen(sides=[], weights=np.empty(0), drops=[], tasks=[])
    table = pa.concat_tables([part for _, part in parts]).combine_chunks()
    starts = np.cumsum([0, *(part.num_rows for _, part in parts)])
    buckets = [bucket for bucket, _ in parts]
    del parts
    grams = _reader(spool, buckets, starts)
    table_of = _Rows(table)
    reasons: dict[int, str] = {}
    leader = _copies(table_of, rules.near_duplicate, grams("grams"), reasons)
    made_up = table_of.keys.synthetic
    counted = (leader != OUT) & (~made_up | made_up[leader])  # none adds to what a person did
    weights = np.bincount(leader[counted], minlength=len(leader)).astype(np.float64)
    drops = [
        Drop(table_of.row[n], table_of.kind[n], "duplicates", why,
             None if leader[n] == OUT else table_of.row[leader[n]])
        for n, why in sorted(reasons.items())
    ]  # fmt: skip
    left = [n for n in range(len(leader)) if n not in reasons]
    funnel.note("duplicates", len(left), reasons.values())
    tasks = None
    if left and meaning is not None and len(left) <= rules.meaning_rows:
        told = texts_of(spool, ROWS, buckets, starts, left)
        alike = look(told, meaning)
        stay = [place for place, reason in enumerate(alike.reasons) if reason is None]
        tasks = Tasks(
            [left[place] for place in stay],
            [told[place].question for place in stay],
            [told[place].row for place in stay],
            alike.questions_nd[stay],
            seed=seed,
        )
        for n, head in zip(left, alike.leaders.tolist(), strict=True):
            if left[head] != n:
                leader[leader == n] = left[head]
                weights[left[head]] += 0 if made_up[n] > made_up[left[head]] else weights[n]
        instead = [table_of.row[left[head]] for head in alike.leaders.tolist()]
        left = _sieve("meaning", left, alike.reasons, table_of, drops, funnel, instead)
    else:
        funnel.note("meaning", len(left), ())
    left.sort(key=lambda n: (KINDS.index(table_of.kind[n]), table_of.row[n]))
    full = capped(
        [table_of.users[n] for n in left],
        None if tasks is None else tasks.of(left),
        None,
        rules.most_per_user,
        rules.most_per_cluster,
    )
    left = _sieve("balance", left, full, table_of, drops, funnel)
    left.sort()
    question = _questions(table_of, left, rules.near_duplicate, grams("asked_grams"))
    real = [n for n in left if not made_up[n]]
    sides = divide(
        [
            Place(
                users=tuple(table_of.users[n]),
                conversations=tuple(table_of.conversations[n]),
                question=question[n],
                at=table_of.at[n],
            )
            for n in real
        ],
        held_out=rules.held_out,
        seed=seed,
        order=rules.split,
        kin=_kin(table_of, leader),
    )
    fate: dict[int, Side | str] = dict(zip(real, sides, strict=True))
    held = {question[n] for n, side in fate.items() if side == "held_out"}
    others = [n for n in left if made_up[n]]
    fate |= zip(
        others,
        synthetic_sides(
            [table_of.row[n] for n in others],
            [question[n] in held for n in others],
            sum(side in BOTH for side in sides),
            share,
            seed,
        ),
        strict=True,
    )
    lost = [None if fate[n] in BOTH else fate[n] for n in left]
    _sieve("split", left, lost, table_of, drops, funnel)
    side_of: list[Side | None] = [None] * len(leader)
    for number, side in fate.items():
        if side in BOTH:
            side_of[number] = side
    stay = [n for n, side in enumerate(side_of) if side]
    found = [] if tasks is None else tasks.clusters(stay)
    names: list[str | None] = [None] * len(leader)
    if tasks is not None:
        for n, number in zip(stay, tasks.of(stay).tolist(), strict=True):
            names[n] = found[number].name
    return Chosen(
        sides=side_of,
        weights=weights,
        drops=drops,
        tasks=names,
        clusters=[one for one in found if one.rows],
    )


class _Rows:
    """Columns of the keys, as they are needed."""

    def __init__(self, table: pa.Table) -> None:
        self.kind: list[str] = table["kind"].to_pylist()
        self.row: list[str] = table["row"].to_pylist()
        self.users: list[list[str]] = table["users"].to_pylist()
        self.conversations: list[list[str]] = table["conversations"].to_pylist()
        self.at = table["at"].to_pylist()
        self.keys = Keys(
            row=_pairs(b"".join(map(bytes.fromhex, self.row))),
            exact=_pairs(b"".join(table["exact"].to_pylist())),
            direction=table["direction"].to_numpy(),
            votes=table["votes"].to_numpy(),
            origin=table["origin"].to_pylist(),
            synthetic=table["synthetic"].to_numpy(zero_copy_only=False),
        )
        self.asked = _pairs(b"".join(table["asked"].to_pylist()))
        self.bands = _bands(table["bands"])
        self.asked_bands = _bands(table["asked_bands"])


def _copies(
    rows: _Rows, threshold: float, grams_of: Callable[[Numbers], Mapping[int, Grams]],
    reasons: dict[int, str],
) -> Numbers:  # fmt: skip
    """The row that stands for each; notes why the others go."""
    exact = exact_copies(rows.keys)
    leader = exact.leader
    numbers = np.arange(len(leader))
    for n in np.flatnonzero(leader != numbers).tolist():
        reasons[n] = "contradicted" if exact.contradicted[n] else "duplicate"
    alone = numbers[leader == numbers]
    keys = rows.keys
    order = alone[np.lexsort((keys.row[alone, 1], keys.row[alone, 0], keys.synthetic[alone]))]
    near = near_copies(rows.bands, order, grams_of, threshold)
    reasons.update(dict.fromkeys(near, "near_duplicate"))
    moved = numbers.copy()
    moved[list(near)] = list(near.values())
    return np.where(leader == OUT, OUT, moved[leader])


def _questions(
    rows: _Rows,
    left: Sequence[int],
    threshold: float,
    grams_of: Callable[[Numbers], Mapping[int, Grams]],
) -> dict[int, int]:
    """Row → a number that rows share which ask the same, or nearly."""
    first: dict[tuple[int, int], int] = {}
    same = {n: first.setdefault((int(a), int(b)), n) for n in left for a, b in (rows.asked[n],)}
    order = [n for _, n in sorted(first.items())]
    near = near_copies(rows.asked_bands, order, grams_of, threshold)
    return {n: near.get(of, of) for n, of in same.items()}


def _kin(rows: _Rows, leader: Numbers) -> list[list[str]]:
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
    rows: _Rows,
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
            drops.append(Drop(rows.row[n], rows.kind[n], step, reason, other))
    funnel.note(step, len(kept), [reason for reason in reasons if reason is not None])
    return kept


def _reader(
    spool: Spool, buckets: Sequence[int], starts: NDArray[np.int64]
) -> Callable[[str], Callable[[Numbers], dict[int, Grams]]]:
    """Fetches grams of rows by their numbers, bucket by bucket."""

    def of(column: str) -> Callable[[Numbers], dict[int, Grams]]:
        def fetch(numbers: Numbers) -> dict[int, Grams]:
            found: dict[int, Grams] = {}
            ordered = np.sort(numbers)
            for place, bucket in enumerate(buckets):
                low, high = np.searchsorted(ordered, starts[place : place + 2])
                if low == high:
                    continue
                table = spool.read(GRAMS, bucket)
                assert table is not None
                values = table[column].combine_chunks()
                for n in ordered[low:high].tolist():
                    found[n] = values[n - int(starts[place])].values.to_numpy().copy()
            return found

        return fetch

    return of


def _pairs(content: bytes) -> NDArray[np.uint64]:
    """16 bytes each as two numbers in the same order, shape (n, 2)."""
    return np.frombuffer(content, dtype=">u8").astype(np.uint64).reshape(-1, 2)


def _bands(column: pa.ChunkedArray) -> NDArray[np.uint32]:
    found_nb: NDArray[np.uint32] = (
        column.combine_chunks().flatten().to_numpy().reshape(len(column), -1)
    )
    return found_nb
