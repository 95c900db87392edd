"""What is appended comes back as it was, once, and only as a whole."""

from __future__ import annotations

import threading
import time
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from knowledge.errors import RatchetError
from loop.store.audit import START, chained
from loop.store.database import Database
from loop.store.records import Interaction
from loop.store.store import LocalStore
from loop.store.tables import RECORDS, encode, from_row
from loop.store.writer import Append, Command, Writer
from tests import factories
from tests.factories import make_interaction, make_promotion, make_rating

# Per record class: a row, and the query that finds it by one of its fields.
ROWS: list[tuple[Any, str, dict[str, str]]] = [
    (make_interaction(passages=[{"document": "a.md", "score": 0.5}]), "interaction", {"id": "id"}),
    (make_rating(text="Grüße, 世界 \x00"), "ratings", {"interaction": "interaction"}),
    (factories.make_guideline(rerate=["a"]), "guideline", {"id": "id"}),
    (factories.make_gold(), "golds", {"assistant": "assistant"}),
    (factories.make_review_event(), "review_event", {"id": "id"}),
    (factories.make_dataset(manifest={"a": {"b": [1, None, 0.1]}}), "dataset", {"id": "id"}),
    (factories.make_dataset_row(), "dataset_rows", {"dataset": "dataset"}),
    (factories.make_run(), "run", {"id": "id"}),
    (factories.make_adapter(parent="ad-0"), "adapter", {"id": "id"}),
    (factories.make_evaluation(), "evaluations", {"adapter": "adapter"}),
    (factories.make_case_score(), "case_scores", {"evaluation": "evaluation"}),
    (factories.make_decision(), "decisions", {"candidate": "candidate"}),
    (factories.make_experiment(), "experiment", {"id": "id"}),
    (factories.make_experiment_event(), "experiment_events", {"experiment": "experiment"}),
    (factories.make_exposure(), "exposures", {"experiment": "experiment"}),
    (factories.make_synthetic(), "synthetics", {"assistant": "assistant"}),
    (factories.make_cost(), "cost", {"run": "run"}),
    (factories.make_step(), "step", {"name": "name", "inputs": "inputs"}),
]

# Rows about people, which commands write.
OF_PEOPLE = [
    factories.make_consent_event(),
    factories.make_adapter_mark(),
    factories.make_dataset_tombstone(),
    factories.make_forgotten_person(),
]


@pytest.mark.parametrize(("row", "query", "by"), ROWS, ids=[type(r[0]).__name__ for r in ROWS])
def test_a_record_comes_back_as_it_was(store: LocalStore, row: Any, query: str, by: dict[str, str]):
    store.append([row])
    [found] = store.query(query, **{name: getattr(row, field) for name, field in by.items()})
    assert from_row(type(row), found) == row


def test_a_comparison_and_a_ticket_come_back_with_their_interaction(store: LocalStore):
    left, right = make_interaction(), make_interaction()
    comparison = factories.make_comparison(interactions=[left.id, right.id])
    ticket = factories.make_ticket(interaction=left.id)
    store.append([left, right, comparison, ticket])
    assert store.query("comparisons", assistant=left.assistant) == [asdict(comparison)]
    assert store.query("tickets", assistant=left.assistant) == [asdict(ticket)]


def test_what_commands_write_comes_back_as_it_was(path: Path):
    event = chained(id="e", at=factories.START, actor="ada", action="did", subject="it",
                    detail={"why": ["ü", 1.5]}, previous_hash=START)  # fmt: skip
    promotion = make_promotion()
    database = Database(path)
    with database.transaction() as transaction:
        transaction.insert(encode([event, promotion]))
        assert transaction.query("audit_last") == [asdict(event)]
        assert transaction.query("promotion", id=promotion.id) == [asdict(promotion)]
        transaction.insert(encode(OF_PEOPLE))
        assert transaction.query("consent_events", user="ada") == [asdict(OF_PEOPLE[0])]
        assert transaction.query("adapter_marks")[0]["adapter"] == "ad-1"
        assert transaction.query("dataset_tombstones") == [asdict(OF_PEOPLE[2])]
        assert transaction.query("forgotten_persons") == [asdict(OF_PEOPLE[3])]
    database.close()


def test_every_record_class_is_tried_here():
    tried = {type(row) for row, _, _ in ROWS} | {type(make_promotion())}
    tried |= {type(row) for row in OF_PEOPLE}
    names = {record.__name__ for record in tried} | {
        "Comparison",
        "Ticket",
        "AuditEvent",
        "Approval",
    }
    assert names == {record.__name__ for record in RECORDS}


