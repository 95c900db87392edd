"""A store with people, answers and judgements, and a project over it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from eval_suites.records import Case
from eval_suites.suites import Suite
from loop.curate.pipeline import Curated, curate
from loop.settings import CurateSettings, Settings
from loop.store.records import Comparison, Interaction, Rating, Record
from loop.store.store import LocalStore
from tests.factories import make_comparison, make_interaction, make_rating

QUESTION = "What does it cost to send {n} parcels to the island of {n}?"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LocalStore]:
    opened = LocalStore(tmp_path / "store.duckdb")
    yield opened
    opened.close()


@pytest.fixture
def made(store: LocalStore, tmp_path: Path) -> Callable[..., Curated]:
    """Append records and curate them: `made(*records, suites=…, seed=…, held_out=…, …)`."""

    def run(
        *records: Record | list[Record],
        suites: Any = (),
        seed: int = 7,
        root: Path = tmp_path,
        **rules: Any,
    ) -> Curated:
        flat = [r for one in records for r in (one if isinstance(one, list) else [one])]
        store.append(flat)
        settings = Settings(root=root, seed=seed, curate=CurateSettings(**rules))
        return curate(store, settings, suites=suites)

    return run


def read(done: Curated, kind: str) -> list[dict[str, Any]]:
    """Rows of pairs, sft or kto as they stand on disk."""
    rows: list[dict[str, Any]] = pq.read_table(f"{done.dataset.path}/{kind}.parquet").to_pylist()
    return [row | {"messages": json.loads(row["messages"])} for row in rows]


def every_row(done: Curated) -> list[dict[str, Any]]:
    return [row for kind in ("pairs", "sft", "kto") for row in read(done, kind)]


def answered(n: int, *answers: str, **fields: Any) -> list[Interaction]:
    """One question of one person with several answers."""
    said = answers or (f"It costs {n} crowns [1].", f"Perhaps {n} or so, who knows.")
    known = {"question": QUESTION.format(n=f"n{n}"), "user": f"user-{n}"}
    return [make_interaction(answer=answer, **known | fields) for answer in said]


def preferred(n: int, **fields: Any) -> list[Record]:
    """Two answers, of which a rater prefers the first."""
    turns = answered(n, **fields)
    return [*turns, compare(*turns)]


def compare(*turns: Interaction, **fields: Any) -> Comparison:
    return make_comparison(interactions=[turn.id for turn in turns], **fields)


def thumb(turn: Interaction, value: float = 1.0, **fields: Any) -> Rating:
    return make_rating(interaction=turn.id, value=value, **fields)


def correct(turn: Interaction, text: str, **fields: Any) -> Rating:
    return make_rating(interaction=turn.id, kind="correction", text=text, **fields)


def suite(*prompts: str) -> Suite:
    cases = tuple(
        Case(id=f"case-{n}", suite="exam", prompt=prompt) for n, prompt in enumerate(prompts)
    )
    return Suite(name="exam", version="v1", metrics=(), primary="", cases=cases)
