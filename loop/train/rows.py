"""A dataset version's Parquet files → rows of token ids, shortest first."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq

from knowledge.errors import RatchetError
from loop.models.chat import encode_pair
from loop.train.job import Method

_FILES: dict[Method, str] = {"dpo": "pairs.parquet", "sft": "sft.parquet"}
_ANSWERS: dict[Method, tuple[str, ...]] = {"dpo": ("chosen", "rejected"), "sft": ("answer",)}


class Row(NamedTuple):
    """A prompt with one answer (SFT) or two, the preferred one first (DPO); token ids."""

    prompt: list[int]
    answers: list[list[int]]

    @property
    def tokens(self) -> int:
        return len(self.prompt) + sum(map(len, self.answers))


class Rows(NamedTuple):
    """One split, and how many of its rows were too long to keep."""

    rows: list[Row]
    too_long: int


def count_rows(folder: Path, method: Method, split: str = "train") -> int:
    """How many rows a dataset holds for a method, before long ones are dropped.

    Raises:
        RatchetError: The dataset's file is missing or cannot be read.
    """
    return len(_read(folder, method, split, ["split"]))


def read_rows(
    folder: Path,
    method: Method,
    split: str,
    tokenizer: Any,
    *,
    most: int,
    ends: frozenset[int] = frozenset(),
) -> Rows:
    """The rows of a split, coded as generation sees them, shortest first.

    Args:
        folder: The dataset version's.
        method: Says which file and which columns.
        split: "train" or "held_out".
        tokenizer: The base's.
        most: Tokens of a prompt with one answer; longer rows are dropped and counted.
        ends: Tokens that end a turn, beside the tokenizer's own.

    Raises:
        RatchetError: The dataset's file is missing or cannot be read.
    """
    found = _read(folder, method, split, ["row", "split", "messages", *_ANSWERS[method]])
    kept: list[tuple[int, str, Row]] = []
    for line in found:
        messages = json.loads(line["messages"])
        coded = [encode_pair(tokenizer, messages, line[a], ends) for a in _ANSWERS[method]]
        row = Row(coded[0].prompt, [one.answer for one in coded])
        if max(len(row.prompt) + len(answer) for answer in row.answers) <= most:
            kept.append((row.tokens, str(line["row"]), row))
    kept.sort(key=lambda item: item[:2])
    return Rows([row for _, _, row in kept], len(found) - len(kept))


def _read(folder: Path, method: Method, split: str, columns: Sequence[str]) -> list[dict[str, Any]]:
    path = folder / _FILES[method]
    try:
        table = pq.read_table(path, columns=list(columns))
    except (OSError, ValueError) as problem:
        raise RatchetError(
            f"{path}: cannot be read ({problem}). Make the dataset again with `ratchet curate`."
        ) from problem
    return [line for line in table.to_pylist() if line["split"] == split]
