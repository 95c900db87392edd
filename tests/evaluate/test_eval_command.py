"""`ratchet knowledge eval` on a folder: settings for one run, held against others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from loop.cli import main
from tests.knowledge.conftest import WordEmbedder

CORPUS = {"1": "Lift grows with the flap.", "2": "Heat in a layer.", "3": "Buckling of shells."}
QUERIES = {"q1": "flap lift", "q2": "shells buckling", "q3": "heat", "q4": "layer"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    embedder = WordEmbedder()
    monkeypatch.setattr("knowledge.embed.load_embedder", lambda name: embedder)
    (tmp_path / "beir" / "qrels").mkdir(parents=True)
    for name, rows in (("corpus", CORPUS), ("queries", QUERIES)):
        lines = [json.dumps({"_id": id, "text": text}) for id, text in rows.items()]
        (tmp_path / "beir" / f"{name}.jsonl").write_text("\n".join(lines))
    (tmp_path / "beir" / "qrels" / "test.tsv").write_text(
        "q1\t1\t1\nq2\t3\t1\nq3\t2\t1\nq4\t2\t1\n"
    )
    return tmp_path


def evaluated(capsys: pytest.CaptureFixture[str], folder: Path, *more: str) -> Any:
    args = ["knowledge", "eval", str(folder / "beir"), "--project", str(folder), "--json", *more]
    status = main(args)
    out, err = capsys.readouterr()
    assert status == 0, err
    return json.loads(out)


def test_a_setting_holds_for_one_run(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert evaluated(capsys, folder)["ndcg@10"] == 1
    nothing = evaluated(capsys, folder, "--set", "dense_weight=0", "--set", "lexical_weight=0")
    assert nothing["ndcg@10"] == 0
    assert (nothing["against"], nothing["comparison"]) == (None, None)


def test_two_settings_are_compared_query_by_query(
    folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    file = tmp_path / "queries.out"
    off = ("--set", "dense_weight=0", "--set", "lexical_weight=0")
    found = evaluated(capsys, folder, *off, "--against", "candidates=5", "--per-query", str(file))
    assert (found["ndcg@10"], found["against"]["ndcg@10"]) == (0, 1)
    pair = found["comparison"]["measures"][0]
    assert (pair["measure"], pair["difference"], pair["worse"], pair["better"]) == (
        "ndcg@10", -1, 4, 0,
    )  # fmt: skip
    assert [hit["query"] for hit in found["comparison"]["worst"]] == ["q1", "q2", "q3", "q4"]
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert [row["query"] for row in rows] == ["q1", "q2", "q3", "q4"]
    assert (rows[0]["documents"], rows[0]["against"]["documents"][0]) == ([], "1")


def test_what_an_index_is_built_with_is_compared_on_two_indexes(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    main(["knowledge", "add", str(folder / "beir" / "corpus.jsonl"), "--project", str(folder)])
    capsys.readouterr()
    key = "embedder=another"  # what is on disk was built with the project's
    found = evaluated(capsys, folder, "--against", key)
    assert found["comparison"]["queries"] == 4


def test_the_comparison_is_told_to_people(folder: Path, capsys: pytest.CaptureFixture[str]):
    args = ["knowledge", "eval", str(folder / "beir"), "--project", str(folder)]
    assert main([*args, "--against", "dense_weight=0", "--against", "lexical_weight=0"]) == 0
    out = capsys.readouterr().out
    assert "A: the project as it is" in out
    assert "p (sign flip)" in out
    assert "without embedding" in out
    assert main([*args, "--set", "dense_wieght=1"]) == 2
    assert "Did you mean 'dense_weight'?" in capsys.readouterr().err
