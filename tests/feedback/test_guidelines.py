from __future__ import annotations

import pytest

from knowledge.errors import RatchetError
from loop.feedback.guidelines import current, publish


def test_there_is_a_guideline_from_the_start(store):
    assert current(store).id == "helpful@1"
    assert current(store) == current(store)
    assert len(store.query("guidelines")) == 1


def test_a_new_version_is_what_raters_see(store):
    current(store)
    made = publish(store, "helpful", "Prefer the briefer answer.", ["brief"])
    assert (made.id, current(store)) == ("helpful@2", made)
    other = publish(store, "safe", "Prefer the safer answer.", [])
    assert (other.id, current(store)) == ("safe@1", other)
    back = publish(store, "helpful", "Prefer the briefer answer.", ["brief"])
    assert (back.id, current(store)) == ("helpful@3", back)


def test_the_same_words_again_are_no_new_version(store):
    made = publish(store, "helpful", "Prefer the briefer answer.", ["brief"])
    assert publish(store, "helpful", "Prefer the briefer answer.", ["brief"]) == made


@pytest.mark.parametrize(
    ("name", "text", "criteria"),
    [("a@b", "x", []), ("", "x", []), ("a", " ", []), ("a", "x", ["b", "b"]), ("a", "x", [""])],
)
def test_a_guideline_that_cannot_be_is_refused(store, name, text, criteria):
    with pytest.raises(RatchetError, match="Nothing was published"):
        publish(store, name, text, criteria)
    assert store.query("guidelines") == []
