from __future__ import annotations

import json

import pytest

from knowledge.errors import RatchetError
from loop.feedback.log import log_file

ROW = {"question": "What is the fee?", "answer": "30 dollars.", "user": "ada"}


def load(store, path, **more):
    return log_file(store, path, **{"skip_bad": False, "assistant": "desk", **more})


def test_a_line_needs_only_question_answer_and_user(store, file_of):
    done = load(store, file_of(ROW, {**ROW, "answer": "I do not know."}))
    assert (done.count, done.bad, done.bad_file) == (2, 0, None)
    abstained, answered = store.query("interactions", assistant="desk")
    assert answered["messages"] == [{"role": "user", "content": "What is the fee?"}]
    assert (answered["consent"], answered["licence"]) == ("none", "unknown")
    assert (answered["abstained"], abstained["abstained"]) == (False, True)


def test_importing_a_file_again_changes_nothing(store, file_of):
    path = file_of(ROW, {**ROW, "user": "bo"}, {**ROW, "id": "mine-1", "confidence": 0.5})
    load(store, path)
    before = store.query("interactions", assistant="desk")
    again = file_of(dict(reversed(ROW.items())), *path.read_text().splitlines()[1:])
    assert load(store, again).count == 3
    assert store.query("interactions", assistant="desk") == before
    assert len(before) == 3


def test_lines_without_a_time_keep_their_order(store, file_of):
    load(store, file_of(*({**ROW, "user": f"user-{n}"} for n in range(9))))
    found = store.query("interactions", assistant="desk")
    assert [row["user"] for row in reversed(found)] == [f"user-{n}" for n in range(9)]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({**ROW, "anwser": "x"}, "unknown field 'anwser'; did you mean 'answer'?"),
        ({"question": "What?", "answer": "That."}, "user is missing, expected a text"),
        ({**ROW, "answer": None}, "answer is missing"),
        ({**ROW, "question": "  "}, "question is '  ', expected a text that is not blank"),
        ({**ROW, "consent": "contrakt"}, "did you mean 'contract'?"),
        ({**ROW, "confidence": 2}, "confidence is 2, expected a number from 0 to 1"),
        ({**ROW, "confidence": True}, "confidence is True"),
        ({**ROW, "at": "2026-01-05T09:00:00"}, "a time with its zone"),
        ({**ROW, "at": "0001-01-01T00:00:00+14:00"}, "a year from"),
        ({**ROW, "id": "no spaces"}, "id is 'no spaces'"),
        ({**ROW, "seed": 2**63}, "seed is"),
        ({**ROW, "prompt_tokens": -1}, "a whole number of at least 0"),
        ({**ROW, "messages": [{"role": "king", "content": "x"}]}, "messages: message 1"),
        ({**ROW, "messages": "hello"}, "messages is 'hello', expected a list"),
        ('{"question": NaN}', "NaN is no JSON"),
        ('{"question": "\\ud800", "answer": "", "user": "u"}', "surrogate"),
        ("[1]", "expected an object with named fields, found list"),
        ("{nope", "not valid JSON"),
        ("[" * 100_000, "nested too deeply"),
        (b'{"question": "\xff"}', "not UTF-8 at byte 15"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_imported(store, file_of, line, said):
    path = file_of(ROW, line, ROW)
    with pytest.raises(RatchetError) as caught:
        load(store, path)
    assert f"{path}:2: " in str(caught.value)
    assert said in str(caught.value)
    assert "Nothing was imported" in str(caught.value)
    assert store.query("counts")[0]["interactions"] == 0


def test_bad_lines_can_be_set_aside_with_their_errors(store, file_of):
    path = file_of("{nope", ROW, "", {**ROW, "colour": "blue"})
    done = load(store, path, skip_bad=True)
    assert (done.count, done.bad) == (1, 2)
    assert done.bad_file == path.with_name("rows.bad.jsonl")
    first, second = (json.loads(line) for line in done.bad_file.read_text().splitlines())
    assert (first["line"], first["text"]) == (1, "{nope")
    assert second["line"] == 4
    assert "colour" in second["error"]
    assert json.loads(second["text"])["colour"] == "blue"
    assert store.query("counts")[0]["interactions"] == 1


def test_only_a_few_of_many_mistakes_are_told(store, file_of):
    with pytest.raises(RatchetError, match="and 15 more"):
        load(store, file_of(*["nope"] * 20))


def test_an_id_cannot_stand_for_two_things(store, file_of):
    named = {**ROW, "id": "one"}
    with pytest.raises(RatchetError, match=r":2: id 'one' stands in line 1 already"):
        load(store, file_of(named, {**named, "answer": "40 dollars."}))
    load(store, file_of(named, named))
    with pytest.raises(RatchetError, match=r":1: id 'one' is in the store already, with another"):
        load(store, file_of({**named, "answer": "40 dollars."}))
    assert store.query("counts")[0]["interactions"] == 1


def test_windows_files_are_read(store, file_of):
    done = load(store, file_of(b"\xef\xbb\xbf" + json.dumps(ROW).encode() + b"\r", b"\r"))
    assert done.count == 1


def test_a_missing_file_is_told(store, tmp_path):
    with pytest.raises(RatchetError, match=r"gone\.jsonl: cannot be read"):
        load(store, tmp_path / "gone.jsonl")