def test_a_time_of_any_zone_comes_back_in_utc_to_the_microsecond(store: LocalStore):
    at = datetime(2026, 11, 24, 9, 0, 0, 123456, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    store.append([make_interaction(id="i", at=at)])
    [row] = store.query("interaction", id="i")
    assert (row["at"], row["at"].tzinfo) == (at, UTC)


def test_a_row_that_is_there_already_is_left_as_it_was(store: LocalStore):
    row = make_interaction(answer="first")
    store.append([row, replace(row, answer="twice in one append")])
    store.append([replace(row, answer="later"), make_interaction()])
    assert store.query("interaction", id=row.id)[0]["answer"] == "first"
    assert store.query("counts")[0]["interactions"] == 2


@pytest.mark.parametrize(
    "bad",
    [
        make_rating(value="five"),
        make_rating(at=datetime(2026, 11, 24, 9, 0)),
        make_rating(rubric={"helpful": float("nan")}),
        make_rating(rater=None),
        make_rating(rater="\ud800"),
    ],
    ids=["text for a number", "no zone", "NaN", "nobody", "half a character"],
)
def test_one_bad_value_and_nothing_is_recorded(store: LocalStore, bad: Any):
    with pytest.raises(ValueError, match=r"^ratings\."):
        store.append([make_interaction(), bad])
    assert store.query("counts")[0]["interactions"] == 0


def test_rows_of_two_tables_are_recorded_together_or_not_at_all(store: LocalStore):
    batch = dict(encode([make_interaction(), make_rating()]))
    column = batch["ratings"].schema.get_field_index("rubric")
    field = batch["ratings"].schema.field(column)
    batch["ratings"] = batch["ratings"].set_column(column, field, pa.array(["{no json"]))
    with pytest.raises(Exception, match=r"(?i)json"):
        store.submit_batch(batch).result()
    counts = store.query("counts")[0]
    assert (counts["interactions"], counts["ratings"]) == (0, 0)


def test_the_champion_cannot_be_changed_behind_the_commands_back(store: LocalStore):
    with pytest.raises(RatchetError, match=r"promotions cannot be appended; commands"):
        store.append([make_promotion()])


def test_appends_that_wait_are_committed_together_and_a_bad_one_fails_alone(path: Path):
    database = Database(path)
    writer, gate, commits = Writer(database), threading.Event(), []
    begin = database.transaction
    database.transaction = lambda: commits.append(1) or begin()  # type: ignore[method-assign]
    slow = Command(lambda _: {"waited": gate.wait(10)})
    good = [Append(encode([make_interaction(id=f"i{n}")])) for n in range(64)]
    bad = Append({"interactions": pa.table({"id": ["only an id"]})})
    writer.submit(slow)
    while not commits:
        time.sleep(0.001)  # until the writer is in the slow command
    for job in good:
        writer.submit(job)
    gate.set()
    for job in good:
        job.done.result(10)
    assert len(commits) <= 4  # the command, and all 64 in at most a few
    gate.clear()
    slow = Command(lambda _: {"waited": gate.wait(10)})
    more = [Append(encode([make_interaction(id=f"j{n}")])) for n in range(8)]
    for job in [slow, *more[:5], bad, *more[5:]]:
        writer.submit(job)
    gate.set()
    with pytest.raises(Exception, match=r"(?i)constraint|null"):
        bad.done.result(10)
    for job in more:
        job.done.result(10)
    writer.close()
    assert database.query("counts", {})["interactions"].to_pylist() == [72]
    database.close()


def test_rows_can_be_read_while_others_are_written(store: LocalStore):
    seen: list[int] = []

    def look() -> None:
        while not seen or seen[-1] < 200:
            seen.append(store.query("counts")[0]["interactions"])

    reader = threading.Thread(target=look)
    reader.start()
    for _ in range(100):
        store.append([make_interaction(), make_interaction()])
    reader.join(20)
    assert not reader.is_alive()
    assert seen == sorted(seen)
    assert all(count % 2 == 0 for count in seen)  # never half an append


def test_a_closed_store_says_so_and_closes_twice(path: Path):
    store = LocalStore(path)
    store.close()
    store.close()
    with pytest.raises(RuntimeError, match="closed"):
        store.append([make_interaction()])


def test_what_waits_is_committed_before_the_store_closes(path: Path):
    store = LocalStore(path)
    waiting = [store.submit([make_interaction(user=f"u{n}")]) for n in range(50)]
    store.close()
    assert all(one.done() and one.exception() is None for one in waiting)
    store = LocalStore(path)
    rows = store.query("interactions", assistant="desk")
    store.close()
    assert len({from_row(Interaction, row).user for row in rows}) == 50
