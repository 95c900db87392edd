"""What the styles and list definitions of a Word document say about a paragraph."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import Any

_SPACES = {
    "w": "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    "mc": "http://schemas.openxmlformats.org/markup-compatibility/2006",
}
_HEADING = re.compile(r"heading ([1-9])", re.IGNORECASE)
_BULLETS = ("bullet", "none")
_MOST_PARENTS = 20


@cache
def tag(name: str) -> str:
    """A tag with its namespace.

    >>> tag("w:p")
    '{http://schemas.openxmlformats.org/wordprocessingml/2006/main}p'
    """
    prefix, local = name.split(":")
    return f"{{{_SPACES[prefix]}}}{local}"


def is_on(properties: Any, name: str) -> bool:
    """Is a switch like `w:vanish` set?"""
    switch = properties.find(tag(name))
    return switch is not None and switch.get(tag("w:val")) not in ("0", "false", "off")


@dataclass(frozen=True, slots=True)
class Style:
    """What holds for text of one style, its parents' included."""

    level: int | None = None  # of a heading, from 1
    title: bool = False
    hidden: bool = False
    list: str | None = None  # its list definition
    depth: int = 0  # in that list


class Styles:
    """All styles of a document."""

    def __init__(self, root: Any) -> None:
        self._elements = {s.get(tag("w:styleId")): s for s in root.iter(tag("w:style"))}
        self._styles: dict[str, Style] = {}

    def of(self, properties: Any, kind: str) -> Style:
        """The style that properties name by `w:pStyle` or `w:rStyle`; a plain one if none."""
        named = None if properties is None else properties.find(tag(kind))
        return Style() if named is None else self._style(named.get(tag("w:val")) or "", 0)

    def heading_level(self, properties: Any, style: Style) -> int | None:
        """The level of a heading; None for other paragraphs."""
        if style.title:
            return 1
        outline = None if properties is None else _value(properties, "w:outlineLvl")
        if outline is not None and outline.isdigit():
            return int(outline) + 1 if int(outline) < 9 else None
        return style.level

    def _style(self, name: str, parents: int) -> Style:
        if name in self._styles:
            return self._styles[name]
        element = self._elements.get(name)
        if element is None or parents > _MOST_PARENTS:
            return Style()
        based = _value(element, "w:basedOn")
        parent = self._style(based, parents + 1) if based else Style()
        called = _value(element, "w:name") or ""
        about, letters = element.find(tag("w:pPr")), element.find(tag("w:rPr"))
        level, heading = parent.level, _HEADING.fullmatch(called)
        outline = None if about is None else _value(about, "w:outlineLvl")
        if heading:
            level = int(heading[1])
        elif outline is not None and outline.isdigit():
            level = int(outline) + 1 if int(outline) < 9 else None
        number, depth = _numbering(about)
        style = Style(
            level=level,
            title=called.lower() == "title" or (parent.title and not heading),
            hidden=parent.hidden or (letters is not None and is_on(letters, "w:vanish")),
            list=number or parent.list,
            depth=depth if number else parent.depth,
        )
        self._styles[name] = style
        return style


class Numbers:
    """The list definitions of a document, and how far each list has counted."""

    def __init__(self, root: Any) -> None:
        self._formats: dict[tuple[str, int], str] = {}
        self._counts: Counter[tuple[str, int]] = Counter()
        if root is None:
            return
        abstract = {
            a.get(tag("w:abstractNumId")): {
                int(level.get(tag("w:ilvl")) or 0): _value(level, "w:numFmt") or "decimal"
                for level in a.iter(tag("w:lvl"))
            }
            for a in root.iter(tag("w:abstractNum"))
        }
        for number in root.iter(tag("w:num")):
            for depth, format in abstract.get(_value(number, "w:abstractNumId"), {}).items():
                self._formats[number.get(tag("w:numId")) or "", depth] = format

    def label(self, properties: Any, style: Style) -> str | None:
        """What stands before an item of a list, indented; None if the paragraph is no item."""
        number, depth = _numbering(properties)
        if number is None:
            number, depth = style.list, style.depth
        if number is None or number == "0":  # 0 takes a paragraph out of its style's list
            return None
        indent = "  " * min(depth, 8)
        if self._formats.get((number, depth), "bullet") in _BULLETS:
            return f"{indent}-"
        self._counts[number, depth] += 1
        for deeper in [key for key in self._counts if key[0] == number and key[1] > depth]:
            del self._counts[deeper]
        return f"{indent}{self._counts[number, depth]}."


def _numbering(properties: Any) -> tuple[str | None, int]:
    """List definition and depth that properties name."""
    named = None if properties is None else properties.find(tag("w:numPr"))
    if named is None:
        return None, 0
    depth = _value(named, "w:ilvl") or "0"
    return _value(named, "w:numId"), int(depth) if depth.isdigit() else 0


def _value(element: Any, name: str) -> str | None:
    child = element.find(tag(name))
    return None if child is None else child.get(tag("w:val"))
