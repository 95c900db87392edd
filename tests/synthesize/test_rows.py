"""Of made-up questions a dataset takes a share, and says of each what it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.errors import RatchetError
from loop.synthesize.rows import capped, read, rows_of
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
    assert (row["kind"], row["user"], row["consent"]) == ("sft", "synthetic", "synthetic")
    assert row["synthetic"] is True
    origin = ("document", "version", "start", "end", "generator", "seed", "instruction", "licence")
    assert all(row[name] == getattr(kept, name) for name in origin)
