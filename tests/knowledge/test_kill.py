"""A writer is killed (SIGKILL) at random instants; what it was about is whole before and after."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from threading import RLock
from typing import Any, NamedTuple

import pytest
from tqdm import tqdm

from knowledge.collection import Collection
from knowledge.documents import make_document
from knowledge.records import Document, Passage
from knowledge.search import Defaults

INSTANTS = int(os.environ.get("RATCHET_KILLS", "20"))
EVERY = Defaults(candidates=1000)  # no cut among equal ones
BATCHES, PER_BATCH = 6, 40
QUERIES = ("fee of the wire", "batch 3 limit", "number 17")


def batch(number: int) -> list[Document]:
    """Some are new versions of what the batch before had."""
    return [
        make_document(
            id=f"d{number * 30 + n:04}",
            title=f"Fee {n}",
            text=f"# Wire\n\nThe fee number {n} of batch {number} is due.\n\n# Limit\n\nIt is {n}.",
            access=["staff"] if n % 5 == 0 else [],
        )
        for n in range(PER_BATCH)
    ]


def index(folder: Path, embedder: Any) -> None:
    collection = Collection.open(folder, embedder)
    for number in range(BATCHES):
        collection.add(batch(number))


def compact(folder: Path, embedder: Any) -> None:
    Collection.open(folder, embedder).compact()


def killed_after(seconds: float, job: Callable[[], None]) -> bool:
    """Run the job in a process of its own and kill that; whether it was still at it."""
    child = os.fork()
    if not child:
        tqdm.set_lock(RLock())  # the one shared with the parent would stay taken by a killed child
        try:
            job()
        finally:
            os._exit(0)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


class State(NamedTuple):
    documents: list[Document]
    found: list[list[Passage]]


def state(folder: Path, embedder: Any) -> State:
    collection = Collection.open(folder, embedder)
    found = collection.search_many(QUERIES, labels=frozenset({"staff"}), limit=12, settings=EVERY)
    return State(collection.documents(), found)


@pytest.fixture
def instants() -> Iterator[float]:
    """Shares of a job's time, spread over all of it."""
    chance = random.Random(5)
    half = max(INSTANTS // 2, 1)
    return ((n + chance.random()) / half for n in range(half))


def test_killed_while_indexing_it_is_whole_and_goes_on_to_the_same_end(
    tmp_path: Path, embedder: Any, instants: Iterator[float]
):
    index(tmp_path / "undisturbed", embedder)
    expected = state(tmp_path / "undisturbed", embedder)
    begun = time.perf_counter()
    index(tmp_path / "timed", embedder)
    seconds = time.perf_counter() - begun
    whole = [{}]
    for number in range(BATCHES):
        whole.append(whole[-1] | {d.id: d.version for d in batch(number)})
    hit = 0
    for number, share in enumerate(instants):
        folder = tmp_path / f"killed{number}"
        hit += killed_after(seconds * share, partial(index, folder, embedder))
        collection = Collection.open(folder, embedder)
        assert {d.id: d.version for d in collection.documents()} in whole
        index(folder, embedder)
        assert state(folder, embedder) == expected
    assert hit, "no job was still running when it was killed"


def test_killed_while_compacting_nothing_is_lost_and_it_can_be_done_again(
    tmp_path: Path, embedder: Any, instants: Iterator[float]
):
    ready = tmp_path / "ready"
    index(ready, embedder)
    before = state(ready, embedder)
    shutil.copytree(ready, tmp_path / "timed")
    begun = time.perf_counter()
    compact(tmp_path / "timed", embedder)
    seconds = time.perf_counter() - begun
    expected = state(tmp_path / "timed", embedder)
    assert expected == before
    hit = 0
    for number, share in enumerate(instants):
        folder = tmp_path / f"killed{number}"
        shutil.copytree(ready, folder)
        hit += killed_after(seconds * share, partial(compact, folder, embedder))
        assert state(folder, embedder) == before
        compact(folder, embedder)
        assert state(folder, embedder) == expected
        assert Collection.open(folder, embedder).describe().segments == 1
        assert not list((folder / "segments").glob(".draft*"))
    assert hit, "no job was still running when it was killed"
