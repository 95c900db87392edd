"""What a text is made of, before it is known how much of it fits into a chunk."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from knowledge.records import Kind

Fits = Callable[[tuple[str, ...], int, int], bool]  # whether text[start:end] fits below a heading


class Line(NamedTuple):
    """A line with something on it."""

    start: int  # characters into the document's text
    end: int  # without white space behind it
    text: str  # white space before it included
    indent: int  # characters of white space before it
    after_blank: bool  # an empty line stands above it
    fence: int = 0  # which fenced code it belongs to, from 1; 0 if to none


class Part(NamedTuple):
    """What is not torn if it fits, except a paragraph: that is its sentences."""

    start: int
    end: int
    kind: Kind
    inside: tuple[Part, ...] = ()  # what it is made of, where that is known; it covers the part
    context: str = ""  # to read any of them by but the first


class Section(NamedTuple):
    """What stands under a heading, or a definition."""

    heading: tuple[str, ...]  # document title first
    start: int
    end: int
    parts: list[Part]
    context: tuple[str, ...] = ()  # to read any of it by: lines of the classes it stands in


class Name(NamedTuple):
    """What a definition defines."""

    keyword: str  # as the language has it; empty where it has none
    name: str
    holds: bool = False  # other definitions: a class, a module


class Outer(NamedTuple):
    """What a definition stands in."""

    heading: tuple[str, ...]
    name: str = ""  # qualified
    context: tuple[str, ...] = ()
    depth: int = 0

    def inner(self, name: Name, signature: str) -> Outer:
        """What stands in a definition that stands here."""
        qualified = f"{self.name}.{name.name}" if self.name else name.name
        bare = self.name and not name.holds
        shown = qualified if bare else f"{name.keyword} {qualified}".strip()
        heading, context = (*self.heading, shown), (*self.context, signature)
        return Outer(heading, qualified, context, self.depth + 1)


def signed(start: int, signature_end: int, body: int, end: int, signature: str) -> Part:
    """A definition in two: what stands below its signature is read by it."""
    inside = (Part(start, signature_end, "code"), Part(body, end, "code"))
    return Part(start, end, "code", inside, signature)


def lines_of(text: str, start: int = 0, end: int | None = None) -> list[Line]:
    """The lines of text[start:end] that are not empty."""
    found = []
    at, after_blank = start, False
    for raw in text[start:end].splitlines(keepends=True):
        line = raw.rstrip()
        if line:
            indent = len(line) - len(line.lstrip())
            found.append(Line(at, at + len(line), line, indent, after_blank))
        after_blank = not line
        at += len(raw)
    return found
