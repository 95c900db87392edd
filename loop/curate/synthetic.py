"""Made-up questions on their way into a dataset: which may enter, and how many may stay."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from knowledge.errors import RatchetError
from loop.curate.funnel import Drop
from loop.curate.rows import Row, to_table
from loop.curate.source import prompt_hash
from loop.curate.split import Side, chance
from loop.curate.spool import Spool, bucket_of
from loop.settings import CurateSettings
from loop.store.synthetics import Synthetic

if TYPE_CHECKING:
    from loop.store.store import Store

SYNTHETIC = "synthetic"  # the basis of a row that nobody asked; the step they enter at; a table


def read(store: Store, assistant: str) -> list[Synthetic]:
    """The accepted ones of an assistant, in order of their ids."""
    from loop.store.tables import from_row

    return [from_row(Synthetic, row) for row in store.query("synthetics", assistant=assistant)]


def admit(
    synthetics: Iterable[Synthetic], rules: CurateSettings
) -> tuple[list[Synthetic], list[Drop]]:
    """Those that may be learnt from, by the settings and by the licence of what they were shown."""
    allowed = {licence.casefold() for licence in rules.licences}
    admitted, drops = [], []
    for one in synthetics:
        reason = None if rules.synthetic else "not_wanted"
        if reason is None and one.licence.casefold() not in allowed:
            reason = f"licence_{one.licence}"
        if reason is None:
            admitted.append(one)
        else:
            drops.append(Drop(one.id, "synthetic", SYNTHETIC, reason))
    return admitted, drops


def rows_of(synthetics: Iterable[Synthetic]) -> list[Row]:
    """Answers to imitate, marked for what they are, in the order given."""
    return [
        Row(
            kind="sft",
            messages=[dict(message) for message in one.messages],
            answer=one.answer,
            interactions=(),
            ratings=(),
            guideline="",
            consent=SYNTHETIC,
            licence=one.licence,
            users=(),
            at=one.at,
            simulated=False,
            synthetic=True,
            synthetics=(one.id,),
        )
        for one in synthetics
    ]


def spool_rows(spool: Spool, synthetics: Sequence[Synthetic]) -> None:
    """Their rows, each beside what people said of the same prompt."""
    table = to_table(rows_of(synthetics))
    hashes = np.array(
        [prompt_hash(one.messages, one.question) for one in synthetics], dtype=np.uint64
    )
    table = table.append_column("prompt", pa.array(hashes))
    spool.write(SYNTHETIC, table, bucket_of(hashes, spool.count))
    spool.close()


def check_share(share: float) -> None:
    """Raises RatchetError for a share out of range."""
    if not 0 <= share <= 1:
        raise RatchetError(
            f"synthesize.share is {share!r}, expected 0 to 1. Mend it in ratchet.toml."
        )


def capped(real_rows: int, rows: Sequence[str], share: float, seed: int) -> list[str]:
    """As many synthetic rows as may stand beside the real ones, in the order given.

    Args:
        real_rows: Rows that people are behind.
        rows: Content hashes to choose from, by hash and seed.
        share: Largest share of all rows that is synthetic, in [0, 1]; 1 keeps all.
        seed: Decides which stay.

    >>> len(capped(70, [str(n) for n in range(100)], 0.3, 7))
    30
    >>> capped(0, ["a"], 0.3, 7)
    []
    """
    check_share(share)
    if share == 1:
        return list(rows)
    most = math.floor(share * real_rows / (1 - share) + 1e-9)
    chosen = set(sorted(rows, key=lambda row: (chance(seed, row), row))[:most])
    return [row for row in rows if row in chosen]


def sides(
    rows: Sequence[str], held_out: Sequence[bool], real_rows: int, share: float, seed: int
) -> list[Side | str]:
    """What becomes of made-up rows: trained on or nothing, and never too many.

    Args:
        rows: Their content hashes.
        held_out: Is what one asks held out, as somebody's question?
        real_rows: Rows that people are behind.
        share: Largest share of all rows that is synthetic.
        seed: Decides which stay.
    """
    may = [row for row, held in zip(rows, held_out, strict=True) if not held]
    stay = set(capped(real_rows, may, share, seed))
    return [
        "question_held_out" if held else "train" if row in stay else "synthetic_share"
        for row, held in zip(rows, held_out, strict=True)
    ]
