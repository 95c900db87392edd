"""Files → Documents, strictly: what each says, who may read it, under which licence, on which days.

`knowledge.ingest` reads the same files, and reports what is wrong instead of raising it.
"""

from __future__ import annotations

from pathlib import Path

from knowledge.compose import make_document
from knowledge.errors import RatchetError
from knowledge.ingest import ingest
from knowledge.records import Document

__all__ = ["make_document", "read_documents"]


def read_documents(path: Path | str) -> list[Document]:
    """The documents of a file, or of all files below a folder, in order of their ids.

    Read are Markdown (with front matter or without), plain text, HTML, PDF, Word, PowerPoint,
    Excel, CSV, source code, and JSON lines in BEIR's corpus format (`_id`, `title`, `text`, and
    the front matter's keys). In a folder, hidden files and files of other kinds are left out.

    Args:
        path: A file or a folder. A document's id is its path below that folder, or the file's
            name; a row of JSON lines is called by its `_id`.

    Raises:
        RatchetError: There is nothing to read, a file cannot be read or says nothing, its
            metadata cannot be understood, or two documents have one id.
    """
    read = ingest([path])
    for problem in read.problems:
        raise RatchetError(f"{problem.source}: {problem.reason}")
    return read.documents
