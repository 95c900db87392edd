"""Parts → pieces that are not cut → runs of them that each fit into a chunk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from knowledge.parts import Part, lines_of
from knowledge.records import Kind
from knowledge.text import sentences
from knowledge.tokens import Tokens

_SOONEST, _LATEST = 0.75, 1.25  # of a fair share: where a run may end to end with a paragraph


class Context(NamedTuple):
    """What stands elsewhere and is to be read first, outermost first."""

    texts: tuple[str, ...] = ()
    tokens: int = 0


class Piece(NamedTuple):
    """What is not cut: a sentence, a list, a table or a row of a long one."""

    start: int
    end: int
    tokens: int
    kind: Kind
    opens: bool  # a paragraph, list or table: a good place to begin a chunk
    context: Context  # if it begins a chunk


class Run(NamedTuple):
    """Pieces that follow each other and fit."""

    start: int
    end: int
    kind: Kind  # what most of it is
    context: Context


def pieces(tokens: Tokens, part: Part, room: int, context: Context) -> Iterator[Piece]:
    """A part in pieces that each fit with their context.

    Args:
        room: Most tokens of a piece and its context.
        context: What all of the part is read by, at most half of the room.
    """
    left = room - context.tokens
    if part.kind == "text":
        yield from _sentences(tokens, part, left, context)
    elif tokens.count(part.start, part.end) <= left:
        yield from _cut(tokens, part.start, part.end, part.kind, left, context)
    elif part.inside:
        below = with_more(tokens, context, part.context, room)
        yield from pieces(tokens, part.inside[0], room, context)
        for inner in part.inside[1:]:
            for piece in pieces(tokens, inner, room, below):
                # Between rows or items one place is as good as another.
                yield piece._replace(opens=piece.opens and part.kind == "code")
    elif part.kind == "code":
        for line in lines_of(tokens.text, part.start, part.end):
            for piece in _cut(tokens, line.start, line.end, "code", left, context):
                yield piece._replace(opens=line.after_blank)
    else:
        yield from _sentences(tokens, part, left, context)


def with_more(tokens: Tokens, context: Context, text: str, room: int) -> Context:
    """The context with some text more, unless that leaves less than half the room to read by it."""
    if not text:
        return context
    total = context.tokens + tokens.of(text)
    return Context((*context.texts, text), total) if total <= room // 2 else context


def pack(found: Sequence[Piece], room: int) -> list[Run]:
    """Runs of about equal length, as few as can be, that end with a paragraph where they can."""
    left = _left(found)
    rest = sum(piece.tokens for piece in found)
    runs: list[list[Piece]] = []
    size = most = 0
    fair = 0.0
    for n, piece in enumerate(found):
        if not runs or _ends(runs[-1][-1], piece, left[n], size, fair, most):
            most = room - piece.context.tokens
            fair = rest / max(-(-rest // most), 1)
            runs.append([piece])
            size = piece.tokens
        else:
            runs[-1].append(piece)
            size += piece.tokens
        rest -= piece.tokens
    return [_run(run) for run in runs]


def _ends(before: Piece, piece: Piece, left: int, size: int, fair: float, most: int) -> bool:
    """Whether a run of that size ends before the piece; `left` is what its paragraph still has."""
    if size + piece.tokens > most or before.end == piece.start:  # a word or wall that was cut
        return True
    whole = size + left  # if the run took the rest of the paragraph too
    if piece.opens:
        return size >= _SOONEST * fair and (whole > most or fair - size <= whole - fair)
    return size >= fair and whole > min(most, _LATEST * fair)


def _left(found: Sequence[Piece]) -> list[int]:
    """For each piece the tokens from it on to the end of its paragraph."""
    left, total = [], 0
    for piece in reversed(found):
        total += piece.tokens
        left.append(total)
        total = 0 if piece.opens else total
    return left[::-1]


def _run(run: Sequence[Piece]) -> Run:
    kinds: Counter[Kind] = Counter()
    for piece in run:
        kinds[piece.kind] += piece.tokens
    return Run(run[0].start, run[-1].end, kinds.most_common(1)[0][0], run[0].context)


def _sentences(tokens: Tokens, part: Part, room: int, context: Context) -> Iterator[Piece]:
    opens = True
    for sentence in sentences(tokens.text[part.start : part.end]):
        start, end = part.start + sentence.start, part.start + sentence.end
        for piece in _cut(tokens, start, end, part.kind, room, context):
            yield piece._replace(opens=opens)
            opens = False


def _cut(
    tokens: Tokens, start: int, end: int, kind: Kind, room: int, context: Context
) -> Iterator[Piece]:
    opens = True
    for cut in tokens.cut(start, end, room):
        yield Piece(*cut, kind, opens, context)
        opens = False
