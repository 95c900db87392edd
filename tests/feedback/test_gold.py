from __future__ import annotations

import pytest

from knowledge.errors import RatchetError
from loop.feedback.gold import add_file, gold_items, golds
from tests.factories import make_interaction


@pytest.fixture
def answers(store):
    store.append([make_interaction(id=id, question="Q?") for id in "ab"])
    return store


def test_gold_is_added_once_however_often_the_file_is_read(answers, file_of):
    path = file_of(
        {"interaction": "a", "kind": "thumb", "value": -1, "why": "It costs 45."},
        {"interactions": ["b", "a"], "ranks": [1, 2], "why": "b is cited.", "by": "lead"},
    )
    for _ in range(2):
        assert add_file(answers, path, assistant="desk", by="ann").count == 2
    assert [(one.item, one.value, one.by) for one in golds(answers, "desk")] == [
        ("a", -1.0, "ann"),
        ("a b", 1.0, "lead"),
    ]


def test_gold_is_told_as_rater_quality_takes_it(answers, file_of):
    path = file_of(
        {"interaction": "a", "kind": "stars", "value": 2, "why": "Thin."},
        {"interactions": ["b", "a"], "ranks": [1, 2], "why": "b is cited."},
    )
    add_file(answers, path, assistant="desk", by="ann")
    assert gold_items(answers, "desk") == {"a": 0, "a b": 0}


def test_what_is_known_later_replaces_what_was_known(answers, file_of):
    for value in (-1, 1):
        row = {"interaction": "a", "kind": "thumb", "value": value, "why": f"now {value}"}
        add_file(answers, file_of(row), assistant="desk", by="ann")
    assert gold_items(answers, "desk") == {"a": 1}


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"interaction": "a", "kind": "thumb", "value": 3, "why": "w"}, "value is 3"),
        ({"interaction": "a", "kind": "thumb", "value": 1}, "why is missing"),
        ({"interaction": "a", "kind": "flag", "value": 1, "why": "w"}, "kind is 'flag'"),
        ({"interaction": "lost", "kind": "thumb", "value": 1, "why": "w"}, "'lost' of desk"),
        ({"interactions": ["a"], "ranks": [1], "why": "w"}, "two different ids"),
        ({"interactions": ["a", "b"], "ranks": [1], "why": "w"}, "a list of 2 ranks"),
    ],
)
def test_a_bad_line_is_refused_with_its_place(answers, file_of, row, says):
    with pytest.raises(RatchetError, match=rf"rows\.jsonl:1: .*{says}"):
        add_file(answers, file_of(row), assistant="desk", by="ann")
    assert golds(answers, "desk") == []
