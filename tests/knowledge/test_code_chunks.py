from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.chunk import chunk, searchable
from knowledge.documents import make_document
from knowledge.records import Chunk, Document
from knowledge.tokens import word_starts

PYTHON = '''"""Keeps rows."""

import re

# How many rows there are at most.
MOST = 3


# Says which.
# In two lines.
@cached
@registered(
    "name",
)
def which(row):
    """Not the class Store."""
    return row


class Store(Base):
    """Rows of a table.

    In order.
    """

    rows: list[str] = []

    # Adds one.
    def append(self, row):
        def checked():
            return row

        self.rows.append(checked())

    kept = 1

    @property
    async def size(
        self,
    ) -> int:
        return len(self.rows)

    class Row:
        text = "a"


if __name__ == "__main__":
    which(1)
'''


def make(text: str, id: str = "store.py") -> Document:
    return replace(make_document(id=id, text=text, title=id), format="code")


def places(pieces: list[Chunk]) -> list[tuple[tuple[str, ...], str, str]]:
    """Heading below the title, first and last line."""
    lines = [piece.text.split("\n") for piece in pieces]
    return [(p.heading[1:], ls[0], ls[-1]) for p, ls in zip(pieces, lines, strict=True)]


def test_python_is_cut_by_definition_with_comments_and_decorators():
    pieces = chunk(make(PYTHON))
    assert places(pieces) == [
        ((), '"""Keeps rows."""', "MOST = 3"),
        (("def which",), "# Says which.", "    return row"),
        (("class Store",), "class Store(Base):", '        text = "a"'),
        ((), 'if __name__ == "__main__":', "    which(1)"),
    ]
    assert {piece.kind for piece in pieces} == {"code"}
    assert {piece.context for piece in pieces} == {""}


def test_a_class_that_is_too_long_is_cut_into_methods_that_are_read_by_its_line():
    pieces = chunk(make(PYTHON), most_tokens=70)[2:-1]
    assert places(pieces) == [
        (("class Store",), "class Store(Base):", "    rows: list[str] = []"),
        (("class Store", "Store.append"), "# Adds one.", "        self.rows.append(checked())"),
        (("class Store",), "kept = 1", "kept = 1"),
        (("class Store", "Store.size"), "@property", "        return len(self.rows)"),
        (("class Store", "class Store.Row"), "class Row:", '        text = "a"'),
    ]
    line = 'class Store(Base):\n    """Rows of a table.'
    assert [piece.context for piece in pieces] == ["", line, line, line, line]


def test_a_function_that_is_too_long_is_cut_at_blank_lines_and_read_by_its_signature():
    steps = "\n\n".join(f"    a{n} = {n}\n    b{n} = {n}" for n in range(20))
    pieces = chunk(make(f"class A:\n    x = 1\n\n\ndef f(\n    a,\n):\n{steps}\n"), most_tokens=60)[
        1:
    ]
    assert len(pieces) > 2
    assert [piece.context for piece in pieces[1:]] == ["def f(\n    a,\n):"] * (len(pieces) - 1)
    assert all(piece.text.startswith("a") for piece in pieces[1:])


@pytest.mark.parametrize(
    "mistake", ["def f(:\n", "\x00", "x = (" * 300, "-" * 9000, "if a:\n\tb\n  c\n"]
)
def test_python_with_a_mistake_in_it_is_cut_all_the_same(mistake: str):
    text = f"{mistake}\n\n# Says.\ndef f(a):\n    return a\n\nclass A:\n    b = 1\n"
    found = places(chunk(make(text)))
    assert found[-2:] == [
        (("def f",), "# Says.", "    return a"),
        (("class A",), "class A:", "    b = 1"),
    ]


def test_odd_escapes_in_python_are_no_warning_of_ours():
    [piece] = chunk(make('a = "\\d"\n'))
    assert piece.text == 'a = "\\d"'


LANGUAGES = {
    "store.go": """// Package store keeps rows.
package store

import (
	"fmt"
)

// Append adds a row.
func (s *Store) Append(row string) error {
	if row == "" {

		return fmt.Errorf("empty")
	}
	return nil
}

type Store struct {
	rows []string
}
""",
    "Store.java": """package x;

/**
 * Keeps rows.
 */
@Singleton
public final class Store {
    private int rows;
}
interface Row
{
    int size();
}
""",
    "store.ts": """import x from "y";
const a = 1;

export const add = async (a, b) => {
  return a + b;
};
export default function twice(f) {
  return f(f);
}
describe("adding", () => {
  it("adds");
});
""",
    "store.c": """/* Licence
text */
#include <stdio.h>

static int rows = 0;

/* Adds. */
int add(int a,
        int b)
{
#ifdef X
    puts("x");
#endif
    return a + b;
}
""",
    "store.rs": """use std::fmt;

#[derive(Debug)]
pub struct Row {
    x: i32,
}

impl Row {
    pub fn size(&self) -> i32 { 1 }
}
""",
    "store.rb": """require "set"

# Keeps rows.
class Store
  def size
    1
  end
end
""",
    "store.sql": """-- Wires.
create table wires (
  id int
);

create or replace view fees as
select 1;
""",
}


