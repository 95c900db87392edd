"""What is asked of a model and what comes back; the Engine that every room codes against."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

BASE = "base"  # the name of no adapter at all


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRequest:
    """One answer to write."""

    messages: list[dict[str, str]]  # role and content, the last from the user
    adapter: str = BASE  # "base" or the id of a loaded adapter
    max_tokens: int = 96
    temperature: float = 0.0  # 0 takes the likeliest token
    seed: int | None = None  # same request and seed, same answer, whatever else is in the batch
    stop: tuple[str, ...] = ()  # the answer ends before the first of these


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """An answer as written."""

    text: str
    prompt_tokens: int
    completion_tokens: int  # as the model wrote them, its end-of-turn token included
    mean_logprob: float | None  # of the tokens it chose, at temperature 1; None if not known
    seconds: float


class TextStream(Protocol):
    """An answer piece by piece; `last` is there once the pieces have ended."""

    last: Generation | None

    def __iter__(self) -> Iterator[str]: ...
    def __next__(self) -> str: ...
    def close(self) -> None: ...


class Engine(Protocol):
    """Writes answers with a base model and any of the adapters it has loaded. Thread-safe."""

    base: str

    def generate(self, requests: Sequence[GenerationRequest]) -> list[Generation]:
        """Answer all requests, in order; they may name different adapters."""
        ...

    def stream(self, request: GenerationRequest) -> TextStream:
        """Answer one request piece by piece; `close` stops it early."""
        ...

    def load_adapter(self, id: str, path: Path) -> None:
        """Make an adapter ready; loading it twice is fine."""
        ...

    def adapters(self) -> set[str]:
        """The adapters that requests may name."""
        ...
