"""What words do not tell, in the whole pipeline."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from loop.curate.pipeline import curate
from loop.settings import CurateSettings, Settings
from tests.curate.conftest import answered, every_row, preferred, suite, thumb

CASE = "What is the charge for calling a transfer back?"
REWORDED = "How much do I pay when I want sent money returned?"
TOPICS = (
    ("charge", "transfer", "pay", "sent", "money", "returned"),
    ("parcel", "parcels"),
    ("loan",),
)


def by_topic(texts: Sequence[str]) -> NDArray[np.float32]:
    """Unit vectors that know three topics, simulated; texts of one topic are one."""
    found = np.zeros((len(texts), len(TOPICS) + 1), dtype=np.float32)
    for row, text in enumerate(texts):
        words = set(text.lower().strip("?.").split())
        hits = [n for n, topic in enumerate(TOPICS) if words & set(topic)]
        found[row, hits[0] if hits else len(TOPICS)] = 1.0
    return found


def done(store, tmp_path, **rules):
    settings = Settings(root=tmp_path, curate=CurateSettings(**rules))
    return curate(store, settings, suites=[suite(CASE)], embed=by_topic)


def test_a_case_in_other_words_does_not_enter_training(store, tmp_path):
    store.append([*preferred(1), *preferred(2, question=REWORDED, user="ada")])
    found = done(store, tmp_path)
    assert {user for row in every_row(found) for user in row["users"]} == {"user-1"}
    assert found.funnel["meaning"] == {"kept": 1, "eval_exam_by_meaning": 1}


def test_rows_that_say_the_same_in_other_words_are_one_with_a_weight(store, tmp_path):
    turns = [
        *answered(1, "In ten years the loan is paid.", question="When is my loan due?"),
        *answered(2, "Within ten years the loan ends.", question="How long does a loan run?"),
    ]
    store.append([*turns, *map(thumb, turns)])
    found = done(store, tmp_path, held_out=0.0)
    rows = [row for row in every_row(found) if "label" not in row]
    assert [(row["weight"]) for row in rows] == [2.0]
    fell = pq.read_table(f"{found.dataset.path}/funnel.parquet").to_pylist()
    told = [(one["reason"], one["instead"]) for one in fell if one["what"] == "sft"]
    assert told == [("same_meaning", rows[0]["row"])]
    apart = done(store, tmp_path, held_out=0.0, semantic_duplicate=1.0)
    assert len([row for row in every_row(apart) if "label" not in row]) == 2


def test_with_more_rows_than_may_be_embedded_words_alone_decide(store, tmp_path):
    store.append([*preferred(1), *preferred(2, question=REWORDED, user="ada")])
    found = done(store, tmp_path, meaning_rows=1)
    assert found.funnel["meaning"] == {"kept": 2}
