"""`ratchet guidelines`, `ratchet gold` and `ratchet queue` on a small project."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from loop.cli import main
from loop.settings import Settings
from loop.store.store import LocalStore
from tests.factories import make_interaction, make_rating, make_review_event

STRICTER = (
    "# helpful\n\nPrefer the stricter answer.\n\n## Criteria\n\n### correct\n\n- 1: no\n- 2: yes\n"
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    store = LocalStore(Settings(root=tmp_path).store_path)
    ids = [f"t{n}" for n in range(5)]
    store.append([make_interaction(id=id) for id in ids])
    store.append([make_rating(interaction=id, rater="bob", seconds=60.0) for id in ids[:3]])
    store.append(
        [make_review_event(item="t4", rater=r, kind="skip", reason="broken") for r in "xyz"]
    )
    store.close()
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], project: Path, *words: str) -> Any:
    capsys.readouterr()
    assert main([*words, "--project", str(project), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def said(capsys: pytest.CaptureFixture[str], project: Path, *words: str) -> str:
    capsys.readouterr()
    assert main([*words, "--project", str(project)]) == 0
    return capsys.readouterr().out


def test_a_guideline_is_shown_published_listed_and_compared(project, tmp_path, capsys):
    first = run(capsys, project, "guidelines", "show")
    assert (first["id"], first["effect"]) == ("helpful@1", None)
    file = tmp_path / "helpful.md"
    file.write_text(STRICTER)
    made = run(capsys, project, "guidelines", "publish", str(file))
    assert made["guideline"] == "helpful@2"
    assert len(made["rerate"]) == 1
    listed = run(capsys, project, "guidelines", "list")["guidelines"]
    assert [(one["guideline"], one["current"]) for one in listed] == [
        ("helpful@2", True),
        ("helpful@1", False),
    ]
    assert listed[1]["ratings"] == 3
    assert "+Prefer the stricter answer." in said(
        capsys, project, "guidelines", "diff", "helpful@1", "helpful@2"
    )
    told = said(capsys, project, "guidelines", "show", "helpful@2")
    assert "0 of 1 sampled answers were judged again" in told


def test_a_bad_guideline_file_is_refused_with_its_line(project, tmp_path, capsys):
    file = tmp_path / "bad.md"
    file.write_text("# a\nT.\n## Criteria\n### b\n- high: y\n")
    assert main(["guidelines", "publish", str(file), "--project", str(project)]) == 2
    assert "bad.md:5:" in capsys.readouterr().err


def test_gold_is_added_and_listed(project, tmp_path, capsys):
    file = tmp_path / "gold.jsonl"
    row = {"interaction": "t0", "kind": "thumb", "value": -1, "why": "It costs 45."}
    file.write_text(json.dumps(row) + "\n")
    assert run(capsys, project, "gold", "add", str(file), "--by", "lead") == {"imported": 1}
    [one] = run(capsys, project, "gold", "list")["gold"]
    assert (one["item"], one["value"], one["by"]) == ("t0", -1.0, "lead")


def test_the_queue_says_what_waits_why_and_for_how_long(project, capsys):
    found = run(capsys, project, "queue")
    assert found["seconds"] == 60.0
    assert found["minutes"] == found["answers"] + found["pairs"]
    assert found["reasons"]["waiting"] == 1
    assert [one["item"] for one in found["set_aside"]] == ["t4"]
    told = said(capsys, project, "queue")
    assert "not judged yet" in told
    assert "3 people skipped t4 (broken ×3)" in told
