"""Bad input to any command: one line that says how to mend it, exit 2, nothing half-written."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from loop.cli import main, parser


def run(capsys: pytest.CaptureFixture[str], *argv: str | Path) -> tuple[int, str, str]:
    status = main([str(part) for part in argv])
    out, err = capsys.readouterr()
    return status, out, err


def refused(capsys: pytest.CaptureFixture[str], *argv: str | Path) -> str:
    status, out, err = run(capsys, *argv)
    assert status == 2, (out, err)
    err = err.rpartition("\r")[2]  # what stands after a progress bar took itself away
    assert err.startswith("ratchet: "), err
    assert err.count("\n") == 1, err
    return err


@pytest.fixture
def project(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    folder = tmp_path / "desk"
    assert main(["init", str(folder)]) == 0
    capsys.readouterr()
    return folder


def test_every_command_has_a_function_and_takes_json() -> None:
    for argv in (
        ["demo", "--no-serve", "--json"],
        ["knowledge", "list", "--json"],
        ["experiment", "analyze", "x.csv", "--json"],
        ["adapters", "lineage", "ad-1", "--json"],
    ):
        args = parser().parse_args(argv)
        assert callable(args.run)
        assert args.json


def test_a_project_is_made_once(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "already" in refused(capsys, "init", project)


def test_an_unknown_key_in_ratchet_toml(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = project / "ratchet.toml"
    file.write_text(file.read_text(encoding="utf-8") + "\n[gate]\nmargn = 0.1\n", encoding="utf-8")
    assert "Did you mean 'margin'?" in refused(capsys, "curate", "--project", project)


def test_a_malformed_line_imports_nothing(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = project / "log.jsonl"
    good = {"question": "What does a wire cost?", "answer": "15 dollars.", "user": "ann"}
    file.write_text(json.dumps(good) + "\n{not json\n", encoding="utf-8")
    assert f"{file}:2" in refused(capsys, "log", file, "--project", project)
    status, out, _ = run(capsys, "log", file, "--skip-bad", "--json", "--project", project)
    told = json.loads(out)
    assert (status, told["imported"], told["bad"]) == (0, 1, 1)
    assert Path(told["bad_file"]).is_file()


def test_an_empty_collection(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(capsys, "ask", "What does a wire cost?", "--project", project)
    assert "ratchet knowledge add" in said


def test_good_files_go_in_and_bad_ones_are_reported(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "docs").mkdir()
    for name, content in (
        ("a.md", b"A wire."),
        ("b.md", b"\xff"),
        ("c.csv", b"Wire,Fee\nHome,18\n"),
    ):
        (project / "docs" / name).write_bytes(content)
    add = ["knowledge", "add", f"{project}/docs/*", "--project", str(project)]
    status, out, _ = run(capsys, *add, "--json", "--access", "staff", "--licence", "CC0-1.0")
    told = json.loads(out)
    assert (status, told["added"]) == (1, ["a.md", "c.csv"])
    assert [set(p) for p in told["problems"]] == [{"source", "reason"}]
    status, out, _ = run(capsys, "knowledge", "list", "--json", "--project", project)
    assert [(d["access"], d["licence"]) for d in json.loads(out)] == [(["staff"], "cc0-1.0")] * 2
    (project / "docs" / "b.md").unlink()
    assert run(capsys, *add)[0] == 0


def test_a_missing_model(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "policy.md").write_text("# Wires\n\nA wire costs 15 dollars.\n", encoding="utf-8")
    assert main(["knowledge", "add", str(project / "policy.md"), "--project", str(project)]) == 0
    file = project / "ratchet.toml"
    text = file.read_text(encoding="utf-8").replace('base = "pocket"', 'base = "./nowhere"')
    file.write_text(text, encoding="utf-8")
    capsys.readouterr()
    assert "assistant.base" in refused(capsys, "ask", "A wire?", "--project", project)


def test_a_port_in_use(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = refused(capsys, "up", "--port", str(port), "--project", project)
    assert "in use" in said
    assert not (project / ".ratchet" / "store.duckdb").exists()


def test_a_port_that_is_none(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "0 to 65535" in refused(capsys, "up", "--port", "99999", "--project", project)


def test_a_public_address_without_a_key(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RATCHET_API_KEY", raising=False)
    said = refused(capsys, "up", "--host", "0.0.0.0", "--project", project)
    assert "RATCHET_API_KEY" in said


def test_names_of_things_that_are_not_there(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "ratchet adapters list" in refused(
        capsys, "adapters", "lineage", "ad-none", "--project", project
    )
    assert "No gate has judged" in refused(capsys, "promote", "ad-none", "--project", project)
    assert "ratchet curate" in refused(capsys, "train", "--project", project)
    assert "no champion" in refused(capsys, "rollback", "--project", project)
    assert refused(capsys, "curate", "--project", project)
    assert refused(capsys, "rate", project / "none.jsonl", "--project", project)
    assert refused(capsys, "knowledge", "add", project / "none.md", "--project", project)


def test_lists_are_empty_not_errors(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["adapters", "list"], ["datasets", "list"], ["experiment", "status"]):
        assert run(capsys, *command, "--project", project)[0] == 0
    status, out, _ = run(capsys, "audit", "verify", "--json", "--project", project)
    assert (status, json.loads(out)["whole"]) == (0, True)


def test_personal_data_is_found_line_by_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"id": "a", "text": "Write to ann@example.org"}\n', encoding="utf-8")
    status, out, _ = run(capsys, "pii", "scan", file, "--json")
    assert status == 0
    [span] = json.loads(out)["spans"]
    assert (span["start"], span["end"]) == (9, 24)
    file.write_text('{"id": "a"}\n', encoding="utf-8")
    assert f"{file}:1" in refused(capsys, "pii", "scan", file)


def test_personal_data_is_found_in_every_text_of_an_interaction(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rows.jsonl"
    row = {
        "question": "Is 4111 1111 1111 1111 blocked?",
        "answer": "See https://example.org/cards.",
        "messages": [{"role": "user", "content": "I am at ann@example.org"}],
    }
    file.write_text(json.dumps(row) + "\n", encoding="utf-8")
    _, out, _ = run(capsys, "pii", "scan", file, "--json")
    spans = {span["field"]: span["type"] for span in json.loads(out)["spans"]}
    assert spans == {
        "question": "CREDIT_CARD", "answer": "URL", "messages.0.content": "EMAIL_ADDRESS"
    }  # fmt: skip
    _, out, _ = run(capsys, "pii", "scan", file, "--json", "--type", "url")
    assert [span["type"] for span in json.loads(out)["spans"]] == ["URL"]
    _, out, _ = run(capsys, "pii", "scan", file)
    assert "#### #### #### ####" in out
    assert "4111" not in out
    assert "1 of 1 rows" in out
