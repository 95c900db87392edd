"""What was taken out of texts, for a person to judge: type, shape and what stood around it."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from hashlib import sha256
from typing import TYPE_CHECKING

from knowledge.pii import Span, mask
from knowledge.pii_view import view

if TYPE_CHECKING:
    import pyarrow as pa

CONTEXT = 40  # characters shown on either side
WIDER = 200  # read around it, so that what stands on the edge is masked whole
LONGEST = 60  # characters of a shape


@dataclass(frozen=True, slots=True, order=True)
class Review:
    """One thing that was taken out. The value itself is nowhere in it."""

    key: str  # hash of the text and the place; the sample holds the lowest
    type: str
    shape: str  # digits as #, letters as x and X, signs as they were
    before: str  # what stood on the left, masked
    after: str  # and on the right


@dataclass(slots=True)
class Sample:
    """The replacements with the lowest hashes, so many of each type.

    Which ones are kept depends on the texts alone, neither on their order nor on how they were
    shared out: samples of parts, merged, are the sample of the whole.
    """

    size: int  # of each type
    kept: dict[str, dict[str, Review]] = field(default_factory=dict)  # type → key → row

    def add(self, text: str, spans: Sequence[Span]) -> None:
        """Consider what is being taken out of a text."""
        if not self.size:
            return
        stem = sha256(text.encode("utf-8", "surrogatepass"))
        for n, span in enumerate(spans):
            place = stem.copy()
            place.update(f"\x00{span.type}\x00{span.start}".encode())
            key = place.hexdigest()[:32]
            same_type = self.kept.get(span.type, {})
            if len(same_type) < self.size or key < max(same_type):
                self._keep([_review(key, text, spans, n)])

    def merge(self, rows: Iterable[Review]) -> None:
        """Take in the rows of another sample."""
        self._keep(rows)

    def rows(self) -> list[Review]:
        """The sample, by type and hash."""
        return [row for type in sorted(self.kept) for _, row in sorted(self.kept[type].items())]

    def _keep(self, rows: Iterable[Review]) -> None:
        for row in rows:
            of_type = self.kept.setdefault(row.type, {})
            of_type[row.key] = row
            if len(of_type) > self.size:
                lowest = heapq.nsmallest(self.size, of_type)
                self.kept[row.type] = {key: of_type[key] for key in lowest}


def review_table(rows: Sequence[Review]) -> pa.Table:
    """The sample as Arrow rows: key, type, shape, before, after."""
    import pyarrow as pa

    schema = pa.schema([(one.name, pa.string()) for one in fields(Review)])
    return pa.Table.from_pylist([asdict(row) for row in rows], schema=schema)


def shape(value: str) -> str:
    """The writing of a value without the value.

    >>> shape("4111-1111 ４ Ana")
    '####-#### # Xxx'
    """
    cut = value if len(value) <= LONGEST else value[: LONGEST - 1] + "…"
    return "".join(
        "#" if c.isdigit() else ("X" if c.isupper() else "x") if c.isalpha() else c for c in cut
    )


def _review(key: str, text: str, spans: Sequence[Span], n: int) -> Review:
    span = spans[n]
    begin = max(0, span.start - WIDER)
    left = [
        Span(s.type, max(0, s.start - begin), s.end - begin) for s in spans[:n] if s.end > begin
    ]
    right = [Span(s.type, s.start - span.end, s.end - span.end) for s in spans[n + 1 :]]
    right = [s for s in right if s.start < WIDER]
    before = mask(mask(text[begin : span.start], left))
    after = mask(mask(text[span.end : span.end + WIDER], right))
    return Review(
        key, span.type, shape(view(span.value).text), _last(before, CONTEXT), after[:CONTEXT]
    )


def _last(text: str, count: int) -> str:
    return text[max(0, len(text) - count) :]
