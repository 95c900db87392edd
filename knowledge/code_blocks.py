"""Code → the definitions in it: each stands under its qualified name."""

from __future__ import annotations

from collections.abc import Sequence

from knowledge.code_lines import Group, groups
from knowledge.parts import Fits, Line, Name, Outer, Part, Section, lines_of, signed
from knowledge.python_code import PythonCode, parsed
from knowledge.records import Document

_PYTHON = (".py", ".pyi")
_DEEPEST = 5  # definitions within definitions


def code_sections(document: Document, fits: Fits) -> list[Section]:
    """A section for each definition, and for the statements between two of them.

    A class that does not fit is cut into its methods, to be read by the class's first line.
    Python goes by its syntax tree; all else, and Python with a mistake in it, by indentation.

    Args:
        document: Of any programming language; one whose id ends in .py is Python.
        fits: Whether text[start:end] fits into a chunk below a heading.
    """
    outer, text = Outer((document.title,)), document.text
    if document.id.lower().endswith(_PYTHON) and (tree := parsed(text)):
        return PythonCode(text, fits).sections(tree, outer)
    return _sections(text, lines_of(text), outer, fits)


def _sections(text: str, lines: Sequence[Line], outer: Outer, fits: Fits) -> list[Section]:
    found: list[Section] = []
    for group in groups(lines):
        part = Part(lines[group.begin].start, lines[group.end - 1].end, "code")
        if group.name:
            found += _definition(text, lines, group, group.name, outer, fits)
        elif found and found[-1].heading == outer.heading:
            found[-1] = _longer(found[-1], part)
        else:
            found.append(Section(outer.heading, part.start, part.end, [part], outer.context))
    return found


def _definition(
    text: str, lines: Sequence[Line], group: Group, name: Name, outer: Outer, fits: Fits
) -> list[Section]:
    """A definition whole if it fits, or what it defines in its turn."""
    first, start, end = lines[group.named], lines[group.begin].start, lines[group.end - 1].end
    signature = text[first.start : first.end]
    inner = outer.inner(name, signature)
    whole = Section(inner.heading, start, end, [Part(start, end, "code")], outer.context)
    top = group.named + 1
    while top < group.end and lines[top].indent <= first.indent:
        top += 1  # a brace on its own line
    if top == group.end or fits(inner.heading, start, end):
        return [whole]
    closing = group.end
    while lines[closing - 1].indent <= first.indent:
        closing -= 1
    head = Part(start, lines[top - 1].end, "code")
    inside: list[Section] = []
    if name.holds and inner.depth < _DEEPEST:
        inside = _sections(text, lines[top:closing], inner, fits)
    if all(section.heading == inner.heading for section in inside):
        part = signed(start, head.end, lines[top].start, end, signature)
        return [whole._replace(parts=[part])]
    if inside[0].heading == inner.heading:
        opening = inside.pop(0)
        opening = opening._replace(start=start, parts=[head, *opening.parts])
    else:
        opening = Section(inner.heading, start, head.end, [head])
    found = [opening._replace(context=outer.context), *inside]
    if closing < group.end:
        found[-1] = _longer(found[-1], Part(lines[closing].start, end, "code"))
    return found


def _longer(section: Section, part: Part) -> Section:
    section.parts.append(part)  # a copy each time would take long where there are thousands
    return section._replace(end=part.end)
