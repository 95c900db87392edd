"""Rows are coded as generation codes them, and none vanishes uncounted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from knowledge.errors import RatchetError
from loop.models.chat import encode_prompts
from loop.train.rows import count_rows, mismatched, read_rows
from tests.tiny_model import make_tokenizer
from tests.train.data import make_dataset, pair


def test_a_row_is_the_prompt_that_generation_sees_and_an_answer_that_ends_its_turn(tmp_path: Path):
    tokenizer = make_tokenizer()
    make_dataset(tmp_path, [pair(3)])
    [row] = read_rows(tmp_path, "dpo", "train", tokenizer, most=256).rows
    [prompt] = encode_prompts(tokenizer, [json.loads(pair(3)["messages"])])
    assert row.prompt == prompt
    assert [tokenizer.decode(answer) for answer in row.answers] == [
        "The fee is 3 dollars [1].<|end|>",
        "It costs 3 dollars, I think<|end|>",
    ]


def test_rows_that_are_too_long_are_counted_and_the_rest_comes_shortest_first(tmp_path: Path):
    tokenizer = make_tokenizer()
    pairs = [pair(n) for n in range(9)] + [pair(9, chosen="word " * 300)]
    make_dataset(tmp_path, pairs)
    found = read_rows(tmp_path, "sft", "train", tokenizer, most=256)
    assert found.too_long == 1
    lengths = [row.tokens for row in found.rows]
    assert len(lengths) == 9
    assert lengths == sorted(lengths)


def test_a_kto_row_is_kept_for_its_own_length_and_the_other_answer_is_cut(tmp_path: Path):
    tokenizer = make_tokenizer()
    pairs = [pair(n) for n in range(9)] + [pair(9, chosen="word " * 100)]
    make_dataset(tmp_path, pairs)
    rows = read_rows(tmp_path, "kto", "train", tokenizer, most=1000).rows
    short = [row for row in rows if row.longest <= 128]
    assert len(rows) - len(short) == 1
    for row in mismatched(short, 128):
        own, other = row.answers
        assert len(row.prompt) + max(len(own), len(other)) <= 128
    assert {row.name for row in mismatched(short, 128)} == {row.name for row in short}


def test_the_order_of_a_file_changes_nothing(tmp_path: Path):
    tokenizer = make_tokenizer()
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    pairs = [pair(n) for n in range(9)]
    make_dataset(tmp_path / "a", pairs)
    make_dataset(tmp_path / "b", pairs[::-1])
    one, two = (read_rows(tmp_path / f, "dpo", "train", tokenizer, most=256) for f in "ab")
    assert one == two


def test_rows_are_counted_by_split(dataset_folder: Path):
    assert count_rows(dataset_folder, "dpo") == count_rows(dataset_folder, "sft") == 22
    assert count_rows(dataset_folder, "dpo", "held_out") == 6


def test_a_missing_column_is_named(tmp_path: Path):
    row = pair(1)
    del row["split"]
    make_dataset(tmp_path, [row])
    with pytest.raises(RatchetError, match=r"(?s)pairs\.parquet: cannot be read.*split"):
        count_rows(tmp_path, "dpo")
