"""Consent, licence, simulated people, personal data."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.errors import RatchetError
from knowledge.pii import find_personal_data
from loop.curate.consent import consent_reasons
from loop.curate.funnel import Funnel
from loop.curate.pipeline import NothingToTrainOn
from loop.curate.source import admit
from loop.curate.steps import make_rows
from loop.settings import CurateSettings
from loop.store.tables import encode
from tests.curate.conftest import answered, compare, correct, every_row, preferred, read, thumb
from tests.factories import START, make_interaction

BASES = frozenset(["consent", "contract"])


@pytest.mark.parametrize("basis", ["none", "withdrawn", "whim", ""])
def test_nothing_gets_in_without_consent(made, basis):
    done = made(preferred(1), preferred(2, consent=basis))
    assert {user for row in every_row(done) for user in row["users"]} == {"user-1"}
    reasons = {"none": "no_consent", "": "no_consent", "withdrawn": "withdrawn"}
    assert done.funnel["consent"] == {"kept": 2, reasons.get(basis, "consent_whim"): 2}


def test_who_withdraws_takes_back_all_that_was_said_before(made):
    early, late = preferred(1, user="ada"), preferred(3, user="ada")
    withdrawn = make_interaction(user="ada", consent="withdrawn", at=late[0].at - timedelta(0, 1))
    done = made(early, preferred(2), withdrawn, late)
    assert {row["users"][0] for row in every_row(done)} == {"user-2", "ada"}
    used = {id for row in every_row(done) for id in row["interactions"]}
    assert used.isdisjoint({early[0].id, early[1].id, withdrawn.id})


def test_a_newest_word_of_withdrawal_leaves_nothing(made):
    said = [*preferred(1, user="ada"), *preferred(2, user="ada")]
    done = made(said, make_interaction(user="ada", consent="withdrawn"), preferred(3))
    assert {user for row in every_row(done) for user in row["users"]} == {"user-3"}


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abc"), st.integers(0, 20), st.sampled_from(["consent", "withdrawn"])
        ),
        max_size=30,
    )
)
def test_no_turn_up_to_a_withdrawal_passes(said):
    turns = [
        make_interaction(user=user, at=START + timedelta(hours=at), consent=basis)
        for user, at, basis in said
    ]
    withdrawn: dict[str, datetime] = {}
    for turn in turns:
        if turn.consent == "withdrawn":
            withdrawn[turn.user] = max(turn.at, withdrawn.get(turn.user, turn.at))
    table = encode(turns)["interactions"] if turns else encode([make_interaction()])[
        "interactions"
    ].slice(0, 0)  # fmt: skip
    reasons = consent_reasons(table, CurateSettings(), withdrawn=withdrawn, now=START)
    for turn, reason in zip(turns, reasons.to_pylist(), strict=True):
        if reason is None:
            later = [t for t in turns if t.user == turn.user and t.at >= turn.at]
            assert all(t.consent == "consent" for t in later)


def test_licences_that_forbid_training_are_named(made):
    done = made(
        preferred(1), preferred(2, licence="all-rights-reserved"), preferred(3, licence="MIT")
    )
    assert done.funnel["licence"] == {"kept": 4, "licence_all-rights-reserved": 2}
    assert {row["licence"] for row in every_row(done)} == {"cc0", "MIT"}


def test_simulated_people_are_marked_and_can_be_refused(made):
    turns = answered(2)
    records = [*preferred(1, simulated=True), *turns, compare(*turns, simulated=True)]
    done = made(records, preferred(3))
    marks = {row["users"][0]: row["simulated"] for row in read(done, "pairs")}
    assert marks == {"user-1": True, "user-2": True, "user-3": False}
    refused = made(simulated=False)
    assert {row["users"][0] for row in read(refused, "pairs")} == {"user-3"}
    assert refused.funnel["simulated"] == {"kept": 4, "simulated": 2}
    assert refused.funnel["feedback"]["simulated_rater"] == 1


def test_personal_data_is_masked_in_prompts_and_answers(made):
    question = "I am at maria@example.org, call +1 415 555 0132. What does it cost?"
    turns = answered(1, "Written to maria@example.org [1].", "No idea.", question=question)
    done = made(turns, compare(*turns), thumb(turns[0]), correct(turns[1], "Call +1 415 555 0132."))
    assert len(every_row(done)) >= 4
    for row in every_row(done):
        texts = [m["content"] for m in row["messages"]]
        texts += [row[name] for name in ("chosen", "rejected", "answer") if name in row]
        assert not any(find_personal_data(text) for text in texts)
        assert "[EMAIL_ADDRESS]" in texts[0]


def test_rows_with_personal_data_can_be_dropped_instead(made):
    done = made(
        preferred(1), preferred(2, question="I am at maria@example.org."), personal_data="drop"
    )
    assert done.funnel["personal_data"] == {"kept": 1, "personal_data": 1}


def test_answers_that_differ_in_personal_data_alone_are_no_pair(made):
    turns = answered(1, "Write to maria@example.org.", "Write to bob@example.org.")
    done = made(preferred(2), turns, compare(*turns))
    assert done.funnel["personal_data"] == {"kept": 1, "same_answer": 1}


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"personal_data": "keep"}, "expected mask or drop"),
        ({"near_duplicate": 0.0}, "curate.near_duplicate is 0.0"),
        ({"held_out": 1.0}, "less than 1"),
        ({"most_per_user": 0}, "at least 1"),
    ],
)
def test_a_setting_out_of_range_is_refused(made, rules, said):
    with pytest.raises(RatchetError, match=said):
        made(preferred(1), **rules)


def test_when_nothing_is_left_the_largest_loss_is_named(made, tmp_path):
    with pytest.raises(NothingToTrainOn, match="no interaction is in the store"):
        made()
    with pytest.raises(NothingToTrainOn, match="consent dropped 6 for 'no_consent'"):
        made(*(preferred(n, consent="none") for n in range(3)), preferred(9, licence="odd"))
    assert not list(tmp_path.rglob("*.parquet"))


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["consent", "contract", "none", "withdrawn"]),
            st.sampled_from(["cc0", "unknown"]),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_only_what_is_allowed_ever_makes_a_row(said):
    turns = [t for n, (basis, licence) in enumerate(said)
             for t in answered(n, consent=basis, licence=licence)]  # fmt: skip
    judged = [compare(*turns[n : n + 2]) for n in range(0, len(turns), 2)]
    table = encode(turns)["interactions"]
    kept, drops = admit(table, CurateSettings(), {}, Funnel(progress=False))
    ids = set(kept["id"].to_pylist())
    rows, _ = make_rows(
        [turn for turn in turns if turn.id in ids], [], judged, weights={}, least=0.0
    )
    allowed = {t.id for t in turns if t.consent in BASES and t.licence == "cc0"}
    assert {id for of_row in rows["interactions"].to_pylist() for id in of_row} == allowed
    assert {drop.item for drop in drops} == {turn.id for turn in turns} - allowed
