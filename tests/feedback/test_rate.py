from __future__ import annotations

import json

import pytest

from knowledge.errors import RatchetError
from loop.feedback.guidelines import publish
from loop.feedback.rate import compare, rate, rate_file
from tests.factories import make_interaction

THUMB = {"interaction": "a", "rater": "rae", "kind": "thumb", "value": 1}
COMPARED = {"interactions": ["a", "b"], "ranks": [1, 2], "shown": ["b", "a"], "rater": "rae"}


@pytest.fixture(autouse=True)
def _answers(store):
    asked = {"question": "What is the fee?"}
    store.append(
        [
            make_interaction(id="a", **asked),
            make_interaction(id="b", **asked),
            make_interaction(id="c", question="When do you open?"),
        ]
    )


def load(store, path, **more):
    return rate_file(store, path, **{"skip_bad": False, "assistant": "desk", **more})


def counts(store):
    found = store.query("counts")[0]
    return found["ratings"], found["comparisons"]


@pytest.mark.parametrize(
    "given",
    [
        {"kind": "thumb", "value": -1},
        {"kind": "stars", "value": 5},
        {"kind": "rubric", "rubric": {"brief": 3}},
        {"kind": "correction", "text": "35 dollars [1]."},
        {"kind": "flag", "text": "wrong citation"},
        {"kind": "comment", "text": "nice"},
        {"kind": "thumb", "value": 1, "text": "with a word"},
    ],
)
def test_a_rating_is_kept_under_the_current_guideline(store, given):
    made = rate(store, interaction="a", rater="rae", **given)
    [kept] = store.query("ratings", interaction="a")
    assert (kept["id"], kept["guideline"]) == (made.id, "helpful@1")
    assert kept["text"] == given.get("text")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"kind": "thumb", "value": 0.5}, "value is 0.5, expected -1 or 1 for a thumb"),
        ({"kind": "thumb"}, "value is missing"),
        ({"kind": "stars", "value": 6}, "from 1 to 5"),
        ({"kind": "stars", "value": 2.5}, "whole number"),
        ({"kind": "stars", "value": float("nan")}, "a number"),
        ({"kind": "rubric"}, "rubric is missing"),
        ({"kind": "rubric", "rubric": {"brief": "very"}}, "'brief' is 'very'"),
        ({"kind": "correction", "text": " "}, "text is ' '"),
        ({"kind": "flag"}, "text is missing"),
        ({"kind": "comment", "text": "x", "value": 1}, "a comment has no value"),
        ({"kind": "thumbs", "value": 1}, "did you mean 'thumb'?"),
        ({"kind": "thumb", "value": 1, "guideline": "helpfull@1"}, "did you mean 'helpful@1'?"),
        ({"kind": "thumb", "value": 1, "seconds": -1}, "at least 0"),
        ({"kind": "thumb", "value": 1, "interaction": "z"}, "'z' does not exist"),
    ],
)
def test_a_rating_that_cannot_be_is_refused(store, given, said):
    publish(store, "helpful", "Be helpful.", [])
    with pytest.raises(RatchetError) as caught:
        rate(store, **{"interaction": "a", "rater": "rae", **given})
    assert said in str(caught.value)
    assert counts(store) == (0, 0)


def test_a_rating_sent_twice_under_its_id_is_one(store):
    for _ in range(2):
        rate(store, interaction="a", rater="rae", kind="thumb", value=1, id="mine")
    assert counts(store) == (1, 0)


def test_a_comparison_is_kept(store):
    made = compare(store, interactions=["a", "b"], ranks=(2, 1), shown=["b", "a"], rater="rae")
    [kept] = store.query("comparisons", assistant="desk")
    assert (kept["id"], kept["ranks"], kept["shown"]) == (made.id, [2, 1], ["b", "a"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"interactions": ["a"]}, "two or more ids"),
        ({"interactions": ["a", "a"]}, "two or more ids"),
        ({"ranks": [1]}, "a list of 2 ranks"),
        ({"ranks": [0, 1]}, "1 for the best"),
        ({"shown": ["a", "c"]}, "the same ids as interactions"),
        ({"interactions": ["a", "z"], "shown": ["a", "z"]}, "'z' does not exist"),
        ({"interactions": ["a", "c"], "shown": ["a", "c"]}, "different questions"),
    ],
)
def test_a_comparison_that_cannot_be_is_refused(store, file_of, change, said):
    with pytest.raises(RatchetError) as caught:
        compare(store, **{**COMPARED, **change})
    assert said in str(caught.value)
    with pytest.raises(RatchetError) as caught:
        load(store, file_of({**COMPARED, **change}))
    assert said in str(caught.value)
    assert counts(store) == (0, 0)


def test_a_file_holds_ratings_and_comparisons(store, file_of):
    path = file_of(THUMB, COMPARED, {**THUMB, "rater": "bo", "kind": "flag", "value": None,
                                     "text": "safety"})  # fmt: skip
    for _ in range(2):
        assert load(store, path).count == 3
    assert counts(store) == (2, 1)


def test_a_bad_line_names_its_place_and_keeps_the_rest_out(store, file_of):
    path = file_of(THUMB, {**THUMB, "interaction": "gone"}, {**THUMB, "raterr": "x"})
    with pytest.raises(RatchetError) as caught:
        load(store, path)
    assert f"{path}:2: interaction 'gone' does not exist" in str(caught.value)
    assert f"{path}:3: unknown field 'raterr'; did you mean 'rater'?" in str(caught.value)
    assert counts(store) == (0, 0)
    done = load(store, path, skip_bad=True)
    assert (done.count, done.bad, counts(store)) == (1, 2, (1, 0))
    assert [json.loads(line)["line"] for line in done.bad_file.read_text().splitlines()] == [2, 3]


def test_a_guideline_that_does_not_exist_is_a_bad_line(store, file_of):
    with pytest.raises(RatchetError, match=r":1: guideline 'nope@9' does not exist"):
        load(store, file_of({**THUMB, "guideline": "nope@9"}))


def test_of_identical_lines_the_last_counts(store, file_of):
    load(store, file_of(THUMB, {**THUMB, "value": -1}, THUMB))
    assert [row["value"] for row in store.query("ratings", interaction="a")] == [-1.0, 1.0]


def test_one_append_takes_the_whole_file(store, file_of, monkeypatch):
    batches = []
    keep = store.append
    monkeypatch.setattr(store, "append", lambda rows: (batches.append(len(rows)), keep(rows)))
    load(store, file_of(*({**THUMB, "rater": f"rater-{n}"} for n in range(500))))
    assert batches == [1, 500]  # the first guideline, then the ratings
