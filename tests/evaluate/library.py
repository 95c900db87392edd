"""A collection in memory that can also say what it holds."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from knowledge.chunk import chunk
from knowledge.records import Chunk, Document
from tests.answer.fakes import FakeCollection


class Library(FakeCollection):
    """As much of a collection as reports and pages look at."""

    flags: list[Chunk]

    def documents(self) -> list[Document]:
        return sorted(self.held, key=lambda d: d.id)

    def describe(self) -> Any:
        return SimpleNamespace(
            documents=len(self.held), chunks=len(self.held), older_versions=1, segments=2,
            index="exact", reason="3 vectors: exact search is fast enough",
            flagged=len(self.flagged()),
            embedder="fake", generation="generation-7" if self.held else None, bytes=2_500_000,
        )  # fmt: skip

    def flagged(self, limit: int | None = None) -> list[Chunk]:
        return getattr(self, "flags", [])[:limit]


def pieces(document: Document, **fields: Any) -> list[Chunk]:
    """Its chunks, with these fields instead."""
    from dataclasses import replace

    return [replace(piece, **fields) for piece in chunk(document)]
