"""Of made-up questions a dataset takes a share, and says of each what it is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.errors import RatchetError
from loop.curate.pipeline import Curated
from loop.curate.synthetic import capped, read, rows_of
from loop.store.records import Interaction, Record
from tests.curate.conftest import answered, every_row, suite, thumb
from tests.curate.conftest import read as rows_on_disk
from tests.factories import make_synthetic


@given(
    real=st.integers(0, 500),
    ids=st.lists(st.uuids().map(str), unique=True, max_size=100),
    share=st.floats(0, 0.99),
    seed=st.integers(0, 3),
)
def test_synthetic_rows_are_never_more_than_their_share_and_as_many_as_it_allows(
    real, ids, share, seed
):
    kept = capped(real, ids, share, seed)
    assert kept == [id for id in ids if id in set(kept)]
    assert len(kept) <= share * (real + len(kept)) + 1e-6
    if len(kept) < len(ids):
        assert len(kept) + 1 > share * (real + len(kept) + 1) - 1e-6


def test_which_stay_depends_on_ids_and_seed_alone():
    ids = [f"id-{n}" for n in range(50)]
    kept = capped(50, ids, 0.3, 7)
    assert set(capped(50, ids[::-1], 0.3, 7)) == set(kept)
    assert set(capped(50, ids, 0.3, 8)) != set(kept)
    assert set(kept) < set(capped(80, ids, 0.3, 7))
    assert capped(0, ids, 1.0, 7) == ids


def test_a_share_out_of_range_is_named():
    with pytest.raises(RatchetError, match=r"synthesize.share is 1.5, expected 0 to 1"):
        capped(1, [], 1.5, 7)


def test_rows_say_that_they_are_synthetic_and_where_they_are_from(store):
    kept = make_synthetic(kind="typos", parent="x")
    store.append([kept, make_synthetic(accepted=False, reason="duplicate")])
    assert read(store, "desk") == [kept]
    [row] = rows_of(read(store, "desk"))
    assert (row.kind, row.users, row.consent, row.synthetic) == ("sft", (), "synthetic", True)
    assert (row.synthetics, row.licence, row.answer) == ((kept.id,), kept.licence, kept.answer)


def asked(count: int) -> list[Record]:
    """So many people with a liked answer each."""
    return [r for n in range(count) for turn in answered(n, f"{n} crowns [1].")
            for r in (turn, thumb(turn))]  # fmt: skip


def made_up(done: Curated) -> list[dict[str, Any]]:
    return [row for row in every_row(done) if row["synthetic"]]


def test_a_dataset_takes_its_share_of_what_was_made_up(made, store):
    invented = [make_synthetic() for _ in range(30)]
    done = made(asked(14), invented, held_out=0.3)
    rows = made_up(done)
    assert len(rows) == 12 == done.dataset.manifest["synthetic"]
    assert done.dataset.rows == 28 + 12  # the SFT and KTO rows of 14 people
    assert {row["split"] for row in rows} == {"train"}
    assert {row["consent"] for row in rows} == {"synthetic"}
    assert done.funnel["synthetic"] == {"kept": 30}
    assert done.funnel["split"] == {"kept": 40, "synthetic_share": 18}
    kept = {row["row"]: row for row in store.query("dataset_rows", dataset=done.dataset.id)}
    by_id = {one.id: one for one in invented}
    for row in rows:
        assert kept[row["row"]]["synthetics"] == row["synthetics"]
        assert by_id[row["synthetics"][0]].answer == row["answer"]
        assert (row["users"], row["interactions"], row["ratings"]) == ([], [], [])


def test_nothing_made_up_enters_that_is_not_wanted_or_not_licensed(made):
    done = made(asked(14), make_synthetic(), make_synthetic(licence="secret"))
    assert len(made_up(done)) == 1
    assert done.funnel["synthetic"] == {"kept": 1, "licence_secret": 1}
    done = made(synthetic=False)
    assert made_up(done) == []
    assert done.funnel["synthetic"] == {"kept": 0, "not_wanted": 2}


def test_what_somebody_asked_stands_and_not_its_made_up_copy(made):
    records = asked(14)
    turn = records[0]
    assert isinstance(turn, Interaction)
    twin = make_synthetic(
        question=turn.question, messages=turn.messages, answer=f"{turn.answer} ", licence="cc0"
    )
    done = made(records, twin, held_out=0.0)
    assert made_up(done) == []
    [row] = [row for row in rows_on_disk(done, "sft") if row["users"] == [turn.user]]
    assert row["weight"] == 1.0  # a copy that nobody asked adds no weight
    assert done.funnel["duplicates"] == {"kept": 28, "duplicate": 1}


def test_what_a_held_out_person_asks_is_not_made_up_for_training(made):
    records = asked(14)
    turns = {turn.user: turn for turn in records if isinstance(turn, Interaction)}
    done = made(records)
    held = next(row["users"][0] for row in rows_on_disk(done, "sft") if row["split"] == "held_out")
    taught = next(row["users"][0] for row in rows_on_disk(done, "sft") if row["split"] == "train")
    for user in (held, taught):
        again = {"question": turns[user].question, "messages": turns[user].messages}
        done = made(make_synthetic(answer=f"Nobody knows about {user}, not even here.", **again))
    assert [row["answer"] for row in made_up(done)] == [
        f"Nobody knows about {taught}, not even here."
    ]
    assert done.funnel["split"] == {"kept": 29, "question_held_out": 1}


def test_what_is_made_up_goes_through_every_step(made):
    case = "Which harbour master signs for crates of oranges in the winter months?"
    copied = make_synthetic(question=case)
    personal = make_synthetic(answer="Write to otto@berg.example, he decides [1].")
    done = made(asked(14), copied, personal, suites=[suite(case)])
    [row] = made_up(done)
    assert row["answer"] == "Write to [EMAIL_ADDRESS], he decides [1]."
    assert done.funnel["contamination"] == {"kept": 29, "eval_exam": 1}
