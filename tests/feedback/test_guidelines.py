from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from knowledge.errors import RatchetError
from loop.feedback.guideline_file import read_file, written
from loop.feedback.guidelines import before, current, difference, named, publish, publish_draft
from loop.feedback.rerating import effect
from loop.feedback.rubric import Criterion, Draft, Example, criteria_of, examples_of
from loop.settings import ReviewSettings
from loop.store.migrate import FOLDER
from loop.store.store import LocalStore
from tests.factories import START, make_guideline, make_interaction, make_rating

MARKDOWN = """\
# helpful

Prefer the answer that is right.

## Criteria

### correct
Do the passages bear it out?

- 1: a claim is wrong
- 3: right but thin
- 5: all right

### brief

## Examples

### Can I cancel a wire?

> Yes, always.
> Ask us.

- correct: 1

Why: Only before it is sent.
"""
TOML = """\
name = "helpful"
text = "Prefer the answer that is right."

[[criteria]]
name = "correct"
asks = "Do the passages bear it out?"
anchors = { 1 = "a claim is wrong", 3 = "right but thin", 5 = "all right" }

[[criteria]]
name = "brief"

[[examples]]
question = "Can I cancel a wire?"
answer = "Yes, always.\\nAsk us."
scores = { correct = 1 }
why = "Only before it is sent."
"""


def test_there_is_a_guideline_from_the_start(store):
    made = current(store)
    assert made.id == "helpful@1"
    assert current(store) == made
    assert len(store.query("guidelines")) == 1
    assert all(len(one.anchors) == 3 for one in criteria_of(made))
    assert examples_of(made)


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


def test_new_anchors_alone_are_a_new_version(store):
    draft = Draft(name="helpful", text="T.", criteria=[Criterion(name="a")])
    publish_draft(store, draft)
    other = Draft(
        name="helpful", text="T.", criteria=[Criterion(name="a", anchors={1: "no", 2: "yes"})]
    )
    assert publish_draft(store, other).id == "helpful@2"


@pytest.mark.parametrize(
    ("name", "text", "criteria"),
    [("a@b", "x", []), ("", "x", []), ("a", " ", []), ("a", "x", ["b", "b"]), ("a", "x", [""])],
)
def test_a_guideline_that_cannot_be_is_refused(store, name, text, criteria):
    with pytest.raises(RatchetError, match="Nothing was published"):
        publish(store, name, text, criteria)
    assert store.query("guidelines") == []


def test_an_example_must_fit_the_criteria(store):
    example = Example(question="Q?", answer="A.", scores={"correct": 9}, why="W.")
    draft = Draft(name="a", text="T.", criteria=[Criterion(name="correct")], examples=[example])
    with pytest.raises(RatchetError, match=r"'correct' 9, expected 1 to 3"):
        publish_draft(store, draft)


@pytest.mark.parametrize(("name", "content"), [("g.md", MARKDOWN), ("g.toml", TOML)])
def test_a_guideline_is_written_as_markdown_or_toml(tmp_path: Path, name: str, content: str):
    (tmp_path / name).write_text(content)
    draft = read_file(tmp_path / name)
    assert (draft.name, draft.text) == ("helpful", "Prefer the answer that is right.")
    correct, brief = draft.criteria
    assert correct.asks == "Do the passages bear it out?"
    assert correct.anchors == {1: "a claim is wrong", 3: "right but thin", 5: "all right"}
    assert brief.anchors == {1: "no", 2: "partly", 3: "yes"}
    [example] = draft.examples
    assert (example.answer, example.scores) == ("Yes, always.\nAsk us.", {"correct": 1})
    assert example.why == "Only before it is sent."


def test_what_is_shown_can_be_published_again(store, tmp_path: Path):
    made = current(store)
    (tmp_path / "again.md").write_text(written(made))
    assert publish_draft(store, read_file(tmp_path / "again.md")) == made


@pytest.mark.parametrize(
    ("name", "content", "place"),
    [
        ("a.md", "no heading\n", r"a\.md:1"),
        ("a.md", "# a\nT.\n## Criteria\n### b\n- x: y\n", r"a\.md:5: 'x' is no score"),
        ("a.md", "# a\nT.\n## Criteria\n### b\n- 1: y\n", r"a\.md:4: 'b' has one anchor"),
        ("a.md", "# a\nT.\n## Criteria\n### b\n- 1: y\n- 1: z\n", r"a\.md:6: anchor 1 stands"),
        ("a.md", "# a\nT.\n## Examples\n### q\n> a\n", r"a\.md:4: .*Why"),
        ("a.md", "# a\nT.\n## Examples\n### q\nbare\n", r"a\.md:5: expected the answer"),
        ("a.toml", "name = 1\n", r"a\.toml: name is '1'"),
        ("a.toml", "name = \n", r"a\.toml: not valid TOML.*line 1"),
        ("a.toml", 'name="a"\ntext="t"\nnmae="b"\n', r"a\.toml: nmae is 'b', expected one of"),
        (
            "a.toml",
            'name="a"\ntext="t"\n[[criteria]]\nname="c"\nanchors={x="y"}\n',
            r"criteria\[1\]\.anchors",
        ),
        ("a.txt", "x", r"expected \.md or \.toml"),
        ("missing.md", None, r"missing\.md: cannot be read"),
    ],
)
def test_a_bad_file_is_refused_with_the_place(tmp_path: Path, name, content, place):
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(RatchetError, match=place):
        read_file(tmp_path / name)


