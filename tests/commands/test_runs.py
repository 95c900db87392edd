"""`ratchet runs` tells what is in progress, what finished, what it cost and what it brought."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from loop.cli import main
from loop.settings import GateSettings
from loop.store.store import LocalStore
from loop.train.job import JOB, write_json
from loop.train.journal import Journal
from tests.factories import make_adapter, make_cost, make_dataset, make_decision, make_run

RULE = f"improve {GateSettings().improve}"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A run that was worth it, one that was not metered, and one in progress."""
    (tmp_path / "ratchet.toml").write_text("", encoding="utf-8")
    folder = tmp_path / ".ratchet" / "runs" / "run-going"
    folder.mkdir(parents=True)
    write_json(folder / JOB, {"method": "sft", "dataset": "ds-2"})
    Journal(folder, 0).write(step=4, of=20, loss=1.25)
    evidence = {"difference": 0.1, "low": 0.05, "high": 0.2, "n": 40, "least_cases": 30}
    store = LocalStore(tmp_path / ".ratchet" / "store.duckdb")
    store.append(
        [
            make_dataset(id="ds-1"),
            make_run(id="run-good", dataset="ds-1"),
            make_cost(run="run-good", amount=2.0, device="NVIDIA L4", grams_co2e=15.0),
            make_adapter(id="ad-good", run="run-good"),
            make_decision(
                candidate="ad-good", rules=[{"rule": RULE, "passed": True, "evidence": evidence}]
            ),
            make_run(id="run-bare", dataset="ds-1"),
        ]
    )
    store.close()
    return tmp_path


def test_people_read_what_is_in_progress_and_what_a_point_cost(project, capsys):
    assert main(["runs", "list", "--project", str(project)]) == 0
    told = capsys.readouterr().out
    assert "run-going: sft on ds-2, train, step 4 of 20, loss 1.250" in told
    assert "0.2 EUR (0.1 to 0.4)" in told
    assert "not judged yet" in told
    assert "Spent since the first run: 2 EUR" in told
    assert "in no sum: 1 runs" in told


def test_machines_get_null_where_nothing_is_known(project, capsys):
    assert main(["runs", "list", "--json", "--project", str(project)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["folder"] for one in found["in_progress"]] == ["run-going"]
    by_id = {one["run"]: one for one in found["runs"]}
    assert by_id["run-good"]["per_point"]["mean"] == pytest.approx(0.2)
    assert by_id["run-bare"]["cost"] is None
    assert by_id["run-bare"]["per_point"] is None
    assert found["weeks"][0]["total_amount"] == 2.0


def test_one_run_is_shown_with_its_cost(project, capsys):
    assert main(["runs", "show", "run-good", "--project", str(project)]) == 0
    told = capsys.readouterr().out
    for words in ("NVIDIA L4", "0.04 kWh, estimated", "15 g CO2e", "+0.100 (+0.050 to +0.200)"):
        assert words in told


def test_a_run_that_is_not_there_is_named(project, capsys):
    assert main(["runs", "show", "run-none", "--project", str(project)]) == 2
    assert "No finished run 'run-none'" in capsys.readouterr().err


def test_an_empty_project_says_what_to_do(tmp_path, capsys):
    (tmp_path / "ratchet.toml").write_text("", encoding="utf-8")
    assert main(["runs", "list", "--project", str(tmp_path)]) == 0
    assert "ratchet train" in capsys.readouterr().out
