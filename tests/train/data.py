"""A dataset version's files, in the columns that curation writes, and settings to train on it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from loop.settings import AssistantSettings, Settings, TrainSettings
from loop.store.records import Dataset
from tests.tiny_model import ask

AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def pair(n: int, split: str = "train", **fields: Any) -> dict[str, Any]:
    """A pair whose preferred answer cites and whose other one does not."""
    return {
        "row": f"row-{n:03d}",
        "split": split,
        "messages": json.dumps(ask(f"What is the fee for payment {n}?" + " please" * (n % 5))),
        "chosen": f"The fee is {n} dollars [1].",
        "rejected": f"It costs {n} dollars, I think" + ", maybe" * (n % 3),
        "margin": 1.0,
        "interactions": [f"i{n}"],
        "ratings": [f"r{n}"],
        "guideline": "answers@1",
        "consent": "consent",
        "users": [f"u{n}"],
        **fields,
    }


def make_dataset(folder: Path, pairs: list[dict[str, Any]] | None = None) -> Path:
    """pairs.parquet, the preferred answers as sft.parquet, both judged as kto.parquet."""
    if pairs is None:
        pairs = [pair(n, "train" if n < 22 else "held_out") for n in range(28)]
    pq.write_table(pa.Table.from_pylist(pairs), folder / "pairs.parquet")
    answers = [row | {"answer": row["chosen"]} for row in pairs]
    pq.write_table(pa.Table.from_pylist(answers), folder / "sft.parquet")
    judged = [
        row | {"row": f"{row['row']}-{kind}", "answer": row[kind], "label": kind == "chosen"}
        for row in pairs
        for kind in ("chosen", "rejected")
    ]
    pq.write_table(pa.Table.from_pylist(judged), folder / "kto.parquet")
    return folder


def dataset(folder: Path, id: str = "ds-test") -> Dataset:
    return Dataset(id=id, at=AT, assistant="desk", rows=28, path=str(folder), manifest={})


def settings(root: Path, base: Path, **train: Any) -> Settings:
    """Few, small steps; a checkpoint at every second."""
    known = {"rank": 4, "alpha": 8, "learning_rate": 5e-3, "batch_size": 8, "save_every": 2}
    return Settings(
        root=root,
        assistant=AssistantSettings(base=str(base)),
        train=TrainSettings(**known | {"threads": 1} | train),
    )
