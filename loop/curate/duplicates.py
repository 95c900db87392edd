"""The same thing once: rows that say the same, to the letter or nearly, are one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from knowledge.text import fingerprint, jaccard, ngrams
from loop.curate.rows import KINDS, Row, prompt_text, row_id, said

GRAM = 5  # words
HASHES = 64  # of a MinHash; what it suggests is verified, so few will do
SLACK = 0.1  # it suggests from this much below the threshold, to miss nothing


class Deduplicated(NamedTuple):
    """Rows of which no two say the same; `kin` are people whose rows did."""

    kept: list[Row]
    dropped: list[tuple[Row, str]]
    kin: list[tuple[str, ...]]


def one_of_each(rows: Sequence[Row], threshold: float) -> Deduplicated:
    """Leave out rows that repeat another of their kind.

    First those with the same prompt and answers after normalising. Where such rows contradict
    each other (the other answer preferred, the other label) the majority stays; split evenly, none
    does. Then those whose questions and answers share at least `threshold` (Jaccard) of their
    5-grams. Of rows that say the same the one with the lowest content hash stays.

    Args:
        rows: In any order.
        threshold: In (0, 1]; 1 leaves near copies in.
    """
    # Rows that teach the same have the same hash; where they came from decides between them.
    ordered = sorted(rows, key=lambda row: (row_id(row), row.interactions, row.ratings, row.users))
    exact = _exact(ordered)
    near = _near(exact.kept, threshold)
    return Deduplicated(near.kept, exact.dropped + near.dropped, exact.kin + near.kin)


def _exact(rows: Sequence[Row]) -> Deduplicated:
    groups: defaultdict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in rows:
        texts = sorted(map(fingerprint, row.answers))
        groups[row.kind, fingerprint(prompt_text(row.messages)), *texts].append(row)
    kept: list[Row] = []
    dropped: list[tuple[Row, str]] = []
    kin: list[tuple[str, ...]] = []
    for group in groups.values():
        side = _majority(group)
        agreed = [row for row in group if _direction(row) == side]
        kept += agreed[:1]
        dropped += [(row, "duplicate") for row in agreed[1:]]
        dropped += [(row, "contradicted") for row in group if _direction(row) != side]
        if agreed and len(group) > 1:
            kin.append(tuple(sorted({user for row in group for user in row.users})))
    return Deduplicated(sorted(kept, key=row_id), dropped, kin)


def _direction(row: Row) -> str:
    """What contradicting rows differ in."""
    return f"{row.label}" if row.kind == "kto" else fingerprint(row.answer)


def _majority(group: Sequence[Row]) -> str | None:
    """The direction with most votes; None if two have as many."""
    votes: Counter[str] = Counter()
    for row in group:
        votes[_direction(row)] += row.votes
    (first, most), *others = votes.most_common(2)
    return None if others and others[0][1] == most else first


def _near(rows: Sequence[Row], threshold: float) -> Deduplicated:
    from datasketch import MinHash, MinHashLSH

    kept: list[Row] = []
    dropped: list[tuple[Row, str]] = []
    kin: list[tuple[str, ...]] = []
    if threshold >= 1:
        return Deduplicated(list(rows), dropped, kin)
    grams = [_grams(row) for row in rows]
    sketches = MinHash.bulk(
        ([gram.encode("utf-8", "surrogatepass") for gram in found] for found in grams),
        num_perm=HASHES,
    )
    for kind in KINDS:
        index = MinHashLSH(threshold=max(0.05, threshold - SLACK), num_perm=HASHES)
        for number, (row, sketch) in enumerate(zip(rows, sketches, strict=True)):
            if row.kind != kind:
                continue
            twin = next(
                (
                    other
                    for other in sorted(index.query(sketch))
                    if rows[other].label == row.label
                    and jaccard(grams[number], grams[other]) >= threshold
                ),
                None,
            )
            if twin is None:
                index.insert(number, sketch, check_duplication=False)
                kept.append(row)
            else:
                dropped.append((row, "near_duplicate"))
                kin.append(tuple(sorted({*row.users, *rows[twin].users})))
    return Deduplicated(sorted(kept, key=row_id), dropped, kin)


def _grams(row: Row) -> frozenset[str]:
    """5-grams of what was asked and of each answer, told apart."""
    parts = {"asked": "\n".join(said(row.messages)), "answer": row.answer}
    if row.rejected is not None:
        parts["rejected"] = row.rejected
    return frozenset(
        f"{part}: {gram}" for part, text in parts.items() for gram in ngrams(text, GRAM)
    )
