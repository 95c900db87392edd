from __future__ import annotations

import json
import os
import sys
import time
from datetime import date
from pathlib import Path

import pytest

from knowledge.documents import read_documents
from knowledge.formats.pool import Task, read_in_workers
from knowledge.formats.problem import FileProblem
from knowledge.formats.records import Limits
from knowledge.ingest import Ingested, ingest
from tests.sample_files import make_docx, make_pdf, make_xlsx, pdf_text


def write(folder: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def ids(read: Ingested) -> list[str]:
    return [document.id for document in read.documents]


def test_everything_in_a_folder_goes_in_and_the_rest_is_named(tmp_path: Path):
    pdf = make_pdf(pdf_text("Eighteen dollars.", 72, 700))
    write(
        tmp_path,
        {
            "a.md": "A",
            "b/fees.pdf": pdf,
            "b/rules.docx": make_docx("Rules."),
            "c.xlsx": make_xlsx(A=[["x"]]),
            "d.png": b"\x89PNG",
            ".git/e.md": "no",
            "f.docx": b"broken",
            "g.txt": b"caf\xe9",
        },
    )
    read = ingest([tmp_path])
    assert ids(read) == ["a.md", "b/fees.pdf", "b/rules.docx", "c.xlsx"]
    assert read.left_out == [str(tmp_path / "d.png")]
    assert [Path(p.source).name for p in read.problems] == ["f.docx", "g.txt"]
    assert [d.text for d in read.documents[:2]] == ["A", "Eighteen dollars."]


def test_ids_come_from_the_folder_the_fixed_part_of_a_glob_or_the_file(tmp_path: Path):
    write(tmp_path, {"docs/x/a.md": "A", "docs/b.md": "B", "docs/b.txt": "T", "more/c.md": "C"})
    glob, more, file = f"{tmp_path}/docs/**/*.md", tmp_path / "more", tmp_path / "docs" / "b.txt"
    assert ids(ingest([glob, more, file])) == ["b.md", "b.txt", "c.md", "x/a.md"]
    assert ids(ingest([f"{tmp_path}/docs", glob])) == ["b.md", "b.txt", "x/a.md"]  # each once


def test_a_path_that_names_nothing_is_reported_and_the_others_go_in(tmp_path: Path):
    write(tmp_path, {"a.md": "A", "none/photo.png": "x", "b.odd": "x"})
    paths = [tmp_path / name for name in ("a.md", "gone", "*.pdf", "none", "b.odd")]
    read = ingest(paths)
    assert ids(read) == ["a.md"]
    assert [Path(p.source).name for p in read.problems] == ["gone", "*.pdf", "none", "b.odd"]


def test_a_file_beats_its_sidecar_and_that_beats_the_defaults(tmp_path: Path):
    write(
        tmp_path,
        {
            "own.md": "---\naccess: owner\n---\nText.",
            "own.md.toml": 'access = ["side"]\nlicence = "MIT"\nvalid_from = 2026-02-01',
            "fees.csv": "a,b\n1,2\n",
            "fees.csv.toml": 'access = ["side"]\ntitle = "The fees"',
            "plain.txt": "Text.",
            "rows.jsonl": json.dumps({"_id": "1", "text": "One.", "access": []}) + "\n",
        },
    )
    read = ingest([tmp_path], access=["all"], licence="CC0-1.0", valid_until=date(2026, 12, 31))
    found = {d.id: d for d in read.documents}
    assert not read.problems
    assert sorted(found) == ["1", "fees.csv", "own.md", "plain.txt"]
    assert {id: set(d.access) for id, d in found.items()} == {
        "1": {"all"},
        "fees.csv": {"side"},
        "own.md": {"owner"},
        "plain.txt": {"all"},
    }
    assert (found["own.md"].licence, found["own.md"].valid_from) == ("mit", date(2026, 2, 1))
    assert (found["fees.csv"].title, found["fees.csv"].licence) == ("The fees", "cc0-1.0")
    assert {d.valid_until for d in read.documents} == {date(2026, 12, 31)}


@pytest.mark.parametrize(
    "sidecar",
    [
        'acess = ["staff"]',
        "access = []",
        "access = 7",
        "access = [",
        "valid_from = 2026-01-01T10:00:00",
        'title = ["a"]',
        "\ud800",
        "a = " + "[" * 60_000,
    ],
)
def test_a_sidecar_that_cannot_be_understood_keeps_its_file_out(tmp_path: Path, sidecar: str):
    write(tmp_path, {"a.md": "A", "a.md.toml": sidecar.encode(errors="surrogatepass"), "b.md": "B"})
    read = ingest([tmp_path])
    assert ids(read) == ["b.md"]
    assert [Path(p.source).name for p in read.problems] == ["a.md.toml"]


def test_a_sidecar_that_lost_its_file_is_reported(tmp_path: Path):
    write(tmp_path, {"renamed.md": "A", "a.md.toml": 'access = ["staff"]'})
    read = ingest([tmp_path])
    assert ids(read) == ["renamed.md"]
    assert "no a.md beside it" in read.problems[0].reason


def test_the_second_of_two_documents_with_one_id_is_reported(tmp_path: Path):
    write(tmp_path, {"x/a.md": "A", "y/a.md": "B"})
    read = ingest([tmp_path / "x", tmp_path / "y"])
    assert [d.text for d in read.documents] == ["A"]
    assert "its id 'a.md' is also that of" in read.problems[0].reason


def test_bad_rows_are_reported_by_line_and_the_others_go_in(tmp_path: Path):
    rows = ['{"_id": "1", "text": "One."}', "{", '{"_id": "3", "text": "x", "acess": "a"}', ""]
    rows += ["[" * 100_000, '{"_id": "6", "text": "Six."}', b"\xff".decode("latin-1")]
    (tmp_path / "corpus.jsonl").write_bytes("\n".join(rows).encode("latin-1"))
    read = ingest([tmp_path / "corpus.jsonl"])
    assert ids(read) == ["1", "6"]
    assert [p.source.rsplit(":", 1)[1] for p in read.problems] == ["2", "3", "5", "7"]


def test_the_format_is_told_and_is_not_part_of_the_version(tmp_path: Path):
    write(tmp_path, {"a.md": "# T\n\nText.", "b.txt": "# T\n\nText."})
    one, two = ingest([tmp_path]).documents
    assert (one.format, two.format) == ("markdown", "text")
    assert one.version == two.version


def test_documents_are_the_same_whatever_the_number_of_workers(tmp_path: Path):
    write(tmp_path, {f"{n}.docx": make_docx(f"Number {n}.") for n in range(7)})
    alone, together = ingest([tmp_path], workers=1), ingest([tmp_path], workers=2)
    assert alone == together
    assert len(alone.documents) == 7


def test_no_process_is_started_for_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr("subprocess.Popen", refuse)
    write(tmp_path, {"a.md": "A", "b.py": "B", "c.txt": "C"})
    assert len(read_documents(tmp_path)) == 3


def test_a_file_too_large_is_told_without_reading_it(tmp_path: Path):
    for name in ("huge.md", "huge.pdf"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(1 << 40)
    started = time.monotonic()
    read = ingest([tmp_path])
    assert time.monotonic() - started < 1
    assert ["more than the 64 MB" in p.reason for p in read.problems] == [True, True]


WORKER = """
import json, os, sys, time
sys.stdin.readline(); print("{}", flush=True)
for line in sys.stdin:
    name = os.path.basename(json.loads(line)["file"])
    if name == "hangs": time.sleep(60)
    if name == "dies": os.abort()
    print(json.dumps({"title": None, "text": name}), flush=True)
"""


def test_a_worker_that_hangs_or_dies_loses_its_own_file_only():
    names = ["a", "hangs", "b", "dies", "c", "d"]
    tasks = [Task(Path(name), "pdf") for name in names]
    command = (sys.executable, "-c", WORKER)
    done = dict(read_in_workers(tasks, Limits(seconds=1), 2, command=command))
    said = [done[n] for n in range(len(names))]
    reasons = [one.reason if isinstance(one, FileProblem) else one.text for one in said]
    assert [reasons[n] for n in (0, 2, 4, 5)] == ["a", "b", "c", "d"]
    assert "takes longer than 1 s" in reasons[1]
    assert "its parser crashed" in reasons[3]


def test_a_file_that_needs_too_much_memory_is_reported(tmp_path: Path):
    write(tmp_path, {"a.csv": "a,b\n" * 3_000_000, "b.csv": "a,b\n"})
    read = ingest([tmp_path], limits=Limits(memory=150 << 20), workers=1)
    assert ids(read) == ["b.csv"]
    assert "more than 150 MB of memory" in read.problems[0].reason


def test_a_worker_knows_no_key_of_ours_and_loads_nothing_heavy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("RATCHET_API_KEY", "secret")
    code = (
        "import sys, json, os; import knowledge.formats.worker as w; sys.stdin.readline();"
        "print('{}', flush=True); sys.stdin.readline();"
        "heavy = [m for m in ('torch', 'numpy', 'faiss', 'transformers') if m in sys.modules];"
        "print(json.dumps({'title': os.environ.get('RATCHET_API_KEY'), 'text': str(heavy)}))"
    )
    command = (sys.executable, "-P", "-c", code)
    [done] = read_in_workers([Task(tmp_path, "pdf")], Limits(), 1, command=command)
    assert done.content == (None, "[]")


def test_names_are_shown_on_one_line_and_a_name_that_is_not_utf8_is_refused(tmp_path: Path):
    (tmp_path / "a\nb.txt").write_bytes(b"\xff")
    Path(os.fsdecode(bytes(tmp_path) + b"/\xff.md")).write_text("x")
    read = ingest([tmp_path])
    assert not read.documents
    assert [("\n" in p.source, p.source.encode() != b"") for p in read.problems] == [
        (False, True)
    ] * 2
