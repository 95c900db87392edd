"""What words do not tell, in the whole pipeline."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from knowledge.errors import RatchetError
from loop.cli import main
from loop.curate.funnel import STEPS
from loop.curate.pipeline import curate
from loop.settings import CurateSettings, Settings
from loop.store.store import LocalStore
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


def apart_a_little(texts: Sequence[str]) -> NDArray[np.float32]:
    """The same, no two texts quite alike; simulated."""
    vectors_nd = by_topic(texts)
    for row, text in enumerate(texts):
        vectors_nd[row] += np.random.default_rng(zlib.crc32(text.encode())).normal(0, 0.05, 4)
    return vectors_nd / np.linalg.norm(vectors_nd, axis=1, keepdims=True)


def done(store, tmp_path, embed=by_topic, **rules):
    settings = Settings(root=tmp_path, curate=CurateSettings(**rules))
    return curate(store, settings, suites=[suite(CASE)], embed=embed)


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


def loans_and_parcels(store, parcels=8, loans=4):
    turns = [turn for n in range(parcels) for turn in answered(n, f"It is {n} crowns [1].")]
    turns += [
        turn
        for n in range(loans)
        for turn in answered(
            n, f"In {n} years.", user=f"debtor-{n}", question=f"Is loan kind k{n} long?"
        )
    ]
    store.append([*turns, *map(thumb, turns)])


def test_rows_are_named_by_what_they_are_about(store, tmp_path):
    loans_and_parcels(store)
    found = done(store, tmp_path, apart_a_little, semantic_duplicate=1.0)
    tasks = pq.read_table(f"{found.dataset.path}/clusters.parquet").to_pylist()
    assert [one["rows"] for one in tasks] == [16, 8]  # each answer for SFT and for KTO
    for row in every_row(found):
        asked = row["messages"][-1]["content"]
        assert row["cluster"] == tasks["loan" in asked]["name"]
    assert "loan" in tasks[1]["name"]
    assert "loan" not in tasks[0]["name"]


def test_no_task_fills_a_dataset_beyond_its_cap(store, tmp_path):
    loans_and_parcels(store)
    rules = {"semantic_duplicate": 1.0, "most_per_cluster": 0.5, "held_out": 0.0}
    found = done(store, tmp_path, apart_a_little, **rules)
    assert found.funnel["balance"] == {"kept": 20, "most_per_cluster": 4}
    with pytest.raises(RatchetError, match=r"curate.most_per_cluster is 2.0, expected 0 to 1"):
        done(store, tmp_path, most_per_cluster=2.0)


def test_without_a_look_at_meanings_no_row_has_a_task(store, tmp_path):
    loans_and_parcels(store)
    found = done(store, tmp_path, meaning_rows=3)
    assert {row["cluster"] for row in every_row(found)} == {None}
    assert pq.read_table(f"{found.dataset.path}/clusters.parquet").num_rows == 0


def test_a_version_is_shown_step_by_step_with_its_tasks(store, tmp_path, capsys):
    (tmp_path / "ratchet.toml").write_text("seed = 7\n")
    held = LocalStore(Settings(root=tmp_path).store_path)
    loans_and_parcels(held)
    found = done(held, tmp_path, apart_a_little, semantic_duplicate=1.0)
    held.close()
    at = ["datasets", "show", found.dataset.id, "--project", str(tmp_path)]
    assert main([*at, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["rows"] for one in told["clusters"]] == [16, 8]
    assert main(at) == 0
    lines = capsys.readouterr().out.splitlines()
    steps = [line.split()[0] for line in lines if " kept " in line]
    assert steps == [step for step in STEPS if step != "synthetic"]
    assert lines[-1].endswith(told["clusters"][1]["name"])
