"""Adapters of the store: merged ones lead to all they hold, pruned ones cannot answer."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from knowledge.errors import RatchetError
from loop.store.database import Database
from loop.store.migrate import FOLDER, migrations
from loop.store.store import LocalStore
from tests.factories import (
    make_adapter,
    make_dataset,
    make_dataset_row,
    make_decision,
    make_interaction,
)


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["id"] for row in rows]


def prune(store: LocalStore, adapter: str) -> dict[str, Any]:
    return store.command(
        "prune_adapter", adapter=adapter, actor="test", reason="old", detail={"again": "pray"}
    )


def promote(store: LocalStore, adapter: str, previous: str) -> dict[str, Any]:
    return store.command(
        "promote", assistant="desk", adapter=adapter, actor="test", reason="", evidence={},
        expected_champion=previous,
    )  # fmt: skip


def test_an_adapter_of_an_old_store_has_no_labels_and_can_still_be_read(path: Any):
    with duckdb.connect(str(path)) as old:
        old.execute("create table migrations (number integer primary key, name varchar not null, "
                    "applied timestamptz not null default now())")  # fmt: skip
        for one in migrations(FOLDER)[:6]:
            old.execute(one.sql)
            old.execute("insert into migrations (number, name) values (?, ?)", [one.number, "x"])
        old.execute("insert into adapters values ('ad-1', now(), 'desk', 'run-1', 'ds-1', 'tiny', "
                    "null, 'somewhere', 'abc')")  # fmt: skip
    store = LocalStore(path)
    [row] = store.query("adapters", assistant="desk")
    assert (row["domain"], row["language"], row["segment"]) == ("", "", "")
    assert (row["sources"], row["config_sha256"]) == ([], "")
    store.close()
    Database(path).close()


def test_adapters_are_found_by_what_they_are_for(store: LocalStore):
    cards = make_adapter(domain="cards", language="de")
    loans = make_adapter(domain="loans", language="de", segment="retail")
    other = make_adapter(assistant="other", domain="cards")
    store.append([cards, loans, other, make_adapter()])
    assert ids(store.query("adapters", assistant="desk", domain="cards")) == [cards.id]
    assert ids(store.query("adapters", assistant="desk", language="de")) == [loans.id, cards.id]
    assert ids(store.query("adapters", assistant="desk", language="de", segment="retail")) == [
        loans.id
    ]
    assert ids(store.query("adapters", assistant=None, domain="cards")) == [other.id, cards.id]
    labels = store.query("adapter_labels", assistant="desk")
    assert [(row["domain"], row["adapters"]) for row in labels] == [
        ("", 1), ("cards", 1), ("loans", 1)
    ]  # fmt: skip


def test_a_merged_adapter_leads_to_the_rows_of_all_its_sources(store: LocalStore):
    """Ada is in one source only; a merge of that merge, and what is trained on it, hold her too."""
    hers, others, late = make_dataset(), make_dataset(), make_dataset()
    rows = [
        make_dataset_row(dataset=hers.id, users=["ada"]),
        make_dataset_row(dataset=others.id, users=["bob"]),
        make_dataset_row(dataset=late.id, users=["cyd"]),
    ]
    one, two = make_adapter(dataset=hers.id), make_adapter(dataset=others.id)
    merged = make_adapter(dataset="", sources=[one.id, two.id])
    again = make_adapter(dataset="", sources=[merged.id, two.id])
    heir = make_adapter(dataset=late.id, parent=again.id)
    store.append([hers, others, late, one, two, merged, again, heir, *rows])
    assert ids(store.query("adapters_of_user", user="ada")) == [
        one.id, merged.id, again.id, heir.id
    ]  # fmt: skip
    assert ids(store.query("adapters_of_user", user="bob")) == [
        two.id, merged.id, again.id, heir.id
    ]  # fmt: skip
    for adapter in (merged, again):
        found = store.query("lineage_rows", adapter=adapter.id)
        assert [row["users"] for row in found] == [["ada"], ["bob"]]
    assert [r["users"] for r in store.query("lineage_rows", adapter=heir.id)] == [["cyd"]]


def test_forgetting_a_person_marks_every_merge_that_holds_them(store: LocalStore):
    dataset = make_dataset()
    turn = make_interaction(user="ada")
    one, clean = make_adapter(dataset=dataset.id), make_adapter(dataset="ds-clean")
    merged = make_adapter(dataset="", sources=[clean.id, one.id])
    row = make_dataset_row(dataset=dataset.id, users=["ada"], interactions=[turn.id])
    store.append([dataset, turn, one, clean, merged, row])
    done = store.command("forget", user="ada", actor="test", id="forget-1")
    assert done["adapters"] == {one.id: dataset.id, merged.id: one.id}
    late = make_adapter(dataset="", sources=[merged.id])
    store.append([late])
    marked = {mark["adapter"]: mark["via"] for mark in store.query("adapter_marks")}
    assert marked == {one.id: dataset.id, merged.id: one.id, late.id: merged.id}


def test_what_answers_or_may_have_to_is_never_pruned(store: LocalStore):
    first, second, arm, waits, free = (make_adapter() for _ in range(5))
    store.append([first, second, arm, waits, free])
    promote(store, first.id, "base")
    promote(store, second.id, first.id)
    started = store.command(
        "start_experiment", assistant="desk", metric="thumb_up", horizon=10, actor="test",
        arms=[
            {"name": "control", "adapter": second.id, "share": 0.5},
            {"name": "candidate", "adapter": arm.id, "share": 0.5},
        ],
    )  # fmt: skip
    store.append([make_decision(candidate=waits.id, champion=second.id)])
    for adapter, why in (
        (second, "the champion"),
        (first, "rollback would bring back"),
        (arm, f"running experiment {started['experiment']}"),
        (waits, "waits for promotion"),
    ):
        with pytest.raises(RatchetError, match=rf"{adapter.id} is kept: .*{why}"):
            prune(store, adapter.id)
    prune(store, free.id)
    assert [row["adapter"] for row in store.query("pruned")] == [free.id]
    assert free.id not in ids(store.query("adapters_unpruned"))


def test_what_others_were_made_from_goes_only_after_them(store: LocalStore):
    parent, source = make_adapter(), make_adapter()
    child = make_adapter(parent=parent.id)
    merged = make_adapter(dataset="", sources=[source.id, child.id], assistant="other")
    store.append([parent, source, child, merged])
    for adapter in (parent, source, child):
        with pytest.raises(RatchetError, match="which is kept, was made from it"):
            prune(store, adapter.id)
    for adapter in (merged, child, source, parent):
        prune(store, adapter.id)
    assert store.query("adapters_unpruned") == []


def test_a_pruned_adapter_cannot_answer_until_it_is_put_back(store: LocalStore):
    one = make_adapter()
    store.append([one])
    at = prune(store, one.id)["at"]
    assert prune(store, one.id)["at"] == at
    assert len(store.query("audit_events")) == 1
    with pytest.raises(RatchetError, match=rf"{one.id} was pruned on .*To have it, pray"):
        promote(store, one.id, "base")
    arms = [{"name": name, "adapter": name, "share": 0.5} for name in ("base", one.id)]
    with pytest.raises(RatchetError, match="was pruned"):
        store.command("start_experiment", assistant="desk", metric="thumb_up", arms=arms,
                      horizon=10, actor="test")  # fmt: skip
    store.command("restore_adapter", adapter=one.id, actor="test")
    assert promote(store, one.id, "base")["adapter"] == one.id
    store.command("restore_adapter", adapter=one.id, actor="test")
    assert [event["action"] for event in store.query("audit_events")] == [
        "promote", "restore_adapter", "prune_adapter",
    ]  # fmt: skip
