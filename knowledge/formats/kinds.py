"""Which kind of file it is: by its suffix, and by what its first bytes say."""

from __future__ import annotations

from pathlib import Path

_SUFFIXES = {
    "markdown": ".md .markdown",
    "text": ".txt .text .rst .adoc .org .tex .log",
    "html": ".html .htm .xhtml",
    "jsonl": ".jsonl",
    "pdf": ".pdf",
    "docx": ".docx",
    "pptx": ".pptx",
    "xlsx": ".xlsx .xlsm",
    "csv": ".csv .tsv .tab",
    "code": (
        ".py .pyi .js .mjs .jsx .ts .tsx .java .kt .scala .c .h .cc .cpp .hpp .cs .go .rs .rb .php "
        ".swift .lua .pl .r .jl .sh .bash .ps1 .sql .css .scss .vue .proto .graphql .tf "
        ".toml .yaml .yml .ini .json .xml"
    ),
}
FORMATS = {suffix: name for name, line in _SUFFIXES.items() for suffix in line.split()}
# Read without a worker: nothing is parsed but front matter and rows.
PLAIN = frozenset({"markdown", "text", "code", "jsonl"})
NAMES = {
    "pdf": "a PDF",
    "docx": "a Word document",
    "pptx": "a PowerPoint presentation",
    "xlsx": "an Excel workbook",
    "html": "a web page",
    "csv": "a table of values",
}
# For people who named a file of another kind.
KNOWN = "Markdown, text, HTML, PDF, .docx, .pptx, .xlsx, CSV, .jsonl and source code"
_OFFICE = {"word": "docx", "ppt": "pptx", "xl": "xlsx"}
_MAGIC = (
    (b"%PDF-", "pdf"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"),
    (b"{\\rtf", "an RTF document"),
    (b"\x89PNG\r\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"\x1f\x8b\x08", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3\x00", "a database"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
)


def format_of(file: Path) -> str | None:
    """The format that a file's suffix promises; None if files of that kind are not read.

    >>> format_of(Path("Fees.PDF")), format_of(Path("photo.png"))
    ('pdf', None)
    """
    return FORMATS.get(file.suffix.lower())


def is_sidecar(file: Path) -> bool:
    """Does it say things about another file?

    >>> is_sidecar(Path("fees.pdf.toml")), is_sidecar(Path("pyproject.toml"))
    (True, False)
    """
    return file.suffix.lower() == ".toml" and format_of(Path(file.stem)) is not None


def sniff(head: bytes) -> str | None:
    """What the first bytes say it is: a format, 'zip', 'ole' or a name for people; None: unknown.

    >>> sniff(b"%PDF-1.7 ...")
    'pdf'
    """
    return next((name for magic, name in _MAGIC if head.startswith(magic)), None)


def office_format(names: list[str]) -> str | None:
    """Which Office format an archive with these members is; None if it is none."""
    if "[Content_Types].xml" not in names:
        return None
    return next(
        (f for start, f in _OFFICE.items() if any(n.startswith(start) for n in names)), None
    )
