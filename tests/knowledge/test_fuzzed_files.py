"""Three hundred files as bad as they come: no crash, no hang, a line for each, no good one lost."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from knowledge.formats.records import Limits
from knowledge.ingest import Ingested, ingest
from tests.sample_files import (
    make_docx,
    make_encrypted_pdf,
    make_pdf,
    make_pptx,
    make_xlsx,
    make_zip,
    pdf_text,
    with_part,
)

FILES = 300
SECONDS = 3.0  # for a file; a hang shows as a report that it takes longer
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000)
LAUGHS = (
    b'<!DOCTYPE a [<!ENTITY a0 "ha">'
    + b"".join(b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 12))
    + b"]><a>&a11;</a>"
)
GOOD = {
    "pdf": make_pdf(pdf_text("A wire costs 18 dollars.", 72, 700)),
    "docx": make_docx(
        "# Wires", "A wire costs 18 dollars.", rows=[["Wire", "Fee"], ["Home", "18"]]
    ),
    "pptx": make_pptx(("Wires", "A wire costs\n18 dollars.")),
    "xlsx": make_xlsx(Fees=[["Wire", "Fee"], ["Home", "18 dollars."]]),
    "csv": b"Wire,Fee\nHome,18 dollars.\n",
    "html": b"<h1>Wires</h1><p>A wire costs 18 dollars.</p>",
    "md": "---\naccess: staff\n---\n# Wires\n\nA wire costs 18 dollars. Ü\n".encode(),
    "txt": b"A wire costs 18 dollars.",
    "py": b"FEE = 18  # dollars.\n",
}
FOREIGN = ("pdf", "docx", "pptx", "xlsx")


def hopeless_files() -> dict[str, bytes]:
    """Files that nobody can read, by name."""
    docx, xlsx = GOOD["docx"], GOOD["xlsx"]
    deep = b"<w:p xmlns:w='a'>" * 50_000
    return {
        "encrypted.pdf": make_encrypted_pdf(),
        "password.docx": OLE,
        "password.xlsx": OLE,
        "bomb.docx": with_part(docx, "word/media/big.xml", bytes(100 << 20)),
        "many.xlsx": make_zip(
            {"[Content_Types].xml": b""} | {f"xl/{n}": b"" for n in range(11_000)}
        ),
        "laughs.docx": with_part(docx, "word/document.xml", LAUGHS),
        "laughs.xlsx": with_part(xlsx, "xl/worksheets/sheet1.xml", LAUGHS),
        "deep.docx": with_part(docx, "word/document.xml", deep),
        "deep.xlsx": with_part(xlsx, "xl/worksheets/sheet1.xml", deep),
        "deep.html": b"<div>" * 100_000 + b"x",
        "deep.jsonl": b"[" * 100_000,
        "looped.pdf": make_pdf().replace(b"/Kids []", b"/Kids [2 0 R]").replace(b"t 0", b"t 9"),
        "scan.pdf": make_pdf("0 0 100 100 re f"),
        "latin.md": b"# Caf\xe9",
        "latin.html": b"<p>caf\xe9</p>",
        "latin.csv": b"caf\xe9,1",
        "latin.py": b"# caf\xe9",
        "binary.txt": bytes(range(256)),
        "nul.md": b"a wire\0costs",
        "utf16.csv": "a;b".encode("utf-16"),
        "picture.pdf": b"\x89PNG\r\n\x1a\n" + bytes(100),
        "page.docx": b"<html><body>An export.</body></html>",
        "page.xlsx": b"<html><table><tr><td>1</td></tr></table></html>",
        "plain.pptx": b"just text",
        "zip.docx": make_zip({"a.txt": b"x"}),
        "front.md": b"---\nacess: staff\n---\nText.",
        "nothing.md": b"---\ntitle: T\n---\n",
        "lone.txt": b"\xed\xa0\x80",
    } | {f"empty.{kind}": b"" for kind in GOOD}


def mislabelled() -> Iterator[tuple[str, bytes]]:
    for kind in FOREIGN:
        for other in (*FOREIGN, "md", "html", "csv", "py"):
            if other != kind:
                yield f"{kind}-as.{other}", GOOD[kind]


def damaged(kind: str, chance: random.Random) -> bytes:
    """A good file cut short, with bits turned over, or with a piece lost, doubled or blotted."""
    data = bytearray(GOOD[kind])
    start = chance.randrange(len(data))
    end = min(len(data), start + chance.randrange(1, 200))
    match chance.randrange(5):
        case 0:
            del data[start:]
        case 1:
            for _ in range(chance.randrange(1, 30)):
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        case 2:
            del data[start:end]
        case 3:
            data[start:start] = data[start:end]
        case _:
            data[start:end] = chance.randbytes(end - start)
    return bytes(data)


class Fuzzed(NamedTuple):
    read: Ingested
    seconds: float
    good: list[str]
    hopeless: list[str]
    count: int


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Fuzzed:
    folder = tmp_path_factory.mktemp("fuzzed")
    chance = random.Random(20260101)
    hopeless = hopeless_files() | dict(mislabelled())
    good = {f"good-{n}.{kind}": content for n in range(3) for kind, content in GOOD.items()}
    files = hopeless | good
    specials = ("dangling.md", "pipe.pdf", "sparse.md", "sparse.jsonl", "sparse.docx")
    number = 0
    while len(files) + len(specials) < FILES:
        kind = FOREIGN[number % len(FOREIGN)] if number % 6 else chance.choice(sorted(GOOD))
        files[f"damaged-{number}.{kind}"] = damaged(kind, chance)
        number += 1
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (folder / "folder.pdf").mkdir()
    (folder / "dangling.md").symlink_to("nowhere.md")
    os.mkfifo(folder / "pipe.pdf")
    for name in specials[2:]:
        with (folder / name).open("wb") as file:
            file.truncate(1 << 30)
    started = time.monotonic()
    read = ingest([folder], limits=Limits(seconds=SECONDS), workers=2)
    seconds = time.monotonic() - started
    return Fuzzed(read, seconds, sorted(good), sorted([*hopeless, *specials]), FILES)


def test_every_file_is_either_read_or_reported(fuzzed: Fuzzed):
    read = {Path(d.source).name for d in fuzzed.read.documents}
    reported = [Path(p.source).name.split(":")[0] for p in fuzzed.read.problems]
    assert len(read) + len(reported) == fuzzed.count
    assert read.isdisjoint(reported)
    assert len(set(reported)) == len(reported)


def test_every_good_file_is_read(fuzzed: Fuzzed):
    texts = {d.id: d.text for d in fuzzed.read.documents}
    assert [name for name in fuzzed.good if "18" not in texts.get(name, "")] == []


def test_every_hopeless_file_is_reported_in_one_line_that_says_what_to_do(fuzzed: Fuzzed):
    reasons = {Path(p.source).name.split(":")[0]: p.reason for p in fuzzed.read.problems}
    assert [name for name in fuzzed.hopeless if name not in reasons] == []
    for reason in reasons.values():
        assert "\n" not in reason
        assert "Traceback" not in reason
        assert 10 < len(reason) < 350
        assert reason.endswith((".", "?"))


def test_nothing_hangs(fuzzed: Fuzzed):
    # All in all, not each: a few may use their time up, and no more.
    late = [p for p in fuzzed.read.problems if "takes longer than" in p.reason]
    assert len(late) <= 2
    assert fuzzed.seconds < 35
