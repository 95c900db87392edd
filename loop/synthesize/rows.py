"""What of the made-up questions a dataset takes, and what it is told of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from knowledge.errors import RatchetError
from loop.store.synthetics import Synthetic
from loop.synthesize.targets import chance

if TYPE_CHECKING:
    from loop.store.store import Store

SYNTHETIC = "synthetic"  # who asked and on what basis: nobody, and none is needed


def read(store: Store, assistant: str) -> list[Synthetic]:
    """The accepted ones of an assistant, in order of their ids."""
    from loop.store.tables import from_row

    return [from_row(Synthetic, row) for row in store.query("synthetics", assistant=assistant)]


def capped(real_rows: int, synthetic_ids: Sequence[str], share: float, seed: int) -> list[str]:
    """As many synthetic rows as may stand beside the real ones, in the order given.

    Args:
        real_rows: Rows that people are behind.
        synthetic_ids: To choose from, by hash of id and seed.
        share: Largest share of all rows that is synthetic, in [0, 1]; 1 keeps all.
        seed: Decides which stay.

    Raises:
        RatchetError: The share is out of range.

    >>> len(capped(70, [str(n) for n in range(100)], 0.3, 7))
    30
    >>> capped(0, ["a"], 0.3, 7)
    []
    """
    if not 0 <= share <= 1:
        raise RatchetError(
            f"synthesize.share is {share!r}, expected 0 to 1. Mend it in ratchet.toml."
        )
    if share == 1:
        return list(synthetic_ids)
    most = math.floor(share * real_rows / (1 - share) + 1e-9)
    chosen = set(sorted(synthetic_ids, key=lambda id: (chance(seed, id), id))[:most])
    return [id for id in synthetic_ids if id in chosen]


def rows_of(synthetics: Iterable[Synthetic]) -> list[dict[str, Any]]:
    """Accepted ones as rows to imitate, marked for what they are, in the order given."""
    return [
        {
            "id": one.id,
            "kind": "sft",
            "messages": [dict(message) for message in one.messages],
            "answer": one.answer,
            "licence": one.licence,
            "document": one.document,
            "version": one.version,
            "start": one.start,
            "end": one.end,
            "generator": one.generator,
            "adapter": one.adapter,
            "endpoint": one.endpoint,
            "instruction": one.instruction,
            "seed": one.seed,
            "variant": one.kind,
            "user": SYNTHETIC,
            "consent": SYNTHETIC,
            "synthetic": True,
        }
        for one in synthetics
        if one.accepted
    ]
