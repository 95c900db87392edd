"""A file of any kind → the text it says. What a worker runs for each file."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from knowledge.formats.container import check_container
from knowledge.formats.kinds import FORMATS, NAMES, sniff
from knowledge.formats.problem import FileProblem
from knowledge.formats.records import Content, Limits

_DEEPEST = 20_000  # of tags
_TAG = re.compile(r"<(/?)(?!(?:br|hr|img|input|link|meta|col|wbr|area|source)\b)[a-zA-Z]")
_HEAD = 1024  # a PDF may begin that late


def read_content(file: Path, format: str, limits: Limits) -> Content:
    """The text of one file, as Markdown wherever its format has structure.

    Args:
        file: A regular file of at most `limits.file` bytes.
        format: What its suffix promises, see `kinds.FORMATS`.

    Raises:
        FileProblem: Its content is of another kind, damaged, encrypted, too much, or no UTF-8.
    """
    if format in ("docx", "pptx", "xlsx"):
        _check_head(file, format)
        check_container(file, format, limits)
        content = _office(format)(file)
    elif format == "pdf":
        _check_head(file, format)
        from knowledge.formats.pdf import read_pdf

        content = read_pdf(file)
    else:
        content = _from_text(file, format, read_text(file, limits))
    if format in NAMES and len(content.text) > limits.text:
        raise FileProblem(
            file,
            f"it holds {len(content.text):,} characters, more than the {limits.text:,} that are "
            "allowed. Split it, and add its parts.",
        )
    return content


def read_text(file: Path, limits: Limits) -> str:
    """A text file in UTF-8, its line ends as '\\n'.

    Raises:
        FileProblem: It is binary, not UTF-8, or larger than its size said.
    """
    with file.open("rb") as opened:
        data = opened.read(limits.file + 1)
    if len(data) > limits.file:
        raise FileProblem(file, "it grew while it was read. Add it again when it is whole.")
    _refuse_other_content(file, "text", sniff(data[:_HEAD]))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise FileProblem(
            file,
            f"byte {problem.start} is not UTF-8. Save the file as UTF-8 and add it again.",
        ) from problem
    if (at := text.find("\0")) >= 0:
        raise FileProblem(
            file,
            f"character {at} is NUL: this is no text, whatever {file.suffix} says. "
            "Leave it out, or give it the suffix of what it is.",
        )
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _from_text(file: Path, format: str, text: str) -> Content:
    if format == "html":
        from knowledge.formats.html import read_page

        if _depth(text) > _DEEPEST:
            raise RecursionError
        return Content(*read_page(text))
    if format == "csv":
        from knowledge.formats.delimited import read_delimited

        return Content(None, read_delimited(text, suffix=file.suffix.lower()))
    return Content(None, text)


def _depth(html: str) -> int:
    """How deep tags stand in each other, at most: a parser's time grows with its square."""
    depth = deepest = 0
    for tag in _TAG.finditer(html):
        depth = max(depth - 1, 0) if tag[1] else depth + 1
        deepest = max(deepest, depth)
    return deepest


def _office(format: str) -> Callable[[Path], Content]:
    if format == "docx":
        from knowledge.formats.word import read_word

        return read_word
    if format == "pptx":
        from knowledge.formats.slides import read_slides

        return read_slides
    from knowledge.formats.sheets import read_sheets

    return read_sheets


def _check_head(file: Path, format: str) -> None:
    with file.open("rb") as opened:
        head = opened.read(_HEAD)
    found = sniff(head)
    if format == "pdf" and b"%PDF-" in head:
        return
    if found == "zip" and format != "pdf":
        return
    if found is None:
        text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
        found = "a web page or XML" if text.startswith(b"<") else "something else"
    _refuse_other_content(file, format, found)


def _refuse_other_content(file: Path, format: str, found: str | None) -> None:
    promised = NAMES.get(format, "text")
    if found is None:
        return
    if found == "ole":
        raise FileProblem(
            file,
            "it is protected by a password, or of an Office version before 2007. "
            "Save it without a password as .docx, .pptx or .xlsx, and add it again.",
        )
    what = {"zip": "a zip archive or an Office file"}.get(found) or NAMES.get(found, found)
    move = f"Rename it to .{found}" if f".{found}" in FORMATS else f"Save it as {promised}"
    if found == "UTF-16 text":
        move = "Save it as UTF-8"
    raise FileProblem(
        file,
        f"its content is {what}, not {promised} as {file.suffix} says. {move}, and add it again.",
    )
