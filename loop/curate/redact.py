"""Personal data goes before anything leaves the store: masked, or the row with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

from knowledge.errors import RatchetError
from knowledge.pii import find_personal_data, mask
from loop.curate.rows import Row, Sifted, no_answer, sift

POLICIES = ("mask", "drop")


def redact(rows: Sequence[Row], policy: str) -> Sifted[Row]:
    """Rows without personal data, in prompts and answers alike.

    Args:
        rows: As they were said.
        policy: "mask" writes the type in brackets where personal data stood, "drop" leaves such
            rows out.

    Returns:
        What is left; a pair whose answers are the same once masked is dropped.

    Raises:
        RatchetError: There is no such policy.
    """
    if policy not in POLICIES:
        raise RatchetError(
            f"curate.personal_data is {policy!r}, expected {' or '.join(POLICIES)}. "
            "Mend it in ratchet.toml."
        )
    clean = cache(mask)  # prompts share instructions and passages
    if policy == "mask":
        return sift((_masked(row, clean) for row in rows), no_answer)
    found = cache(lambda text: bool(find_personal_data(text)))
    return sift(rows, lambda row: _personal(row, found), no_answer)


def _masked(row: Row, clean: Callable[[str], str]) -> Row:
    """The row, the same object if there was nothing to mask."""
    texts = _texts(row)
    if all(clean(text) == text for text in texts):
        return row
    return replace(
        row,
        messages=[one | {"content": clean(one["content"])} for one in row.messages],
        answer=clean(row.answer),
        rejected=None if row.rejected is None else clean(row.rejected),
    )


def _personal(row: Row, found: Callable[[str], bool]) -> str | None:
    return "personal_data" if any(found(text) for text in _texts(row)) else None


def _texts(row: Row) -> list[str]:
    return [*(one["content"] for one in row.messages), *row.answers]
