from __future__ import annotations

import io
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from knowledge.documents import read_documents
from knowledge.errors import RatchetError
from knowledge.records import Document
from tests.sample_files import (
    make_docx,
    make_encrypted_pdf,
    make_pdf,
    make_pptx,
    make_xlsx,
    make_zip,
    pdf_text,
    saved,
    with_part,
)

RULED = "0.5 w\n" + "".join(
    [f"72 {y} m 372 {y} l S\n" for y in (600, 620, 640)]
    + [f"{x} 600 m {x} 640 l S\n" for x in (72, 222, 372)]
)


def read(folder: Path, name: str, content: bytes | str) -> Document:
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    [document] = read_documents(file)
    return document


def test_a_pdf_is_read_with_headings_paragraphs_lists_and_ruled_tables(tmp_path: Path):
    page = (
        pdf_text("Wire fees", 72, 740, size=20)
        + pdf_text("A wire sends money the same day and cannot be called", 72, 710)
        + pdf_text("back, so check the number twice before you send it to any-", 72, 696)
        + pdf_text("one.", 72, 682)
        + pdf_text("What it costs", 72, 655, size=15)
        + RULED
        + pdf_text("Wire", 76, 625)
        + pdf_text("Fee", 226, 625)
        + pdf_text("Domestic", 76, 605)
        + pdf_text("18 dollars", 226, 605)
        + pdf_text("- By phone", 72, 570)
        + pdf_text("- By mail", 72, 556)
    )
    document = read(tmp_path, "wires.pdf", make_pdf(page))
    assert (document.title, document.format) == ("Wire fees", "pdf")
    blocks = document.text.split("\n\n")
    assert blocks[0] == "# Wire fees"
    assert blocks[1].startswith("A wire sends")
    assert blocks[1].endswith("send it to anyone.")
    assert blocks[2:4] == [
        "## What it costs",
        "| Wire | Fee |\n| --- | --- |\n| Domestic | 18 dollars |",
    ]
    assert blocks[4:] == ["- By phone\n- By mail"]


def test_cells_that_stand_in_columns_are_a_table_without_any_lines_drawn(tmp_path: Path):
    rows = [("Year", "Wires", "Fees"), ("2024", "1,200", "90"), ("2025", "1,300", "95")]
    page = "".join(
        pdf_text(text, 72 + 120 * column, 700 - 14 * row)
        for row, cells in enumerate(rows)
        for column, text in enumerate(cells)
    )
    assert read(tmp_path, "sums.pdf", make_pdf(page)).text == (
        "| Year | Wires | Fees |\n| --- | --- | --- |\n| 2024 | 1,200 | 90 |\n| 2025 | 1,300 | 95 |"
    )


def test_what_a_pdf_shows_nobody_is_left_out(tmp_path: Path):
    page = (
        "0 g\n"
        + pdf_text("Seen.", 72, 700)
        + "1 g\n"
        + pdf_text("White on white.", 72, 680)
        + "0 0 0.4 rg 70 650 200 20 re f 1 g\n"
        + pdf_text("White on blue.", 72, 655)
        + "0 g\n"
        + pdf_text("Tiny.", 72, 630, size=0.5)
        + pdf_text("Off the page.", 72, 900)
        + "BT /F1 11 Tf 3 Tr 72 600 Td (Invisible.) Tj ET\n"
    )
    text = read(tmp_path, "a.pdf", make_pdf(page)).text
    assert text == "Seen.\n\nWhite on blue."


def test_pages_are_headings_only_in_a_pdf_without_any_and_their_edges_are_dropped(tmp_path: Path):
    def page(number: int) -> str:
        return (
            pdf_text("The Bank, internal", 72, 770)
            + pdf_text(f"Matter number {number} is told on this page.", 72, 600)
            + pdf_text("It has three lines, so that its edges are not all of it.", 72, 500)
            + pdf_text("This is the third.", 72, 400)
            + pdf_text(f"Page {number} of 4", 72, 30)
        )

    text = read(tmp_path, "a.pdf", make_pdf(*map(page, range(1, 5)))).text
    assert text.startswith("## Page 1\n\nMatter number 1 is told on this page.")
    assert "## Page 4" in text
    assert "The Bank" not in text
    assert "of 4" not in text


