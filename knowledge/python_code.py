"""The definitions of a Python module, by its syntax tree."""

from __future__ import annotations

import ast
import threading
import warnings
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from knowledge.parts import Fits, Name, Outer, Part, Section, signed

_MOST_PARSED = 500_000  # characters; more than this is made by machines, and slow to parse
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_filters = threading.Lock()  # filters of warnings are the whole process's


class _Member(NamedTuple):
    first: int  # line, from 0
    end: int
    node: _Scope | None  # None: statements between definitions


def parsed(text: str) -> ast.Module | None:
    """The syntax tree; None for what is no Python of today, or nested too deep."""
    if len(text) > _MOST_PARSED or "\r" in text:
        return None
    with _filters, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about someone else's code
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


class PythonCode:
    """A module's text by its lines, as its syntax tree counts them.

    Args:
        text: The module.
        fits: Whether text[start:end] fits into a chunk below a heading.
    """

    def __init__(self, text: str, fits: Fits) -> None:
        self._text, self._fits = text, fits
        self._lines = text.split("\n")
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line) + 1)

    def sections(self, tree: ast.Module, outer: Outer) -> list[Section]:
        """A section for each definition and for the statements between two of them."""
        whole = _Member(0, len(self._lines), None)
        return list(self._sections(whole, tree.body, outer, ()))

    def _sections(
        self, whole: _Member, body: Sequence[ast.stmt], outer: Outer, context: tuple[str, ...]
    ) -> Iterator[Section]:
        """What stands in a module or class; its first lines are read by `context`."""
        for member in self._members(whole, body):
            start, end = self._starts[member.first], self._starts[member.end] - 1
            if not self._text[start:end].strip():
                continue
            node = member.node
            above = context if member.first == whole.first else outer.context
            if node is None:
                yield Section(outer.heading, start, end, [Part(start, end, "code")], above)
                continue
            is_class = isinstance(node, ast.ClassDef)
            name = Name("class" if is_class else "def", node.name, holds=is_class)
            inner = outer.inner(name, self._signature(node))
            if is_class and _holds_scopes(node) and not self._fits(inner.heading, start, end):
                yield from self._sections(member, node.body, inner, above)
            else:
                yield Section(inner.heading, start, end, [self._part(member, node)], above)

    def _members(self, whole: _Member, body: Sequence[ast.stmt]) -> Iterator[_Member]:
        at = floor = whole.first
        for node in body:
            if isinstance(node, _SCOPES):
                first = _first_line(node) - 1
                while first > floor and self._is_comment(first - 1, node.col_offset):
                    first -= 1
                if at < first:
                    yield _Member(at, first, None)
                at = node.end_lineno or node.lineno
                yield _Member(first, at, node)
            floor = node.end_lineno or node.lineno
        if at < whole.end:
            yield _Member(at, whole.end, None)

    def _is_comment(self, line: int, indent: int) -> bool:
        bare = self._lines[line].lstrip()
        return bare.startswith("#") and len(self._lines[line]) - len(bare) == indent

    def _signature(self, node: _Scope) -> str:
        """The lines above its body, with the first of a class's docstring."""
        end = max(_first_line(node.body[0]) - 1, node.lineno)
        if isinstance(node, ast.ClassDef) and ast.get_docstring(node, clean=False):
            end = node.body[0].lineno
        return "\n".join(self._lines[node.lineno - 1 : end])

    def _part(self, member: _Member, node: _Scope) -> Part:
        """The definition; if it is too long, its lines are read by its signature."""
        start, end = self._starts[member.first], self._starts[member.end] - 1
        below = _first_line(node.body[0]) - 1
        if below < node.lineno:  # all in one line
            return Part(start, end, "code")
        body = self._starts[below]
        return signed(start, body - 1, body, end, self._signature(node))


def _holds_scopes(node: _Scope) -> bool:
    return any(isinstance(one, _SCOPES) for one in node.body)


def _first_line(node: ast.stmt) -> int:
    decorators = node.decorator_list if isinstance(node, _SCOPES) else []
    return min([node.lineno, *(one.lineno for one in decorators)])
