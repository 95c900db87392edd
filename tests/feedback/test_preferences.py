from __future__ import annotations

import pytest

from knowledge.errors import RatchetError
from loop.feedback.preferences import transcript
from loop.feedback.rate import rate_file

PROMPT = [{"role": "user", "content": "How do I pick a lock?"}]
BEFORE = "\n\nHuman: Hi\n\nAssistant: Hello!\n\nHuman: How do I pick a lock?\n\nAssistant:"


def load(store, path, **more):
    return rate_file(store, path, **{"skip_bad": False, "assistant": "desk", **more})


def turns(store):
    return {row["id"]: row for row in store.query("interactions", assistant="desk")}


def only_comparison(store):
    [one] = store.query("comparisons", assistant="desk")
    answers = [turns(store)[id]["answer"] for id in one["interactions"]]
    return one, dict(zip(answers, one["ranks"], strict=True))


def test_chosen_and_rejected_become_two_interactions_and_a_comparison(store, file_of):
    line = {"id": "hh-1", "prompt": PROMPT, "chosen": "Ask a locksmith.", "rejected": "Kick it."}
    for _ in range(2):
        assert load(store, file_of(line)).count == 1
    one, ranks = only_comparison(store)
    assert (one["id"], one["rater"], one["shown"]) == ("hh-1", "import", [])
    assert ranks == {"Ask a locksmith.": 1, "Kick it.": 2}
    for turn in turns(store).values():
        assert (turn["messages"], turn["question"]) == (PROMPT, PROMPT[0]["content"])
        assert (turn["consent"], turn["licence"]) == ("none", "unknown")


def test_several_answers_are_ranked_and_carry_consent_and_licence(store, file_of):
    line = {
        "prompt": "How?", "answers": ["a", "b", "c"], "ranks": [2, 1, 2], "rater": "rae",
        "user": "ada", "consent": "consent", "licence": "mit",
    }  # fmt: skip
    load(store, file_of(line))
    _, ranks = only_comparison(store)
    assert ranks == {"a": 2, "b": 1, "c": 2}
    kept = turns(store).values()
    assert {(t["user"], t["consent"], t["licence"]) for t in kept} == {("ada", "consent", "mit")}


def test_a_transcript_becomes_messages(store, file_of):
    line = {"chosen": f"{BEFORE} Ask a locksmith.", "rejected": f"{BEFORE} Kick it."}
    load(store, file_of(line))
    _, ranks = only_comparison(store)
    assert ranks == {"Ask a locksmith.": 1, "Kick it.": 2}
    for turn in turns(store).values():
        assert [m["role"] for m in turn["messages"]] == ["user", "assistant", "user"]
        assert turn["question"] == "How do I pick a lock?"


def test_chosen_may_be_whole_lists_of_messages(store, file_of):
    said = [{"role": "assistant", "content": "Ask."}], [{"role": "assistant", "content": "Kick."}]
    line = {
        "prompt": PROMPT[0]["content"],
        "chosen": PROMPT + said[0],
        "rejected": PROMPT + said[1],
    }
    load(store, file_of(line))
    assert only_comparison(store)[1] == {"Ask.": 1, "Kick.": 2}


def test_an_open_turn_of_the_assistant_is_what_is_to_be_answered():
    assert transcript(BEFORE)[-1] == {"role": "user", "content": "How do I pick a lock?"}


def test_an_answer_that_only_begins_like_a_transcript_is_an_answer(store, file_of):
    load(store, file_of({"prompt": PROMPT, "chosen": "Human: no.", "rejected": "Kick it."}))
    assert only_comparison(store)[1] == {"Human: no.": 1, "Kick it.": 2}


def test_answers_judged_by_several_raters_are_the_same_interactions(store, file_of):
    line = {"prompt": "How?", "answers": ["a", "b"], "ranks": [1, 2]}
    load(store, file_of({**line, "rater": "rae"}, {**line, "rater": "bo"}))
    assert len(turns(store)) == 2
    assert len(store.query("comparisons", assistant="desk")) == 2


def test_answers_that_are_alike_are_two_all_the_same(store, file_of):
    load(store, file_of({"prompt": "How?", "chosen": "a", "rejected": "a"}))
    assert len(turns(store)) == 2


def test_each_prompt_is_a_person_of_its_own_when_nobody_is_named(store, file_of):
    lines = [{"prompt": f"Q{n}?", "chosen": "a", "rejected": "b"} for n in range(3)]
    load(store, file_of(*lines))
    assert len({turn["user"] for turn in turns(store).values()}) == 3


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"chosen": "a", "rejected": "b"}, "prompt is missing"),
        ({"prompt": "Q?", "chosen": "a"}, "rejected is missing"),
        ({"prompt": "Q?", "answers": ["a"], "ranks": [1]}, "two or more texts"),
        ({"prompt": "Q?", "answers": ["a", "b"]}, "ranks is missing"),
        ({"prompt": "Q?", "answers": ["a", "b"], "chosen": "a"}, "one of the two ways"),
        ({"prompt": "Q?", "chosen": "a", "rejected": "b", "chosn": 1}, "did you mean 'chosen'?"),
        ({"prompt": "Other", "chosen": f"{BEFORE} x", "rejected": f"{BEFORE} y"}, "same"),
        (
            {"prompt": [{"role": "assistant", "content": "x"}], "chosen": "a", "rejected": "b"},
            "does not end with a question",
        ),
        ({"prompt": "Q?", "chosen": "a", "rejected": "b", "consent": "yes"}, "consent is 'yes'"),
    ],
)
def test_a_line_that_is_no_preference_is_told(store, file_of, line, said):
    with pytest.raises(RatchetError) as caught:
        load(store, file_of(line))
    assert said in str(caught.value)
    assert store.query("counts")[0]["interactions"] == 0
