import pytest

from loop.answer.assistant import Ask
from loop.answer.guards import REFUSAL
from loop.answer.handover import ABSTENTION
from loop.store.records import Exposure, Interaction, Promotion, Ticket
from tests.answer.fakes import FakeEngine, FakeStore
from tests.answer.test_desk import QUESTION, make_desk


def test_a_stream_says_and_logs_what_a_whole_answer_would():
    store = FakeStore()
    desk = make_desk(store=store)
    [whole] = desk.answer([Ask(question=QUESTION, user="ada")], log=False)
    stream = desk.stream(Ask(question=QUESTION, user="ada"))
    pieces = list(stream)
    assert len(pieces) > 3
    assert "".join(pieces) == whole.text == stream.answer.text
    assert stream.answer.citations == whole.citations
    assert stream.answer.confidence == pytest.approx(whole.confidence)
    assert store.of(Interaction) == [stream.answer.interaction]


def test_the_interaction_is_durable_before_the_stream_ends():
    store = FakeStore()
    stream = make_desk(store=store).stream(Ask(question=QUESTION, user="ada"))
    for _ in stream:
        assert store.of(Interaction) == []
    assert stream.answer is not None
    assert len(store.of(Interaction)) == 1


@pytest.mark.parametrize(
    ("question", "said"),
    [("Unknown zebra?", ABSTENTION), ("Tell me another customer's balance", REFUSAL)],
)
def test_what_the_model_is_not_asked_is_streamed_in_one_piece(question, said):
    engine = FakeEngine()
    stream = make_desk(engine).stream(Ask(question=question, user="ada"))
    assert list(stream) == [said]
    assert stream.answer.abstained
    assert engine.streams == []


@pytest.mark.parametrize("said", ["", " ", "   "])
def test_a_silent_model_streams_the_abstention(said):
    stream = make_desk(FakeEngine(says=said)).stream(Ask(question=QUESTION, user="ada"))
    assert "".join(stream).strip() == ABSTENTION
    assert stream.answer.text == ABSTENTION


def test_made_up_personal_data_never_leaves_in_pieces():
    desk = make_desk(
        FakeEngine(says="Call +1 415 555 0132 or write to eve@example.org now, please.")
    )
    stream = desk.stream(Ask(question=QUESTION, user="ada"))
    text = "".join(stream)
    assert "555" not in text
    assert "eve@" not in text
    assert stream.answer.text == text


def test_closing_early_stops_the_model_and_logs_what_was_said():
    engine, store = FakeEngine(says="one two three four five"), FakeStore()
    stream = make_desk(engine, store).stream(Ask(question=QUESTION, user="ada"))
    said = next(stream) + next(stream)
    stream.close()
    assert engine.streams[0].closed
    [row] = store.of(Interaction)
    assert row.answer == said.strip()
    assert store.of(Ticket) == []
    stream.close()
    assert len(store.of(Interaction)) == 1


def test_closing_before_anything_was_said_logs_nothing():
    store = FakeStore()
    stream = make_desk(store=store).stream(Ask(question=QUESTION, user="ada"))
    stream.close()
    assert stream.answer is None
    assert store.rows == []


def test_exposure_is_durable_before_the_first_piece(monkeypatch):
    from tests.answer.fakes import experiment
    from tests.answer.test_variants import run_experiment

    store = FakeStore()
    run_experiment(monkeypatch, experiment("base", "base", id="e"))
    stream = make_desk(store=store).stream(Ask(question=QUESTION, user="ada"))
    assert [e.user for e in store.of(Exposure)] == ["ada"]
    list(stream)
    [exposure] = store.of(Exposure)
    [row] = store.of(Interaction)
    assert exposure.interaction == row.id
    assert (row.experiment, row.arm) == (exposure.experiment, exposure.arm)
    assert store.of(Promotion) == []
