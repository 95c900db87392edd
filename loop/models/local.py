"""Generation in this process: batched, many adapters in one batch, streams beside batches."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from knowledge.errors import RatchetError
from loop.models.chat import encode_prompts
from loop.models.decode import Decoding, Row
from loop.models.likelihood import prepare, weigh
from loop.models.load import Base
from loop.models.records import (
    Generation,
    GenerationRequest,
    Likelihood,
    LikelihoodRequest,
)
from loop.models.shelf import Shelf
from loop.models.turnstile import Turnstile

_ROWS = 32  # most rows decoded together
_TOKENS = 16_384  # most prompt tokens of a batch, padding included


class LocalEngine:
    """An Engine on a loaded base. Thread-safe: batches and streams take turns, token by token.

    Args:
        base: The model and tokenizer; the engine owns the model from here on.
        most_adapters: Adapters kept on the model at once; more are put on when wanted.
    """

    def __init__(self, base: Base, *, most_adapters: int = 8) -> None:
        self.base = base.name
        self._base = base
        self._turn = Turnstile()
        self._shelf = Shelf(base.model, self._turn, most=most_adapters)
        self._coding = threading.Lock()  # fast tokenizers must not be called from two threads

    def adapters(self) -> set[str]:
        """The adapters that requests may name, beside "base"."""
        return self._shelf.known()

    def load_adapter(self, id: str, path: Path) -> None:
        """Make an adapter ready; what is being generated goes on.

        Raises:
            RatchetError: Its files are missing or corrupt, or it belongs on another base.
        """
        self._shelf.put(id, Path(path))

    def generate(self, requests: Sequence[GenerationRequest]) -> list[Generation]:
        """Answer all requests, in order. Each gets what it would get alone with its seed.

        Raises:
            RatchetError: A request names an adapter that is not loaded, or its prompt is too long.
        """
        rows = self._rows(requests)
        for batch in _batches(rows):
            with self._shelf.using([row.request.adapter for row in batch]):
                decoding = self._decoding(batch)
                while not decoding.done:
                    with self._turn:
                        decoding.step(self._shelf.forward)
        return [row.finish() for row in rows]

    def likelihood(self, requests: Sequence[LikelihoodRequest]) -> list[Likelihood]:
        """How likely each completion is, in order; what does not fit is cut from the front.

        Raises:
            RatchetError: A request names an adapter that is not loaded.
        """

        def forward(adapters: Sequence[str], inputs: dict[str, Any]) -> Any:
            with self._turn:
                return self._shelf.forward(adapters, **inputs)

        with self._shelf.using([request.adapter for request in requests]):
            with self._coding:
                rows = prepare(self._base, requests)
            return weigh(self._base, rows, forward)

    def stream(self, request: GenerationRequest) -> LocalStream:
        """Answer one request piece by piece.

        Raises:
            RatchetError: As `generate`, here or at the first piece.
        """
        [row] = self._rows([request])
        return LocalStream(self, row)

    def write(self, row: Row) -> Iterator[str]:
        """Pieces of one row's text as they come; the turn is never held between them."""
        with self._shelf.using([row.request.adapter]):
            decoding = self._decoding([row])
            while not decoding.done:
                with self._turn:
                    decoding.step(self._shelf.forward)
                if piece := row.fresh():
                    yield piece

    def _decoding(self, rows: Sequence[Row]) -> Decoding:
        model = self._base.model
        pad = self._base.tokenizer.pad_token_id
        return Decoding(rows, model.config, model.device, pad, self._base.ends)

    def _rows(self, requests: Sequence[GenerationRequest]) -> list[Row]:
        if not requests:
            return []
        tokenizer, context = self._base.tokenizer, self._base.context
        with self._coding:
            prompts = encode_prompts(tokenizer, [request.messages for request in requests])
        rows = []
        for request, prompt in zip(requests, prompts, strict=True):
            if len(prompt) >= context:
                raise RatchetError(
                    f"The prompt has {len(prompt)} tokens; {self.base} holds {context} with the "
                    "answer. Lower assistant.passages or assistant.sentences."
                )
            most = max(1, min(request.max_tokens, context - len(prompt)))
            rows.append(Row(request, prompt, most, tokenizer))
        return rows


class LocalStream:
    """The pieces of one answer; `last` is set when they end. Used by one thread at a time."""

    def __init__(self, engine: LocalEngine, row: Row) -> None:
        self.last: Generation | None = None
        self._row = row
        self._pieces = engine.write(row)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        try:
            return next(self._pieces)
        except StopIteration:
            if self.last is None:
                self.last = self._row.finish()
            raise

    def close(self) -> None:
        """Stop writing; the engine is free of it at once."""
        self._pieces.close()  # type: ignore[attr-defined]


def _batches(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Rows of like length together, so that little is padded."""
    batch: list[Row] = []
    for row in sorted(rows, key=lambda row: len(row.prompt)):
        if len(batch) == _ROWS or (batch and (len(batch) + 1) * len(row.prompt) > _TOKENS):
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch
