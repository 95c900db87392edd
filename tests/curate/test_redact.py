import pickle

import pytest

from knowledge.errors import RatchetError
from knowledge.pii import Span, find_personal_data
from knowledge.pseudonyms import Pseudonyms
from loop.curate import recognisers
from loop.curate.redact import Redactor, redactor
from loop.curate.review import Sample, review_table, shape
from loop.models.names import people
from loop.settings import CurateSettings
from tests.canaries import canaries, survives

KEY = {"RATCHET_PSEUDONYM_KEY": "a secret of thirty-two characters"}
PLANTED = canaries(1000, seed=5)


def made(policy: str, **rules) -> Redactor:
    return redactor(CurateSettings(personal_data=policy, **rules), KEY)


@pytest.mark.parametrize("policy", ["mask", "pseudonymise", "drop"])
def test_no_canary_in_any_writing_is_left(policy):
    redacts = made(policy)
    texts = [one.text for one in PLANTED]
    assert all(redacts.found(texts))
    clean = redacts.texts(texts, [str(n) for n in range(len(texts))])
    assert not any(redacts.found(clean))
    assert [one for one, text in zip(PLANTED, clean, strict=True) if survives(one, text)] == []
    shown = "\n".join(f"{r.before} {r.shape} {r.after}" for r in redacts.review())
    assert [one for one in PLANTED if survives(one, shown)] == []


def test_a_text_without_personal_data_is_handed_back_as_it_is():
    text = "A wire costs 35 dollars. See https://example.org/fees."
    [same] = made("mask").texts([text], ["c"])
    assert same is text
    [masked] = made("mask", mask_links=True).texts([text], ["c"])
    assert masked == "A wire costs 35 dollars. See [URL]."


def test_one_value_has_one_stand_in_within_a_conversation_and_another_in_the_next():
    said = ["I am Ana Berg, +1 415 555 2671", "Ana (at) mail (dot) com", "call (415) 555-2671"]
    said += ["ANA@mail.com wrote", "call 415 555 2671"]
    clean = made("pseudonymise").texts(said, ["a", "a", "a", "a", "b"])
    phone = clean[0].split(", ")[1]
    assert phone.startswith("[PHONE_NUMBER_")
    assert clean[2] == f"call {phone}"
    assert clean[1] == clean[3].removesuffix(" wrote")
    assert phone not in clean[4]


def test_stand_ins_follow_from_the_key_and_tell_nothing_without_it():
    value = ("c", "EMAIL_ADDRESS", "ana@mail.com")
    one, other = Pseudonyms(b"one key of 16 bytes"), Pseudonyms(b"other key of 16 bytes")
    assert one.stand_in(*value) == one.stand_in(*value) != other.stand_in(*value)
    stand_ins = [one.stand_in(str(n), "PHONE_NUMBER", "+14155552671") for n in range(500)]
    assert len(set(stand_ins)) == 500
    assert not any(find_personal_data(f"my name is {it}, call {it}") for it in stand_ins)


@pytest.mark.parametrize("environ", [{}, {"RATCHET_PSEUDONYM_KEY": "short"}])
def test_stand_ins_without_a_secret_key_are_refused(environ):
    with pytest.raises(RatchetError, match="RATCHET_PSEUDONYM_KEY.*openssl rand"):
        redactor(CurateSettings(personal_data="pseudonymise"), environ)


def test_what_was_taken_out_is_counted_by_type():
    redacts = made("mask")
    redacts.texts(["a@b.example and c@d.example", "card 4111111111111111", "none"], ["x"] * 3)
    assert redacts.replaced == {"EMAIL_ADDRESS": 2, "CREDIT_CARD": 1}


def test_the_review_sample_shows_shape_and_surroundings_only():
    redacts = made("mask")
    redacts.texts(["Card 4111-1111-1111-1111 of a@b.example is lost, said Ana."], ["c"])
    [card, mail] = redacts.review()
    assert (card.type, card.shape, card.before) == ("CREDIT_CARD", "####-####-####-####", "Card ")
    assert card.after == " of [EMAIL_ADDRESS] is lost, said Ana."
    assert (mail.shape, mail.before) == ("x@x.xxxxxxx", "Card [CREDIT_CARD] of ")
    assert review_table([card, mail]).column_names == ["key", "type", "shape", "before", "after"]
    assert shape("x" * 500).endswith("…")


def test_samples_of_parts_make_the_sample_of_the_whole():
    texts = [one.text for one in PLANTED[:300]]
    conversations = ["c"] * len(texts)
    whole, left, right = (made("mask", review_sample=3) for _ in range(3))
    whole.texts(texts, conversations)
    right.texts(texts[100:][::-1], conversations[100:])
    left.texts(texts[:100], conversations[:100])
    merged = Sample(3)
    merged.merge(right.review())
    merged.merge(left.review())
    assert merged.rows() == whole.review()
    assert whole.replaced == left.replaced + right.replaced


def test_a_redactor_goes_to_another_process_and_back():
    redacts = pickle.loads(pickle.dumps(made("pseudonymise")))
    text = ["I am at ana@mail.example"]
    assert redacts.texts(text, ["c"]) == made("pseudonymise").texts(text, ["c"])
    assert "secret" not in repr(redacts)


def test_names_that_a_model_finds_are_taken_out_beside_ours(monkeypatch):
    def classify(texts):
        entity = {"entity_group": "PER", "score": 0.9}
        weak = {"entity_group": "PER", "score": 0.1, "start": 0, "end": 1}
        return [
            [entity | {"start": at, "end": at + 3}, weak] if (at := text.find("Ana")) >= 0 else []
            for text in texts
        ]

    monkeypatch.setattr(recognisers, "recogniser", lambda name: people(classify))
    redacts = Redactor("mask", recognisers=("stand-in",))
    texts = ["Then Ana wrote to ana@mail.example", "[PERSON] wrote", "nobody"]
    assert redacts.found(texts) == [True, False, False]
    clean = redacts.texts(texts, ["c"] * 3)
    assert clean == ["Then [PERSON] wrote to [EMAIL_ADDRESS]", "[PERSON] wrote", "nobody"]


def test_a_stand_in_that_a_model_takes_for_a_name_stays(monkeypatch):
    def everything(texts):
        return [[Span("PERSON", 1, 7, text[1:7])] for text in texts]

    monkeypatch.setattr(recognisers, "recogniser", lambda name: everything)
    assert Redactor("mask", recognisers=("x",)).texts(["[PERSON] wrote"], ["c"]) == [
        "[PERSON] wrote"
    ]


@pytest.mark.parametrize(
    ("name", "said"),
    [("presidoi", "expected presidio"), ("spacy:", "expected"), ("spacy:none_such", "pip install")],
)
def test_a_recogniser_that_is_not_there_says_what_to_do(name, said):
    with pytest.raises(RatchetError, match=said):
        recognisers.recogniser(name)


def test_presidio_that_is_not_installed_says_how_to_get_it(monkeypatch):
    from knowledge import pii_presidio

    monkeypatch.setitem(__import__("sys").modules, "presidio_analyzer", None)
    pii_presidio.analyzer.cache_clear()
    with pytest.raises(RatchetError, match=r"pip install 'ratchet-loop\[presidio\]'"):
        recognisers.recogniser("presidio")
