"""The store over HTTP keeps the same promises as the store in the process."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
import pyarrow as pa
import pytest

from knowledge.errors import RatchetError
from loop.store.remote import RemoteStore
from loop.store.store import LocalStore
from loop.store.tables import encode
from loop.store.wire import read_batch, write_batch
from tests import factories
from tests.factories import make_adapter, make_interaction, make_promotion, make_rating

Serving = Callable[..., AbstractContextManager[str]]
KEY = "TEST_STORE_KEY"


@pytest.fixture
def address(store: LocalStore, serving: Serving) -> Iterator[str]:
    with serving(store) as one:
        yield one


@pytest.fixture
def remote(address: str) -> Iterator[RemoteStore]:
    with closing(RemoteStore(address, None, key_name=KEY)) as one:
        yield one


def test_rows_of_every_kind_are_the_same_from_afar(store: LocalStore, remote: RemoteStore):
    turn = make_interaction(answer="Grüße \x00 世界", passages=[{"score": 0.1}], seed=None)
    by_command = {
        "make_promotion", "make_consent_event", "make_adapter_mark", "make_dataset_tombstone",
        "make_forgotten_person",
    }  # fmt: skip
    rows = [make() for name, make in sorted(vars(factories).items())
            if name.startswith("make_") and name not in by_command]  # fmt: skip
    remote.append([*rows, turn, make_rating(interaction=turn.id)])
    counted = store.query("counts")[0]
    assert counted == remote.query("counts")[0]
    assert sum(counted.values()) == len(rows) + 2
    for name in ("interactions", "experiments", "watermark", "ratings_of", "datasets"):
        assert remote.query(name, assistant="desk") == store.query(name, assistant="desk"), name
    assert remote.query("guidelines") == store.query("guidelines")
    assert remote.query("interaction", id=turn.id)[0]["at"].tzinfo is UTC


def test_parameters_arrive_as_they_were_given(store: LocalStore, remote: RemoteStore):
    rows = [make_interaction() for _ in range(4)]
    store.append(rows)
    found = remote.query("interactions", assistant="desk", before=rows[2].at, limit=1)
    assert [row["id"] for row in found] == [rows[1].id]
    assert len(remote.query("interactions_by_id", ids=[row.id for row in rows])) == 4
    assert len(remote.query("interactions", assistant="desk", before=None, limit=None)) == 4


def test_more_than_fits_in_memory_comes_part_by_part(store: LocalStore, remote: RemoteStore):
    def of(one: LocalStore | RemoteStore) -> pa.Table:
        return pa.concat_tables(one.scan("interactions", assistant="desk", limit=None))

    assert of(remote).equals(of(store))
    assert of(remote).num_rows == 0
    store.append([make_interaction() for _ in range(100)])
    assert of(remote).equals(of(store), check_metadata=True)
    assert of(store).num_rows == 100
    with pytest.raises(RatchetError, match="no query 'intractions'"):
        list(remote.scan("intractions"))


def test_a_scan_sees_one_instant(store: LocalStore):
    store.append([make_interaction() for _ in range(3)])
    scan = store.scan("interactions", assistant="desk", limit=None)
    parts = [next(scan)]
    store.append([make_interaction()])
    assert sum(part.num_rows for part in [*parts, *scan]) == 3


def test_appending_again_changes_nothing(store: LocalStore, remote: RemoteStore):
    row = make_interaction()
    remote.append([row])
    remote.append([row, make_interaction()])
    remote.append([])
    assert store.query("counts")[0]["interactions"] == 2


def test_commands_run_where_the_store_is(store: LocalStore, remote: RemoteStore):
    remote.append([make_adapter(id="ad-a")])
    done = promote(remote)
    assert store.query("champion", assistant="desk")[0]["id"] == done["promotion"]
    with pytest.raises(RatchetError) as far:
        promote(remote)
    with pytest.raises(RatchetError) as near:
        promote(store)
    assert str(far.value) == str(near.value)


@pytest.mark.parametrize(
    "call",
    [
        lambda store: store.query("interacions", assistant="desk"),
        lambda store: store.query("interactions"),
        lambda store: store.command("promot"),
        lambda store: store.append([make_promotion()]),
    ],
    ids=["no such query", "missing parameter", "no such command", "by command only"],
)
def test_what_is_wrong_is_said_in_the_same_words(
    store: LocalStore, remote: RemoteStore, call: Callable[[Any], Any]
):
    with pytest.raises(RatchetError) as near:
        call(store)
    with pytest.raises(RatchetError) as far:
        call(remote)
    assert str(far.value) == str(near.value)


def test_a_value_that_does_not_fit_is_refused_before_it_is_sent(remote: RemoteStore):
    with pytest.raises(ValueError, match=r"ratings\.at"):
        remote.append([make_rating(at=datetime(2026, 11, 24))])


def test_the_key_is_asked_for_by_the_name_of_its_variable(store: LocalStore, serving: Serving):
    with serving(store, key="right") as address:
        for key, says in ((None, "Put the server's key"), ("wrong", "Correct the key")):
            with (
                closing(RemoteStore(address, key, key_name=KEY)) as remote,
                pytest.raises(RatchetError, match=f"{says} in the environment variable {KEY}"),
            ):
                remote.query("counts")
        with closing(RemoteStore(address, "right", key_name=KEY)) as remote:
            assert remote.query("counts")[0]["interactions"] == 0


def test_nobody_there_says_what_to_do():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with (
        closing(RemoteStore(f"http://127.0.0.1:{port}", None, key_name=KEY)) as remote,
        pytest.raises(RatchetError, match=r"no answer.*`ratchet up`.*ratchet\.toml"),
    ):
        remote.query("counts")


@pytest.mark.parametrize("address", ["127.0.0.1:8300", "ftp://127.0.0.1", "http://127.0.0.1:x"])
def test_an_address_that_is_none_says_so(address: str):
    with pytest.raises(RatchetError, match=r"store|address"):
        RemoteStore(address, None, key_name=KEY).query("counts")


def test_another_kind_of_server_is_told_apart(address: str):
    with (
        closing(RemoteStore(f"{address}/elsewhere", None, key_name=KEY)) as remote,
        pytest.raises(RatchetError, match=r"answered 404.*ratchet up"),
    ):
        remote.query("counts")


def test_an_answer_lost_on_the_way_is_asked_for_once_more(store: LocalStore, address: str):
    calls: list[Callable[[RemoteStore], Any]] = [
        lambda far: far.append([make_adapter(id="ad-a")]),
        promote,
        lambda far: far.query("counts"),
    ]
    for call in calls:
        with losing_first_answer(address) as there:
            far = RemoteStore(there, None, key_name=KEY)
            call(far)
            far.close()
    counts = store.query("counts")[0]
    assert (counts["adapters"], counts["promotions"], counts["audit_events"]) == (1, 1, 1)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"not arrow", "no whole Arrow stream"),
        (write_batch(encode([make_interaction()]))[:-200], "no whole Arrow stream"),
        (write_batch({"secrets": pa.table({"id": ["x"]})}), "no table 'secrets'"),
        (write_batch({"ratings": pa.table({"id": ["x"]})}), "same version of Ratchet"),
        (write_batch(encode([make_rating()])) * 2, "came twice"),
        (write_batch(encode([make_promotion()])), "commands write them"),
    ],
    ids=["no arrow", "cut off", "unknown table", "other columns", "twice", "by command only"],
)
def test_what_does_not_fit_the_store_is_refused(
    store: LocalStore, address: str, body: bytes, says: str
):
    reply = httpx.post(f"{address}/store/append", content=body)
    assert (reply.status_code, says in reply.json()["error"]["message"]) == (400, True)
    assert sum(store.query("counts")[0].values()) == 0


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("rubric", "{no json", "ratings.rubric: not JSON"),
        ("rubric", '{"a": NaN}', "ratings.rubric: not JSON"),
        ("rater", None, "ratings.rater: null"),
    ],
)
def test_a_column_is_checked_as_if_it_was_written_here(column: str, value: str | None, says: str):
    rows = encode([make_rating()])["ratings"]
    place = rows.schema.get_field_index(column)
    rows = rows.set_column(place, rows.schema.field(place), pa.array([value], pa.string()))
    with pytest.raises(RatchetError, match=says):
        read_batch(write_batch({"ratings": rows}))


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"name": 5}', b'{"name": "counts", "parameters": 1}']
)
def test_a_call_that_makes_no_sense_is_refused(address: str, body: bytes):
    reply = httpx.post(f"{address}/store/query", content=body)
    assert (reply.status_code, "body" in reply.json()["error"]["message"]) == (400, True)


def promote(store: Any) -> dict[str, Any]:
    done: dict[str, Any] = store.command(
        "promote", assistant="desk", adapter="ad-a", actor="ada", reason="better", evidence={},
        expected_champion="base",
    )  # fmt: skip
    return done


@contextlib.contextmanager
def losing_first_answer(address: str) -> Iterator[str]:
    """A way to the server on which the first connection breaks as the answer comes."""
    target = (urlsplit(address).hostname, urlsplit(address).port)
    gate = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def carry(here: socket.socket, there: socket.socket, lose: bool) -> None:
        with contextlib.suppress(OSError):
            while data := here.recv(65536):
                if lose:
                    break
                there.sendall(data)
        for end in (here, there):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def accept() -> None:
        for lose in (True, False):
            client, _ = gate.accept()
            server = socket.create_connection(target)
            pair = [
                threading.Thread(target=carry, args=(client, server, False)),
                threading.Thread(target=carry, args=(server, client, lose)),
            ]
            for thread in pair:
                thread.start()
            for thread in pair:
                thread.join()
            client.close()
            server.close()

    threads.append(threading.Thread(target=accept, daemon=True))
    threads[0].start()
    try:
        yield f"http://127.0.0.1:{gate.getsockname()[1]}"
    finally:
        threads[0].join(10)
        gate.close()
        assert not threads[0].is_alive(), "the call was not sent twice"
