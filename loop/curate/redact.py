"""Personal data goes before anything leaves the store: masked, or the row with it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from knowledge.errors import RatchetError
from knowledge.pii import find_personal_data, mask

POLICIES = ("mask", "drop")


class Redactor:
    """Takes personal data out of texts.

    Args:
        policy: "mask" writes the type in brackets where personal data stood, "drop" leaves such
            rows out.

    Raises:
        RatchetError: There is no such policy.
    """

    def __init__(self, policy: str) -> None:
        if policy not in POLICIES:
            raise RatchetError(
                f"curate.personal_data is {policy!r}, expected {' or '.join(POLICIES)}. "
                "Mend it in ratchet.toml."
            )
        self.drops = policy == "drop"

    def texts(self, texts: Sequence[str], conversations: Sequence[str]) -> list[str]:
        """The texts without personal data."""
        clean = cache(mask)  # prompts share instructions and passages
        return [clean(text) for text in texts]

    def found(self, texts: Sequence[str]) -> list[bool]:
        """Which texts hold personal data."""
        found = cache(lambda text: bool(find_personal_data(text)))
        return [found(text) for text in texts]
