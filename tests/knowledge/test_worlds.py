"""Worlds of documents with random labels: what a reader may not see leaves no trace at all."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from knowledge.collection import Collection
from knowledge.documents import make_document
from knowledge.records import Document, Passage
from knowledge.search import Defaults

TODAY = date(2026, 11, 24)
LABELS = ("staff", "fraud", "board")
WORDS = "wire fee card loan rate branch cheque limit day form the of a is".split()

days = st.sampled_from(
    [
        (None, None),
        (TODAY - timedelta(9), TODAY + timedelta(9)),
        (TODAY + timedelta(1), None),
        (None, TODAY - timedelta(1)),
    ]
)
rights = st.builds(
    lambda access, first_last: {
        "access": access,
        "valid_from": first_last[0],
        "valid_until": first_last[1],
    },
    st.lists(st.sampled_from(LABELS), max_size=2, unique=True),
    days,
)
texts = st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=12), min_size=1, max_size=3)


def as_text(sections: list[list[str]]) -> str:
    return "\n\n".join(f"# Part {n}\n\n{' '.join(some)}." for n, some in enumerate(sections))


worlds = st.lists(st.tuples(texts, rights), min_size=1, max_size=9)
questions = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join)
ways = st.sampled_from(
    [
        Defaults(),
        Defaults(fusion="ranks"),
        Defaults(candidates=2),
        Defaults(dense_weight=0.0),
        Defaults(lexical_weight=0.0, feedback=0.0),
        Defaults(regularization=0.0, instructions="exclude"),
    ]
)


def of_world(world: list[Any]) -> list[Document]:
    return [
        make_document(id=f"d{n}", title=f"Title {n % 3}", text=as_text(sections), **held)
        for n, (sections, held) in enumerate(world)
    ]


def may_see(document: Document, labels: frozenset[str]) -> bool:
    opened = not document.access or bool(document.access & labels)
    return opened and (document.valid_from or TODAY) <= TODAY <= (document.valid_until or TODAY)


def asked(
    folder: Path, embedder: Any, documents: list[Document], query: str, **how: Any
) -> list[Passage]:
    collection = Collection.open(folder, embedder)
    for at in range(0, len(documents), 4):  # several segments
        collection.add(documents[at : at + 4])
    return collection.search(query, on=TODAY, limit=20, **how)


@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    derandomize=True,
)
@given(worlds, st.frozensets(st.sampled_from(LABELS)), questions, ways)
def test_what_a_reader_may_not_see_is_neither_found_nor_counted_nor_felt(
    tmp_path_factory: Any, embedder: Any, world: list[Any], labels: frozenset[str],
    query: str, way: Defaults,
):  # fmt: skip
    documents = of_world(world)
    visible = [document for document in documents if may_see(document, labels)]
    folder = tmp_path_factory.mktemp("world")
    found = asked(folder / "all", embedder, documents, query, labels=labels, settings=way)
    assert {passage.document for passage in found} <= {document.id for document in visible}
    # The same passages, order, scores and reasons as if the others were not there at all.
    assert found == asked(folder / "visible", embedder, visible, query, labels=labels, settings=way)
