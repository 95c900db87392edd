import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.pii import Span, find_personal_data, mask

HANDBOOK = Path(__file__).parents[2] / "knowledge" / "handbook"


def kinds(text: str) -> list[tuple[str, str]]:
    return [(span.type, span.value) for span in find_personal_data(text)]


@pytest.mark.parametrize(
    ("text", "type", "value"),
    [
        ("Mail me: maria.lopez+bank@mail.example.org.", "EMAIL_ADDRESS", None),
        ("Card 4111 1111 1111 1111 is lost", "CREDIT_CARD", "4111 1111 1111 1111"),
        ("my amex 3782-822463-10005", "CREDIT_CARD", "3782-822463-10005"),
        ("IBAN GB82 WEST 1234 5698 7654 32 please", "IBAN_CODE", "GB82 WEST 1234 5698 7654 32"),
        ("to de89370400440532013000 today", "IBAN_CODE", "de89370400440532013000"),
        ("SSN 078-05-1120", "US_SSN", "078-05-1120"),
        ("my social security number is 219099998", "US_SSN", "219099998"),
        ("from 203.0.113.77 at night", "IP_ADDRESS", "203.0.113.77"),
        ("host 2001:db8::ff00:42:8329 is blocked", "IP_ADDRESS", "2001:db8::ff00:42:8329"),
        ("see https://ana:secret@bank.example/x now", "URL", "https://ana:secret@bank.example/x"),
        ("I was born on 12 March 1980 in Oslo", "DATE_OF_BIRTH", "12 March 1980"),
        ("DOB: 1980-03-12", "DATE_OF_BIRTH", "1980-03-12"),
        ("my account number 1234 5678 is shut", "ACCOUNT_NUMBER", "1234 5678"),
        ("sort code 12-34-56", "ACCOUNT_NUMBER", "12-34-56"),
        ("call +44 20 7946 0958", "PHONE_NUMBER", "+44 20 7946 0958"),
        ("call (415) 555-2671 now", "PHONE_NUMBER", "(415) 555-2671"),
        ("on 415.555.2671 after noon", "PHONE_NUMBER", "415.555.2671"),
        ("ring 07700 900123", "PHONE_NUMBER", "07700 900123"),
        ("try 020 7946 0958", "PHONE_NUMBER", "020 7946 0958"),
        ("Phone: 72 128 827", "PHONE_NUMBER", "72 128 827"),
        ("I live at 221b Baker Street in London", "STREET_ADDRESS", "221b Baker Street"),
        (
            "Send it to 12 Elm Road, Apt 4, Springfield, IL 62701.",
            "STREET_ADDRESS",
            "12 Elm Road, Apt 4, Springfield, IL 62701",
        ),
        ("at 41086 Kiannonkatu 98, Suite 464", "STREET_ADDRESS", "41086 Kiannonkatu 98, Suite 464"),
        ("write to P.O. Box 242", "STREET_ADDRESS", "P.O. Box 242"),
        ("Please add Otto Berg as a signer", "PERSON", "Otto Berg"),
        ("Hello, my name is Ana de Sousa and I moved", "PERSON", "Ana de Sousa"),
        ("Speak to Mr. Pálffy. He knows", "PERSON", "Pálffy"),
    ],
)
def test_personal_data_is_found_with_its_type_and_place(text, type, value):
    found = find_personal_data(text)
    assert [span.type for span in found] == [type]
    assert text[found[0].start : found[0].end] == found[0].value
    assert value in (None, found[0].value)


@pytest.mark.parametrize(
    "text",
    [
        "Open 24 hours a day, 7 days a week; from 9:30 am to 5 pm.",
        "A fee of 1,500 dollars, 25.50 euros or $1200 per 2026-01-15.",
        "Paid 4155550132 dollars on 01-02-2026 at 12:30:45.",
        "The Fees desk answers on extension 2115.",
        "Order 4111 1111 1111 1112 has a wrong check digit.",
        "GB82 WEST 1234 5698 7654 33 has one too.",
        "Numbers 000-12-3456, 666-12-3456 and 912-34-5678 are nobody's.",
        "Version 1.2.3.4 or 999.1.1.1 or 127.0.0.1 or a[::2] or std::move.",
        "See https://example.org/help and write @bank.",
        "Born in 1980, an account with 100000 dollars, account 2026.",
        "My name is not on the card. I am afraid so. I'm Sorry. This is Fine print.",
        "Dr. is short for doctor; 5 branches stand on Harbour Street.",
        "From 2019-2024 the rates were 3.25, 4.50 and 5.75 percent.",
        "Pick 1234567 or 7654321 or 555 1234.",
    ],
)
def test_what_only_looks_like_personal_data_is_left_alone(text):
    assert kinds(text) == []


@pytest.mark.parametrize("page", sorted(HANDBOOK.rglob("*.md")), ids=lambda page: page.stem)
def test_the_handbook_holds_no_personal_data(page):
    assert kinds(page.read_text(encoding="utf-8")) == []


def test_the_more_certain_of_two_findings_stays():
    assert kinds("account number 4111111111111111") == [("CREDIT_CARD", "4111111111111111")]
    assert [type for type, _ in kinds("call 078-05-1120")] == ["US_SSN"]


def test_findings_come_in_order_and_never_overlap():
    text = "Mr. Otto Berg, otto@berg.example, +49 30 901820, 5 Oak Lane, born 3/4/1970, 203.0.113.9"
    found = find_personal_data(text)
    assert [span.type for span in found] == [
        "PERSON", "EMAIL_ADDRESS", "PHONE_NUMBER", "STREET_ADDRESS", "DATE_OF_BIRTH", "IP_ADDRESS",
    ]  # fmt: skip
    assert all(a.end <= b.start for a, b in pairwise(found))


def test_masked_text_names_what_stood_there_and_keeps_the_rest():
    text = "I am Ana Silva, write to ana@silva.example or call 415-555-2671."
    assert mask(text) == "I am [PERSON], write to [EMAIL_ADDRESS] or call [PHONE_NUMBER]."


def test_given_spans_are_masked_and_no_others():
    text = "ana@silva.example or 203.0.113.9"
    assert mask(text, [Span("WHO", 0, 17)]) == "[WHO] or 203.0.113.9"
    assert mask(text, []) == text


PIECES = (
    "my name is|Mr.|Ana|Berg|account number|call|born|12|1234|5678|415-555-2671|+44|020 7946 0958|"
    "a@b.example|GB82WEST12345698765432|4111111111111111|1980-03-12|Street|St.|,|:|-|.|\n|(|)|I am"
)
PIECE = st.one_of(st.sampled_from(PIECES.split("|")), st.text(max_size=6))


@settings(max_examples=150, deadline=None)
@given(st.lists(PIECE, max_size=14).map(" ".join))
def test_masking_twice_is_masking_once(text):
    once = mask(text)
    assert find_personal_data(once) == []
    assert mask(once) == once


@pytest.mark.parametrize("piece", ["a", "1 ", "1-", "A. ", "a.b@", "::", "Ana ", "1 A ", "0 12 "])
def test_a_long_hostile_text_takes_a_moment(piece):
    started = time.perf_counter()
    find_personal_data(piece * (20_000 // len(piece)))
    assert time.perf_counter() - started < 2
