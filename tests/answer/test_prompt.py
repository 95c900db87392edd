import pytest

from knowledge.errors import RatchetError
from knowledge.quote import TAGS_ARE_DATA
from knowledge.records import Passage
from loop.answer.handover import ABSTENTION, is_abstention
from loop.answer.prompt import (
    HISTORY_TURNS,
    build_messages,
    quoting_style,
    recent,
    retrieval_query,
)
from loop.curate.rows import asked
from loop.settings import AssistantSettings


def passage(**fields) -> Passage:
    given = {"document": "d.md", "version": "1", "start": 0, "end": 9, "text": "x", "score": 1.0}
    return Passage(**{**given, **fields})


def test_the_prompt_has_the_one_shape_the_pocket_model_was_trained_on():
    messages = build_messages(
        "Be brief.",
        [passage(heading=("Payments", "Fees")), passage(heading=("Cards",))],
        ["Stop payment: Fee 30 dollars; Time same day.", "A card costs nothing."],
        "What is the fee?",
    )
    assert messages == [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": "[1] Payments > Fees: Stop payment: Fee 30 dollars; Time same day.\n"
            "[2] Cards: A card costs nothing.\n\nQuestion: What is the fee?",
        },
    ]


def test_earlier_turns_stand_between_as_they_were():
    history = [
        {"role": "user", "content": "What is the wire fee?", "name": "extra"},
        {"role": "assistant", "content": "35 dollars [1]."},
    ]
    messages = build_messages("S", [], [], "And abroad?", history)
    assert [m["role"] for m in messages] == ["system", "user", "assistant", "user"]
    assert messages[1] == {"role": "user", "content": "What is the wire fee?"}


def test_a_long_conversation_keeps_its_end_and_begins_with_a_person():
    history = [{"role": ("user", "assistant")[n % 2], "content": str(n)} for n in range(31)]
    kept = recent(history)
    assert kept[-1]["content"] == "30"
    assert kept[0]["role"] == "user"
    assert len(kept) <= HISTORY_TURNS


def test_only_a_short_follow_up_is_searched_with_the_question_before_it():
    history = [
        {"role": "user", "content": "How much is an outgoing wire?"},
        {"role": "assistant", "content": "35 dollars."},
    ]
    assert retrieval_query("And abroad?", history) == "How much is an outgoing wire? And abroad?"
    long = "What does a business account cost for each month?"
    assert retrieval_query(long, history) == long
    assert retrieval_query("And abroad?", []) == "And abroad?"


def test_abstentions_are_recognised_in_any_spelling():
    for text in ("", "  ", ABSTENTION, "Sorry, I don't know.", "I don’t know.",
                 "The passages DO NOT SAY what it costs."):  # fmt: skip
        assert is_abstention(text), text
    for text in ("The fee is 30 dollars [1].", "You know the fee: 30 dollars.", "Say yes."):
        assert not is_abstention(text), text


def test_a_model_that_follows_instructions_sees_passages_as_quoted_data():
    messages = build_messages(
        "Be brief.", [passage(heading=("Fees",))], ["A <b> costs 3."], "What?", style="tags"
    )
    assert messages[0]["content"] == f"Be brief. {TAGS_ARE_DATA}"
    assert messages[1]["content"] == (
        '<passages>\n<passage number="1" document="d.md" heading="Fees">'
        "A &lt;b&gt; costs 3.</passage>\n</passages>\n\nQuestion: What?"
    )
    assert asked(messages[1]["content"]) == "What?"


def test_how_passages_are_quoted_goes_by_the_model_unless_it_is_set():
    assert quoting_style(AssistantSettings()) == "lines"
    assert quoting_style(AssistantSettings(base="some/hub-model")) == "tags"
    assert quoting_style(AssistantSettings(base="some/hub-model", quoting="lines")) == "lines"
    with pytest.raises(RatchetError, match=r"assistant\.quoting is 'xml'"):
        quoting_style(AssistantSettings(quoting="xml"))
