"""Where definitions begin in code of any language, by its indentation, blank lines and braces."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from knowledge.parts import Line, Name, Part

_SEEN = 200  # characters of a line that are looked at for a name
# What stands above a definition and belongs to it: comments, decorators, attributes, templates.
_LEADS = ("#", "//", "/*", "--", ";", "%", "@", "[", "template<", "template <")
# What goes on with what stands above it, though it is not indented.
_GOES_ON = re.compile(
    r"\s*(?:[{}()\]>]|(?:end|else|elif|except|catch|finally|then|fi|done|esac)\b"
    r"|(?:public|private|protected)\s*:)"
)
_MODIFIERS = (
    r"(?:(?:public|private|protected|internal|static|final|abstract|sealed|open|data|partial"
    r"|export|default|declare|async|pub(?:\([^)]*\))?|unsafe|const|inline|extern|virtual|override"
    r"|suspend)\s+)*"
)
_TYPE = re.compile(
    rf"\s*{_MODIFIERS}(class|interface|struct|enum|trait|impl|module|namespace|protocol|extension"
    r"|record|contract|object|type)\s+([A-Za-z_]\w*(?:(?:::|\.)\w+)*)"
)
_FUNCTION = re.compile(
    rf"\s*\(?{_MODIFIERS}(def|func|function|fn|fun|sub|proc|procedure|macro|defun|defn)\b\*?\s+"
    r"(?:\([^)]*\)\s*)?([A-Za-z_$][\w$?!-]*(?:(?:::|\.)[\w$?!]+)*)"
)
_ASSIGNED = re.compile(
    rf"\s*{_MODIFIERS}(?:const|let|var)\s+([\w$]+)\s*=\s*"
    r"(?:async\s*)?(?:function\b|\([^)]*\)\s*=>|[\w$]+\s*=>)"
)
_TYPED = re.compile(
    r"\s*(?:[\w:<>,*&\[\]~]+\s+)*[*&]*(~?[A-Za-z_]\w*(?:::~?\w+)*)\s*\([^\"'=;]*[{),]"
)
_CONTROL = frozenset(
    "if for foreach while until unless switch match when catch return else elif do with sizeof"
    " using lock synchronized await new throw print assert".split()
)
_SQL = re.compile(
    r"\s*create\s+(?:or\s+replace\s+)?(?:temp(?:orary)?\s+|unique\s+)?"
    r"(table|view|function|procedure|index|trigger|type)\s+(?:if\s+not\s+exists\s+)?([\w.\"]+)",
    re.IGNORECASE,
)


class Group(NamedTuple):
    """Lines that belong together: a definition with its comments, or statements between two."""

    begin: int  # among the lines
    end: int
    name: Name | None = None
    named: int = 0  # the line that says the name


def groups(lines: Sequence[Line]) -> list[Group]:
    """The lines in definitions and what stands between them; every line in one group.

    A group begins at the lowest indentation there is: with a definition, behind a blank line or
    behind what is indented deeper.
    """
    found = [Group(0, len(lines))] if lines else []
    leads = _leads(lines)
    lowest = min((lines[n].indent for n, lead in enumerate(leads) if not lead), default=0)
    lead: int | None = None  # where the comments right above begin
    deeper = False  # the last group has something indented
    for n, line in enumerate(lines):
        if leads[n]:
            lead = n if lead is None or line.after_blank else lead
            continue
        if line.indent > lowest or _GOES_ON.match(line.text):
            deeper, lead = deeper or line.indent > lowest, None
            continue
        begin, above = n, lead
        lead = None
        if above is not None and not line.after_blank:
            begin = above
        elif above and (deeper or lines[above].after_blank):  # comments of their own
            _begin(found, above)
            deeper = False
        name = _name(line)
        if name or deeper or lines[begin].after_blank:
            _begin(found, begin)
            deeper = False
        if name and not found[-1].name:
            found[-1] = found[-1]._replace(name=name, named=n)
    return found


def _begin(found: list[Group], begin: int) -> None:
    """Another group from there on, unless one has begun there."""
    last = found[-1]
    if last.begin < begin:
        found[-1:] = [last._replace(end=begin), Group(begin, last.end)]


def code_parts(lines: Sequence[Line]) -> Part:
    """Fenced code as one; if it is too long, what it defines."""
    inner = [Part(lines[g.begin + 1].start, lines[g.end].end, "code") for g in groups(lines[1:-1])]
    whole = Part(lines[0].start, lines[-1].end, "code")
    if len(inner) < 2:
        return whole
    inner[0] = inner[0]._replace(start=whole.start)
    inner[-1] = inner[-1]._replace(end=whole.end)
    return whole._replace(inside=tuple(inner))


def _leads(lines: Sequence[Line]) -> list[bool]:
    """Which lines are a comment or decorator."""
    found, inside = [], False
    for line in lines:
        begins = line.text.startswith(_LEADS, line.indent)
        opens = inside or line.text.startswith("/*", line.indent)
        found.append(begins or opens)
        inside = opens and "*/" not in line.text
    return found


def _name(line: Line) -> Name | None:
    text = line.text[: line.indent + _SEEN]
    if found := _SQL.match(text):
        return Name(found[1].lower(), found[2])
    if found := _TYPE.match(text):
        return Name(found[1], found[2], holds=True)
    if found := _FUNCTION.match(text):
        return Name(found[1], found[2])
    if found := _ASSIGNED.match(text):
        return Name("function", found[1])
    if (found := _TYPED.match(text)) and text.split("(")[0].split()[0] not in _CONTROL:
        return Name("", found[1])
    return None
