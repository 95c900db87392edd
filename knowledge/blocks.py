"""A text → the sections below its headings, and the paragraphs, lists, tables and code in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from knowledge.code_lines import code_parts
from knowledge.parts import Line, Part, Section, lines_of
from knowledge.records import Document
from knowledge.text import normalise, sentences

_ATX = re.compile(r"[ ]{0,3}(#{1,6})[ \t]+")
_UNDERLINE = re.compile(r"[ ]{0,3}(?:={3,}|-{3,})[ \t]*")
_FENCE = re.compile(r"\s*(`{3,}(?=[^`]*$)|~{3,})")
_ITEM = re.compile(r"\s*(?:[-*+•]|\d{1,3}[.)])(?:\s+|$)")
_OWN_LINE = re.compile(r"\s*(?:[-*+•]\s|\d{1,3}[.)]\s|[|>#])")  # no heading, though underlined
_TABLE_RULE = re.compile(r"\s*\|[\s|:-]*\|\s*")
_LONGEST_HEADING = 300  # characters; what is longer is text
_DEEPEST = 6  # levels of a list; what is nested deeper counts as that deep


class _Heading(NamedTuple):
    level: int
    name: str
    lines: int  # it takes


class _Item(NamedTuple):
    level: int
    start: int
    end: int


def sections(document: Document) -> Iterator[Section]:
    """The stretches between headings, each with the headings it stands under.

    Headings are Markdown's, with # or underlined. One that has nothing below it has no section.
    """
    above: list[tuple[int, str]] = []
    lines = _fenced(lines_of(document.text))
    begun = at = 0
    while at < len(lines):
        found = _heading(lines, at)
        if found is None:
            at += 1
            continue
        if begun < at:
            yield _section(document, above, lines[begun:at])
        above = [(level, name) for level, name in above if level < found.level]
        if found.name:
            above.append((found.level, found.name))
        at += found.lines
        begun = at
    if begun < len(lines):
        yield _section(document, above, lines[begun:])


def _section(
    document: Document, above: Sequence[tuple[int, str]], lines: Sequence[Line]
) -> Section:
    names = [name for _, name in above]
    if names and normalise(names[0]) == normalise(document.title):
        names = names[1:]  # the page says its title again
    parts = _parts(document.text, lines)
    return Section((document.title, *names), lines[0].start, lines[-1].end, parts)


def _heading(lines: Sequence[Line], at: int) -> _Heading | None:
    line = lines[at]
    if line.fence:
        return None
    if (found := _ATX.match(line.text)) and len(line.text) <= _LONGEST_HEADING:
        name = line.text[found.end() :].strip()
        bare = name.rstrip("#")
        if not bare or bare[-1].isspace():  # closed as it was opened
            name = bare.rstrip()
        return _Heading(len(found[1]), name, 1)
    below = lines[at + 1] if at + 1 < len(lines) else None
    alone = line.after_blank or at == 0 or _ATX.match(lines[at - 1].text)
    if not (below and alone) or below.after_blank or _OWN_LINE.match(line.text):
        return None
    if not _UNDERLINE.fullmatch(below.text) or _UNDERLINE.fullmatch(line.text):
        return None
    if len(line.text) > _LONGEST_HEADING or line.indent > 3:
        return None
    return _Heading(1 if "=" in below.text else 2, line.text.strip(), 2)


def _fenced(lines: Sequence[Line]) -> list[Line]:
    """The lines with those of fenced code marked; a fence without an end goes on to the end."""
    marked = []
    number, mark = 0, ""
    for line in lines:
        if mark:
            marked.append(line._replace(fence=number))
            bare = line.text.strip()
            if len(bare) >= len(mark) and bare == mark[0] * len(bare):
                mark = ""
        elif found := _FENCE.match(line.text):
            number, mark = number + 1, found[1]
            marked.append(line._replace(fence=number))
        else:
            marked.append(line)
    return marked


def _parts(text: str, lines: Sequence[Line]) -> list[Part]:
    found: list[Part] = []
    at = 0
    while at < len(lines):
        end = _end_of_block(lines, at)
        block = lines[at:end]
        if block[0].fence:
            part = code_parts(block)
        elif _is_row(block[0]):
            part = _table(text, block)
        elif _is_item(block[0]):
            part = _list(text, block)
        else:
            part = Part(block[0].start, block[-1].end, "text")
        if part.kind != "text" and found and found[-1].kind == "text":
            found[-1:] = _led(text, found[-1], part)
        else:
            found.append(part)
        at = end
    return found


def _end_of_block(lines: Sequence[Line], at: int) -> int:
    first, end = lines[at], at + 1
    in_list = _is_item(first)
    while end < len(lines):
        line = lines[end]
        if first.fence:
            belongs = line.fence == first.fence
        elif _is_row(first):
            belongs = _is_row(line) and not line.after_blank
        elif in_list and (line.indent > first.indent or _is_item(line)):
            belongs = True
        else:
            belongs = not (line.fence or line.after_blank or _is_row(line) or _is_item(line))
        if not belongs:
            break
        end += 1
    return end


def _is_item(line: Line) -> bool:
    return not line.fence and _ITEM.match(line.text) is not None


def _is_row(line: Line) -> bool:
    return not line.fence and line.text.startswith("|", line.indent)


def _table(text: str, rows: Sequence[Line]) -> Part:
    """A table of rows; the first row is not torn from its header, nor read without it."""
    inside = [Part(row.start, row.end, "table") for row in rows]
    header = ""
    if len(rows) > 2 and _TABLE_RULE.fullmatch(rows[1].text):
        header = text[rows[0].start : rows[1].end].lstrip()
        top = Part(rows[0].start, rows[1].end, "table", tuple(inside[:2]))
        inside[:3] = [_glued(top, inside[2], header)]
    return Part(rows[0].start, rows[-1].end, "table", tuple(inside), header)


def _list(text: str, lines: Sequence[Line]) -> Part:
    items: list[_Item] = []
    open_indents: list[int] = []
    for line in lines:
        if _is_item(line):
            while open_indents and open_indents[-1] >= line.indent:
                open_indents.pop()
            items.append(_Item(min(len(open_indents), _DEEPEST), line.start, line.end))
            open_indents.append(line.indent)
        else:
            items[-1] = items[-1]._replace(end=line.end)
    inside = tuple(_nested(text, items))
    return Part(lines[0].start, lines[-1].end, "list", inside)


def _nested(text: str, items: Sequence[_Item]) -> Iterator[Part]:
    """Items of one level, each with what is nested in it."""
    begins = [n for n, item in enumerate(items) if item.level == items[0].level]
    for begin, end in zip(begins, [*begins[1:], len(items)], strict=True):
        own = Part(items[begin].start, items[begin].end, "list")
        below = list(_nested(text, items[begin + 1 : end])) if begin + 1 < end else []
        yield _led_by(own, below, text[own.start : own.end]) if below else own


def _led(text: str, before: Part, part: Part) -> list[Part]:
    """A list, table or code with the sentence that leads to it: "The following are needed:"."""
    said = text[before.start : before.end].rstrip()
    if not said.endswith((":", "：")):
        return [before, part]
    lead = sentences(said)[-1]
    led = Part(before.start + lead.start, before.start + lead.end, "text")
    rest = [Part(before.start, led.start, "text")] if lead.start else []
    if part.kind == "list":
        return [*rest, _led_by(led, part.inside, lead.text)]
    return [*rest, Part(led.start, part.end, part.kind, (led, part))]


def _led_by(lead: Part, parts: Sequence[Part], context: str) -> Part:
    """Parts that are read by what stands above them; the first is not torn from it."""
    inside = (_glued(lead, parts[0], context), *parts[1:])
    return Part(lead.start, parts[-1].end, "list", inside, context)


def _glued(first: Part, second: Part, context: str) -> Part:
    return Part(first.start, second.end, second.kind, (first, second), context)
