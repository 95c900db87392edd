"""Small writers of the files that people have: PDF by hand, Office files by their libraries."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from typing import Any


def make_pdf(*pages: str, trailer: str = "") -> bytes:
    """A PDF whose pages are these content streams; F1 is Helvetica, F2 Helvetica-Bold."""
    kids = " ".join(f"{5 + 2 * n} 0 R" for n in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold >>",
    ]
    for n, stream in enumerate(pages):
        objects += [
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R "
            f"/F2 4 0 R >> >> /Contents {6 + 2 * n} 0 R >>",
            f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream",
        ]
    out = io.BytesIO()
    out.write(b"%PDF-1.4\n")
    places = []
    for number, body in enumerate(objects, start=1):
        places.append(out.tell())
        out.write(f"{number} 0 obj\n{body}\nendobj\n".encode("latin-1"))
    start = out.tell()
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    size = len(objects) + 1
    out.write(f"xref\n0 {size}\n0000000000 65535 f \n{table}".encode())
    end = f"trailer\n<< /Size {size} /Root 1 0 R {trailer} >>\nstartxref\n{start}\n%%EOF\n"
    out.write(end.encode())
    return out.getvalue()


def pdf_text(text: str, x: float, y: float, *, size: float = 11, font: str = "F1") -> str:
    """One line of a content stream: text with its baseline at x, y points from the lower left."""
    escaped = text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
    return f"BT /{font} {size} Tf {x} {y} Td ({escaped}) Tj ET\n"


def make_encrypted_pdf() -> bytes:
    """A PDF that only a password opens."""
    lock = f"<< /Filter /Standard /V 1 /R 2 /O <{'41' * 32}> /U <{'42' * 32}> /P -44 >>"
    return make_pdf(pdf_text("Secret.", 72, 700), trailer=f"/Encrypt {lock} /ID [<41> <41>]")


def make_docx(*paragraphs: str, rows: Sequence[Sequence[str]] = ()) -> bytes:
    """A Word document; a paragraph that begins with '# ' is a heading, with '- ' an item."""
    import docx

    document = docx.Document()
    for text in paragraphs:
        if text.startswith("# "):
            document.add_heading(text[2:], level=1)
        elif text.startswith("- "):
            document.add_paragraph(text[2:], style="List Bullet")
        else:
            document.add_paragraph(text)
    if rows:
        table = document.add_table(len(rows), len(rows[0]))
        for r, row in enumerate(rows):
            for c, text in enumerate(row):
                table.cell(r, c).text = text
    return saved(document)


def make_pptx(*slides: tuple[str, str]) -> bytes:
    """A presentation: a title and bullets, one a line, for each slide."""
    import pptx

    presentation = pptx.Presentation()
    for title, bullets in slides:
        slide = presentation.slides.add_slide(presentation.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = bullets
    return saved(presentation)


def make_xlsx(**sheets: Sequence[Sequence[Any]]) -> bytes:
    """A workbook with these rows in each sheet."""
    import openpyxl

    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    return saved(book)


def saved(document: Any) -> bytes:
    """A document of any of the three libraries, as the bytes of its file."""
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def make_zip(members: dict[str, bytes]) -> bytes:
    """A zip archive, packed as well as it goes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def with_part(office_file: bytes, name: str, content: bytes) -> bytes:
    """An Office file with one of its parts exchanged."""
    with zipfile.ZipFile(io.BytesIO(office_file)) as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    return make_zip(members | {name: content})
