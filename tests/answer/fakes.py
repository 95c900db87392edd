"""Stand-ins for what the desk works with: small, in memory, and as strict as the real ones."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np

from knowledge.records import Changes, Document, Passage
from knowledge.text import words
from knowledge.tokens import word_starts
from loop.models.engine import Generation, GenerationRequest
from loop.settings import KnowledgeSettings
from loop.store.records import Adapter, Experiment, Promotion

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
STOP = frozenset(
    [
        "a",
        "an",
        "and",
        "the",
        "is",
        "are",
        "for",
        "of",
        "to",
        "in",
        "on",
        "what",
        "how",
        "much",
        "do",
        "does",
        "i",
        "my",
        "it",
    ]
)
HANDBOOK = (
    ("stop.md", "The fee for a stop payment is 30 dollars."),
    ("wire.md", "An outgoing international wire costs 35 dollars. It arrives within 4 days."),
    ("hours.md", "Branches open at 9 in the morning. Branches close at 5 in the afternoon."),
)


def document(id: str, text: str, **fields: Any) -> Document:
    given = {"title": id, "source": id, "licence": "cc0", "version": "v1", **fields}
    return Document(id=id, text=text, **given)


class FakeEmbedder:
    """Words hashed into a unit vector."""

    name = "fake"
    dimension = 64
    most_tokens = 254

    def token_starts(self, text: str) -> np.ndarray:
        return word_starts(text)

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        rows = np.full((len(texts), self.dimension), 1e-6, dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in words(text):
                row[sum(word.encode()) % self.dimension] += 1
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class FakeCollection:
    """Finds documents by the share of the query's words that they hold."""

    def __init__(self, documents: Sequence[Document] | None = None) -> None:
        self.embedder = FakeEmbedder()
        self.folder = Path("no-such-folder")  # all in memory
        self.searches: list[list[str]] = []
        self.held = list(documents or [document(i, t) for i, t in HANDBOOK])

    @property
    def is_empty(self) -> bool:
        return not self.held

    def add(self, documents: Sequence[Document], *, progress: bool = False) -> Any:
        self.held += documents
        return Changes([d.id for d in documents], [], [], [])

    def document(self, id: str, version: str | None = None) -> Document | None:
        return next((d for d in self.held if d.id == id), None)

    def search_many(
        self,
        queries: Sequence[str],
        *,
        labels: frozenset[str] = frozenset(),
        on: date | None = None,
        limit: int = 5,
        settings: KnowledgeSettings | None = None,
    ) -> list[list[Passage]]:
        self.searches.append(list(queries))
        return [self._find(query, labels, limit) for query in queries]

    def search(self, query: str, **more: Any) -> list[Passage]:
        return self.search_many([query], **more)[0]

    def _find(self, query: str, labels: frozenset[str], limit: int) -> list[Passage]:
        wanted = set(words(query)) - STOP
        found = []
        for held in self.held:
            share = len(wanted & set(words(held.text))) / max(len(wanted), 1)
            if share > 0 and (not held.access or held.access & labels):
                found.append(
                    Passage(
                        document=held.id,
                        version=held.version,
                        start=0,
                        end=len(held.text),
                        text=held.text,
                        heading=(held.title,),
                        score=share,
                        similarity=share,
                    )
                )
        return sorted(found, key=lambda p: -p.score)[:limit]


class FakeStream:
    """Gives the text word by word; `waits` for a permit before each when one is set."""

    def __init__(self, engine: FakeEngine, request: GenerationRequest) -> None:
        self.last: Generation | None = None
        self.closed = False
        self._made = engine.write(request)
        self._engine = engine
        self._pieces = iter(self._made.text.split(" "))
        self._first = True

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._engine.gate is not None:
            self._engine.gate.acquire(timeout=10)
        if self._engine.breaks_after == 0:
            raise RuntimeError("the engine broke")
        if self._engine.breaks_after is not None:
            self._engine.breaks_after -= 1
        try:
            piece = next(self._pieces)
        except StopIteration:
            self.last = self._made
            raise
        text = piece if self._first else f" {piece}"
        self._first = False
        return text

    def close(self) -> None:
        self.closed = True


