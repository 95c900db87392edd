"""A Word document → the Markdown text that people would read in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from knowledge.formats.markdown import heading, join_blocks, paragraph, table
from knowledge.formats.records import Content
from knowledge.formats.word_styles import Numbers, Styles, is_on, tag

_DELETED = {"w:del", "w:moveFrom", "mc:Fallback", "w:pPr", "w:rPr", "w:instrText", "w:delText"}
_MOST_DEPTH = 40  # tables in tables, boxes in boxes
_SPACES = {"w:tab", "w:br", "w:cr", "w:ptab"}


def read_word(file: Path) -> Content:
    """Headings by their styles, lists, tables, footnotes, in the order of the text.

    Left out is what nobody sees: hidden, deleted, white or tiny text. Headers and footers are the
    same on each page and left out too.
    """
    import docx

    document: Any = docx.Document(str(file))
    reader = _Reader(Styles(document.styles.element), Numbers(_part(document, "numbering")))
    blocks = list(reader.blocks(document.element.body, 0))
    notes = _part(document, "footnotes")
    if notes is not None:
        for note in notes:
            if text := " ".join(reader.blocks(note, 0)) if note.get(tag("w:type")) is None else "":
                blocks.append(f"[^{note.get(tag('w:id'))}]: {text}")
    return Content(None, join_blocks(blocks))


def _part(document: Any, kind: str) -> Any:
    """The root element of a part beside the text; None if there is none."""
    from lxml import etree

    for relation in document.part.rels.values():
        if relation.reltype.endswith(f"/{kind}") and not relation.is_external:
            part = relation.target_part
            parser = etree.XMLParser(resolve_entities=False, no_network=True)
            return getattr(part, "element", None) or etree.fromstring(part.blob, parser)
    return None


class _Reader:
    """Reads elements of one document, with its styles and list numbers."""

    def __init__(self, styles: Styles, numbers: Numbers) -> None:
        self._styles, self._numbers = styles, numbers

    def blocks(self, parent: Any, depth: int, *, coloured: bool = False) -> Iterator[str]:
        """The blocks below an element; `coloured` if white text can be seen there."""
        if depth > _MOST_DEPTH:
            raise RecursionError
        for child in parent:
            if child.tag == tag("w:p"):
                yield self._paragraph(child, coloured)
                for box in child.iter(tag("w:txbxContent")):
                    if not any(a.tag == tag("mc:Fallback") for a in box.iterancestors()):
                        yield from self.blocks(box, depth + 1, coloured=True)
            elif child.tag == tag("w:tbl"):
                yield from self._table(child, depth)
            elif child.tag in (tag("w:sdt"), tag("w:sdtContent"), tag("w:ins"), tag("w:customXml")):
                yield from self.blocks(child, depth + 1, coloured=coloured)

    def _paragraph(self, p: Any, coloured: bool) -> str:
        properties = p.find(tag("w:pPr"))
        style = self._styles.of(properties, "w:pStyle")
        if style.hidden:
            return ""
        shaded = coloured or _is_shaded(properties)
        text = "".join(self._text(p, shaded, 0))
        if not text.strip():
            return ""
        level = self._styles.heading_level(properties, style)
        if level is not None:
            return heading(level, text)
        if item := self._numbers.label(properties, style):
            return f"{item} {' '.join(text.split())}"
        return paragraph(text)

    def _text(self, parent: Any, coloured: bool, depth: int) -> Iterator[str]:
        """The text that is seen below an element, without that of its boxes."""
        if depth > _MOST_DEPTH:
            raise RecursionError
        for child in parent:
            name = child.tag
            if name == tag("w:t"):
                yield child.text or ""
            elif name in _TAGS_OF_SPACES:
                yield " "
            elif name == tag("w:noBreakHyphen"):
                yield "-"
            elif name == tag("w:footnoteReference"):
                yield f"[^{child.get(tag('w:id'))}]"
            elif name == tag("w:r"):
                if not self._is_hidden(child, coloured):
                    yield from self._text(child, coloured, depth + 1)
            elif isinstance(name, str) and name not in _TAGS_LEFT_OUT:
                yield from self._text(child, coloured, depth + 1)

    def _is_hidden(self, run: Any, coloured: bool) -> bool:
        properties = run.find(tag("w:rPr"))
        if properties is None:
            return False
        if self._styles.of(properties, "w:rStyle").hidden or is_on(properties, "w:vanish"):
            return True
        size, colour = properties.find(tag("w:sz")), properties.find(tag("w:color"))
        if size is not None and size.get(tag("w:val")) in ("0", "1", "2"):  # half points
            return True
        white = colour is not None and (colour.get(tag("w:val")) or "").upper() == "FFFFFF"
        return white and not (
            coloured or _is_shaded(properties) or properties.find(tag("w:highlight")) is not None
        )

    def _table(self, element: Any, depth: int) -> Iterator[str]:
        rows: list[list[str]] = []
        for row in _descendants(element, "w:tr"):
            properties = row.find(tag("w:trPr"))
            if properties is not None and is_on(properties, "w:hidden"):
                continue
            cells: list[str] = []
            for cell in _descendants(row, "w:tc"):
                about = cell.find(tag("w:tcPr"))
                # The colours of a table's style are not looked up: it may well be dark there.
                coloured = (
                    _is_shaded(about)
                    or element.find(f"{tag('w:tblPr')}/{tag('w:tblStyle')}") is not None
                )
                text = " ".join(filter(None, self.blocks(cell, depth + 1, coloured=coloured)))
                if _continues(about) and rows and len(cells) < len(rows[-1]):
                    text = rows[-1][len(cells)]  # each row must be understood alone
                cells += [text, *[""] * (_span(about) - 1)]
            rows.append(cells)
        filled = [cell for row in rows for cell in row if cell]
        if len(filled) == 1:  # a frame around text
            yield filled[0]
        else:
            yield table(rows)


def _descendants(element: Any, name: str) -> Iterator[Any]:
    """Rows or cells of a table, also those in content controls, not those of tables inside it."""
    for child in element:
        if child.tag == tag(name):
            yield child
        elif child.tag in (tag("w:sdt"), tag("w:sdtContent"), tag("w:ins"), tag("w:customXml")):
            yield from _descendants(child, name)


def _is_shaded(properties: Any) -> bool:
    shade = None if properties is None else properties.find(tag("w:shd"))
    fill = "" if shade is None else (shade.get(tag("w:fill")) or "").upper()
    return fill not in ("", "AUTO", "FFFFFF")


def _continues(cell: Any) -> bool:
    """Is it the lower part of a cell that spans rows?"""
    merge = None if cell is None else cell.find(tag("w:vMerge"))
    return merge is not None and merge.get(tag("w:val")) != "restart"


def _span(cell: Any) -> int:
    span = None if cell is None else cell.find(tag("w:gridSpan"))
    value = "1" if span is None else span.get(tag("w:val")) or "1"
    return min(int(value), 100) if value.isdigit() else 1


_TAGS_OF_SPACES = frozenset(map(tag, _SPACES))
_TAGS_LEFT_OUT = frozenset(map(tag, _DELETED | {"w:txbxContent"}))