def test_two_versions_are_compared_line_by_line(store):
    old = publish(store, "helpful", "Prefer the briefer answer.", ["brief"])
    new = publish(store, "helpful", "Prefer the longer answer.", ["brief"])
    told = difference(old, new)
    assert "-Prefer the briefer answer." in told
    assert "+Prefer the longer answer." in told
    assert difference(new, new) == ""
    assert named(store, "helpful") == new
    assert before(store, new) == old
    with pytest.raises(RatchetError, match="Did you mean 'helpful@2'"):
        named(store, "helpfull@2")


def test_a_new_version_opens_a_sample_of_what_was_judged_under_the_old(store):
    current(store)
    ids = [f"t{n:02d}" for n in range(40)]
    store.append([make_interaction(id=id) for id in ids])
    store.append([make_rating(interaction=id) for id in ids])
    draft = Draft(name="helpful", text="Stricter.")
    made = publish_draft(store, draft, review=ReviewSettings(rerate=0.25))
    assert len(made.rerate) == 10
    assert set(made.rerate) <= set(ids)
    assert publish_draft(store, draft, review=ReviewSettings(rerate=0.25)).rerate == made.rerate


def test_the_sample_is_drawn_by_hash_and_no_larger_than_set(store):
    current(store)
    store.append([make_rating(interaction=f"t{n:02d}") for n in range(40)])
    review = ReviewSettings(rerate=1.0, most_rerated=7)
    made = publish_draft(store, Draft(name="helpful", text="Stricter."), review=review)
    assert len(made.rerate) == 7
    assert made.rerate != sorted(made.rerate)


def test_the_first_version_of_a_name_opens_none(store):
    store.append([make_rating(interaction="a")])
    assert publish(store, "safe", "Prefer the safer.", []).rerate == []


def test_how_judgements_moved_is_told_for_the_same_and_for_other_raters(store):
    ids = [f"t{n}" for n in range(8)]
    old = make_guideline(id="helpful@1", version="1", at=START)
    new = make_guideline(id="helpful@2", version="2", at=START + timedelta(days=1), rerate=ids)
    store.append([old, new])
    for n, id in enumerate(ids):
        store.append(
            [
                make_rating(interaction=id, rater="ann", kind="stars", value=4.0),
                make_rating(
                    interaction=id, rater="ann", kind="stars", value=4.0 - n % 2, guideline=new.id
                ),
                make_rating(interaction=id, rater="bob", kind="stars", value=2.0, guideline=new.id),
            ]
        )
    found = effect(store, new, old)
    assert (found.sample, found.judged) == (8, 8)
    same, others = found.moved
    assert (same.who, same.pairs, same.changed, same.shift) == ("same rater", 8, 0.5, -0.5)
    assert same.changed_low < 0.5 < same.changed_high
    assert same.low is not None
    assert same.low < -0.5 < same.high
    assert (others.who, others.pairs, others.shift) == ("other raters", 8, -2.0)


def test_without_a_second_judgement_nothing_is_said_of_the_effect(store):
    old = make_guideline(id="helpful@1", version="1", at=START)
    new = make_guideline(id="helpful@2", version="2", rerate=["a"])
    store.append([old, new, make_rating(interaction="a")])
    assert effect(store, new, old).moved == []


def test_a_guideline_of_an_older_store_reads_with_the_usual_scale(tmp_path: Path):
    path = tmp_path / "old.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "create table migrations (number integer primary key, name varchar not null, "
            "applied timestamptz not null default now())"
        )
        for number, name in ((1, "records"), (2, "experiment_status")):
            sql = (FOLDER / f"{number:03d}_{name}.sql").read_text()
            connection.execute(sql)
            connection.execute(
                "insert into migrations (number, name) values (?, ?)", [number, name]
            )
        connection.execute(
            "insert into guidelines values "
            "('helpful@1', now(), 'helpful', '1', 'Old words.', '[\"brief\"]')"
        )
    opened = LocalStore(path)
    try:
        old = current(opened)
        assert (old.text, old.rubric, old.examples, old.rerate) == ("Old words.", [], [], [])
        [brief] = criteria_of(old)
        assert brief.anchors == {1: "no", 2: "partly", 3: "yes"}
        assert publish(opened, "helpful", "New words.", ["brief"]).id == "helpful@2"
    finally:
        opened.close()
