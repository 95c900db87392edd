"""An HTML page → the Markdown text that people would read on it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from bs4 import Tag

# Never shown, or the same on every page of a site.
_LEFT_OUT = re.compile(
    r"^(?:script|style|nav|noscript|template|svg|iframe|button|select|head|title)$"
)
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_HEADING = re.compile(r"^h[1-6]$")
_BLOCK = re.compile(  # what does not stand in a line of text
    r"^(?:address|article|aside|blockquote|body|dd|details|div|dl|dt|fieldset|figcaption|figure"
    r"|footer|form|h[1-6]|header|hr|html|li|main|ol|p|pre|section|summary|table|ul)$"
)


class Page(NamedTuple):
    """What a page says, and what it is called."""

    title: str | None
    text: str


def read_page(html: str) -> Page:
    """The page as Markdown: headings with '#', tables as Markdown tables, list items with '-'.

    Scripts, styles, navigation and whatever the page hides from people are left out:
    text that nobody sees is a place to plant instructions.

    >>> read_page("<title>Fees</title><nav>Home</nav><h1>Wires</h1><p>18 <b>dollars</b>.</p>")
    Page(title='Fees', text='# Wires\\n\\n18 dollars.')
    """
    from bs4 import BeautifulSoup, Comment

    soup = BeautifulSoup(html, "html.parser")
    title = _line(soup.title) if soup.title else ""
    for comment in soup.find_all(string=lambda text: isinstance(text, Comment)):
        comment.extract()
    for tag in soup.find_all(_is_left_out):
        tag.decompose()
    blocks: list[str] = []
    _walk(soup, blocks)
    return Page(title or None, "\n\n".join(_join_items(blocks)))


def _is_left_out(tag: Tag) -> bool:
    style = tag.get("style")
    return (
        _LEFT_OUT.match(tag.name) is not None
        or tag.has_attr("hidden")
        or tag.get("aria-hidden") == "true"
        or (isinstance(style, str) and _HIDDEN.search(style) is not None)
    )


def _walk(tag: Tag, blocks: list[str]) -> None:
    """Add the blocks below a tag, in reading order."""
    from bs4 import Tag

    running: list[str] = []

    def flush() -> None:
        text = " ".join("".join(running).split())
        running.clear()
        if text:
            blocks.append(text)

    for child in tag.children:
        if not isinstance(child, Tag):
            running.append(str(child))
        elif _HEADING.match(child.name):
            flush()
            if text := _line(child):
                blocks.append(f"{'#' * int(child.name[1])} {text}")
        elif child.name == "table":
            flush()
            if table := _table(child):
                blocks.append(table)
        elif child.name == "pre":
            flush()
            blocks.append(f"```\n{child.get_text().strip(chr(10))}\n```")
        elif child.name == "br":
            running.append(" ")
        elif _BLOCK.match(child.name) or child.find(_BLOCK):
            flush()
            before = len(blocks)
            _walk(child, blocks)
            if child.name == "li" and len(blocks) > before:
                blocks[before] = f"- {blocks[before]}"
        else:
            running.append(child.get_text())
    flush()


def _table(table: Tag) -> str:
    """A Markdown table; the first row heads it. Short rows are filled up."""
    rows = [
        [_line(cell).replace("|", "\\|") for cell in row.find_all(["th", "td"])]
        for row in table.find_all("tr")
    ]
    rows = [row for row in rows if any(row)]
    if not rows:
        return ""
    width = max(map(len, rows))
    lines = [f"| {' | '.join(row + [''] * (width - len(row)))} |" for row in rows]
    lines.insert(1, f"| {' | '.join(['---'] * width)} |")
    return "\n".join(lines)


def _line(tag: Tag) -> str:
    return " ".join(tag.get_text(" ").split())


def _join_items(blocks: list[str]) -> list[str]:
    """List items that follow each other stand on lines of one block."""
    joined: list[str] = []
    for block in blocks:
        if joined and block.startswith("- ") and joined[-1].startswith("- "):
            joined[-1] = f"{joined[-1]}\n{block}"
        else:
            joined.append(block)
    return joined
