"""A dataset version's Parquet files → rows of token ids, shortest first."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq

from knowledge.errors import RatchetError
from loop.models.chat import Messages, encode_pair, encode_prompts, prompt_text
from loop.models.sight import Picture, Sight, images_of
from loop.train.job import Method

_FILES: dict[Method, str] = {
    "sft": "sft.parquet",
    "dpo": "pairs.parquet",
    "reward": "pairs.parquet",
    "kto": "kto.parquet",
    "grpo": "sft.parquet",
}
_ANSWERS: dict[Method, tuple[str, ...]] = {
    "sft": ("answer",),
    "dpo": ("chosen", "rejected"),
    "reward": ("chosen", "rejected"),
    "kto": ("answer",),
    "grpo": ("answer",),
}
_NEW = ("votes", "images")  # columns that datasets of other makes may lack


class Row(NamedTuple):
    """A prompt with its answers, as token ids.

    SFT and GRPO: the good answer. DPO and reward: the preferred one, then the other. KTO: the one
    judged, then one to another prompt, which measures how far the model has moved.
    """

    prompt: list[int]
    answers: list[list[int]]
    label: bool = True  # KTO: was the answer good
    noise: float = 0.0  # pairs: chance that people meant it the other way round
    name: str = ""  # the dataset's id of it
    picture: Picture | None = None  # the prompt again, if it shows images

    @property
    def tokens(self) -> int:
        return len(self.prompt) + sum(map(len, self.answers))

    @property
    def longest(self) -> int:
        """Tokens of the prompt with its longest answer."""
        return len(self.prompt) + max(map(len, self.answers))


class Rows(NamedTuple):
    """One split, and how many of its rows were too long to keep."""

    rows: list[Row]
    too_long: int


def count_rows(folder: Path, method: Method, split: str = "train") -> int:
    """How many rows a dataset holds for a method, before long ones are dropped.

    Raises:
        RatchetError: The dataset's file is missing or cannot be read.
    """
    return len(read_split(folder, method, split, ["split"]))


def read_rows(
    folder: Path,
    method: Method,
    split: str,
    tokenizer: Any,
    *,
    most: int,
    ends: frozenset[int] = frozenset(),
    sight: Sight | None = None,
) -> Rows:
    """The rows of a split, coded as generation sees them, shortest first.

    Args:
        folder: The dataset version's.
        method: Says which file and which columns.
        split: "train" or "held_out".
        tokenizer: The base's.
        most: Tokens of a prompt with one answer; longer rows are dropped and counted.
        ends: Tokens that end a turn, beside the tokenizer's own.
        sight: Of a vision-language base, for the column `images`.

    Raises:
        RatchetError: The dataset's file is missing or cannot be read; a row shows images that the
            base cannot see, or that cannot be read.
    """
    extra = {"kto": ["label"], "dpo": ["votes"]}.get(method, [])
    found = read_split(
        folder, method, split, ["row", "split", "messages", *_ANSWERS[method], *extra, "images"]
    )
    kept: list[Row] = []
    for line in found:
        messages = json.loads(line["messages"])
        try:
            images = images_of(line.get("images"))
            picture = _picture(tokenizer, messages, images, sight) if images else None
            prompt = sight.tokens(picture) if picture and sight else None
        except RatchetError as problem:
            raise RatchetError(f"{folder / _FILES[method]}: row {line['row']}: {problem}") from (
                problem
            )
        coded = [
            encode_pair(tokenizer, messages, line[a], ends, len(images)) for a in _ANSWERS[method]
        ]
        answers = [one.answer for one in coded]
        label, noisy = line.get("label", True) is True, noise(line.get("votes"))
        row = Row(prompt or coded[0].prompt, answers, label, noisy, str(line["row"]), picture)
        if row.longest <= most:
            kept.append(row)
    kept.sort(key=lambda row: (row.tokens, row.name))
    return Rows(kept, len(found) - len(kept))


def _picture(
    tokenizer: Any, messages: Messages, images: tuple[bytes, ...], sight: Sight | None
) -> Picture:
    if sight is None:
        raise RatchetError(
            "it shows images, and the base is for text only. Set assistant.base to a "
            "vision-language model."
        )
    return Picture(prompt_text(tokenizer, messages, len(images)), images)


class Asked(NamedTuple):
    """A prompt to answer anew, and the answer that people found good."""

    messages: list[dict[str, str]]
    answer: str
    name: str = ""  # the dataset's id of it


def read_asked(folder: Path, split: str, tokenizer: Any, *, most: int) -> list[Asked]:
    """The prompts of a split for GRPO, in order of their ids; too long ones are left out.

    Raises:
        RatchetError: The dataset's file is missing or cannot be read.
    """
    found = read_split(folder, "grpo", split, ["row", "split", "messages", "answer", "images"])
    if shown := next((line["row"] for line in found if line.get("images")), None):
        raise RatchetError(
            f"{folder / _FILES['grpo']}: row {shown} shows images, and GRPO draws answers to text "
            'only. Train by "sft", "dpo" or "kto".'
        )
    found.sort(key=lambda line: str(line["row"]))
    asked = [
        Asked(json.loads(line["messages"]), str(line["answer"]), str(line["row"])) for line in found
    ]
    lengths = encode_prompts(tokenizer, [one.messages for one in asked]) if asked else []
    return [one for one, ids in zip(asked, lengths, strict=True) if len(ids) <= most]


def noise(votes: float | None) -> float:
    """How likely a judged pair is the wrong way round.

    Votes carry the weight of log odds that their rater is right, so their sum is the log odds of
    the pair; a rater who is not known well enough counts as 1, right in 73 of 100.

    Args:
        votes: Log odds by which the preferred side leads; None counts as 1.

    Returns:
        A chance in [0, 0.45].

    Source: Nitzan and Paroush, International Economic Review 1982 (weighted majority).

    >>> round(noise(1.0), 3), round(noise(4.0), 3)
    (0.269, 0.018)
    """
    return min(0.45, 1 / (1 + math.exp(1.0 if votes is None else float(votes))))


def mismatched(rows: Sequence[Row], most: int) -> list[Row]:
    """Each row with an answer to another prompt behind its own, always the same one, for KTO.

    Args:
        rows: That are kept; at least one.
        most: Tokens of a prompt with one answer; the other answer is cut to that.
    """
    order = sorted(
        range(len(rows)), key=lambda n: hashlib.sha256(rows[n].name.encode()).hexdigest()
    )
    after = {n: order[(place + 1) % len(order)] for place, n in enumerate(order)}
    with_other = []
    for n, row in enumerate(rows):
        other = rows[after[n]].answers[0][: max(1, most - len(row.prompt))]
        with_other.append(row._replace(answers=[row.answers[0], other]))
    return with_other


def read_split(
    folder: Path, method: Method, split: str, columns: Sequence[str]
) -> list[dict[str, Any]]:
    """Some columns of a split, one of which is `split`, as the dataset's file has them.

    Raises:
        RatchetError: The file is missing or cannot be read.
    """
    path = folder / _FILES[method]
    try:
        there = set(pq.read_schema(path).names)
        table = pq.read_table(path, columns=[c for c in columns if c in there or c not in _NEW])
    except (OSError, ValueError) as problem:
        raise RatchetError(
            f"{path}: cannot be read ({problem}). Make the dataset again with `ratchet curate`."
        ) from problem
    return [line for line in table.to_pylist() if line["split"] == split]
