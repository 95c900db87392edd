"""Held-out rows in two: one half chooses settings, the other judges the choice.

What is best of many tries on some rows looks better there than it is. So the rows that choose are
not the rows that judge, and all rows with one prompt lie in one half.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Generic, NamedTuple, Protocol, TypeVar

from loop.train.job import HeldOut, Method
from loop.train.rows import read_split


class Halves(NamedTuple):
    """Row → its prompt's name, of each half."""

    choose: Mapping[str, str]
    judge: Mapping[str, str]


def halves(folder: Path, method: Method) -> Halves:
    """The held-out rows of a dataset in two; the same dataset is always parted the same way.

    Prompts are taken in the order of their SHA-256, every other one for each half.

    Args:
        folder: The dataset version's.
        method: Says which of its files.

    Raises:
        RatchetError: The dataset's file is missing or cannot be read.
    """
    found = read_split(folder, method, "held_out", ["row", "split", "messages"])
    named = {str(line["row"]): _name(line["messages"]) for line in found}
    place = {name: n for n, name in enumerate(sorted(set(named.values())))}
    chosen, judged = (
        {row: name for row, name in sorted(named.items()) if place[name] % 2 == side}
        for side in (0, 1)
    )
    return Halves(chosen, judged)


def _name(messages: str) -> str:
    return hashlib.sha256(messages.encode()).hexdigest()[:16]


class Named(Protocol):
    """Anything that knows the dataset's id of its row."""

    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=Named)


class Parted(NamedTuple, Generic[T]):
    """Held-out rows of a run: those looked at as training goes on, and those that judge it."""

    examined: list[T]
    judging: list[T]


def parted(rows: Sequence[T], folder: Path, method: Method, held_out: HeldOut) -> Parted[T]:
    """What a run does with each held-out row.

    Args:
        rows: Held out, as far as they fit the model.
        folder: The dataset version's.
        method: The run's.
        held_out: Which of them it may look at.
    """
    if held_out == "whole":
        return Parted(list(rows), [])
    choose, judge = halves(folder, method)
    judging = [row for row in rows if row.name in judge] if held_out == "judging" else []
    return Parted([row for row in rows if row.name in choose], judging)
