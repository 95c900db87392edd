"""A question as it was written, before anything is known of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from loop.store.synthetics import Synthetic, SyntheticKind
from loop.synthesize.targets import Target

ADVERSARIAL: tuple[SyntheticKind, ...] = (
    "typos", "missing", "false_premise", "injection", "two_in_one",
)  # fmt: skip
VARIANTS: tuple[SyntheticKind, ...] = ("paraphrase", *ADVERSARIAL)
KINDS: tuple[SyntheticKind, ...] = ("question", *VARIANTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A question, what a right answer to it is, and how both were made."""

    kind: SyntheticKind
    question: str
    answer: tuple[str, ...]  # a part for each passage that it rests on, without citation marks
    facts: tuple[str, ...]  # what every right answer states
    instruction: str  # what the generator was told, or the rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Variation:
    """What a variant is to be made of."""

    kind: SyntheticKind
    of: Synthetic  # an accepted question
    target: Target
    partner: Synthetic | None = None  # another accepted one of the same document

    def is_possible(self) -> bool:
        """Whether there is what this kind needs: a figure to put wrong, a second question."""
        if self.kind == "false_premise":
            return bool(self.of.facts) and re.search(r"\d", self.of.facts[0]) is not None
        return self.kind != "two_in_one" or self.partner is not None


class Writer(Protocol):
    """Writes questions about passages, and variants of questions."""

    generator: str  # model, or "rules@1"
    adapter: str
    endpoint: str  # host, or "local"

    @property
    def told(self) -> str:
        """All that decides what it writes beside passage, seed and number; part of row ids."""
        ...

    def questions(self, wanted: Sequence[tuple[Target, int]], seed: int) -> list[Draft | None]:
        """For each passage its question of that number; None where there is none."""
        ...

    def variants(self, wanted: Sequence[Variation], seed: int) -> list[Draft | None]:
        """For each variation a draft; None where none can be made."""
        ...


def bare(answer: str) -> str:
    """An answer without its citation marks.

    >>> bare("It costs 30 dollars [1]. Pay at once [2].")
    'It costs 30 dollars. Pay at once.'
    """
    return re.sub(r"\s*\[\d{1,3}\]", "", answer).strip()


def cited(text: str, number: int) -> str:
    """A part of an answer with the number of the passage that bears it out.

    >>> cited("It costs 30 dollars.", 2)
    'It costs 30 dollars [2].'
    """
    return f"{text.rstrip().removesuffix('.')} [{number}]."
