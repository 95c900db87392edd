"""JSON lines in BEIR's corpus format → one Document a row."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from knowledge.compose import make_document
from knowledge.formats.problem import FileProblem
from knowledge.metadata import KEYS, check_key, metadata_value
from knowledge.records import Document

_IN_JSON = ("_id", "text", "metadata", *KEYS)
_MOST_PROBLEMS = 100  # then it is not a corpus with a few bad rows


def read_rows(
    file: Path, about: dict[str, Any], *, most_bytes: int
) -> Iterator[Document | FileProblem]:
    """The documents of a file, row by row, and what is wrong with rows that are none.

    Args:
        about: What holds for rows that do not say otherwise, as make_document takes it.
        most_bytes: Longest row.
    """
    problems = count = 0
    with file.open("rb") as lines:
        for number, line in enumerate(iter(lambda: lines.readline(most_bytes + 1), b""), start=1):
            place = f"{file}:{number}"
            if len(line) > most_bytes:
                yield FileProblem(place, f"longer than {most_bytes >> 20} MB. Split that row.")
                return
            count += 1
            try:
                if line.strip():
                    yield _document(line, place, about)
            except FileProblem as problem:
                yield problem
                problems += 1
            if problems == _MOST_PROBLEMS:
                yield FileProblem(file, f"{problems} rows are no documents. Mend it, add it again.")
                return


def _document(line: bytes, place: str, about: dict[str, Any]) -> Document:
    try:
        row = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError as problem:
        raise FileProblem(
            place, f"byte {problem.start} of it is not UTF-8. Save the file as UTF-8."
        ) from problem
    except json.JSONDecodeError as problem:
        raise FileProblem(place, f"not JSON: {problem.msg}. Mend that line.") from problem
    except RecursionError as problem:
        raise FileProblem(place, "it is nested too deeply. Mend that line.") from problem
    if not isinstance(row, dict) or not isinstance(row.get("_id"), str | int):
        raise FileProblem(place, "expected an object with `_id` and `text`. Mend that line.")
    title, text = row.get("title") or "", row.get("text") or ""
    if not isinstance(title, str) or not isinstance(text, str):
        raise FileProblem(place, "title and text must be strings. Mend that line.")
    for key in row:
        check_key(key, _IN_JSON, place)
    own = {k: metadata_value(k, v, place) for k, v in row.items() if k in KEYS and v is not None}
    if own.get("access") == []:  # no labels: it says nothing, and must not undo what the file says
        del own["access"]
    own |= {"title": title or None}
    own.pop("supersedes", None)
    # Some corpora have documents that are a title alone.
    return make_document(id=str(row["_id"]), text=text or title, source=place, **(about | own))