class FakeEngine:
    """Answers with the first excerpt and its citation, signed by the adapter when it has one."""

    base = "fake-base"

    def __init__(self, says: str | None = None, seconds: float = 0.0) -> None:
        self.says = says
        self.seconds = seconds
        self.batches: list[list[GenerationRequest]] = []
        self.streams: list[FakeStream] = []
        self.gate: threading.Semaphore | None = None
        self.breaks_after: int | None = None
        self.logprob = -0.1
        self._loaded: dict[str, Path] = {}

    def adapters(self) -> set[str]:
        return set(self._loaded)

    def load_adapter(self, id: str, path: Path) -> None:
        self._loaded[id] = path

    def generate(self, requests: Sequence[GenerationRequest]) -> list[Generation]:
        self.batches.append(list(requests))
        time.sleep(self.seconds)
        return [self.write(request) for request in requests]

    def stream(self, request: GenerationRequest) -> FakeStream:
        made = FakeStream(self, request)
        self.streams.append(made)
        return made

    def write(self, request: GenerationRequest) -> Generation:
        assert request.adapter == "base" or request.adapter in self._loaded
        prompt = request.messages[-1]["content"]
        first = prompt.split("\n")[0].partition(": ")[2].split(". ")[0].rstrip(".")
        text = f"{first} [1]." if self.says is None else self.says
        if request.adapter != "base":
            text = f"{text} ({request.adapter})"
        return Generation(
            text=text,
            prompt_tokens=len(prompt.split()),
            completion_tokens=len(text.split()),
            mean_logprob=self.logprob,
            seconds=0.0,
        )


class FakeStore:
    """Rows in lists, with the few queries the desk asks."""

    def __init__(self) -> None:
        self.rows: list[Any] = []
        self.appends: list[list[Any]] = []
        self.commands: list[tuple[str, dict[str, Any]]] = []
        self.asked: list[str] = []
        self.running: list[Experiment] = []

    def append(self, records: Sequence[Any]) -> None:
        self.appends.append(list(records))
        known = {(type(row), row.id) for row in self.rows}
        self.rows += [row for row in records if (type(row), row.id) not in known]

    def of(self, cls: type[Any]) -> list[Any]:
        return [row for row in self.rows if isinstance(row, cls)]

    def query(self, name: str, **parameters: Any) -> list[dict[str, Any]]:
        self.asked.append(name)
        if name == "adapter":
            return [asdict(a) for a in self.of(Adapter) if a.id == parameters["id"]]
        if name == "champion":
            return [asdict(p) for p in self.of(Promotion)[-1:]]
        if name == "promotions":
            return [asdict(p) for p in reversed(self.of(Promotion))]
        if name == "adapters":
            return [asdict(a) for a in self.of(Adapter)]
        if name in ("experiments", "experiment_events"):
            return []
        raise AssertionError(f"unexpected query {name}")

    def command(self, name: str, **arguments: Any) -> dict[str, Any]:
        self.commands.append((name, arguments))
        return {}

    def close(self) -> None:
        pass


def adapter(id: str, folder: Path, **fields: Any) -> Adapter:
    """A registered adapter whose weights are in `folder`."""
    from hashlib import sha256

    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / "adapter_model.safetensors"
    if not weights.exists():
        from safetensors.numpy import save_file

        save_file({"w": np.ones(2, dtype=np.float32)}, weights)
        (folder / "adapter_config.json").write_text('{"peft_type": "LORA"}', encoding="utf-8")
    return Adapter(
        **{
            "id": id,
            "at": NOW,
            "assistant": "desk",
            "run": "run",
            "dataset": "ds",
            "base": "fake-base",
            "parent": None,
            "path": str(folder),
            "sha256": sha256(weights.read_bytes()).hexdigest(),
            **fields,
        }
    )


def promotion(adapter: str, previous: str = "base") -> Promotion:
    return Promotion(
        id=f"{adapter} after {previous}",
        at=NOW,
        assistant="desk",
        adapter=adapter,
        previous=previous,
        kind="promote",
        actor="test",
        reason="",
        evidence={},
    )


def promote(store: Any, adapter: str, previous: str = "base") -> None:
    """Make it champion by the store's own command, without a gate."""
    store.command(
        "promote",
        assistant="desk",
        adapter=adapter,
        actor="test",
        reason="",
        evidence={},
        expected_champion=previous,
    )


def experiment(*adapters: str, **fields: Any) -> Experiment:
    arms = [{"name": a, "adapter": a, "share": 1 / len(adapters)} for a in adapters]
    return Experiment(
        **{
            "id": "exp",
            "at": NOW,
            "assistant": "desk",
            "metric": "thumb_up",
            "arms": arms,
            "salt": "salt",
            "horizon": 100,
            **fields,
        }
    )
