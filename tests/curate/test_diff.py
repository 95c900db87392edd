"""Two versions are compared by what their rows teach and by what they were made by."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from loop.cli import main
from loop.curate.diff import Changed, Version, difference
from tests.curate.conftest import preferred
from tests.factories import make_dataset_row


def rows(*names: str, **fields: str) -> list[dict]:
    return [asdict(make_dataset_row(row=name, **fields)) for name in names]


def test_rows_are_added_removed_and_moved():
    old = Version(manifest={}, rows=[*rows("a", "b", "c"), *rows("s", kind="sft")])
    new = Version(manifest={}, rows=[*rows("b", "d"), *rows("c", split="held_out")])
    found = difference(old, new)
    assert (found.added, found.removed) == ([("pair", "d")], [("pair", "a"), ("sft", "s")])
    assert (found.moved, found.unchanged) == ([("pair", "c")], 1)
    assert found.by_kind["pair"] == {"added": 1, "removed": 1, "moved": 1, "unchanged": 1}
    assert found.by_kind["sft"] == {"added": 0, "removed": 1, "moved": 0, "unchanged": 0}


def test_settings_seed_suites_funnel_and_sources_that_differ_are_named():
    old = {
        "settings": {"held_out": 0.2, "simulated": True}, "seed": 7, "suites": {"exam": "v1"},
        "funnel": {"consent": {"kept": 9, "no_consent": 1}}, "sources": {"ratings": 9},
    }  # fmt: skip
    new = {
        "settings": {"held_out": 0.3, "simulated": True, "synthetic": False}, "seed": 8,
        "suites": {"exam": "v2"}, "funnel": {"consent": {"kept": 10}}, "sources": {"ratings": 10},
    }  # fmt: skip
    found = difference(Version(manifest=old, rows=[]), Version(manifest=new, rows=[]))
    assert set(found.settings) == {
        Changed("held_out", 0.2, 0.3),
        Changed("synthetic", None, False),
        Changed("suites: exam", "v1", "v2"),
        Changed("seed", 7, 8),
    }
    assert found.funnel == [
        Changed("consent: kept", 9, 10),
        Changed("consent: no_consent", 1, None),
    ]
    assert found.sources == [Changed("ratings", 9, 10)]


def test_guidelines_consent_and_licences_are_compared_by_their_rows():
    old = Version(manifest={}, rows=rows("a", "b"), licences={"cc0": 2})
    new = Version(
        manifest={},
        rows=[*rows("a"), *rows("b", guideline="helpful@2", consent="contract")],
        licences={"cc0": 1, "mit": 1},
    )
    found = difference(old, new)
    assert found.bases["guideline"] == [
        Changed("helpful@1", 2, 1),
        Changed("helpful@2", None, 1),
    ]
    assert found.bases["consent"] == [Changed("consent", 2, 1), Changed("contract", None, 1)]
    assert found.bases["licence"] == [Changed("cc0", 2, 1), Changed("mit", None, 1)]


def test_a_version_does_not_differ_from_itself():
    one = Version(manifest={"seed": 7, "settings": {"a": [1]}}, rows=rows("a"))
    found = difference(one, one)
    told = found.as_json()
    assert found.unchanged == told.pop("unchanged") == 1
    del told["by_kind"]
    assert not any(told.values())


def test_the_commands_compare_and_export(made, store, tmp_path: Path, capsys):
    (tmp_path / "ratchet.toml").write_text("", encoding="utf-8")
    old = made(preferred(1), preferred(2), held_out=0.0).dataset
    new = made(preferred(3), held_out=0.0, licences=("cc0",)).dataset
    store.close()
    (tmp_path / ".ratchet").mkdir(exist_ok=True)
    (tmp_path / "store.duckdb").rename(tmp_path / ".ratchet" / "store.duckdb")
    at = ["--project", str(tmp_path)]
    assert main(["datasets", "diff", old.id, new.id, "--json", *at]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["kind"] for one in told["added"]] == ["pair"]
    assert told["removed"] == told["other_split"] == []
    assert {"name", "old", "new"} == set(told["settings"][0])
    assert main(["datasets", "diff", old.id, new.id, *at]) == 0
    said = capsys.readouterr().out
    assert "licences" in said
    assert "feedback: kept" in said
    out = ["datasets", "export", new.id, str(tmp_path / "out"), "--format", "trl"]
    assert main([*out, "--json", *at]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["files"] == {"preference/train.jsonl": 3}
    assert main([*out, *at]) == 2
