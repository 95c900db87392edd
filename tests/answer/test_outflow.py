import pytest

from loop.answer.outflow import Outflow, mask_new

EMAIL = "maria.lopez@example.org"


def flow(text: str, sources: list[str], size: int = 3) -> list[str]:
    out = Outflow(sources)
    pieces = [out.push(text[at : at + size]) for at in range(0, len(text), size)]
    return [*pieces, out.finish()]


def test_personal_data_that_nobody_showed_the_model_is_masked():
    masked = mask_new(f"Write to {EMAIL} today.", ["Where do I write to?"])
    assert EMAIL not in masked
    assert masked.startswith("Write to [")
    assert masked.endswith("] today.")


def test_personal_data_from_a_passage_or_the_question_stays():
    text = f"Write to {EMAIL} today."
    assert mask_new(text, ["How?", f"Complaints go to {EMAIL.upper()}."]) == text


@pytest.mark.parametrize("size", [1, 3, 7, 200])
def test_a_stream_is_masked_like_the_whole_however_it_is_cut(size):
    text = f"Please write to {EMAIL} or call +1 415 555 0132 before noon, then wait for an answer."
    assert "".join(flow(text, [], size)) == mask_new(text, [])
    assert "555" not in "".join(flow(text, [], size))


def test_what_is_mere_words_flows_in_a_stream_and_stays_in_the_whole():
    text = "Ana posts at https://linkedin.com/in/ana-berg and reads ana at mail dot example."
    assert mask_new(text, []) == text == "".join(flow(text, []))


def test_words_flow_at_once_and_so_do_figures_that_were_shown():
    text = "The fee for a stop payment is 30 dollars [1]. It is charged on the day."
    out = Outflow(["A stop payment costs 30 dollars."])
    shown = out.push(text)
    assert shown == text[: text.rindex(" ") + 1]
    assert shown + out.finish() == text


def test_a_figure_that_was_not_shown_waits_until_it_is_clear_what_it_is():
    out = Outflow([])
    assert out.push("Call 415 ") == "Call "
    assert "415" not in out.push("555 0132 at noon, ")
    rest = out.finish()
    assert "555" not in rest


def test_nothing_is_lost_or_doubled_in_plain_text():
    text = "One two 3 four.\nFive 66 seven eight nine ten eleven twelve thirteen fourteen."
    assert "".join(flow(text, [], 2)) == text
