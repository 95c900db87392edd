"""A small handbook in a collection, a desk over it, and a run of the generator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from knowledge.collection import Collection
from knowledge.records import Document
from loop.answer.assistant import Desk
from loop.settings import AssistantSettings, Settings, SynthesizeSettings
from loop.store.store import LocalStore
from loop.synthesize.drafts import Writer
from loop.synthesize.rules import RuleWriter
from loop.synthesize.run import Synthesized, synthesize
from tests.answer.fakes import NOW, FakeEmbedder, FakeEngine, document

WIRES = """\
A wire sends money to another bank on a known day.

## Prices

The fee for an outgoing wire is 35 dollars. A wire trace costs 22 dollars.

## Times

An outgoing wire arrives within 4 days. A wire recall must be requested within 6 hours.
"""
CARDS = """\
Cards are sent by post and must be activated by the holder.

## Delivery

A new card arrives within 8 days. A courier delivery of a card costs 18 dollars.

## Codes

A code letter is posted 3 days after the card. A locked code opens again after 45 minutes.
"""
STAFF = """\
## Vaults

The time lock of the vault opens after 14 minutes. A teller drawer may hold at most 7,200 dollars.
"""
HANDBOOK = (
    document("wires.md", WIRES, title="Wires"),
    document("cards.md", CARDS, title="Cards"),
    document("staff.md", STAFF, title="Staff rules", access=frozenset({"staff"})),
)
SETTINGS = Settings(assistant=AssistantSettings(passages=3, abstain_below=0.0))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LocalStore]:
    opened = LocalStore(tmp_path / "store.duckdb")
    yield opened
    opened.close()


@pytest.fixture
def desk(tmp_path: Path, store: LocalStore) -> Callable[..., Desk]:
    """A desk over documents: `desk(engine=…, documents=…)`."""

    def make(
        engine: Any = None,
        documents: tuple[Document, ...] = HANDBOOK,
        settings: Settings = SETTINGS,
        name: str = "collection",
    ) -> Desk:
        collection = Collection.open(tmp_path / name, FakeEmbedder())
        collection.add(documents)
        return Desk(settings, collection, engine or FakeEngine(), store, clock=lambda: NOW)

    return make


@pytest.fixture
def made(store: LocalStore, desk: Callable[..., Desk]) -> Callable[..., Synthesized]:
    """Make up questions: `made(count=…, kinds=…, engine=…, writer=…, restricted=…)`."""

    def run(
        *,
        count: int = 8,
        engine: Any = None,
        writer: Writer | None = None,
        documents: tuple[Document, ...] = HANDBOOK,
        suites: Any = (),
        restricted: bool = False,
        into: Any = None,
        **more: Any,
    ) -> Synthesized:
        settings = replace(SETTINGS, synthesize=SynthesizeSettings(restricted=restricted))
        at = desk(engine, documents, settings)
        return synthesize(
            into or store,
            settings,
            at,
            writer or RuleWriter(),
            suites=suites,
            count=count,
            now=lambda: NOW,
            **more,
        )

    return run
