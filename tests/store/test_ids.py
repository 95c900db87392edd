"""Ids sort by time, never repeat, and are the same again for the same content."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

from loop.store.ids import id_of, new_id


def test_ids_made_one_after_the_other_sort_that_way():
    made = [new_id() for _ in range(5000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_ids_made_by_many_threads_never_meet():
    with ThreadPoolExecutor(8) as pool:
        batches = list(pool.map(lambda _: [new_id() for _ in range(500)], range(8)))
    assert len({id for batch in batches for id in batch}) == 4000
    assert all(batch == sorted(batch) for batch in batches)


def test_an_id_is_a_uuid_of_version_7_with_the_time_in_front():
    id = uuid.UUID(new_id(clock_ms=0x0123456789AB))
    assert (id.version, id.variant) == (7, uuid.RFC_4122)
    assert id.int >> 80 == 0x0123456789AB


def test_an_id_of_content_is_a_uuid_of_version_8_that_stays_the_same():
    id = uuid.UUID(id_of("question", "answer"))
    assert (id.version, id.variant) == (8, uuid.RFC_4122)
    assert str(id) == id_of("question", "answer")


def test_parts_that_only_look_alike_when_joined_have_different_ids():
    parts = [("ab", "c"), ("a", "bc"), ("abc",), ("", "abc"), ("abc", "")]
    assert len({id_of(*one) for one in parts}) == len(parts)


def test_half_a_surrogate_pair_has_an_id_too():
    assert id_of("\ud83d") != id_of("\ude00")