@pytest.mark.parametrize(
    ("id", "expected"),
    [
        ("store.go", [(), ("func Append",), ("type Store",)]),
        ("Store.java", [(), ("class Store",), ("interface Row",)]),
        ("store.ts", [(), ("function add",), ("function twice",), ()]),
        ("store.c", [(), ("add",)]),
        ("store.rs", [(), ("struct Row",), ("impl Row",)]),
        ("store.rb", [(), ("class Store",)]),
        ("store.sql", [("table wires",), ("view fees",)]),
    ],
)
def test_other_languages_are_cut_where_a_definition_begins(
    id: str, expected: list[tuple[str, ...]]
):
    pieces = chunk(make(LANGUAGES[id], id))
    assert [piece.heading[1:] for piece in pieces] == expected
    assert " ".join(piece.text for piece in pieces).split() == LANGUAGES[id].split()


def test_comments_above_a_definition_belong_to_it_in_any_language():
    found = places(chunk(make(LANGUAGES["store.go"], "store.go")))
    assert found[1][1] == "// Append adds a row."
    found = places(chunk(make(LANGUAGES["Store.java"], "Store.java")))
    assert found[1][1] == "/**"
    found = places(chunk(make(LANGUAGES["store.rs"], "store.rs")))
    assert found[1][1] == "#[derive(Debug)]"


def test_a_class_of_another_language_is_cut_into_methods_too():
    methods = [
        f"    // Says {n}.\n    public int say{n}(int a)\n    {{\n        return a * {n};\n    }}"
        for n in range(6)
    ]
    text = "class Store\n{\n    int rows;\n\n" + "\n\n".join(methods) + "\n}\n"
    pieces = chunk(make(text, "Store.cs"), most_tokens=60)
    assert [piece.heading[1:] for piece in pieces] == [
        ("class Store",),
        *(("class Store", f"Store.say{n}") for n in range(6)),
    ]
    assert [piece.context for piece in pieces] == ["", *["class Store"] * 6]
    assert " ".join(piece.text for piece in pieces).split() == text.split()


def test_a_line_without_end_is_cut_behind_its_marks():
    pieces = chunk(make("function f(a){return a};" * 2000, "a.min.js"), most_tokens=100)
    assert max(len(word_starts(searchable(piece))) for piece in pieces) <= 100
    assert all(piece.text[-1] in ";}" for piece in pieces)


ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("id", ["knowledge/documents.py", "loop/settings.py", "knowledge/cite.py"])
@pytest.mark.parametrize("most_tokens", [8, 60, 200])
def test_no_word_of_a_module_is_lost(id: str, most_tokens: int):
    text = (ROOT / id).read_text(encoding="utf-8")
    pieces = chunk(make(text, id), most_tokens=most_tokens)
    check(pieces, text, most_tokens)


LINES = st.sampled_from(
    [
        "class A:",
        "def f(a):",
        "    def g(self):",
        "    x = 1",
        "        return a",
        "@b",
        "# c",
        "    # d",
        "",
        "",
        "x = 1",
        '"""doc',
        '"""',
        "func a() {",
        "}",
        "/* e",
        "*/",
        "if a:",
        "else:",
        "public class B {",
        "  void c() {",
        "  }",
        "    }",
        "(",
        ")",
        "\tx",
        "汇款 = 1",
        "try:",
    ]
) | st.text(alphabet="ab(){}\n#:\"' =汇\x0c\u2028", max_size=30)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(LINES, max_size=30).map("\n".join).filter(str.strip),
    st.integers(8, 60),
    st.sampled_from(["a.py", "a.js"]),
)
def test_whatever_the_code_chunks_are_exact_spans_in_order_that_lose_no_words(
    text: str, most_tokens: int, id: str
):
    document = make(text, id)
    check(chunk(document, most_tokens=most_tokens), document.text, most_tokens)


def check(pieces: list[Chunk], text: str, most_tokens: int) -> None:
    last = 0
    for piece in pieces:
        assert piece.text == text[piece.start : piece.end] == piece.text.strip() != ""
        assert piece.section[0] <= piece.start < piece.end <= piece.section[1]
        assert not text[last : piece.start].strip()
        assert len(word_starts(searchable(piece))) <= most_tokens
        assert all(line in text for line in piece.context.split("\n"))
        last = piece.end
    assert not text[last:].strip()


@pytest.mark.parametrize("id", ["a.js", "a.py"])
@pytest.mark.parametrize(
    "wall",
    ["(", "a ", "create ", "a::", "<", "public ", "{\n", "\na", "class A {\n", "# a\n", "- "],
)
def test_a_wall_of_code_takes_no_longer_than_code(wall: str, id: str):
    begun = time.process_time()
    pieces = chunk(make("a" + (wall * 30_000)[:30_000], id))
    assert time.process_time() - begun < 5  # the square of it would take hours
    assert max(len(word_starts(searchable(piece))) for piece in pieces) <= 200