def test_a_word_document_is_read_in_its_order(tmp_path: Path):
    import docx

    document: Any = docx.Document()
    document.add_heading("Wire fees", level=1)
    document.add_paragraph("# no heading, only text")
    document.add_paragraph("By phone", style="List Bullet")
    document.add_paragraph("At once", style="List Bullet 2")
    document.add_paragraph("Sign", style="List Number")
    document.add_paragraph("Send", style="List Number")
    table = document.add_table(3, 2)
    for place, text in enumerate(["Wire", "Fee", "Abroad", "45", "", "50 | more"]):
        table.cell(place // 2, place % 2).text = text
    table.cell(1, 0).merge(table.cell(2, 0))
    document.add_heading("Who", level=2)
    document.add_paragraph("Owners.")
    read_back = read(tmp_path, "fees.docx", saved(document))
    assert (read_back.title, read_back.format) == ("Wire fees", "docx")
    assert read_back.text == (
        "# Wire fees\n\n\\# no heading, only text\n\n"
        "- By phone\n- At once\n1. Sign\n2. Send\n\n"
        "| Wire | Fee |\n| --- | --- |\n| Abroad | 45 |\n| Abroad | 50 \\| more |\n\n"
        "## Who\n\nOwners."
    )


def test_what_a_word_document_shows_nobody_is_left_out(tmp_path: Path):
    import docx
    from docx.oxml import parse_xml
    from docx.oxml.ns import nsdecls
    from docx.shared import Pt, RGBColor

    document: Any = docx.Document()
    line = document.add_paragraph("Seen. ")
    line.add_run("Hidden.").font.hidden = True
    line.add_run("White.").font.color.rgb = RGBColor(255, 255, 255)
    line.add_run("Tiny.").font.size = Pt(1)
    for name, text in (("w:ins", "<w:t>Added.</w:t>"), ("w:del", "<w:delText>Gone.</w:delText>")):
        xml = f'<{name} {nsdecls("w")} w:id="1" w:author="a"><w:r>{text}</w:r></{name}>'
        line._p.append(parse_xml(xml))
    assert read(tmp_path, "a.docx", saved(document)).text == "Seen. Added."


def test_slides_are_read_with_titles_bullets_tables_and_marked_notes(tmp_path: Path):
    import pptx
    from pptx.util import Inches

    deck: Any = pptx.Presentation(io.BytesIO(make_pptx(("Wires", "Fast\nCertain"), ("Off", "No"))))
    first, off = deck.slides
    first.notes_slide.notes_text_frame.text = "Mention the fee."
    table = first.shapes.add_table(2, 2, Inches(1), Inches(5), Inches(4), Inches(1)).table
    for place, text in enumerate(["Wire", "Fee", "Home", "18"]):
        table.cell(place // 2, place % 2).text = text
    first.shapes.add_textbox(Inches(-5), Inches(1), Inches(2), Inches(1)).text_frame.text = "Beside"
    off._element.set("show", "0")
    document = read(tmp_path, "wires.pptx", saved(deck))
    assert (document.title, document.format) == ("Wires", "pptx")
    assert document.text == (
        "## Wires\n\n- Fast\n- Certain\n\n| Wire | Fee |\n| --- | --- |\n| Home | 18 |\n\n"
        "Speaker notes: Mention the fee."
    )


def test_a_workbook_is_read_as_people_see_its_sheets(tmp_path: Path):
    import openpyxl

    rows = [
        ["Fees of 2026"],
        [None, None],
        ["Wire", "Fee", "Since", "Note"],
        ["Home", 18.0, date(2026, 1, 1), "x"],
        ["Old", 99, None, "y"],
        ["Share", 0.05, None, "z"],
    ]
    book: Any = openpyxl.load_workbook(io.BytesIO(make_xlsx(Fees=rows, Draft=[["No", "No"]])))
    fees = book["Fees"]
    fees["B6"].number_format = "0%"
    fees["XFD900"] = None
    fees.row_dimensions[5].hidden = True
    fees.column_dimensions["D"].hidden = True
    book["Draft"].sheet_state = "hidden"
    document = read(tmp_path, "wire-fees.xlsx", saved(book))
    assert (document.title, document.format) == ("Wire fees", "xlsx")
    assert document.text == (
        "## Fees\n\nFees of 2026\n\n| Wire | Fee | Since |\n| --- | --- | --- |\n"
        "| Home | 18 | 2026-01-01 |\n| Share | 5% |  |"
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "Wire,Fee\nHome,18\n"),
        ("b.csv", 'Wire;Fee\n"Home";18\n'),
        ("c.tsv", "Wire\tFee\n\nHome\t18\n"),
    ],
)
def test_values_are_a_table_whatever_stands_between_them(tmp_path: Path, name: str, text: str):
    document = read(tmp_path, name, text)
    assert document.text == "| Wire | Fee |\n| --- | --- |\n| Home | 18 |"
    assert document.format == "csv"


def test_code_is_kept_as_it_is(tmp_path: Path):
    code = "# Not a title\ndef fee():\n    return 18\n"
    document = read(tmp_path, "wire_fees.py", code)
    assert (document.title, document.text, document.format) == ("wire_fees.py", code, "code")


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("a.docx", make_pdf(pdf_text("x", 9, 9)), r"is a PDF, not a Word document .*\.pdf"),
        ("a.pdf", make_docx("x"), "is a zip archive or an Office file, not a PDF"),
        ("a.docx", make_xlsx(A=[["x"]]), r"is an Excel workbook, not a Word .*\.xlsx"),
        ("a.xlsx", "<html><table>", "is a web page or XML, not an Excel workbook"),
        ("a.md", make_pdf(pdf_text("x", 9, 9)), r"is a PDF, not text .*\.pdf"),
        ("a.txt", b"\x89PNG\r\n\x1a\n\0", "is a PNG image, not text"),
        ("a.txt", b"one\0two", "character 3 is NUL"),
        ("a.csv", "fee".encode("utf-16"), "is UTF-16 text.*Save it as UTF-8"),
        ("a.html", b"<p>caf\xe9", "byte 6 is not UTF-8"),
        ("a.html", "<div>" * 10_000 + "x", "nested too deeply"),
        ("a.pdf", make_encrypted_pdf(), "protected by a password"),
        ("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "protected by a password"),
        ("a.pdf", make_pdf("0 g"), "looks like a scan"),
        ("a.docx", make_docx("x")[:3000], "damaged or cut short"),
        (
            "a.docx",
            with_part(make_docx("x"), "word/big.xml", bytes(40 << 20)),
            "packed like a zip bomb",
        ),
        (
            "a.docx",
            with_part(
                make_docx("x"), "word/document.xml", b'<!DOCTYPE a [<!ENTITY b "b">]><a>&b;</a>'
            ),
            "declares XML entities",
        ),
        ("a.docx", make_zip({"a.txt": b"x"}), "is a zip archive or another kind of document"),
    ],
)
def test_what_is_not_what_its_name_says_is_refused_in_one_line(
    tmp_path: Path, name: str, content: bytes | str, complaint: str
):
    with pytest.raises(RatchetError, match=rf"{name}: .*(?:{complaint})") as refused:
        read(tmp_path, name, content)
    assert "\n" not in str(refused.value)
