"""CSV and TSV → a Markdown table."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from itertools import islice

from knowledge.formats.markdown import table

_DELIMITERS = ",;\t|"
_LINES_TO_TELL = 50


def read_delimited(text: str, *, suffix: str = ".csv") -> str:
    """The values as a Markdown table; the first row that says something heads it.

    >>> print(read_delimited("Wire;Fee\\nDomestic;1,50\\n"))
    | Wire | Fee |
    | --- | --- |
    | Domestic | 1,50 |
    """
    delimiter = "," if suffix == ".csv" else "\t"
    return table(list(_rows(text, _delimiter(text, usual=delimiter))))


def _delimiter(text: str, *, usual: str) -> str:
    """The one that cuts most of the first lines into equally many values."""
    best, best_score = usual, (0, 0)
    for delimiter in (usual, *_DELIMITERS.replace(usual, "")):
        rows = islice(_rows(text[: 1 << 16], delimiter), _LINES_TO_TELL)
        widths = Counter(len(row) for row in rows if len(row) > 1)
        if widths:
            width, rows_with_it = widths.most_common(1)[0]
            if (rows_with_it, width) > best_score:
                best, best_score = delimiter, (rows_with_it, width)
    return best


def _rows(text: str, delimiter: str) -> Iterator[list[str]]:
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
