from __future__ import annotations

import json
import random
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from loop.curate import spool, version
from loop.curate.pipeline import curate
from loop.settings import Settings
from loop.store.records import Interaction
from loop.store.store import LocalStore
from tests.curate.conftest import (
    answered,
    compare,
    correct,
    every_row,
    preferred,
    read,
    suite,
    thumb,
)


def week() -> list:
    records = []
    for n in range(12):
        turns = answered(n)
        records += [*turns, compare(*turns), thumb(turns[0]), thumb(turns[1], -1.0, rater="bo")]
        records.append(correct(turns[1], f"It costs {n} crowns, see [1].", rater="bo"))
    return records


def bytes_of(folder: str | Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def test_the_same_store_gives_the_same_name_and_bytes(made, tmp_path):
    one = made(week(), root=tmp_path / "one")
    two = made(root=tmp_path / "two")
    assert one.dataset.id == two.dataset.id
    assert one.dataset.path != two.dataset.path
    assert bytes_of(one.dataset.path) == bytes_of(two.dataset.path)
    assert set(bytes_of(one.dataset.path)) == {
        *version.FILES.values(), "clusters.parquet", "funnel.parquet", "review.parquet",
        "manifest.json",
    }  # fmt: skip


def test_the_order_in_which_the_store_was_filled_does_not_matter(tmp_path):
    records, ids = week(), []
    for seed in range(2):
        shuffled = random.Random(seed).sample(records, len(records))
        store = LocalStore(tmp_path / f"{seed}.duckdb")
        store.append(shuffled)
        root = tmp_path / str(seed)
        ids.append(curate(store, Settings(root=root), suites=[]).dataset)
        store.close()
    assert bytes_of(ids[0].path) == bytes_of(ids[1].path)
    assert ids[0].id == ids[1].id


def test_seed_settings_suites_and_rows_make_other_versions(made):
    names = [
        made(week()).dataset.id,
        made(seed=8).dataset.id,
        made(most_per_user=5).dataset.id,
        made(suites=[suite("Something else?")]).dataset.id,
        made(preferred(99)).dataset.id,
    ]
    assert len(set(names)) == 5
    assert all(name.startswith("ds-") and len(name) == 15 for name in names)


def test_what_makes_no_row_makes_no_new_version(made):
    before = made(week())
    after = made(answered(50))
    assert after.dataset == before.dataset
    assert after.funnel["feedback"]["nothing_said"] == 2


def test_every_row_leads_back_to_what_was_said(made, store):
    done = made(week())
    turns = {row["id"]: row for row in store.query("interactions", assistant="desk", limit=1000)}
    judged = {row["id"] for row in store.query("ratings_of", assistant="desk")}
    judged |= {row["id"] for row in store.query("comparisons", assistant="desk")}
    rows = every_row(done)
    assert rows
    for row in rows:
        assert row["interactions"]
        assert row["ratings"]
        assert set(row["interactions"]) <= set(turns)
        assert set(row["ratings"]) <= judged
        assert set(row["users"]) == {turns[id]["user"] for id in row["interactions"]}
    kept = store.query("dataset_rows", dataset=done.dataset.id)
    assert {(k["row"], tuple(k["ratings"]), k["split"]) for k in kept} == {
        (r["row"], tuple(r["ratings"]), r["split"]) for r in rows
    }
    assert len(kept) == len(rows) == done.dataset.rows


def test_a_person_leads_to_the_datasets_that_hold_them(made, store):
    done = made(week())
    assert [row["id"] for row in store.query("datasets_of_user", user="user-3")] == [
        done.dataset.id
    ]
    assert store.query("datasets_of_user", user="nobody") == []


def test_the_files_are_what_training_reads(made):
    done = made(week())
    [pair, *_] = read(done, "pairs")
    assert list(pair) == [
        "row", "split", "messages", "chosen", "rejected", "interactions", "ratings", "guideline",
        "consent", "licence", "users", "simulated", "synthetic", "synthetics", "weight", "votes",
        "margin", "cluster",
    ]  # fmt: skip
    assert pair["messages"][-1]["role"] == "user"
    assert {row["label"] for row in read(done, "kto")} == {True, False}
    for kind in ("pairs", "sft", "kto"):
        hashes = [row["row"] for row in read(done, kind)]
        assert len(set(hashes)) == len(hashes)
    assert read(made(preferred(40), most_per_user=1), "sft") == []


def test_the_manifest_accounts_for_everything(made, store):
    done = made(week(), suites=[suite("Something else?")])
    manifest = json.loads((Path(done.dataset.path) / "manifest.json").read_text())
    assert manifest == done.dataset.manifest
    assert manifest["suites"] == {"exam": "v1"}
    assert manifest["seed"] == 7
    assert manifest["funnel"] == done.funnel
    counted = {"interactions": 24, "ratings": 36, "comparisons": 12}
    assert manifest["sources"].items() >= counted.items()
    assert (
        sum(n for sides in manifest["counts"].values() for n in sides.values()) == done.dataset.rows
    )
    steps = list(done.funnel.values())
    for before, after in (*pairwise(steps[:3]), *pairwise(steps[3:])):
        assert sum(after.values()) == before["kept"]


def test_a_damaged_version_is_seen_and_made_again(made):
    done = made(week())
    folder = Path(done.dataset.path)
    whole = bytes_of(folder)
    assert version.damage(folder, done.dataset.manifest) is None
    (folder / "pairs.parquet").write_bytes(b"gone")
    assert "pairs.parquet: changed" in str(version.damage(folder, done.dataset.manifest))
    assert made().dataset == done.dataset
    assert bytes_of(folder) == whole
    (folder / "manifest.json").unlink()
    (folder / "sft.parquet").unlink()
    assert "sft.parquet: missing" in str(version.damage(folder, done.dataset.manifest))
    made()
    assert bytes_of(folder) == whole
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


@pytest.mark.parametrize("step", ["table_of", "_move", "sync"])
def test_killed_on_the_way_it_can_be_run_again(made, store, monkeypatch, step):
    class Killed(BaseException):
        pass

    def kill(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(version, step, kill)
        with pytest.raises(Killed):
            made(week())
    assert store.query("datasets", assistant="desk") == []
    done = made()
    assert version.damage(Path(done.dataset.path)) is None
    assert len(store.query("datasets", assistant="desk")) == 1


def test_killed_before_it_is_recorded_it_ends_well(made, store, monkeypatch):
    keep, calls = store.append, []

    def fail(records: list) -> None:
        calls.append(records)
        if len(calls) > 1:
            raise KeyboardInterrupt
        keep(records)

    with monkeypatch.context() as patch:
        patch.setattr(store, "append", fail)
        with pytest.raises(KeyboardInterrupt):
            made(week())
    assert store.query("datasets", assistant="desk") == []
    done = made()
    assert len(store.query("dataset_rows", dataset=done.dataset.id)) == done.dataset.rows


def test_leftovers_of_killed_runs_go(made):
    done = made(week())
    folder = Path(done.dataset.path)
    left = folder.parent / ".making-999999999-killed"  # no process has this number
    left.mkdir()
    folder.rename(folder.parent / "elsewhere")
    made()
    assert not left.exists()


def test_the_funnel_tells_of_everything_that_went_in_and_did_not_come_out(made, store):
    said = week()
    strange = [*answered(50), *preferred(51, consent="none")]
    done = made(said, strange, suites=[suite("Something else?")])
    fell = pq.read_table(f"{done.dataset.path}/funnel.parquet").to_pylist()
    used = {id for row in every_row(done) for id in (*row["interactions"], *row["ratings"])}
    told = {id for one in fell for id in one["item"].split("+")}
    for name in ("interactions", "ratings_of", "comparisons"):
        for row in store.query(name, assistant="desk"):
            assert row["id"] in used | told, row
    assert all(one["step"] in done.funnel and one["reason"] for one in fell)
    counted = Counter((one["step"], one["reason"]) for one in fell)
    assert counted == {
        (step, reason): n
        for step, reasons in done.funnel.items()
        for reason, n in reasons.items()
        if reason != "kept"
    }
    rows = {row["row"] for row in every_row(done)}
    assert {one["instead"] for one in fell if one["instead"]} <= rows


def test_any_number_of_buckets_and_processes_gives_the_same_bytes(
    made, store, monkeypatch, tmp_path
):
    one = made(week(), root=tmp_path / "one")
    monkeypatch.setattr(spool, "MOST", 3)
    settings = Settings(root=tmp_path / "many")
    many = curate(store, settings, suites=(), workers=2)
    assert many.dataset.id == one.dataset.id
    assert bytes_of(many.dataset.path) == bytes_of(one.dataset.path)
    assert many.funnel == one.funnel


def test_only_this_assistant_is_learnt_from(made):
    other: list[Interaction] = answered(2, assistant="other")
    done = made(preferred(1), other, compare(*other))
    assert {row["users"][0] for row in every_row(done)} == {"user-1"}
